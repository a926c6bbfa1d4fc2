//! Books in memory: invented visits, each settled at its end, from `planted.csv`.

use async_trait::async_trait;
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use dingan_core::bundle::{CatalogueItem, Institution, Period, ReferenceRows};
use dingan_core::claim::{AccountUse, Approval, Circumstances, Diagnosis, Line, SettleRequest, Visit};
use dingan_core::codes::*;
use dingan_core::decision::{Amounts, LineSplit};
use dingan_core::look::*;
use dingan_core::money::{Money, Rate};
use dingan_core::person::{Person, Relation};
use dingan_lake::output::{Format, Written};
use dingan_lake::source::*;
use dingan_lake::{Asked, InspectError, Inspector, Limits};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// The books and what was put on record.
#[derive(Default)]
pub struct Planted {
    visits: Vec<VisitRow>,
    settled: Vec<SettledRow>,
    lines: Vec<LineRow>,
    ledger: Vec<LedgerRow>,
    findings: Vec<FoundRow>,
    runs: Vec<RunRow>,
    reference: Arc<Reference>,
    /// The audit log.
    pub logged: Mutex<Vec<Logged>>,
    /// What was asked of the source.
    pub wanted: Mutex<Vec<Wanted>>,
    /// Rows of lines are repeated so often: for queries that must be stopped.
    pub times: usize,
}

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("tests")
}

fn time(s: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(s, "%Y-%m-%d %H:%M")
        .or_else(|_| NaiveDateTime::parse_from_str(&format!("{s} 08:00"), "%Y-%m-%d %H:%M"))
        .unwrap()
}

impl Planted {
    /// Reads the file.
    pub fn read() -> Self {
        let mut p = Self { times: 1, ..Self::default() };
        let mut rows = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .from_path(folder().join("planted.csv"))
            .unwrap();
        for row in rows.deserialize::<Row>() {
            p.add(&row.unwrap());
        }
        p.reference = Arc::new(Reference::new(reference()));
        p
    }

    fn add(&mut self, r: &Row) {
        let commit_no = i64::try_from(self.visits.len()).unwrap() + 1;
        let begin = time(&r.begntime);
        let end = (!r.endtime.is_empty()).then(|| time(&r.endtime));
        let stay = MedType::from(r.med_type.as_str()).kind().unwrap().is_stay();
        let diagnosis = |at_discharge, order| Diagnosis {
            code: r.diag.as_str().into(),
            name: format!("病种{}", r.diag),
            main: true,
            order,
            at_discharge,
        };
        let visit = Visit {
            id: r.mdtrt_id.as_str().into(),
            person: r.psn_no.as_str().into(),
            institution: r.fixmedins_code.as_str().into(),
            insurance: "390".into(),
            med_type: r.med_type.as_str().into(),
            begin,
            end,
            disease: DiseaseCode::default(),
            diagnoses: if stay && end.is_some() {
                vec![diagnosis(false, 1), diagnosis(true, 2)]
            } else {
                vec![diagnosis(false, 1)]
            },
            department: "A01".into(),
            bed: if stay { format!("B{commit_no:03}") } else { String::new() },
            discharge_way: if stay && end.is_some() { "1".into() } else { String::new() },
            death: None,
            referred_from: None,
            third_party_share: Rate::ZERO,
            insured_at: Division::default(),
            circumstances: Circumstances::default(),
        };
        let person = Person {
            no: visit.person.clone(),
            cert_type: "01".into(),
            cert_no: format!("TEST{}", r.psn_no),
            name: format!("样例{}", r.psn_no),
            sex: if r.psn_no.ends_with(['1', '3', '5', '7', '9']) { Sex::Male } else { Sex::Female },
            ethnicity: String::new(),
            birth: NaiveDate::from_ymd_opt(1960, 1, 1).unwrap(),
            relations: vec![Relation {
                insurance: "390".into(),
                person_type: "15".into(),
                division: "469026".into(),
                begin: NaiveDate::from_ymd_opt(2015, 1, 1).unwrap(),
                end: None,
                civil_servant: false,
                contribution_years: None,
                employer: String::new(),
            }],
            identities: vec![],
            filings: vec![],
            family_account: None,
            pauses: vec![],
            contributions: vec![],
            death: None,
        };
        self.visits.push(VisitRow {
            commit_no,
            visit: visit.clone(),
            case_no: format!("N{commit_no}"),
            cancelled: r.cancelled == "1",
            person: Some(person.clone()),
        });
        let Some(end) = end else { return };
        if r.cancelled == "1" {
            return;
        }
        let at = end + TimeDelta::hours(1);
        let id = SettlementId::from(format!("S{}", r.mdtrt_id));
        let mut total = Money::ZERO;
        let mut lines = Vec::new();
        for (n, text) in r.lines.split(';').filter(|l| !l.is_empty()).enumerate() {
            // item:quantity:price:doctor
            let mut parts = text.split(':');
            let mut next = || parts.next().unwrap_or_default();
            let (item, quantity, price, doctor) = (next(), next().parse().unwrap(), next(), next());
            let price: dingan_core::money::Price = price.parse().unwrap();
            let amount = price.times(quantity);
            total += amount;
            lines.push(LineRow {
                settlement: id.clone(),
                commit_no,
                person_no: visit.person.clone(),
                visit_id: visit.id.clone(),
                institution: visit.institution.clone(),
                reversed: r.reversed == "1",
                line: Line {
                    no: format!("{}-{}", r.mdtrt_id, n + 1).into(),
                    refund_of: None,
                    batch: String::new(),
                    order_no: String::new(),
                    time: begin,
                    item: item.into(),
                    hospital_item: String::new(),
                    amount,
                    quantity,
                    price,
                    supply_days: None,
                    department: "A01".into(),
                    practitioner: doctor.into(),
                    approval: Approval::NotNeeded,
                    take_home: false,
                    more: None,
                },
                amount,
                split: Some(LineSplit {
                    no: format!("{}-{}", r.mdtrt_id, n + 1).into(),
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
                }),
                visit: Some(Arc::new(visit.clone())),
            });
        }
        let half: Money = Money::fen(total.units() / 2);
        let amounts = Amounts {
            total,
            in_scope: total,
            hifp: half,
            funds: half,
            person: total - half,
            cash: total - half,
            ..Amounts::default()
        };
        let row = SettledRow {
            id: id.clone(),
            commit_no,
            person_no: visit.person.clone(),
            visit_id: visit.id.clone(),
            institution: visit.institution.clone(),
            time: at,
            year: 2025,
            reverses: None,
            reversed: r.reversed == "1",
            msgid: format!("M{commit_no}"),
            invoice: String::new(),
            on_paper: false,
            request: SettleRequest { time: at, account_use: AccountUse::None, mid_stay: false, by_quota: false },
            person_type: "15".into(),
            civil_servant: false,
            division: "469026".into(),
            days: (begin.date(), end.date()),
            amounts,
            visit: Some(visit.clone()),
            person: Some(person),
            list: None,
        };
        let post = |seq, account: String, amount, id: &SettlementId| LedgerRow {
            settlement: id.to_string(),
            seq,
            commit_no,
            account,
            amount,
        };
        self.ledger.push(post(0, "fund/390100".into(), half, &id));
        self.ledger.push(post(1, format!("cash/{}", r.psn_no), total - half, &id));
        self.ledger.push(post(2, format!("institution/{}", r.fixmedins_code), -total, &id));
        if r.reversed == "1" {
            let back = SettlementId::from(format!("R{}", r.mdtrt_id));
            self.ledger.push(post(0, "fund/390100".into(), -half, &back));
            self.ledger.push(post(1, format!("cash/{}", r.psn_no), half - total, &back));
            self.ledger.push(post(2, format!("institution/{}", r.fixmedins_code), total, &back));
            let amounts = row.amounts.negated(Money::ZERO);
            self.settled.push(SettledRow { id: back, reverses: Some(id), reversed: false, amounts, ..row.clone() });
        }
        self.settled.push(row);
        self.lines.extend(lines);
    }
}

