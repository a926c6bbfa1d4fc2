//! Generated books of any size: page by page, what a store would give, without a store; or written into a store.
//! People, hospitals and amounts are invented; the same number gives the same rows.

use async_trait::async_trait;
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use dingan_core::bundle::{Institution, Period, ReferenceRows};
use dingan_core::claim::{AccountUse, Approval, Circumstances, Diagnosis, Line, SettleRequest, Visit};
use dingan_core::codes::*;
use dingan_core::decision::{Amounts, LineSplit};
use dingan_core::ledger::Posting;
use dingan_core::look::*;
use dingan_core::money::{Money, Price, Quantity, Rate};
use dingan_core::person::CommitNo;
use dingan_core::policy::Place;
use dingan_lake::source::{Logged, Reference, Rows, Scan, Source, SourceError, Undecoded};
use dingan_store::{Guard, NewSettlement, Shown, Store, StoredSettlement, VisitDoc, Write};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Settlements of a page.
const PAGE: u64 = 2000;

/// Lines of a settlement.
const LINES: u64 = 3;

const DISEASES: [&str; 8] = ["I10.x00", "J18.900", "E11.900", "K29.500", "I63.900", "K80.200", "M51.200", "J44.900"];

/// Books of so many settlements, each of a visit of its own.
pub struct Books {
    claims: u64,
    reference: Arc<Reference>,
}

impl Books {
    /// Books of a size.
    pub fn new(claims: u64) -> Self {
        let institution = |n: u64| Institution {
            code: hospital(n),
            name: format!("样例医院{n}"),
            period: Period { begin: NaiveDate::from_ymd_opt(2010, 1, 1).unwrap_or_default(), end: None },
            kind: "1".into(),
            medins_type: "A1".into(),
            hosp_lv: "5".into(),
            price_level: Level::Two,
            deductible_level: if n.is_multiple_of(10) { Level::Three } else { Level::Two },
            division: "469026".into(),
            uscc: String::new(),
            clearing_way: "1".into(),
            consortium: String::new(),
        };
        let rows = ReferenceRows { institutions: (0..200).map(institution).collect(), ..ReferenceRows::default() };
        Self { claims, reference: Arc::new(Reference::new(rows)) }
    }
}

fn hospital(n: u64) -> InstitutionCode {
    format!("H{n:03}").into()
}

