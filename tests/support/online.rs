//! A scenario played through the national interface over HTTP, against a server in this process.

use super::check::{self, Failures};
use super::messages::{self, Asked, Case};
use super::scenario::{BillLine, Do, Proposal, Scenario, Step};
use super::wire::{Answer, From, Wire, money, text};
use anyhow::{Context, bail};
use chrono::NaiveDateTime;
use dingan::serve::Running;
use dingan_connectors::file::FileEvent;
use dingan_connectors::fsi::Profile;
use dingan_core::claim::Circumstances;
use dingan_core::codes::{PersonNo, SettlementId};
use dingan_core::decision::Amounts;
use dingan_core::money::{Money, Rate};
use dingan_core::person::{Person, Relation};
use dingan_core::rebuild::Difference;
use dingan_http::agency::{Agency, ClerkAnswer, ClerkJob, Correct};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A settlement that was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// `setl_id`.
    pub id: String,
    /// Our name of its visit.
    visit: String,
    lines: Vec<(String, BillLine)>,
    output: Value,
    /// Whether it was reversed since.
    pub reversed: bool,
}

/// A scenario on its way.
pub struct Online<'a> {
    scenario: &'a Scenario,
    runtime: &'a Runtime,
    server: Running,
    wire: Wire,
    clock: Arc<Mutex<NaiveDateTime>>,
    persons: BTreeMap<String, Person>,
    cases: BTreeMap<String, Case>,
    /// Settlements by our names.
    pub made: BTreeMap<String, Made>,
    /// Settlements that were corrected, at the amounts they were corrected to last.
    pub corrected: BTreeMap<SettlementId, Amounts>,
    /// How many corrections there were.
    pub corrections: usize,
    /// Own accounts, as the settlements leave them (I6).
    balances: BTreeMap<String, Money>,
    /// What happened, for the batch.
    pub events: Vec<FileEvent>,
    /// Settlements made, reversed ones included.
    pub settled: usize,
    /// Whether a registration was cancelled.
    pub cancelled: bool,
    /// Numbers of filings by our names.
    filed: BTreeMap<String, String>,
}

