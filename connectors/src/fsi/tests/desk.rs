//! A desk that answers with the case, and remembers what it was asked.

use super::case;
use crate::desk::*;
use async_trait::async_trait;
use dingan_core::codes::*;
use dingan_core::decision::Amounts;
use dingan_core::finding::{Finding, Related, Severity, Stage, Undecided};
use dingan_core::money::Money;
use dingan_core::person::Balances;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// What the desk was asked.
#[derive(Debug, Clone)]
pub enum Asked {
    SignIn(String),
    SignOut(String),
    Person(PersonQuery),
    Register(NewVisit),
    Cancel(VisitId, bool),
    Change(VisitChange),
    Lines(NewLines),
    Void(VisitId, bool, LineChoice),
    Settle(SettleAsk),
    Reverse(ReverseAsk),
    Undo(UndoAsk),
    Fate(String),
    Map(Vec<ItemMapping>),
    Unmap(MappingKey),
    Settlement(SettlementId, bool),
    Accumulators(String),
    Precheck(Box<PrecheckAsk>),
    Feedback(bool, Vec<Feedback>),
    List(Box<ListAsk>),
    Verdicts(ListQuery),
    Sell(PharmacyAsk),
    Visits(VisitQuery),
    Catalogue(CatalogueQuery),
    File(NewFiling),
    Unfile(String),
}

type Kept = HashMap<(String, String), (String, Reply)>;

/// The desk.
pub struct Fake {
    asked: Mutex<Vec<Asked>>,
    kept: Mutex<Kept>,
    pub callers: Mutex<Vec<Caller>>,
    /// What every operation refuses with.
    pub refusal: Option<Refusal>,
    pub settled: Settled,
    pub findings: Vec<Finding>,
    pub undecided: Vec<Undecided>,
    pub failed: usize,
}

impl Fake {
    pub fn new() -> Self {
        let decision = Arc::new(case::decision());
        Self {
            asked: Mutex::default(),
            kept: Mutex::default(),
            callers: Mutex::default(),
            refusal: None,
            settled: Settled {
                id: Some("S1".into()),
                time: Some(case::noon(case::day(2026, 3, 4))),
                person: Arc::new(case::person()),
                visit: case::visit(),
                person_type: "11".into(),
                civil_servant: false,
                institution: Arc::new(case::institution()),
                division: "469021".into(),
                place: Default::default(),
                days: (case::day(2026, 3, 1), case::day(2026, 3, 4)),
                amounts: decision.priced.amounts,
                decision,
                msgid: "m".to_owned(),
                invoice: String::new(),
                reverses: None,
                reversed: false,
                year: 2026,
            },
            findings: Vec::new(),
            undecided: Vec::new(),
            failed: 0,
        }
    }

    /// The last thing asked.
    pub fn last(&self) -> Asked {
        self.asked.lock().unwrap().last().cloned().expect("the desk was asked nothing")
    }
    /// How much was asked.
    pub fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
    pub fn reversal(&self) -> Settled {
        let mut s = self.settled.clone();
        s.amounts = self.amounts().negated(Money::yuan(250));
        s.reverses = s.id.replace("S2".into());
        s
    }
    pub fn amounts(&self) -> Amounts {
        self.settled.amounts
    }

    fn query<T>(&self, by: &Caller, asked: Asked, answer: T) -> Outcome<T> {
        self.callers.lock().unwrap().push(by.clone());
        if let Some(r) = &self.refusal {
            return Err(r.clone());
        }
        self.asked.lock().unwrap().push(asked);
        Ok(answer)
    }
    fn change(&self, by: &Caller, asked: Asked, output: Value) -> Outcome<Reply> {
        let reply = self.query(by, asked, Reply::of(&output))?;
        let key = (by.infno.clone(), by.msgid.clone());
        self.kept.lock().unwrap().insert(key, (by.input_hash.clone(), reply.clone()));
        Ok(reply)
    }
    fn results(&self) -> Vec<LineResult> {
        let (lines, splits) = (case::lines(), &self.settled.decision.priced.lines);
        let found = |code: &ItemCode| match code.as_str() {
            "X" => None,
            c => Some(Arc::new(case::item(c, if c == "B" { ItemClass::B } else { ItemClass::A }))),
        };
        lines
            .into_iter()
            .zip(splits)
            .map(|(line, split)| LineResult { item: found(&line.item), line, split: split.clone() })
            .collect()
    }
}