/// Well mixed bits of a number (splitmix64).
fn mixed(n: u64) -> u64 {
    let z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn visit(n: u64) -> Visit {
    let r = mixed(n);
    let stay = r % 5 < 2;
    let person = (r >> 8) % 250_000;
    // people mostly go to one of three hospitals
    let place = (mixed(person) + (r >> 32) % 3) % 200;
    let day = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap_or_default() + TimeDelta::days(((r >> 40) % 730) as i64);
    let begin = day.and_hms_opt(8 + ((r >> 16) % 9) as u32, 0, 0).unwrap_or_default();
    let end = if stay { begin + TimeDelta::days(1 + (mixed(r) % 14) as i64) } else { begin };
    let code = DISEASES[(mixed(person + 7) % 8) as usize];
    Visit {
        id: format!("V{n:09}").into(),
        person: format!("P{person:07}").into(),
        institution: hospital(place),
        insurance: "390".into(),
        med_type: if stay { "21" } else { "11" }.into(),
        begin,
        end: Some(end),
        disease: DiseaseCode::default(),
        diagnoses: vec![Diagnosis {
            code: code.into(), name: "样例".into(), main: true, order: 1, at_discharge: stay
        }],
        department: "A01".into(),
        bed: String::new(),
        discharge_way: String::new(),
        death: None,
        referred_from: None,
        third_party_share: Rate::ZERO,
        insured_at: Division::default(),
        circumstances: Circumstances::default(),
    }
}

fn lines(n: u64) -> Vec<(Line, Money)> {
    let v = visit(n);
    (0..LINES)
        .map(|k| {
            let r = mixed(n * LINES + k);
            let price = Price::from_units(((r % 200 + 1) * 500_000) as i64);
            let quantity = Quantity::whole(1 + (r >> 20) as i64 % 9);
            let amount = price.times(quantity);
            let doctor = format!("D{}{:02}", v.institution, (r >> 32) % 20);
            let line = Line {
                no: format!("{n:09}{k}").into(),
                refund_of: None,
                batch: String::new(),
                order_no: String::new(),
                time: v.begin,
                item: format!("ITEM{:03}", (r >> 44) % 300).into(),
                hospital_item: String::new(),
                amount,
                quantity,
                price,
                supply_days: None,
                department: String::new(),
                practitioner: doctor.as_str().into(),
                approval: Approval::NotNeeded,
                take_home: false,
                more: None,
            };
            (line, amount)
        })
        .collect()
}

fn settled(n: u64) -> SettledRow {
    let v = visit(n);
    let total: Money = lines(n).iter().map(|(_, a)| *a).sum();
    let fund = Money::fen(total.units() * 6 / 10);
    let ownpay = Money::fen(total.units() / 20);
    let time: NaiveDateTime = v.end.unwrap_or(v.begin) + TimeDelta::hours(1);
    SettledRow {
        id: format!("S{n:09}").into(),
        commit_no: n as i64 + 1,
        person_no: v.person.clone(),
        visit_id: v.id.clone(),
        institution: v.institution.clone(),
        time,
        year: chrono::Datelike::year(&time),
        reverses: None,
        reversed: false,
        msgid: String::new(),
        invoice: String::new(),
        on_paper: false,
        request: SettleRequest { time, account_use: AccountUse::None, mid_stay: false, by_quota: false },
        person_type: "15".into(),
        civil_servant: false,
        division: "469026".into(),
        days: (v.begin.date(), time.date()),
        amounts: Amounts {
            total,
            ownpay,
            in_scope: total - ownpay,
            hifp: fund,
            funds: fund,
            person: total - fund,
            cash: total - fund,
            ..Amounts::default()
        },
        visit: Some(v),
        person: None,
        list: None,
    }
}

fn split(line: &Line, amount: Money) -> LineSplit {
    LineSplit {
        no: line.no.clone(),
        amount,
        ownpay: Money::ZERO,
        overlimit: Money::ZERO,
        preselfpay: Money::ZERO,
        in_scope: amount,
        hospital: Money::ZERO,
        class: ItemClass::A,
        self_pay: Rate::ZERO,
        limit: None,
        reason: None,
    }
}

fn line_rows(n: u64, with_split: bool) -> impl Iterator<Item = LineRow> {
    let v = Arc::new(visit(n));
    lines(n).into_iter().map(move |(line, amount)| LineRow {
        settlement: format!("S{n:09}").into(),
        commit_no: n as i64 + 1,
        person_no: v.person.clone(),
        visit_id: v.id.clone(),
        institution: v.institution.clone(),
        reversed: false,
        amount,
        split: with_split.then(|| split(&line, amount)),
        line,
        visit: Some(Arc::clone(&v)),
    })
}

/// Changes on their way into a store at once.
const AT_ONCE: usize = 256;

/// Writes the settlements with their visits and lines into a store; `done` hears how many are there.
pub async fn fill(store: &Store, claims: u64, done: impl Fn(u64)) -> anyhow::Result<()> {
    let mut on_the_way = JoinSet::new();
    for n in 0..claims {
        if on_the_way.len() >= AT_ONCE {
            on_the_way.join_next().await.transpose()?.transpose()?;
            done(n);
        }
        let store = store.clone();
        on_the_way.spawn(async move { store.commit(Guard::default(), Box::new(move |no| written(n, no))).await });
    }
    while let Some(ended) = on_the_way.join_next().await {
        ended??;
    }
    Ok(())
}

/// A settlement as its commit writes it.
fn written(n: u64, commit_no: CommitNo) -> Write {
    let s = settled(n);
    let visit = visit(n);
    let lines = lines(n);
    let splits: Vec<LineSplit> = lines.iter().map(|(l, amount)| split(l, *amount)).collect();
    let decision = serde_json::json!({"lines": splits}).to_string().into_bytes();
    let posting = |account: String, amount: Money| Posting { account, amount };
    let postings = vec![
        posting(format!("institution/{}", s.institution), -s.amounts.total),
        posting("fund/hifp".to_owned(), s.amounts.hifp),
        posting(format!("cash/{}", s.person_no), s.amounts.cash),
    ];
    let row = StoredSettlement {
        id: s.id,
        commit_no,
        person: s.person_no,
        visit: s.visit_id.clone(),
        institution: s.institution,
        batch: "B1".to_owned(),
        time: s.time,
        year: s.year,
        reverses: None,
        reversed_commit: None,
        as_of: 0,
        bundle: String::new(),
        msgid: String::new(),
        invoice: String::new(),
        request: s.request,
        shown: Shown {
            person_type: s.person_type,
            civil_servant: s.civil_servant,
            division: s.division,
            place: Place::default(),
            days: s.days,
            centre: false,
        },
        amounts: s.amounts,
        decision,
    };
    let stored = lines.iter().map(|(line, amount)| (line.no.clone(), commit_no, *amount)).collect();
    Write {
        kind: "bench",
        at: s.time,
        visit: Some((VisitDoc { stay: visit.med_type.as_str() == "21", visit, case_no: String::new() }, false)),
        lines: Some((s.visit_id, lines.into_iter().map(|(line, _)| line).collect())),
        settlement: Some(NewSettlement { row, lines: stored, history: Vec::new(), entries: Vec::new(), postings }),
        ..Write::default()
    }
}

#[async_trait]
impl Source for Books {
    async fn now(&self) -> Result<Arc<dyn Rows>, SourceError> {
        Ok(Arc::new(Self { claims: self.claims, reference: Arc::clone(&self.reference) }))
    }
    async fn log(&self, _: Logged) -> Result<CommitNo, SourceError> {
        Ok(0)
    }
}

#[async_trait]
impl Rows for Books {
    fn as_of(&self) -> i64 {
        self.claims as i64
    }
    fn sifts(&self, _: Rowset, _: Key) -> bool {
        false
    }
    fn scan(&self, wanted: Wanted) -> Box<dyn Scan> {
        Box::new(Pages { next: 0, claims: self.claims, wanted })
    }
    async fn reference(&self) -> Result<Arc<Reference>, SourceError> {
        Ok(Arc::clone(&self.reference))
    }
}

struct Pages {
    next: u64,
    claims: u64,
    wanted: Wanted,
}

#[async_trait]
impl Scan for Pages {
    async fn next(&mut self) -> Result<Option<Undecoded>, SourceError> {
        let numbers = self.next..(self.next + PAGE).min(self.claims);
        if numbers.is_empty() {
            return Ok(None);
        }
        self.next = numbers.end;
        let wanted = self.wanted.clone();
        Ok(Some(Box::new(move || {
            Ok(match wanted.rows {
                Rowset::Visits => Page::Visits(
                    numbers
                        .map(|n| VisitRow {
                            commit_no: n as i64 + 1,
                            visit: visit(n),
                            case_no: String::new(),
                            cancelled: false,
                            person: None,
                        })
                        .collect(),
                ),
                Rowset::Settlements => Page::Settlements(numbers.map(settled).collect()),
                Rowset::Lines => Page::Lines(numbers.flat_map(|n| line_rows(n, wanted.parts.split)).collect()),
                Rowset::Findings => Page::Findings(Vec::new()),
                Rowset::Runs => Page::Runs(Vec::new()),
                Rowset::Ledger => Page::Ledger(Vec::new()),
                Rowset::Corrections => Page::Corrections(Vec::new()),
            })
        })))
    }
}