impl<'a> Online<'a> {
    /// Starts the server.
    pub fn start(scenario: &'a Scenario, agency: Agency, runtime: &'a Runtime) -> anyhow::Result<Self> {
        let first = scenario.steps.first().context("no steps")?.at;
        let clock = Arc::new(Mutex::new(first));
        let hand = Arc::clone(&clock);
        let profile = Profile::shipped("default").context("the profile `default` is not carried")?;
        let server = runtime.block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            let read = move || *hand.lock().unwrap_or_else(PoisonError::into_inner);
            Running::start(agency, profile, listener, Arc::new(read)).await
        })?;
        Ok(Self {
            wire: Wire::new(server.address),
            scenario,
            runtime,
            server,
            clock,
            persons: BTreeMap::new(),
            cases: BTreeMap::new(),
            made: BTreeMap::new(),
            corrected: BTreeMap::new(),
            corrections: 0,
            balances: BTreeMap::new(),
            events: Vec::new(),
            settled: 0,
            cancelled: false,
            filed: BTreeMap::new(),
        })
    }

    /// The agency behind the server.
    pub fn agency(&self) -> &Agency {
        self.server.agency()
    }

    /// Everyone the scenario imported.
    pub fn persons(&self) -> Vec<PersonNo> {
        self.persons.values().map(|p| p.no.clone()).collect()
    }

    /// Finishes and closes the store.
    pub fn stop(self) -> anyhow::Result<()> {
        self.runtime.block_on(self.server.stop())
    }

    /// Plays every step. Amounts that differ are collected; a step that cannot be done ends it.
    pub fn play(&mut self, failures: &mut Failures) -> anyhow::Result<()> {
        let scenario = self.scenario;
        for (i, step) in scenario.steps.iter().enumerate() {
            let about = if step.visit.is_empty() { step.settlement() } else { step.visit.as_str() };
            let place = format!("{}, step {} ({} {:?} {about})", scenario.name, i + 1, step.at, step.what);
            failures.at(place.clone());
            *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = step.at;
            self.step(step, failures).context(place)?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step, failures: &mut Failures) -> anyhow::Result<()> {
        match step.what {
            Do::ImportPersons => self.import_persons(step, failures),
            Do::ImportPolicies => {
                let files = self.scenario.policies(&step.files)?;
                self.runtime.block_on(self.agency().import_policies(files, step.at))?;
                Ok(())
            }
            Do::ImportCatalogue => {
                let rows = self.scenario.catalogue(&step.files)?;
                self.runtime.block_on(self.agency().import_catalogue(rows, step.at))?;
                Ok(())
            }
            Do::Outpatient => self.outpatient(step, failures),
            Do::Admit => self.register(step, true, failures).map(|_| ()),
            Do::Lines => self.lines(step, failures),
            Do::Discharge => self.discharge(step, failures),
            Do::Settle | Do::MidSettle => self.settle(step, failures),
            Do::Reverse => self.reverse(step, failures),
            Do::Correct => self.correct(step, failures),
            Do::Cancel => self.cancel(step, failures),
            Do::Proposals => self.proposals(step, failures),
            Do::Accumulators => self.accumulators(step, failures),
            Do::File => self.file(step, failures),
            Do::Unfile => self.unfile(step, failures),
            Do::Ledger => self.ledger_accounts(step, failures),
            Do::Pharmacy => self.pharmacy(step, failures),
            Do::Benefits => self.benefits(step, failures),
        }
    }

    /// Sends a message about a case. None where it was refused as the step expects.
    fn send(
        &self,
        step: &Step,
        infno: &str,
        case: &Case,
        input: Value,
        failures: &mut Failures,
    ) -> anyhow::Result<Option<Value>> {
        let from = From { institution: &case.institution, division: &case.division, at: step.at };
        match (self.wire.send(infno, from, input)?, &step.refused) {
            (Answer::Done(output), _) => Ok(Some(output)),
            (Answer::Refused(code, _), Some(expected)) => {
                failures.same("err_code", expected.as_str(), code.as_str());
                Ok(None)
            }
            (Answer::Refused(code, message), None) => bail!("{infno} was refused: {code} {message}"),
        }
    }

    fn must(
        &self,
        step: &Step,
        infno: &str,
        case: &Case,
        input: Value,
        failures: &mut Failures,
    ) -> anyhow::Result<Value> {
        self.send(step, infno, case, input, failures)?.with_context(|| format!("{infno} was refused"))
    }

    fn import_persons(&mut self, step: &Step, failures: &mut Failures) -> anyhow::Result<()> {
        let rows = self.scenario.persons(&step.files)?;
        let numbers: Vec<PersonNo> = rows.iter().map(|r| r.person.no.clone()).collect();
        let before = self.stored_proposals(&numbers)?;
        for r in &rows {
            let no = r.person.no.to_string();
            // a later file adds relations and identities; who the person is does not change
            let known = self.persons.entry(no.clone()).or_insert_with(|| r.person.clone());
            for relation in &r.person.relations {
                known.relations.retain(|k| (&k.insurance, k.begin) != (&relation.insurance, relation.begin));
                known.relations.push(relation.clone());
            }
            if let Some(b) = r.own_balance {
                self.balances.insert(no, b);
            }
        }
        self.runtime.block_on(self.agency().import_persons(rows, step.at, |_| {}))?;
        self.new_proposals(step, &numbers, &before, failures)
    }

    /// A visit as the step has it, not registered yet.
    fn new_case(&self, step: &Step, stay: bool) -> anyhow::Result<Case> {
        let person = self.persons.get(&step.person).with_context(|| format!("no person {}", step.person))?;
        let begin = step.begin.unwrap_or(step.at);
        let wanted = |r: &&Relation| {
            r.covers(begin.date()) && (step.insurance.is_empty() || r.insurance.as_str() == step.insurance)
        };
        let covers = person.relations.iter().find(wanted);
        let relation = covers.or(person.relations.first()).context("a person without insurance")?;
        Ok(Case {
            id: String::new(),
            insurance: relation.insurance.to_string(),
            person_type: relation.person_type.to_string(),
            division: relation.division.to_string(),
            person: person.clone(),
            institution: step.institution.clone(),
            med_type: step.med_type.clone(),
            begin,
            end: None,
            disease: step.disease.clone(),
            diagnosis: step.diagnosis.clone(),
            stay,
            pharmacy: step.what == Do::Pharmacy,
            circumstances: Circumstances {
                emergency: step.emergency,
                injury: step.injury,
                third_party: step.injury && !step.share.is_zero(),
                birth: if stay { step.birth.clone() } else { String::new() },
                birth_control: step.birth_control.clone(),
            },
            referred_from: match step.referred_from.as_str() {
                "" => None,
                name => Some(self.case(name)?.id),
            },
            third_party_share: if stay { step.share } else { Rate::ZERO },
            open: Vec::new(),
        })
    }

    /// 2201 and 2203, or 2401. False where it was refused as expected.
    fn register(&mut self, step: &Step, stay: bool, failures: &mut Failures) -> anyhow::Result<bool> {
        let mut case = self.new_case(step, stay)?;
        let (infno, input, at) = match stay {
            true => ("2401", case.admission(), "/result/mdtrt_id"),
            false => ("2201", case.registration(), "/data/mdtrt_id"),
        };
        let Some(output) = self.send(step, infno, &case, input, failures)? else { return Ok(false) };
        case.id = text(&output, at)?;
        if !stay {
            self.must(step, "2203", &case, case.visit_info(), failures)?;
        }
        self.cases.insert(step.visit.clone(), case);
        Ok(true)
    }

    fn outpatient(&mut self, step: &Step, failures: &mut Failures) -> anyhow::Result<()> {
        if self.register(step, false, failures)? {
            self.lines(step, failures)?;
            self.settle(step, failures)?;
        } else {
            return Ok(());
        }
        if step.refused.is_some() {
            failures.say("was not refused");
        }
        Ok(())
    }

    fn case(&self, name: &str) -> anyhow::Result<Case> {
        self.cases.get(name).cloned().with_context(|| format!("no visit {name}"))
    }

    fn lines(&mut self, step: &Step, failures: &mut Failures) -> anyhow::Result<()> {
        let bill = step.bill();
        let lines = self.scenario.bills.get(bill).with_context(|| format!("lines.csv has no bill {bill}"))?;
        let case = self.case(&step.visit)?;
        let infno = if case.stay { "2301" } else { "2204" };
        let Some(output) = self.send(step, infno, &case, case.fees(bill, lines), failures)? else { return Ok(()) };
        check::line_identity(&output["result"], failures)?;
        let open = lines.iter().map(|l| (bill.to_owned(), l.clone()));
        self.cases.entry(step.visit.clone()).and_modify(|c| c.open.extend(open));
        Ok(())
    }

    fn discharge(&mut self, step: &Step, failures: &mut Failures) -> anyhow::Result<()> {
        let mut case = self.case(&step.visit)?;
        self.must(step, "2402", &case, case.discharge(step.at), failures)?;
        case.end = Some(step.at);
        self.cases.insert(step.visit.clone(), case);
        Ok(())
    }

    /// Pre-settlement and settlement; both must give what is expected, and the same.
    fn settle(&mut self, step: &Step, failures: &mut Failures) -> anyhow::Result<()> {
        let case = self.case(&step.visit)?;
        let asked =
            Asked { bill: step.bill(), account: step.account, mid_stay: step.what == Do::MidSettle, quota: step.quota };
        let lines = case.open.clone();
        let total = lines.iter().map(|(_, l)| l.amount).sum();
        let (before, after) = if case.stay { ("2303", "2304") } else { ("2206", "2207") };

        let mut data = case.settle(asked, total);
        let Some(tried) = self.send(step, before, &case, json!({ "data": data }), failures)? else { return Ok(()) };
        check::identities(&tried, failures)?;
        for part in ["fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt"] {
            data.insert(part.to_owned(), tried["setlinfo"][part].clone());
        }
        let output = self.must(step, after, &case, json!({ "data": data }), failures)?;
        check::expected(step, &output, failures)?;
        check::identities(&output, failures)?;
        check::shown(step, &output, failures);
        let (trial, settled) = (check::amounts(&tried["setlinfo"])?, check::amounts(&output["setlinfo"])?);
        for (field, amount) in &settled {
            failures.same(&format!("{field} of {before} and {after}"), trial[field], *amount);
        }
        failures.same("setldetail of both equal", true, tried["setldetail"] == output["setldetail"]);
        self.own_account(&case, &settled, failures);

        let id = text(&output, "/setlinfo/setl_id")?;
        let made = Made { id: id.clone(), visit: step.visit.clone(), lines: lines.clone(), output, reversed: false };
        self.stored(step, &case, &made, failures)?;
        self.ledger(failures)?;
        let claim = case.claim(asked, &lines, step.at);
        self.events.push(FileEvent::Claim { settlement: id.as_str().into(), claim, known: None });
        self.settled += 1;
        self.cases.entry(step.visit.clone()).and_modify(|c| c.open.clear());
        if self.made.insert(step.settlement().to_owned(), made).is_some() {
            bail!("a second settlement with the name {}", step.settlement());
        }
        Ok(())
    }

    /// 2101 and 2102.
    fn pharmacy(&mut self, step: &Step, failures: &mut Failures) -> anyhow::Result<()> {
        let mut case = self.new_case(step, false)?;
        let asked = Asked { bill: step.bill(), account: step.account, mid_stay: false, quota: false };
        let bill = step.bill();
        let lines = self.scenario.bills.get(bill).with_context(|| format!("lines.csv has no bill {bill}"))?;
        let input = case.purchase(asked, lines, lines.iter().map(|l| l.amount).sum());
        let Some(tried) = self.send(step, "2101", &case, input.clone(), failures)? else { return Ok(()) };
        let output = self.must(step, "2102", &case, input, failures)?;
        check::expected(step, &output, failures)?;
        check::identities(&output, failures)?;
        check::shown(step, &output, failures);
        let (trial, sold) = (check::amounts(&tried["setlinfo"])?, check::amounts(&output["setlinfo"])?);
        for (field, amount) in &sold {
            failures.same(&format!("{field} of 2101 and 2102"), trial[field], *amount);
        }
        failures.same("detlcutinfo of both equal", true, tried["detlcutinfo"] == output["detlcutinfo"]);
        check::line_identity(&output["detlcutinfo"], failures)?;
        self.own_account(&case, &sold, failures);
        case.id = text(&output, "/setlinfo/mdtrt_id")?;
        let id = text(&output, "/setlinfo/setl_id")?;
        let lines: Vec<(String, BillLine)> = lines.iter().map(|l| (bill.to_owned(), l.clone())).collect();
        let made = Made { id: id.clone(), visit: step.visit.clone(), lines: lines.clone(), output, reversed: false };
        self.stored(step, &case, &made, failures)?;
        self.ledger(failures)?;
        let claim = case.claim(asked, &lines, step.at);
        self.events.push(FileEvent::Claim { settlement: id.as_str().into(), claim, known: None });
        self.settled += 1;
        self.cases.insert(step.visit.clone(), case);
        self.made.insert(step.settlement().to_owned(), made);
        Ok(())
    }

    /// 2001: whether each fund named in `shown` would pay.
    fn benefits(&self, step: &Step, failures: &mut Failures) -> anyhow::Result<()> {
        let case = self.new_case(step, false)?;
        let input = json!({ "data": {
            "psn_no": case.person.no, "insutype": case.insurance, "fixmedins_code": case.institution,
            "med_type": case.med_type, "begntime": super::wire::stamp(case.begin), "dise_codg": case.disease,
        }});
        let output = self.must(step, "2001", &case, input, failures)?;
        let rows = output["trtinfo"].as_array().cloned().unwrap_or_default();
        for (fund, want) in &step.shown {
            let row = rows.iter().find(|r| r["fund_pay_type"].as_str() == Some(if fund == "none" { "" } else { fund }));
            let flag = row.and_then(|r| r["trt_enjymnt_flag"].as_str()).unwrap_or("(none)");
            failures.same(&format!("2001 {fund}"), want.as_str(), flag);
        }
        Ok(())
    }

    /// I6: the own account holds what it held before, less what was drawn on it.
    fn own_account(&mut self, case: &Case, a: &BTreeMap<&str, Money>, failures: &mut Failures) {
        let balance = self.balances.entry(case.person.no.to_string()).or_default();
        *balance -= a["acct_pay"] - a["acct_mulaid_pay"];
        failures.same("I6 balc", *balance, a["balc"]);
    }

    /// 5203 and 5204 show the settlement as it was answered, with the splits of the bill.
    fn stored(&self, step: &Step, case: &Case, made: &Made, failures: &mut Failures) -> anyhow::Result<()> {
        let ask = json!({ "data": { "psn_no": case.person.no, "setl_id": made.id, "mdtrt_id": case.id } });
        let shown = self.must(step, "5203", case, ask.clone(), failures)?;
        for (_, field) in check::AMOUNTS {
            let own = match field {
                "psn_part_amt" => "psn_pay",
                "psn_cash_pay" => "cash_payamt",
                same => same,
            };
            let settled = money(&made.output["setlinfo"], field)?;
            failures.same(&format!("5203 {own}"), settled, money(&shown["setlinfo"], own)?);
        }
        for field in ["psn_type", "cvlserv_flag"] {
            failures.same(&format!("5203 {field}"), &made.output["setlinfo"][field], &shown["setlinfo"][field]);
        }
        let rows = self.must(step, "5204", case, ask, failures)?;
        check::line_identity(&rows, failures)?;
        check::lines(&made.lines, &rows, &made.output["setlinfo"], failures)
    }

    fn ledger(&self, failures: &mut Failures) -> anyhow::Result<()> {
        let ledger = self.wire.get("/api/v1/ledger")?;
        failures.same("ledger balanced", "true", &ledger["balanced"].to_string());
        let unbalanced = self.runtime.block_on(async { self.agency().store().snapshot().await?.unbalanced().await })?;
        failures.same("settlements whose postings do not sum to zero", 0, unbalanced.len());
        Ok(())
    }

    fn reverse(&mut self, step: &Step, failures: &mut Failures) -> anyhow::Result<()> {
        let name = step.settlement().to_owned();
        let made = self.made.get(&name).cloned().with_context(|| format!("no settlement {name}"))?;
        let case = self.case(&made.visit)?;
        let numbers = [case.person.no.clone()];
        let before = self.stored_proposals(&numbers)?;
        let infno = match (case.stay, case.pharmacy) {
            (true, _) => "2305",
            (_, true) => "2103",
            _ => "2208",
        };
        let input =
            json!({ "data": { "setl_id": made.id, "mdtrt_id": case.id, "psn_no": case.person.no, "exp_content": "" } });
        let Some(output) = self.send(step, infno, &case, input, failures)? else { return Ok(()) };
        if step.refused.is_some() {
            failures.say("was not refused");
        }
        check::identities(&output, failures)?;
        let (then, now) = (check::amounts(&made.output["setlinfo"])?, check::amounts(&output["setlinfo"])?);
        for (_, field) in check::AMOUNTS {
            failures.same(&format!("I11 {field}"), -then[field], now[field]);
        }
        self.own_account(&case, &now, failures);
        if let Some(balance) = step.balance {
            failures.same("balance (balc)", balance, now["balc"]);
        }
        self.ledger(failures)?;
        self.new_proposals(step, &numbers, &before, failures)?;
        let id = text(&output, "/setlinfo/setl_id")?;
        self.events.push(FileEvent::Reversal {
            settlement: id.as_str().into(),
            of: made.id.as_str().into(),
            person: case.person.no.clone(),
            time: step.at,
            known: None,
        });
        self.cases.entry(made.visit.clone()).and_modify(|c| c.open.extend(made.lines.clone()));
        self.made.entry(name).and_modify(|m| m.reversed = true);
        Ok(())
    }

    /// A clerk applies the proposal of a settlement; `change` of `expect` is what the funds pay more by it, the others
    /// are amounts as they stand from then on.
    fn correct(&mut self, step: &Step, failures: &mut Failures) -> anyhow::Result<()> {
        let name = step.settlement();
        let made = self.made.get(name).with_context(|| format!("no settlement {name}"))?;
        let funds_change = step.expect.get("change").copied().unwrap_or_default();
        let id = format!("K-{name}-{}", step.at);
        let ask = Correct { id: id.clone(), setl_id: made.id.clone(), funds_change };
        let done = self.runtime.block_on(async {
            match self.agency().acting_as("one").begin(ClerkJob::Correction(ask), step.at).await? {
                // more than one person may move
                ClerkAnswer::Waiting(_) => self.agency().acting_as("another").approve(&id, step.at).await,
                done => Ok(done),
            }
        });
        let ClerkAnswer::Done(done) = done.map_err(|r| anyhow::anyhow!("{}: {}", r.code, r.message))? else {
            bail!("{name} still waits after a second person's word");
        };
        for (field, want) in step.expect.iter().filter(|(f, _)| *f != "change") {
            failures.same(field, *want, money(&done["amounts"], field)?);
        }
        self.corrected.insert(made.id.as_str().into(), serde_json::from_value(done["amounts"].clone())?);
        self.corrections += 1;
        self.ledger(failures)
    }

    /// Takes back discharge, lines and registration of a visit that has no settlement.
    fn cancel(&mut self, step: &Step, failures: &mut Failures) -> anyhow::Result<()> {
        let case = self.case(&step.visit)?;
        let data = |more: Value| {
            let mut data = json!({ "mdtrt_id": case.id, "psn_no": case.person.no, "exp_content": "" });
            if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
                data.extend(more);
            }
            json!({ "data": data })
        };
        if case.end.is_some() {
            self.must(step, "2405", &case, data(json!({})), failures)?;
        }
        let (lines, visit) = if case.stay { ("2302", "2404") } else { ("2205", "2202") };
        if !case.open.is_empty() {
            self.must(step, lines, &case, data(json!({ "feedetl_sn": "0000", "chrg_bchno": "0000" })), failures)?;
        }
        self.must(step, visit, &case, data(json!({ "ipt_otp_no": "" })), failures)?;
        self.cases.remove(&step.visit);
        self.cancelled = true;
        Ok(())
    }

    /// 2501, 2503, 2505 or 2507.
    fn file(&mut self, step: &Step, failures: &mut Failures) -> anyhow::Result<()> {
        let filed = step.filing.as_ref().context("no filing")?;
        let person = self.persons.get(&step.person).with_context(|| format!("no person {}", step.person))?;
        let before = self.stored_proposals(std::slice::from_ref(&person.no))?;
        let (infno, input) = messages::filing(person, filed, &filed.filing(step));
        let division = person.relations.first().map_or("", |r| r.division.as_str()).to_owned();
        let numbers = [person.no.clone()];
        let from = From { institution: &step.institution, division: &division, at: step.at };
        match (self.wire.send(infno, from, input)?, &step.refused) {
            (Answer::Done(output), None) => {
                let id = text(&output, "/result/trt_dcla_detl_sn")?;
                self.filed.insert(filed.name.clone(), id);
            }
            (Answer::Refused(code, _), Some(expected)) => failures.same("err_code", expected.as_str(), code.as_str()),
            (Answer::Refused(code, message), None) => bail!("{infno} was refused: {code} {message}"),
            (Answer::Done(_), Some(_)) => failures.say("was not refused"),
        }
        self.new_proposals(step, &numbers, &before, failures)
    }

    /// 2502, 2504 or 2506.
    fn unfile(&mut self, step: &Step, failures: &mut Failures) -> anyhow::Result<()> {
        let filed = step.filing.as_ref().context("no filing")?;
        let person = self.persons.get(&step.person).with_context(|| format!("no person {}", step.person))?;
        let numbers = [person.no.clone()];
        let before = self.stored_proposals(&numbers)?;
        let id = self.filed.get(&filed.name).with_context(|| format!("no filing {}", filed.name))?;
        let infno = match filed.kind.as_str() {
            "06" => "2502",
            "01" => "2504",
            _ => "2506",
        };
        let division = person.relations.first().map_or("", |r| r.division.as_str());
        let from = From { institution: &step.institution, division, at: step.at };
        let input = json!({ "data": { "trt_dcla_detl_sn": id, "psn_no": person.no, "memo": "撤销" } });
        if let Answer::Refused(code, message) = self.wire.send(infno, from, input)? {
            bail!("{infno} was refused: {code} {message}");
        }
        self.new_proposals(step, &numbers, &before, failures)
    }

    /// What accounts of the ledger hold.
    fn ledger_accounts(&self, step: &Step, failures: &mut Failures) -> anyhow::Result<()> {
        let ledger = self.wire.get("/api/v1/ledger")?;
        for (account, want) in &step.expect {
            let found = match ledger["accounts"].get(account) {
                Some(_) => money(&ledger["accounts"], account)?,
                None => Money::ZERO,
            };
            failures.same(account, *want, found);
        }
        Ok(())
    }

    fn proposals(&self, step: &Step, failures: &mut Failures) -> anyhow::Result<()> {
        let now = self.proposals_now(&step.person)?;
        self.compare(&step.list, &now, "proposals", failures);
        Ok(())
    }

    /// What every settlement of a person would be now, where it differs.
    pub fn proposals_now(&self, person: &str) -> anyhow::Result<Vec<Difference>> {
        Ok(serde_json::from_value(self.wire.get(&format!("/api/v1/persons/{person}/proposals"))?)?)
    }

    /// The proposals written down so far, person by person.
    fn stored_proposals(&self, persons: &[PersonNo]) -> anyhow::Result<Vec<Vec<Difference>>> {
        self.runtime.block_on(async {
            let mut snapshot = self.agency().store().snapshot().await?;
            let mut out = Vec::new();
            for p in persons {
                out.push(snapshot.proposals(p).await?.into_iter().map(|row| row.difference).collect());
            }
            Ok(out)
        })
    }

    /// What a step wrote down as proposals, where it says what that must be.
    fn new_proposals(
        &self,
        step: &Step,
        persons: &[PersonNo],
        before: &[Vec<Difference>],
        failures: &mut Failures,
    ) -> anyhow::Result<()> {
        let Some(expected) = &step.proposals else { return Ok(()) };
        let now = self.stored_proposals(persons)?;
        let new: Vec<Difference> = now.into_iter().zip(before).flat_map(|(n, b)| n.into_iter().skip(b.len())).collect();
        self.compare(expected, &new, "stored proposals", failures);
        Ok(())
    }

    fn compare(&self, expected: &[Proposal], found: &[Difference], what: &str, failures: &mut Failures) {
        let name = |id: &SettlementId| {
            let known = self.made.iter().find(|(_, m)| m.id == id.as_str());
            known.map_or_else(|| id.to_string(), |(name, _)| name.clone())
        };
        let shown = |name: &str, funds: Money| format!("{name} {funds}");
        let want: Vec<String> = expected.iter().map(|p| shown(&p.settlement, p.funds)).collect();
        let got: Vec<String> = found.iter().map(|d| shown(&name(&d.settlement), d.funds_change())).collect();
        failures.same(what, want.join(", "), got.join(", "));
    }

    fn accumulators(&self, step: &Step, failures: &mut Failures) -> anyhow::Result<()> {
        let person = self.persons.get(&step.person).with_context(|| format!("no person {}", step.person))?;
        let division = person.relations.first().map_or("", |r| r.division.as_str());
        let from = From { institution: &step.institution, division, at: step.at };
        let input = json!({ "data": { "psn_no": step.person, "cum_ym": step.year } });
        let output = match self.wire.send("5206", from, input)? {
            Answer::Done(output) => output,
            Answer::Refused(code, message) => bail!("5206 was refused: {code} {message}"),
        };
        let mut found: BTreeMap<&str, Money> = BTreeMap::new();
        for row in output["cuminfo"].as_array().map(Vec::as_slice).unwrap_or_default() {
            *found.entry(row["cum_type_code"].as_str().unwrap_or_default()).or_default() += money(row, "cum")?;
        }
        let keys: BTreeSet<&str> = step.expect.keys().map(String::as_str).chain(found.keys().copied()).collect();
        for key in keys {
            let want = step.expect.get(key).copied().unwrap_or_default();
            failures.same(&format!("accumulator {key}"), want, found.get(key).copied().unwrap_or_default());
        }
        Ok(())
    }
}
