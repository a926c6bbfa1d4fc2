//! A small world for tests: one pool with a hospital of each level, a few items, one person.

use chrono::{NaiveDate, NaiveDateTime};
use dingan_core::bundle::*;
use dingan_core::claim::*;
use dingan_core::codes::*;
use dingan_core::decision::{FundPayment, Priced, Step, StepKind};
use dingan_core::facts::Facts;
use dingan_core::ledger;
use dingan_core::money::*;
use dingan_core::person::*;
use dingan_core::policy::BenefitPolicy;
use dingan_core::pricing::price;
use dingan_core::rebuild::YearEvent;
use dingan_core::resolve::{ResolveError, resolve};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

pub fn yuan(s: &str) -> Money {
    s.parse().unwrap()
}
pub fn rate(s: &str) -> Rate {
    s.parse().unwrap()
}
pub fn units(s: &str) -> Quantity {
    s.parse().unwrap()
}
pub fn unit_price(s: &str) -> Price {
    s.parse().unwrap()
}
pub fn day(s: &str) -> NaiveDate {
    s.parse().unwrap()
}
/// Eight in the morning of a day.
pub fn morning(s: &str) -> NaiveDateTime {
    day(s).and_hms_opt(8, 0, 0).unwrap()
}

/// Where the shipped policies are.
pub fn policy_folder() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../rules/policies")
}