#[derive(serde::Deserialize)]
struct Row {
    mdtrt_id: String,
    psn_no: String,
    fixmedins_code: String,
    med_type: String,
    begntime: String,
    endtime: String,
    diag: String,
    lines: String,
    #[serde(default)]
    cancelled: String,
    #[serde(default)]
    reversed: String,
}

fn reference() -> ReferenceRows {
    let always = Period { begin: NaiveDate::from_ymd_opt(2010, 1, 1).unwrap(), end: None };
    let institution = |code: &str, level: &str| Institution {
        code: code.into(),
        name: format!("样例医院{code}"),
        period: always,
        kind: "1".into(),
        medins_type: "A1".into(),
        hosp_lv: if level == "3" { "2" } else { "5" }.into(),
        price_level: Level::from_code(level),
        deductible_level: Level::from_code(level),
        division: "469026".into(),
        uscc: String::new(),
        clearing_way: "1".into(),
        consortium: String::new(),
    };
    let item = |code: &str, name: &str, list_type: &str, charge: &str| CatalogueItem {
        code: code.into(),
        name: name.into(),
        period: always,
        list_type: list_type.into(),
        charge_type: charge.into(),
        class: ItemClass::A,
        restricted: false,
        max_per_day: None,
        max_per_stay: None,
        drug_group: String::new(),
        area: PoolArea::default(),
    };
    ReferenceRows {
        institutions: vec![
            institution("H1", "2"),
            institution("H2", "2"),
            institution("H3", "2"),
            institution("H4", "3"),
        ],
        catalogue: dingan_core::bundle::CatalogueRows {
            items: vec![
                item("BED", "床位费", "201", "01"),
                item("DRUG", "样例药", "101", "09"),
                item("TEST", "样例检查", "201", "03"),
            ],
            ..Default::default()
        },
        ..ReferenceRows::default()
    }
}

/// The source over the rows.
pub struct Books(pub Arc<Planted>);

