//! A case decided by the real engine: an inpatient stay with a cap, two tiers and an account.

use chrono::{NaiveDate, NaiveDateTime};
use dingan_core::adjudicate::adjudicate;
use dingan_core::bundle::{
    AreaRow, Bundle, CatalogueItem, CatalogueRows, Institution, Period, PriceLimit, ReferenceRows, SelfPayRatio,
};
use dingan_core::claim::{AccountUse, Approval, Claim, Diagnosis, Line, SettleRequest, Visit};
use dingan_core::codes::*;
use dingan_core::decision::Decision;
use dingan_core::finding::{NoRules, Stage};
use dingan_core::money::{Money, Rate};
use dingan_core::person::{Balances, Person, PersonFile, Relation};
use dingan_core::policy::BenefitPolicy;
use dingan_core::resolve::resolve;
use std::sync::Arc;

pub fn day(y: i32, m: u32, d: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(y, m, d).unwrap()
}

pub fn noon(d: NaiveDate) -> NaiveDateTime {
    d.and_hms_opt(12, 0, 0).unwrap()
}

const POLICY: &str = r#"
format = 1
id = "test"
title = "测试"
pool_area = "460000"
insutype = "310"
version = "1"
effective_from = "2020-01-01"
split.overlimit_borne_by = "hospital"
account.pays = ["in-scope", "preselfpay"]

[[layer]]
id = "basic"
title = "基本统筹"
fund = "hifp"
fund_pay_type = "310100"
policy_item = "C00"
base = "in-scope"
[[layer.deductible]]
standard = [{ value = "300", source = "t" }]
[[layer.tier]]
to = "1000"
ratio = [{ value = "0.8", source = "t" }]
[[layer.tier]]
ratio = [{ value = "0.9", source = "t" }]
[[layer.cap]]
on = "outlay"
value = [{ value = "2000", source = "t" }]

[[layer]]
id = "large"
title = "大额补助"
fund = "hifob"
fund_pay_type = "330100"
policy_item = "L00"
base = "over-cap"
[[layer.tier]]
ratio = [{ value = "0.5", source = "t" }]
"#;

pub fn policy() -> BenefitPolicy {
    BenefitPolicy::from_toml(POLICY).unwrap()
}

pub fn person() -> Person {
    Person {
        no: "P1".into(),
        cert_type: "01".into(),
        cert_no: "460001199001010011".into(),
        name: "张某某".into(),
        sex: Sex::Female,
        ethnicity: "01".into(),
        birth: day(1990, 1, 1),
        relations: vec![Relation {
            insurance: "310".into(),
            person_type: "11".into(),
            division: "469021".into(),
            begin: day(2015, 1, 1),
            end: None,
            civil_servant: false,
            contribution_years: None,
            employer: "某公司".into(),
        }],
        identities: Vec::new(),
        filings: Vec::new(),
        family_account: None,
        pauses: Vec::new(),
        contributions: Vec::new(),
        death: None,
    }
}

pub fn institution() -> Institution {
    Institution {
        code: "H46902100001".into(),
        name: "某医院".into(),
        period: Period { begin: day(2020, 1, 1), end: None },
        kind: "1".into(),
        medins_type: "A1".into(),
        hosp_lv: "5".into(),
        price_level: Level::Two,
        deductible_level: Level::Two,
        division: "469021".into(),
        uscc: String::new(),
        clearing_way: "1".into(),
        consortium: String::new(),
    }
}

pub fn item(code: &str, class: ItemClass) -> CatalogueItem {
    CatalogueItem {
        code: code.into(),
        name: format!("项目{code}"),
        period: Period { begin: day(2020, 1, 1), end: None },
        list_type: "201".into(),
        charge_type: "05".into(),
        class,
        restricted: false,
        max_per_day: None,
        max_per_stay: None,
        drug_group: String::new(),
        area: Default::default(),
    }
}

pub fn line(no: &str, item: &str, price: &str, quantity: &str) -> Line {
    let (price, quantity) = (price.parse().unwrap(), quantity.parse().unwrap());
    let price: dingan_core::money::Price = price;
    Line {
        no: no.into(),
        refund_of: None,
        batch: String::new(),
        order_no: "R1".into(),
        time: noon(day(2026, 3, 2)),
        item: item.into(),
        hospital_item: "h1".into(),
        amount: price.times(quantity),
        quantity,
        price,
        supply_days: None,
        department: "D1".into(),
        practitioner: "Y1".into(),
        approval: Approval::NotNeeded,
        take_home: false,
        more: None,
    }
}

pub fn visit() -> Visit {
    Visit {
        id: "V1".into(),
        person: "P1".into(),
        institution: "H46902100001".into(),
        insurance: "310".into(),
        med_type: "21".into(),
        begin: noon(day(2026, 3, 1)),
        end: Some(noon(day(2026, 3, 4))),
        disease: Default::default(),
        diagnoses: vec![Diagnosis {
            code: "J18.900".into(),
            name: "肺炎".into(),
            main: true,
            order: 1,
            at_discharge: true,
        }],
        department: "D1".into(),
        bed: "12".into(),
        discharge_way: "1".into(),
        death: None,
        referred_from: None,
        third_party_share: Rate::ZERO,
        insured_at: Default::default(),
        circumstances: Default::default(),
    }
}

/// Lines of every kind: in scope, class B, class C, above the limit, unlisted.
pub fn lines() -> Vec<Line> {
    vec![
        line("1", "A", "3000", "1"),
        line("2", "B", "400", "2"),
        line("3", "C", "55.55", "1"),
        line("4", "L", "120", "3"),
        line("5", "X", "9.99", "1"),
    ]
}

/// The decision of the case.
pub fn decision() -> Decision {
    let period = Period { begin: day(2020, 1, 1), end: None };
    let rows = ReferenceRows {
        catalogue: CatalogueRows {
            items: vec![
                item("A", ItemClass::A),
                item("B", ItemClass::B),
                item("C", ItemClass::C),
                item("L", ItemClass::A),
            ],
            limits: vec![PriceLimit {
                code: "L".into(),
                level: Level::Two,
                period,
                limit: "100".parse().unwrap(),
                over_way: String::new(),
                area: Default::default(),
            }],
            ratios: vec![SelfPayRatio {
                code: "B".into(),
                person_type: "310".into(),
                ratio_type: "10".into(),
                period,
                ratio: "0.1".parse().unwrap(),
                from_price: None,
                area: Default::default(),
            }],
        },
        institutions: vec![institution()],
        areas: vec![AreaRow {
            division: "469021".into(),
            insurance: Default::default(),
            pool: "460000".into(),
            period,
        }],
        ..ReferenceRows::default()
    };
    let bundle = Bundle::new("test".to_owned(), rows, [Arc::new(policy())]);
    let request =
        SettleRequest { time: noon(day(2026, 3, 4)), account_use: AccountUse::Own, mid_stay: false, by_quota: false };
    let claim = Claim { visit: visit(), lines: lines(), request };
    let mut file = PersonFile::new(person());
    file.balances = Balances { own: Money::yuan(250), family: Money::ZERO };
    adjudicate(&Arc::new(resolve(claim, file, &bundle).unwrap()), &NoRules, Stage::During)
}