/// A shipped policy by its file name.
pub fn shipped(name: &str) -> BenefitPolicy {
    let file = policy_folder().join(format!("{name}.toml"));
    let text = std::fs::read_to_string(&file).unwrap();
    BenefitPolicy::from_toml(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// A policy of a test: the head is added, and every figure counts as sourced.
pub fn policy(body: &str) -> BenefitPolicy {
    let head = r#"
        format = 1
        id = "test"
        version = "1"
        title = "test"
        pool_area = "460000"
        insutype = "390"
        effective_from = "2000-01-01"
    "#;
    let policy = BenefitPolicy::from_toml(&format!("{head}\n{body}")).unwrap_or_else(|e| panic!("{e}"));
    let wrong: Vec<_> = dingan_core::policy::check(&policy)
        .into_iter()
        .filter(|p| !p.warning && !p.message.starts_with("say where the figure"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    policy
}

fn open(from: &str) -> Period {
    Period { begin: day(from), end: None }
}

/// The items of the world: `A` and `B` (10 % advance) of their class, `C` of class C, `LIMITED` (A, at most
/// 10 a unit), `LIMITED-B` (B 10 %, at most 10), `DAILY` (A, two a day), `STAY` (A, two a day, five a stay),
/// `RESTRICTED` (A, needs approval). Any other code is unlisted.
pub const ITEMS: [&str; 8] = ["A", "B", "C", "LIMITED", "LIMITED-B", "DAILY", "STAY", "RESTRICTED"];

fn catalogue() -> CatalogueRows {
    let mut rows = CatalogueRows::default();
    for code in ITEMS {
        let class = match code {
            "B" | "LIMITED-B" => ItemClass::B,
            "C" => ItemClass::C,
            _ => ItemClass::A,
        };
        let per_day = matches!(code, "DAILY" | "STAY").then(|| Quantity::whole(2));
        rows.items.push(CatalogueItem {
            code: code.into(),
            name: code.to_owned(),
            period: open("2000-01-01"),
            list_type: "201".to_owned(),
            charge_type: "05".to_owned(),
            class,
            restricted: code == "RESTRICTED",
            max_per_day: per_day,
            max_per_stay: (code == "STAY").then(|| Quantity::whole(5)),
            drug_group: String::new(),
            area: Default::default(),
        });
        if class == ItemClass::B {
            rows.ratios.push(SelfPayRatio {
                code: code.into(),
                person_type: "99".to_owned(),
                ratio_type: "10".to_owned(),
                period: open("2000-01-01"),
                ratio: rate("0.1"),
                from_price: None,
                area: Default::default(),
            });
        }
        if code.starts_with("LIMITED") {
            rows.limits.extend([Level::One, Level::Two, Level::Three].map(|level| PriceLimit {
                code: code.into(),
                level,
                period: open("2000-01-01"),
                limit: unit_price("10"),
                over_way: String::new(),
                area: Default::default(),
            }));
        }
    }
    rows
}

/// A bundle, a person with what is known of them, and the settlements so far.
pub struct World {
    pub bundle: Bundle,
    pub file: PersonFile,
    pub events: Vec<YearEvent>,
    /// Lines settled while their stay goes on.
    settled: HashMap<VisitId, Vec<SettledLine>>,
}

/// What a failing property shows: the policies and what was settled before.
impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for policy in self.bundle.policies() {
            writeln!(f, "{}", serde_json::to_string(policy).unwrap())?;
        }
        for e in &self.file.entries {
            writeln!(f, "{} {} {}", e.key, e.period, e.amount)?;
        }
        Ok(())
    }
}

impl World {
    /// Hospitals `H1` `H2` `H3` of each level in the pool, `P3` in another pool of the province, `R3` in
    /// another province; a man of the policy's insurance, born 1960, insured since 2000.
    pub fn new(policy: BenefitPolicy) -> Self {
        Self::with_policies(vec![policy])
    }

    /// The same with several versions of the pool's policy.
    pub fn with_policies(policies: Vec<BenefitPolicy>) -> Self {
        let (pool, insurance) = (policies[0].pool_area.clone(), policies[0].insutype.clone());
        let home = pool.as_str().to_owned();
        let neighbour = format!("{}9900", &home[..2]);
        let hospitals = [
            ("H1", Level::One, &home),
            ("H2", Level::Two, &home),
            ("H3", Level::Three, &home),
            ("P3", Level::Three, &neighbour),
            ("R3", Level::Three, &"110000".to_owned()),
        ]
        .map(|(code, level, division)| Institution {
            code: code.into(),
            name: code.to_owned(),
            period: open("2000-01-01"),
            kind: "1".to_owned(),
            medins_type: "A1".to_owned(),
            hosp_lv: "2".to_owned(),
            price_level: level,
            deductible_level: level,
            division: division.as_str().into(),
            uscc: String::new(),
            clearing_way: "1".to_owned(),
            consortium: String::new(),
        });
        let areas = [&home, &neighbour, &"110000".to_owned()].map(|division| AreaRow {
            division: division.as_str().into(),
            insurance: Insurance::default(),
            pool: division.as_str().into(),
            period: open("2000-01-01"),
        });
        let rows = ReferenceRows {
            catalogue: catalogue(),
            institutions: hospitals.to_vec(),
            areas: areas.to_vec(),
            ..ReferenceRows::default()
        };
        let person = Person {
            no: "P1".into(),
            cert_type: "01".to_owned(),
            cert_no: "1".to_owned(),
            name: "测试".to_owned(),
            sex: Sex::Male,
            ethnicity: String::new(),
            birth: day("1960-06-15"),
            relations: vec![Relation {
                insurance,
                person_type: "11".into(),
                division: home.as_str().into(),
                begin: day("2000-01-01"),
                end: None,
                civil_servant: false,
                contribution_years: None,
                employer: String::new(),
            }],
            identities: Vec::new(),
            filings: Vec::new(),
            family_account: None,
            pauses: Vec::new(),
            contributions: Vec::new(),
            death: None,
        };
        Self {
            bundle: Bundle::new("test".to_owned(), rows, policies.into_iter().map(Arc::new)),
            file: PersonFile::new(person),
            events: Vec::new(),
            settled: HashMap::new(),
        }
    }

    /// The same person before anything was settled.
    pub fn fresh(&self) -> Self {
        let file = PersonFile { balances: self.file.balances, ..PersonFile::new(self.file.person.clone()) };
        Self { bundle: self.bundle.clone(), file, events: Vec::new(), settled: HashMap::new() }
    }

    pub fn relation(&mut self) -> &mut Relation {
        &mut self.file.person.relations[0]
    }
    pub fn person_type(mut self, code: &str) -> Self {
        self.relation().person_type = code.into();
        self
    }
    pub fn identity(mut self, code: &str) -> Self {
        self.file.person.identities.push(DatedIdentity { identity: code.into(), begin: day("2000-01-01"), end: None });
        self
    }
    pub fn filing(mut self, kind: &str) -> Self {
        self.file.person.filings.push(Filing { kind: kind.to_owned(), begin: day("2000-01-01"), ..Filing::default() });
        self
    }

    pub fn facts(&self, claim: &Claim) -> Result<Facts, ResolveError> {
        let settled_lines = self.settled.get(&claim.visit.id).cloned().unwrap_or_default();
        resolve(claim.clone(), PersonFile { settled_lines, ..self.file.clone() }, &self.bundle)
    }

    /// Prices a claim as things stand, and holds the result to the identities.
    pub fn price(&self, claim: &Claim) -> Priced {
        let facts = self.facts(claim).unwrap();
        let priced = price(&facts);
        assert_adds_up(&facts, &priced);
        priced
    }

    /// Settles a claim: what it adds to the accumulators counts from now on.
    pub fn settle(&mut self, claim: &Claim) -> Priced {
        let facts = self.facts(claim).unwrap();
        let priced = price(&facts);
        assert_adds_up(&facts, &priced);
        self.file.entries.extend(priced.entries.iter().cloned());
        let settlement = SettlementId::from(format!("S{}", self.events.len()));
        let lines = facts.lines.into_iter().map(|l| SettledLine {
            settlement: settlement.clone(),
            line: l.line,
            amount: l.amount,
        });
        self.settled.entry(claim.visit.id.clone()).or_default().extend(lines);
        self.events.push(YearEvent {
            settlement: format!("S{}", self.events.len()).into(),
            claim: claim.clone(),
            decided: priced.amounts,
        });
        priced
    }

    /// What an accumulator holds over all periods.
    pub fn held(&self, key: &str) -> Money {
        self.file.entries.iter().filter(|e| e.key == key).map(|e| e.amount).sum()
    }
}

/// The identities I1–I5, those of the lines, and the two sides of the ledger.
pub fn assert_adds_up(facts: &Facts, priced: &Priced) {
    let a = &priced.amounts;
    assert_eq!(a.broken_identities(), Vec::<&str>::new(), "{a:#?}");
    let payments: Money = priced.payments.iter().map(|p| p.amount).sum();
    assert_eq!(payments, a.funds + a.account + a.hospital, "I5: {:#?}", priced.payments);
    for l in &priced.lines {
        assert_eq!(l.amount, l.ownpay + l.overlimit + l.preselfpay + l.in_scope, "I8: {l:?}");
    }
    let sum = |part: fn(&dingan_core::decision::LineSplit) -> Money| -> Money { priced.lines.iter().map(part).sum() };
    assert_eq!(sum(|l| l.amount), a.total);
    assert_eq!(sum(|l| l.ownpay), a.ownpay);
    assert_eq!(sum(|l| l.overlimit), a.overlimit);
    assert_eq!(sum(|l| l.preselfpay), a.preselfpay);
    assert_eq!(sum(|l| l.in_scope), a.in_scope);
    assert_eq!(priced.lines.len(), facts.lines.len());
    assert!(a.family_account <= a.account && !a.family_account.is_negative());
    assert!(ledger::balances(&ledger::postings(facts, priced)));
}

/// What a layer paid.
pub fn paid(priced: &Priced, layer: &str) -> Money {
    priced.payments.iter().filter(|p| p.layer == layer).map(|p| p.amount).sum()
}

/// The payment of a layer.
pub fn payment<'p>(priced: &'p Priced, layer: &str) -> &'p FundPayment {
    priced.payments.iter().find(|p| p.layer == layer).unwrap()
}