#[async_trait]
impl Source for Books {
    async fn now(&self) -> Result<Arc<dyn Rows>, SourceError> {
        Ok(Arc::new(Moment(Arc::clone(&self.0))))
    }
    async fn log(&self, entry: Logged) -> Result<i64, SourceError> {
        self.0.logged.lock().unwrap().push(entry);
        Ok(0)
    }
}

struct Moment(Arc<Planted>);

#[async_trait]
impl Rows for Moment {
    fn as_of(&self) -> i64 {
        i64::try_from(self.0.visits.len()).unwrap()
    }
    fn sifts(&self, rows: Rowset, key: Key) -> bool {
        rows == Rowset::Settlements && matches!(key, Key::Person | Key::Visit | Key::SettledAt)
    }
    fn scan(&self, wanted: Wanted) -> Box<dyn Scan> {
        self.0.wanted.lock().unwrap().push(wanted.clone());
        Box::new(Pages { planted: Arc::clone(&self.0), wanted, page: 0 })
    }
    async fn reference(&self) -> Result<Arc<Reference>, SourceError> {
        Ok(Arc::clone(&self.0.reference))
    }
}

struct Pages {
    planted: Arc<Planted>,
    wanted: Wanted,
    page: usize,
}

#[async_trait]
impl Scan for Pages {
    async fn next(&mut self) -> Result<Option<Undecoded>, SourceError> {
        let times = if self.wanted.rows == Rowset::Lines { self.planted.times } else { 1 };
        if self.page == times {
            return Ok(None);
        }
        self.page += 1;
        let p = &self.planted;
        let page = match self.wanted.rows {
            Rowset::Visits => Page::Visits(p.visits.clone()),
            Rowset::Settlements => {
                let kept = p.settled.iter().filter(|s| self.wanted.conditions.iter().all(|c| holds(s, c)));
                Page::Settlements(kept.cloned().collect())
            }
            Rowset::Lines => Page::Lines(p.lines.clone()),
            Rowset::Findings => Page::Findings(p.findings.clone()),
            Rowset::Runs => Page::Runs(p.runs.clone()),
            Rowset::Ledger => Page::Ledger(p.ledger.clone()),
            Rowset::Corrections => Page::Corrections(Vec::new()),
        };
        Ok(Some(Box::new(move || Ok(page))))
    }
}

fn holds(s: &SettledRow, c: &Condition) -> bool {
    match c {
        Condition::In(Key::Person, v) => v.iter().any(|v| v == s.person_no.as_str()),
        Condition::In(Key::Visit, v) => v.iter().any(|v| v == s.visit_id.as_str()),
        Condition::From(_, t) => s.time >= *t,
        Condition::Until(_, t) => s.time <= *t,
        Condition::In(..) => unreachable!("not left to this source"),
    }
}

/// A runtime and an inspector over the planted rows.
pub struct Bench {
    /// The rows, and what was asked of them.
    pub planted: Arc<Planted>,
    runtime: tokio::runtime::Runtime,
    inspector: Inspector,
}

impl Bench {
    /// Over rows, within limits.
    pub fn new(planted: Planted, limits: Limits) -> Self {
        let planted = Arc::new(planted);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let inspector = Inspector::new(Arc::new(Books(Arc::clone(&planted))), limits).unwrap();
        Self { planted, runtime, inspector }
    }

    /// Over the file's rows, within the usual limits.
    pub fn standard() -> Self {
        Self::new(Planted::read(), Limits::default())
    }

    /// The answer as CSV.
    pub fn csv(&self, sql: &str) -> Result<String, InspectError> {
        self.answer(sql, Format::Csv).map(|b| String::from_utf8(b).unwrap())
    }

    /// The answer in a format.
    pub fn answer(&self, sql: &str, format: Format) -> Result<Vec<u8>, InspectError> {
        self.runtime.block_on(async {
            let at = NaiveDate::from_ymd_opt(2025, 12, 31).unwrap().and_hms_opt(12, 0, 0).unwrap();
            let asked = Asked { sql: sql.to_owned(), who: "test".into(), at, ..Asked::default() };
            let mut written = Written::new(self.inspector.ask(asked).await?, format)?;
            let mut out = Vec::new();
            while let Some(bytes) = written.next().await? {
                out.extend(bytes);
            }
            Ok(out)
        })
    }
}

/// Compares with a file; with `DINGAN_BLESS=1` the file is written instead.
pub fn expect(file: &str, got: &str) {
    let path = folder().join(file);
    if std::env::var_os("DINGAN_BLESS").is_some() {
        std::fs::write(path, got).unwrap();
        return;
    }
    let want = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(got, want, "{file}");
}

/// A file of the tests.
pub fn text(file: &str) -> String {
    std::fs::read_to_string(folder().join(file)).unwrap()
}

/// Files of a folder with an ending, in order.
pub fn files(of: &str, ending: &str) -> Vec<String> {
    let mut out: Vec<String> = std::fs::read_dir(folder().join(of))
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .filter_map(|f| f.strip_suffix(ending).map(ToOwned::to_owned))
        .collect();
    out.sort();
    out
}
