//! Worked examples that were published with their result: they must come out to the fen.
//!
//! The policies are the shipped ones. Every settlement here is also held to the identities.

use crate::build::*;

/// 重庆渝北: basic pool, medical aid, tilt aid.
#[test]
fn e1_chongqing_three_layers() {
    let world = World::new(shipped("chongqing-resident")).identity("2305");
    let claim = stay("V1", "H2", "2023-03-01", "2023-03-10").line("A", "50000").line("C", "2000").claim();
    let p = world.price(&claim);
    assert_eq!(p.amounts.total, yuan("52000"));
    assert_eq!(p.amounts.in_scope, yuan("50000"));
    assert_eq!(p.amounts.deductible, yuan("300"));
    assert_eq!(paid(&p, "basic"), yuan("34790"));
    assert_eq!(paid(&p, "aid"), yuan("10647"));
    assert_eq!(paid(&p, "tilt"), yuan("937.80"));
    assert_eq!(p.amounts.funds, yuan("46374.80"));
    assert_eq!(p.amounts.maf, yuan("11584.80"));
}

/// 清远: a cap on the outlay, grossed up to the scope it stands for.
#[test]
fn e2_qingyuan_cap_on_outlay() {
    let world = World::new(shipped("qingyuan-employee"));
    let claim = stay("V1", "H3", "2025-03-01", "2025-03-30").of("310").line("A", "300000").claim();
    let p = world.price(&claim);
    assert_eq!(paid(&p, "basic"), yuan("65000"));
    assert_eq!(payment(&p, "large").base, yuan("227371.43"));
    assert_eq!(paid(&p, "large"), yuan("216002.86"));
    assert_eq!(paid(&p, "illness"), yuan("2056.28"));
    assert_eq!(p.amounts.funds, yuan("283059.14"));
    assert_eq!(p.amounts.person, yuan("16940.86"));

    // what the basic fund would pay without its cap
    let mut uncapped = shipped("qingyuan-employee");
    uncapped.layers[0].caps.clear();
    assert_eq!(paid(&World::new(uncapped).price(&claim), "basic"), yuan("271908"));
}

/// Tiers of critical illness counted from the threshold.
#[test]
fn e3_tiers_after_the_threshold() {
    let world = World::new(shipped("example-illness"));
    let claim = stay("V1", "H3", "2025-03-01", "2025-03-30").line("A", "90000").line("C", "10000").claim();
    let p = world.price(&claim);
    assert_eq!(paid(&p, "basic"), yuan("40000"));
    assert_eq!(p.amounts.total - paid(&p, "basic"), yuan("60000"));
    let tiers: Vec<_> = steps(&p, dingan_core::decision::StepKind::Tier)
        .into_iter()
        .filter(|s| s.layer == "illness")
        .map(|s| s.result)
        .collect();
    assert_eq!(tiers, [yuan("6000"), yuan("4000")]);
    assert_eq!(paid(&p, "illness"), yuan("10000"));
}

/// Three stays of a year: the deductible falls and uses up the lowest tier.
#[test]
fn e4_repeated_stays() {
    let mut world = World::new(shipped("example-resident"));
    for (n, deductible, pays) in [(1, "400", "24680"), (2, "280", "24776"), (3, "200", "24840")] {
        let (begin, end) = (format!("2025-0{n}-01"), format!("2025-0{n}-09"));
        let claim = stay(&format!("V{n}"), "H3", &begin, &end).line("A", "30000").claim();
        let p = world.settle(&claim);
        assert_eq!(p.amounts.deductible, yuan(deductible), "stay {n}");
        assert_eq!(p.amounts.hifp, yuan(pays), "stay {n}");
    }
    // the next year begins anew
    let claim = stay("V4", "H3", "2026-01-05", "2026-01-09").line("A", "30000").claim();
    assert_eq!(world.settle(&claim).amounts.hifp, yuan("24680"));
}

/// 岳阳: advance self-pay and own pay before the deductible.
#[test]
fn e5_yueyang_city_hospital() {
    let world = World::new(shipped("yueyang-resident"));
    // a tenth of the class B item is paid in advance
    let claim =
        stay("V1", "H3", "2025-03-01", "2025-03-30").line("A", "57000").line("B", "10000").line("C", "3000").claim();
    let p = world.price(&claim);
    assert_eq!(p.amounts.total, yuan("70000"));
    assert_eq!(p.amounts.preselfpay, yuan("1000"));
    assert_eq!(p.amounts.ownpay, yuan("3000"));
    assert_eq!(p.amounts.deductible, yuan("1200"));
    assert_eq!(p.amounts.hifp, yuan("42120"));
}

/// 岳阳: the deductibles of a year together are capped.
#[test]
fn e6_yueyang_annual_ceiling() {
    let mut world = World::new(shipped("yueyang-resident"));
    let stays = [("H2", "600"), ("H2", "600"), ("H3", "1100"), ("H3", "0")];
    for (n, (hospital, charged)) in stays.into_iter().enumerate() {
        let (begin, end) = (format!("2025-0{}-01", n + 1), format!("2025-0{}-09", n + 1));
        let claim = stay(&format!("V{n}"), hospital, &begin, &end).line("A", "5000").claim();
        assert_eq!(world.settle(&claim).amounts.deductible, yuan(charged), "stay {n}");
    }
}

/// 丹东: an outpatient deductible of the year, all charged on the first visit.
#[test]
fn e7_dandong_outpatient() {
    let mut world = World::new(shipped("dandong-employee")).person_type("12");
    let first = visit("V1", "H1", "2025-03-01").of("310").line("A", "1000").line("C", "50").claim();
    let p = world.settle(&first);
    assert_eq!(p.amounts.total, yuan("1050"));
    assert_eq!(p.amounts.funds, yuan("455"));
    assert_eq!(p.amounts.person, yuan("595"));

    let next = visit("V2", "H1", "2025-04-01").of("310").line("A", "200").claim();
    let p = world.settle(&next);
    assert_eq!(p.amounts.deductible, yuan("0"));
    assert_eq!(p.amounts.funds, yuan("130"));
}

/// Printed elsewhere as 550: a retired person's bill of 1,000, deductible 200, 55 %.
#[test]
fn a_published_example_that_is_wrong() {
    let world = World::new(policy(
        r#"
        [[layer]]
        id = "outpatient"
        title = "门诊统筹"
        fund = "hifp"
        fund_pay_type = "390102"
        base = "in-scope"
        [[layer.deductible]]
        standard = [{ value = "200" }]
        [[layer.tier]]
        ratio = [{ value = "0.55" }]
        "#,
    ));
    let p = world.price(&visit("V1", "H1", "2025-03-01").line("A", "1000").claim());
    assert_eq!(p.amounts.funds, yuan("440"));
}