/// The steps of a kind.
pub fn steps(priced: &Priced, kind: StepKind) -> Vec<&Step> {
    priced.steps.iter().filter(|s| s.kind == kind).collect()
}

/// A claim in the making.
pub struct Bill(pub Claim);

/// A stay, without lines; settled on the day of discharge.
pub fn stay(id: &str, hospital: &str, begin: &str, end: &str) -> Bill {
    bill(id, hospital, "21", begin, Some(end))
}

/// An outpatient visit, without lines.
pub fn visit(id: &str, hospital: &str, on: &str) -> Bill {
    bill(id, hospital, "11", on, Some(on))
}

fn bill(id: &str, hospital: &str, med_type: &str, begin: &str, end: Option<&str>) -> Bill {
    let end = end.map(morning);
    Bill(Claim {
        visit: Visit {
            id: id.into(),
            person: "P1".into(),
            institution: hospital.into(),
            insurance: "390".into(),
            med_type: med_type.into(),
            begin: morning(begin),
            end,
            disease: DiseaseCode::default(),
            diagnoses: Vec::new(),
            department: String::new(),
            bed: String::new(),
            discharge_way: String::new(),
            death: None,
            referred_from: None,
            third_party_share: Rate::ZERO,
            insured_at: Default::default(),
            circumstances: Default::default(),
        },
        lines: Vec::new(),
        request: SettleRequest {
            time: end.unwrap_or(morning(begin)),
            account_use: AccountUse::None,
            mid_stay: false,
            by_quota: false,
        },
    })
}

