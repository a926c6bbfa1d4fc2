//! A case of the oracle, and what of it the engine reads.

use chrono::{NaiveDate, NaiveDateTime};
use dingan_core::bundle::*;
use dingan_core::claim::*;
use dingan_core::codes::*;
use dingan_core::decision::{Amounts, Priced};
use dingan_core::money::*;
use dingan_core::person::*;
use dingan_core::policy::BenefitPolicy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Division of the insured: not the code of a pool, which only the table of areas tells.
const HOME: &str = "460200";
const HOSPITAL: &str = "H1";
const PERSON: &str = "P1";
const REFERRED_FROM: &str = "V-referred";

/// A line of the generator's output; `tests/oracle/README.md` describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub policies: Vec<BenefitPolicy>,
    person: CasePerson,
    areas: BTreeMap<String, PoolArea>,
    institution: CaseInstitution,
    catalogue: Vec<Item>,
    visit: CaseVisit,
    request: SettleRequest,
    balances: Balances,
    held: Vec<Held>,
    settled: Vec<CaseLine>,
    lines: Vec<CaseLine>,
    pub expected: Outcome,
    pub year: Option<Year>,
}

/// Visits of one person, one after the other; one is reversed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Year {
    pub visits: Vec<YearVisit>,
    pub reversed: usize,
    /// What those that live would be at without the reversed one.
    pub after: Vec<Outcome>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct YearVisit {
    visit: VisitId,
    lines: Vec<CaseLine>,
    pub expected: Outcome,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CasePerson {
    sex: Sex,
    birth: NaiveDate,
    relations: Vec<CaseRelation>,
    identities: Vec<(Identity, NaiveDate, Option<NaiveDate>)>,
    filings: Vec<CaseFiling>,
    pauses: Vec<CasePause>,
    contributions: Vec<CaseContribution>,
    death: Option<NaiveDate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFiling {
    kind: String,
    first: NaiveDate,
    last: Option<NaiveDate>,
    disease: DiseaseCode,
    insutype: Insurance,
    area: Division,
    institution: InstitutionCode,
    made: Option<NaiveDate>,
    share: Rate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CasePause {
    insutype: Insurance,
    first: NaiveDate,
    last: Option<NaiveDate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseContribution {
    insutype: Insurance,
    first: NaiveDate,
    years: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseRelation {
    insutype: Insurance,
    psn_type: PersonType,
    civil_servant: bool,
    contribution_years: Option<i64>,
    first: NaiveDate,
    last: Option<NaiveDate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseInstitution {
    level: Level,
    price_level: Level,
    hosp_lv: String,
    #[serde(rename = "pool")]
    _pool: PoolArea,
    code: InstitutionCode,
    division: Division,
    same_consortium: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    code: ItemCode,
    first: NaiveDate,
    last: Option<NaiveDate>,
    class: ItemClass,
    restricted: bool,
    max_per_day: Option<Quantity>,
    max_per_stay: Option<Quantity>,
    limits: BTreeMap<Level, Price>,
    ways: BTreeMap<Level, String>,
    area: PoolArea,
    ratios: Vec<ItemRatio>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemRatio {
    person_type: String,
    ratio_type: String,
    ratio: Rate,
    from_price: Option<Price>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseVisit {
    id: VisitId,
    insutype: Insurance,
    med_type: MedType,
    begin: NaiveDateTime,
    end: Option<NaiveDateTime>,
    disease: DiseaseCode,
    main_diagnosis: DiseaseCode,
    third_party_share: Rate,
    emergency: bool,
    injury: bool,
    birth: String,
    birth_control: String,
    referred_deductible: Money,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    key: String,
    period: String,
    disease: DiseaseCode,
    insutype: Insurance,
    visit: VisitId,
    amount: Money,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseLine {
    no: LineNo,
    refund_of: Option<LineNo>,
    time: NaiveDateTime,
    item: ItemCode,
    amount: Money,
    quantity: Quantity,
    price: Price,
    approval: Approval,
    /// Of a line settled before: the amount it was settled at.
    settled: Option<Money>,
    /// And which settlement before it was.
    part: Option<u32>,
}

impl CaseLine {
    fn line(&self) -> Line {
        Line {
            no: self.no.clone(),
            refund_of: self.refund_of.clone(),
            batch: String::new(),
            order_no: String::new(),
            time: self.time,
            item: self.item.clone(),
            hospital_item: String::new(),
            amount: self.amount,
            quantity: self.quantity,
            price: self.price,
            supply_days: None,
            department: String::new(),
            practitioner: PractitionerCode::default(),
            approval: self.approval,
            take_home: false,
            more: None,
        }
    }
}

impl Case {
    pub fn claim(&self) -> Claim {
        let v = &self.visit;
        let visit = Visit {
            id: v.id.clone(),
            person: PERSON.into(),
            institution: HOSPITAL.into(),
            insurance: v.insutype.clone(),
            med_type: v.med_type.clone(),
            begin: v.begin,
            end: v.end,
            disease: v.disease.clone(),
            diagnoses: vec![Diagnosis {
                code: v.main_diagnosis.clone(),
                name: String::new(),
                main: true,
                order: 1,
                at_discharge: false,
            }],
            department: String::new(),
            bed: String::new(),
            discharge_way: String::new(),
            death: None,
            referred_from: Some(REFERRED_FROM.into()),
            third_party_share: v.third_party_share,
            insured_at: Default::default(),
            circumstances: Circumstances {
                emergency: v.emergency,
                injury: v.injury,
                third_party: false,
                birth: v.birth.clone(),
                birth_control: v.birth_control.clone(),
            },
        };
        Claim { visit, lines: self.lines.iter().map(CaseLine::line).collect(), request: self.request.clone() }
    }

    /// One visit of the year.
    pub fn claim_of(&self, at: &YearVisit) -> Claim {
        let mut claim = self.claim();
        claim.visit.id = at.visit.clone();
        claim.lines = at.lines.iter().map(CaseLine::line).collect();
        claim
    }

    pub fn person_file(&self) -> PersonFile {
        let p = &self.person;
        let person = Person {
            no: PERSON.into(),
            cert_type: "01".to_owned(),
            cert_no: "1".to_owned(),
            name: String::new(),
            sex: p.sex,
            ethnicity: String::new(),
            birth: p.birth,
            relations: p
                .relations
                .iter()
                .map(|r| Relation {
                    insurance: r.insutype.clone(),
                    person_type: r.psn_type.clone(),
                    division: HOME.into(),
                    begin: r.first,
                    end: r.last,
                    civil_servant: r.civil_servant,
                    contribution_years: r.contribution_years,
                    employer: String::new(),
                })
                .collect(),
            identities: p
                .identities
                .iter()
                .map(|(identity, begin, end)| DatedIdentity { identity: identity.clone(), begin: *begin, end: *end })
                .collect(),
            filings: p
                .filings
                .iter()
                .map(|f| Filing {
                    kind: f.kind.clone(),
                    disease: f.disease.clone(),
                    begin: f.first,
                    end: f.last,
                    id: String::new(),
                    insurance: f.insutype.clone(),
                    area: f.area.clone(),
                    institution: f.institution.clone(),
                    made: f.made,
                    third_party_share: f.share,
                })
                .collect(),
            family_account: None,
            pauses: p
                .pauses
                .iter()
                .map(|x| Pause { insurance: x.insutype.clone(), kind: PauseKind::Waiting, begin: x.first, end: x.last })
                .collect(),
            contributions: p
                .contributions
                .iter()
                .map(|x| Contribution { insurance: x.insutype.clone(), begin: x.first, years: x.years })
                .collect(),
            death: p.death,
        };
        let entries = self.held.iter().map(|h| AccumulatorEntry {
            key: h.key.clone(),
            period: h.period.clone(),
            disease: h.disease.clone(),
            insurance: h.insutype.clone(),
            visit: h.visit.clone(),
            amount: h.amount,
        });
        let referred_from = PastVisit {
            id: REFERRED_FROM.into(),
            institution: HOSPITAL.into(),
            med_type: "21".into(),
            begin: self.visit.begin,
            end: Some(self.visit.begin),
            diagnoses: Vec::new(),
            discharge_way: String::new(),
            deductible: self.visit.referred_deductible,
            settled: true,
        };
        // part by part, as the store gives them
        let mut settled: Vec<&CaseLine> = self.settled.iter().collect();
        settled.sort_by_key(|l| l.part);
        let settled_lines = settled
            .into_iter()
            .map(|l| SettledLine {
                settlement: format!("S{}", l.part.unwrap_or_default()).into(),
                line: l.line(),
                amount: l.settled.unwrap_or(l.amount),
            })
            .collect();
        PersonFile {
            balances: self.balances,
            entries: entries.collect(),
            visits: vec![referred_from],
            lists: BTreeMap::new(),
            settled_lines,
            ..PersonFile::new(person)
        }
    }

    pub fn bundle(&self) -> Bundle {
        let mut rows = ReferenceRows { catalogue: self.catalogue(), ..ReferenceRows::default() };
        let always = Period { begin: NaiveDate::default(), end: None };
        rows.institutions.push(Institution {
            code: self.institution.code.clone(),
            name: String::new(),
            period: always,
            kind: "1".to_owned(),
            medins_type: String::new(),
            hosp_lv: self.institution.hosp_lv.clone(),
            price_level: self.institution.price_level,
            deductible_level: self.institution.level,
            division: self.institution.division.clone(),
            uscc: String::new(),
            clearing_way: String::new(),
            consortium: String::from(if self.institution.same_consortium { "C1" } else { "" }),
        });
        for (division, pool) in &self.areas {
            rows.areas.push(AreaRow {
                division: division.as_str().into(),
                insurance: Insurance::default(),
                pool: pool.clone(),
                period: always,
            });
        }
        Bundle::new("oracle".to_owned(), rows, self.policies.iter().cloned().map(Arc::new))
    }

    fn catalogue(&self) -> CatalogueRows {
        let mut rows = CatalogueRows::default();
        for item in &self.catalogue {
            let period = Period { begin: item.first, end: item.last };
            rows.items.push(CatalogueItem {
                code: item.code.clone(),
                name: String::new(),
                period,
                list_type: String::new(),
                charge_type: String::new(),
                class: item.class,
                restricted: item.restricted,
                max_per_day: item.max_per_day,
                max_per_stay: item.max_per_stay,
                drug_group: String::new(),
                area: item.area.clone(),
            });
            rows.limits.extend(item.limits.iter().map(|(level, limit)| PriceLimit {
                code: item.code.clone(),
                level: *level,
                period,
                limit: *limit,
                over_way: item.ways.get(level).cloned().unwrap_or_default(),
                area: item.area.clone(),
            }));
            rows.ratios.extend(item.ratios.iter().map(|r| SelfPayRatio {
                code: item.code.clone(),
                person_type: r.person_type.clone(),
                ratio_type: r.ratio_type.clone(),
                period,
                ratio: r.ratio,
                from_price: r.from_price,
                area: item.area.clone(),
            }));
        }
        rows
    }
}

/// What comes out of a case: the form both sides are brought into.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Outcome {
    Refused { refused: String },
    Settled(Box<Settled>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    total: Money,
    ownpay: Money,
    overlimit: Money,
    preselfpay: Money,
    in_scope: Money,
    deductible: Money,
    hifp: Money,
    cvlserv: Money,
    hifes: Money,
    hifmi: Money,
    hifob: Money,
    hifdm: Money,
    maf: Money,
    oth: Money,
    funds: Money,
    person: Money,
    account: Money,
    family_account: Money,
    cash: Money,
    hospital: Money,
    balance: Money,
    lines: Vec<SplitLine>,
    payments: Vec<Payment>,
    entries: Vec<Entry>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitLine {
    no: LineNo,
    amount: Money,
    ownpay: Money,
    overlimit: Money,
    preselfpay: Money,
    in_scope: Money,
    hospital: Money,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payment {
    layer: String,
    fund_pay_type: FundCode,
    amount: Money,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: String,
    period: String,
    disease: DiseaseCode,
    amount: Money,
}

impl Outcome {
    /// The amounts alone, without what depends on accounts.
    pub fn amounts(&self) -> Option<[Money; 17]> {
        let Self::Settled(s) = self else { return None };
        Some([
            s.total,
            s.ownpay,
            s.overlimit,
            s.preselfpay,
            s.in_scope,
            s.deductible,
            s.hifp,
            s.cvlserv,
            s.hifes,
            s.hifmi,
            s.hifob,
            s.hifdm,
            s.maf,
            s.oth,
            s.funds,
            s.person,
            s.hospital,
        ])
    }

    /// The same of the engine.
    pub fn amounts_of(a: &Amounts) -> [Money; 17] {
        [
            a.total,
            a.ownpay,
            a.overlimit,
            a.preselfpay,
            a.in_scope,
            a.deductible,
            a.hifp,
            a.cvlserv,
            a.hifes,
            a.hifmi,
            a.hifob,
            a.hifdm,
            a.maf,
            a.oth,
            a.funds,
            a.person,
            a.hospital,
        ]
    }

    /// The engine's result. Entries must be of the claim's own visit and relation.
    pub fn of(priced: &Priced, claim: &Claim) -> Self {
        let a = &priced.amounts;
        assert!(priced.entries.iter().all(|e| e.visit == claim.visit.id && e.insurance == claim.visit.insurance));
        Self::Settled(Box::new(Settled {
            total: a.total,
            ownpay: a.ownpay,
            overlimit: a.overlimit,
            preselfpay: a.preselfpay,
            in_scope: a.in_scope,
            deductible: a.deductible,
            hifp: a.hifp,
            cvlserv: a.cvlserv,
            hifes: a.hifes,
            hifmi: a.hifmi,
            hifob: a.hifob,
            hifdm: a.hifdm,
            maf: a.maf,
            oth: a.oth,
            funds: a.funds,
            person: a.person,
            account: a.account,
            family_account: a.family_account,
            cash: a.cash,
            hospital: a.hospital,
            balance: a.balance,
            lines: priced
                .lines
                .iter()
                .map(|l| SplitLine {
                    no: l.no.clone(),
                    amount: l.amount,
                    ownpay: l.ownpay,
                    overlimit: l.overlimit,
                    preselfpay: l.preselfpay,
                    in_scope: l.in_scope,
                    hospital: l.hospital,
                })
                .collect(),
            payments: priced
                .payments
                .iter()
                .filter(|p| p.fund.is_some() && !p.amount.is_zero())
                .map(|p| Payment {
                    layer: p.layer.to_string(),
                    fund_pay_type: p.fund_pay_type.clone(),
                    amount: p.amount,
                })
                .collect(),
            entries: priced
                .entries
                .iter()
                .map(|e| Entry {
                    key: e.key.clone(),
                    period: e.period.clone(),
                    disease: e.disease.clone(),
                    amount: e.amount,
                })
                .collect(),
        }))
    }
}
