//! The amounts of a finding, to the fen.

use dingan_core::adjudicate::adjudicate;
use dingan_core::bundle::Bundle;
use dingan_core::finding::{Finding, Stage};
use dingan_core::money::Money;
use dingan_core::person::AccumulatorEntry;
use dingan_core::policy::BenefitPolicy;
use dingan_core::resolve::resolve;
use dingan_rules::case::world::World;
use dingan_rules::{RuleLibrary, embedded_sources};
use std::sync::Arc;

/// 85 % of what is in scope above a deductible of 800 yuan a year.
const POLICY: &str = r#"
format = 1
id = "amounts"
version = "1"
title = "amounts"
pool_area = "469021"
insutype = "310"
effective_from = "2000-01-01"

[[accumulator]]
key = "dedc_y"
title = "deductible of the year"
feeds = "deductible"
layers = ["basic"]
period = "year"

[[layer]]
id = "basic"
title = "basic"
fund = "hifp"
fund_pay_type = "310100"
base = "in-scope"

[[layer.deductible]]
accumulator = "dedc_y"
standard = [{ value = "800", unverified = "made up for the test" }]

[[layer.tier]]
ratio = [{ value = "0.85", unverified = "made up for the test" }]
"#;

/// The findings of the whole library on a case of the rules' pages, with 500 yuan of the deductible used up.
fn findings(case: &str) -> Vec<Finding> {
    let world: World = toml::from_str(case).unwrap();
    let built = world.build().unwrap();
    let policy = BenefitPolicy::from_toml(POLICY).unwrap();
    let bundle = Bundle::new("amounts".into(), world.reference(), [Arc::new(policy)]);
    let mut file = built.file;
    file.entries.push(AccumulatorEntry {
        key: "dedc_y".into(),
        period: "2025".into(),
        disease: Default::default(),
        insurance: "310".into(),
        visit: "M0".into(),
        amount: Money::fen(50_000),
    });
    let facts = Arc::new(resolve(built.claim, file, &bundle).unwrap());
    let library = RuleLibrary::compile(&embedded_sources(), Arc::clone(&bundle.knowledge)).unwrap();
    let decision = adjudicate(&facts, &library, Stage::During);
    assert_eq!(decision.failures, []);
    let counted: Money = decision.findings.iter().map(|f| f.counted.charge).sum();
    assert_eq!(decision.at_stake().charge, counted);
    assert!(counted <= decision.priced.amounts.total, "no fen twice");
    decision.findings
}

/// A claim of 1,000 yuan in scope of which 300 are deductible: the funds pay 595.00, which is 59.5 % of all that is in
/// scope. A duplicate charge of 100 yuan has that share of it: 59.50, and the person's 40.50.
const DUPLICATE: &str = r#"
visit = { begin = "2025-03-01 09:00" }
knowledge = [{ table = "duplicate-pair", item = "A", other = "B", word = "day" }]
lines = [
  { no = "1", item = "A", price = 900, practitioner = "D1" },
  { no = "2", item = "B", price = 100, practitioner = "D1" },
]
"#;

#[test]
fn a_duplicate_charge_under_a_part_used_deductible() {
    let found = findings(DUPLICATE);
    let duplicate = found.iter().find(|f| f.rule == "DG1001").unwrap();
    assert_eq!((duplicate.charge, duplicate.fund, duplicate.person), (yuan(10_000), yuan(5_950), yuan(4_050)));
    assert!(!duplicate.fund_open && duplicate.refuses_by_itself());
    assert_eq!(duplicate.counted.charge, yuan(10_000));
}

#[test]
fn on_a_stay_paid_by_group_the_share_is_open() {
    for (paid_by, open) in [("1", false), ("3", true), ("40", true), ("50", true)] {
        let case = format!(
            r#"
            visit = {{ begin = "2025-03-01 09:00", end = "2025-03-02 09:00", type = "21", diagnosis = "J18.900" }}
            paid_by = "{paid_by}"
            knowledge = [{{ table = "duplicate-pair", item = "A", other = "B", word = "visit" }}]
            lines = [
              {{ no = "1", item = "A", price = 900, practitioner = "D1" }},
              {{ no = "2", item = "B", price = 100, practitioner = "D1" }},
            ]"#
        );
        let found = findings(&case);
        let duplicate = found.iter().find(|f| f.rule == "DG1001").unwrap();
        assert_eq!(duplicate.fund_open, open, "{paid_by}");
        assert_eq!(duplicate.fund, if open { Money::ZERO } else { yuan(5_950) }, "{paid_by}");
        assert_eq!(duplicate.refuses_by_itself(), !open, "nothing is refused by itself: {paid_by}");
        assert_eq!(duplicate.person, yuan(4_050), "what the person paid is known");
    }
}

fn yuan(fen: i64) -> Money {
    Money::fen(fen)
}