impl Bill {
    pub fn of(mut self, insurance: &str) -> Self {
        self.0.visit.insurance = insurance.into();
        self
    }
    pub fn med_type(mut self, code: &str) -> Self {
        self.0.visit.med_type = code.into();
        self
    }
    pub fn disease(mut self, code: &str) -> Self {
        self.0.visit.disease = code.into();
        self
    }
    /// One unit of an item on the day of admission.
    pub fn line(self, item: &str, amount: &str) -> Self {
        let begin = self.0.visit.begin.date().to_string();
        self.line_on(&begin, item, amount)
    }
    /// One unit of an item on a day.
    pub fn line_on(self, on: &str, item: &str, amount: &str) -> Self {
        let no = format!("{:03}", self.0.lines.len() + 1);
        self.entry(&no, on, item, amount, "1")
    }
    /// Some units of an item at a price.
    pub fn entry(mut self, no: &str, on: &str, item: &str, price: &str, quantity: &str) -> Self {
        let (price, quantity) = (unit_price(price), units(quantity));
        self.0.lines.push(Line {
            no: no.into(),
            refund_of: None,
            batch: String::new(),
            order_no: String::new(),
            time: morning(on),
            item: item.into(),
            hospital_item: String::new(),
            amount: price.times(quantity),
            quantity,
            price,
            supply_days: None,
            department: String::new(),
            practitioner: PractitionerCode::default(),
            approval: Approval::NotNeeded,
            take_home: false,
            more: None,
        });
        self
    }
    /// Takes units of an earlier line of the bill back.
    pub fn refund(mut self, no: &str, on: &str, of: &str, quantity: &str) -> Self {
        let original = self.0.lines.iter().find(|l| l.no.as_str() == of).unwrap();
        let refund = refund_of(original, no, on, quantity);
        self.0.lines.push(refund);
        self
    }
    /// Settled while the stay goes on.
    pub fn mid_stay(mut self, on: &str) -> Self {
        self.0.visit.end = None;
        self.0.request.mid_stay = true;
        self.0.request.time = morning(on);
        self
    }
    pub fn account(mut self, of: AccountUse) -> Self {
        self.0.request.account_use = of;
        self
    }
    pub fn by_quota(mut self) -> Self {
        self.0.request.by_quota = true;
        self
    }
    pub fn claim(self) -> Claim {
        self.0
    }
}

/// A line that takes units of another back, at the rounded amount a hospital would state.
pub fn refund_of(original: &Line, no: &str, on: &str, quantity: &str) -> Line {
    let quantity = -units(quantity);
    Line {
        no: no.into(),
        refund_of: Some(original.no.clone()),
        time: morning(on),
        amount: original.price.times(quantity),
        quantity,
        ..original.clone()
    }
}