pub fn finding(id: &str, lines: &[&str], related: &[(&str, &str)], charge: i64) -> Finding {
    Finding {
        id: id.to_owned(),
        rule: "GZ001".to_owned(),
        version: 1,
        title: "重复收费".to_owned(),
        severity: Severity::Breach,
        stage: Stage::During,
        lines: lines.iter().map(|l| LineNo::from(*l)).collect(),
        related: related.iter().map(|(v, l)| Related { visit: VisitId::from(*v), line: LineNo::from(*l) }).collect(),
        charge: Money::fen(charge),
        fund: Money::fen(charge),
        person: Money::ZERO,
        fund_open: false,
        parts: Vec::new(),
        counted: dingan_core::finding::Stake::default(),
        evidence: [("次数".to_owned(), "2".to_owned())].into(),
        text: "同日重复收费".to_owned(),
    }
}

#[async_trait]
impl Desk for Fake {
    async fn answered(&self, by: &Caller) -> Outcome<Option<Reply>> {
        let key = (by.infno.clone(), by.msgid.clone());
        match self.kept.lock().unwrap().get(&key) {
            Some((hash, _)) if *hash != by.input_hash => {
                Err(Refusal::new("MSGID_CONFLICT", "同一msgid已用于另一报文").at("msgid").hint("请更换msgid"))
            }
            kept => Ok(kept.map(|(_, reply)| reply.clone())),
        }
    }
    async fn sign_in(&self, by: &Caller, render: Render<SignIn>) -> Outcome<Reply> {
        let output = render(&SignIn { no: "N1".to_owned(), time: by.now });
        self.change(by, Asked::SignIn(by.operator.clone()), output)
    }
    async fn sign_out(&self, by: &Caller, sign_no: &str, render: Render<SignIn>) -> Outcome<Reply> {
        let output = render(&SignIn { no: sign_no.to_owned(), time: by.now });
        self.change(by, Asked::SignOut(sign_no.to_owned()), output)
    }
    async fn person(&self, by: &Caller, query: PersonQuery) -> Outcome<PersonView> {
        let balances = Balances { own: Money::fen(12345), family: Money::ZERO };
        self.query(by, Asked::Person(query), PersonView { person: case::person(), balances })
    }
    async fn register(&self, by: &Caller, visit: NewVisit, render: Render<VisitId>) -> Outcome<Reply> {
        let output = render(&"V9".into());
        self.change(by, Asked::Register(visit), output)
    }
    async fn cancel(&self, by: &Caller, visit: VisitId, _: PersonNo, stay: bool) -> Outcome<Reply> {
        self.change(by, Asked::Cancel(visit, stay), Value::Null)
    }
    async fn change(&self, by: &Caller, change: VisitChange) -> Outcome<Reply> {
        Fake::change(self, by, Asked::Change(change), Value::Null)
    }
    async fn pre_sell(&self, by: &Caller, ask: PharmacyAsk) -> Outcome<((Settled, Vec<LineResult>), Vec<String>)> {
        let trial = Settled { id: None, time: None, ..self.settled.clone() };
        self.query(by, Asked::Sell(ask), ((trial, self.results()), Vec::new()))
    }
    async fn sell(&self, by: &Caller, ask: PharmacyAsk, render: Render<(Settled, Vec<LineResult>)>) -> Outcome<Reply> {
        let output = render(&(self.settled.clone(), self.results()));
        self.change(by, Asked::Sell(ask), output)
    }
    async fn benefits(&self, by: &Caller, visit: NewVisit) -> Outcome<Vec<BenefitCheck>> {
        let check = BenefitCheck {
            fund_pay_type: "310100".into(),
            pays: true,
            days: Some((case::day(2015, 1, 1), None)),
            reason: String::new(),
        };
        self.query(by, Asked::Register(visit), vec![check])
    }
    async fn visits(&self, by: &Caller, query: VisitQuery) -> Outcome<Vec<VisitView>> {
        let view = VisitView { person: Arc::new(case::person()), visit: case::visit(), case_no: "I1".to_owned() };
        self.query(by, Asked::Visits(query), vec![view])
    }
    async fn catalogue(&self, by: &Caller, query: CatalogueQuery) -> Outcome<CataloguePage> {
        let items = vec![Arc::new(case::item("A", ItemClass::A))];
        self.query(by, Asked::Catalogue(query), CataloguePage { total: 1, items, ..CataloguePage::default() })
    }
    async fn file(&self, by: &Caller, filing: NewFiling, render: Render<String>) -> Outcome<Reply> {
        let output = render(&"F1".to_owned());
        self.change(by, Asked::File(filing), output)
    }
    async fn map(&self, by: &Caller, mappings: Vec<ItemMapping>) -> Outcome<Reply> {
        self.change(by, Asked::Map(mappings), Value::Null)
    }
    async fn unmap(&self, by: &Caller, which: MappingKey) -> Outcome<Reply> {
        self.change(by, Asked::Unmap(which), Value::Null)
    }
    async fn unfile(&self, by: &Caller, _: PersonNo, id: String) -> Outcome<Reply> {
        self.change(by, Asked::Unfile(id), Value::Null)
    }
    async fn add_lines(&self, by: &Caller, lines: NewLines, render: Render<Vec<LineResult>>) -> Outcome<Reply> {
        let output = render(&self.results());
        self.change(by, Asked::Lines(lines), output)
    }
    async fn void_lines(
        &self,
        by: &Caller,
        visit: VisitId,
        _: PersonNo,
        stay: bool,
        choice: LineChoice,
    ) -> Outcome<Reply> {
        self.change(by, Asked::Void(visit, stay, choice), Value::Null)
    }
    async fn pre_settle(&self, by: &Caller, ask: SettleAsk) -> Outcome<(Settled, Vec<String>)> {
        let mut settled = self.settled.clone();
        (settled.id, settled.time) = (None, None);
        self.query(by, Asked::Settle(ask), (settled, vec!["预结算提示".to_owned()]))
    }
    async fn settle(&self, by: &Caller, ask: SettleAsk, render: Render<Settled>) -> Outcome<Reply> {
        let _first_try = render(&self.settled);
        let output = render(&self.settled);
        self.change(by, Asked::Settle(ask), output)
    }
    async fn reverse(&self, by: &Caller, ask: ReverseAsk, render: Render<Settled>) -> Outcome<Reply> {
        let output = render(&self.reversal());
        self.change(by, Asked::Reverse(ask), output)
    }
    async fn undo(&self, by: &Caller, ask: UndoAsk) -> Outcome<Reply> {
        self.change(by, Asked::Undo(ask), Value::Null)
    }
    async fn fate(&self, by: &Caller, msgid: &str) -> Outcome<Vec<MessageFate>> {
        let fate = MessageFate {
            infno: "2207".to_owned(),
            time: by.now,
            reply: Some(Reply::of(&Value::Null)),
            settlement: Some("S1".into()),
            reversed: true,
        };
        let fates = if msgid == "lost" { vec![fate] } else { Vec::new() };
        self.query(by, Asked::Fate(msgid.to_owned()), fates)
    }
    async fn settlement(&self, by: &Caller, id: SettlementId, _: PersonNo, lines: bool) -> Outcome<SettlementView> {
        let settled = if id.as_str() == "S2" { self.reversal() } else { self.settled.clone() };
        let lines_of = if lines { self.results() } else { Vec::new() };
        let view = SettlementView { settled, lines: lines_of, policies: vec![Arc::new(case::policy())] };
        self.query(by, Asked::Settlement(id, lines), view)
    }
    async fn accumulators(&self, by: &Caller, _: PersonNo, month: &str) -> Outcome<Vec<AccumulatorValue>> {
        let value = AccumulatorValue {
            insurance: "310".into(),
            year: "2026".to_owned(),
            period: "2026-03".to_owned(),
            key: "pool".to_owned(),
            value: Money::yuan(1500),
        };
        self.query(by, Asked::Accumulators(month.to_owned()), vec![value])
    }
    async fn precheck(&self, by: &Caller, ask: PrecheckAsk) -> Outcome<Checked> {
        let checked = Checked {
            run: "RUN1".to_owned(),
            findings: self.findings.clone(),
            undecided: self.undecided.clone(),
            failed: self.failed,
        };
        self.query(by, Asked::Precheck(Box::new(ask)), checked)
    }
    async fn feedback(&self, by: &Caller, before: bool, feedback: Vec<Feedback>) -> Outcome<Reply> {
        self.change(by, Asked::Feedback(before, feedback), Value::Null)
    }
    async fn settlement_list(&self, by: &Caller, list: ListAsk, render: Render<String>) -> Outcome<Reply> {
        let output = render(&"000000001".to_owned());
        self.change(by, Asked::List(Box::new(list)), output)
    }
    async fn list_verdicts(&self, by: &Caller, query: ListQuery) -> Outcome<Vec<ListVerdict>> {
        let serious = |serious| QualityProblem {
            field: "adm_time".to_owned(),
            text: "入院时间与住院登记不一致".to_owned(),
            serious,
            value: "2026-03-05".to_owned(),
        };
        let verdict = ListVerdict {
            id: "000000001".to_owned(),
            institution: by.institution.clone(),
            institution_name: "样例医院".to_owned(),
            month: query.month.clone(),
            settlement: "S1".into(),
            person: case::person(),
            problems: vec![serious(false), serious(true)],
            time: by.now,
        };
        self.query(by, Asked::Verdicts(query), vec![verdict])
    }
}
