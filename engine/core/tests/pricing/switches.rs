//! Each switch of a policy by itself.

use crate::build::*;
use dingan_core::claim::{AccountUse, Claim};
use dingan_core::decision::StepKind;
use dingan_core::money::Money;
use dingan_core::person::{PastVisit, Relation};
use dingan_core::policy::BenefitPolicy;

/// A policy of one layer for everything: deductible 1,000 and 50 %, changed by what is given. `head` stands
/// before the layer, `inner` inside it.
fn basic(head: &str, inner: &str) -> BenefitPolicy {
    let tier = if inner.contains("layer.tier") { "" } else { "[[layer.tier]]\nratio = [{ value = \"0.5\" }]" };
    policy(&format!(
        r#"
        {head}
        [[layer]]
        id = "basic"
        title = "统筹"
        fund = "hifp"
        fund_pay_type = "390100"
        base = "in-scope"
        {inner}
        {tier}
        "#
    ))
}

const YEARLY: &str = r#"
    [[accumulator]]
    key = "dedc_y"
    feeds = "deductible"
    period = "year"
"#;

const STAYS: &str = r#"
    [[accumulator]]
    key = "stays_y"
    feeds = "stays"
    period = "year"
"#;

const PER_STAY: &str = r#"
    [[accumulator]]
    key = "dedc_s"
    feeds = "deductible"
    period = "stay"
"#;

// --- the turn of the year ----------------------------------------------------------------------------

fn december_to_january() -> Claim {
    stay("V1", "H3", "2025-12-20", "2026-01-10")
        .line_on("2025-12-21", "A", "600")
        .line_on("2025-12-31", "A", "200")
        .line_on("2026-01-05", "A", "3000")
        .claim()
}

/// 800 of the deductible of 1,000 fall due in the old year; the new year's part bears the other 200, or a
/// whole one of its own.
#[test]
fn a_stay_over_the_turn_of_the_year() {
    let cases = [
        // (dates, accumulators, deductible with its accumulator, charged, standard, paid)
        ("split-by-fee-date", false, "", "", "1000", "1000", "1400"),
        ("split-by-fee-date", false, YEARLY, "dedc_y", "1000", "1000", "1400"),
        ("split-by-fee-date", false, PER_STAY, "dedc_s", "1000", "1000", "1400"),
        ("split-by-fee-date", true, "", "", "1800", "2000", "1000"),
        ("split-by-fee-date", true, YEARLY, "dedc_y", "1800", "2000", "1000"),
        ("split-by-fee-date", true, PER_STAY, "dedc_s", "1800", "2000", "1000"),
        ("whole", false, YEARLY, "dedc_y", "1000", "1000", "1400"),
    ];
    for (cross_year, second, accumulators, key, charged, standard, pays) in cases {
        let name = format!("{cross_year}, second {second}, {key}");
        let key = if key.is_empty() { String::new() } else { format!("accumulator = \"{key}\"") };
        let head = format!("[dates]\ncross_year = \"{cross_year}\"\nsecond_deductible = {second}\n{accumulators}");
        let inner = format!("[[layer.deductible]]\n{key}\nstandard = [{{ value = 1000 }}]");
        let world = World::new(basic(&head, &inner));
        let p = world.price(&december_to_january());
        assert_eq!(p.amounts.deductible, yuan(charged), "{name}");
        assert_eq!(p.amounts.deductible_standard, yuan(standard), "{name}");
        assert_eq!(p.amounts.funds, yuan(pays), "{name}");
        assert_eq!(p.policies.len(), if cross_year == "whole" { 1 } else { 2 }, "{name}");
        if accumulators == YEARLY && cross_year != "whole" {
            let entries: Vec<_> = p.entries.iter().map(|e| (e.period.as_str(), e.amount)).collect();
            let new = yuan(charged) - yuan("800");
            assert_eq!(entries, [("2025", yuan("800")), ("2026", new)], "{name}");
        }
    }
}

/// Two layers with a deductible each: what the first was charged in the old year is not the second's.
#[test]
fn each_layer_goes_on_with_its_own_deductible() {
    let inner = r#"
        [[layer.deductible]]
        standard = [{ value = 1000 }]
        [[layer.tier]]
        ratio = [{ value = "0.5" }]
        [[layer]]
        id = "aid"
        title = "救助"
        fund = "maf"
        fund_pay_type = "610100"
        base = "residual"
        [[layer.deductible]]
        standard = [{ value = 900 }]
        [[layer.tier]]
        ratio = [{ value = "0.5" }]
    "#;
    let p = World::new(basic("[dates]\ncross_year = \"split-by-fee-date\"", inner)).price(&december_to_january());
    // old year: 800 and 800; new year: 200 and 100 of what is left of 3,000
    let charged: Vec<_> = steps(&p, StepKind::Deductible).iter().map(|s| s.result).collect();
    assert_eq!(charged, ["800", "800", "200", "100"].map(yuan));
}

/// Each year's part is priced with the policy of its year.
#[test]
fn each_part_has_the_policy_of_its_year() {
    let split = "[dates]\ncross_year = \"split-by-fee-date\"";
    let mut old = basic(split, "");
    old.effective_to = Some(day("2025-12-31"));
    let mut new = basic(split, "[[layer.tier]]\nratio = [{ value = \"0.8\" }]");
    new.effective_from = day("2026-01-01");
    new.version = "2".to_owned();
    let p = World::with_policies(vec![old, new]).price(&december_to_january());
    assert_eq!(p.amounts.funds, yuan("400") + yuan("2400"));
    assert_eq!(p.policies.iter().map(|p| p.version.as_str()).collect::<Vec<_>>(), ["1", "2"]);
}

/// A refund in the new year takes from the part its original is in; else the old part would pay for what
/// was given back and the person's share fall below zero.
#[test]
fn a_refund_over_the_turn_of_the_year_stays_with_its_original() {
    let world = World::new(basic("[dates]\ncross_year = \"split-by-fee-date\"", ""));
    let claim = stay("V1", "H3", "2025-12-20", "2026-01-10")
        .entry("1", "2025-12-21", "A", "1000", "1")
        .refund("2", "2026-01-02", "1", "1")
        .entry("3", "2026-01-03", "A", "100", "1")
        .claim();
    let p = world.price(&claim);
    assert_eq!(p.amounts.total, yuan("100"));
    assert_eq!(p.amounts.funds, yuan("50"));
    assert_eq!(p.amounts.person, yuan("50"));
}

/// The policy is at odds with itself, which `policy check` says (`a_cap_of_the_stay_wants_tiers_of_the_stay`); the
/// engine does what it says. Where a stay is split at the turn of the year, a dearer line may cost the fund less: it uses up the stay's
/// cap on scope in the old year's lowest tier, and the new year's part reaches less far into the higher one.
#[test]
fn a_cap_on_scope_over_the_turn_of_the_year() {
    let head = r#"
        [dates]
        cross_year = "split-by-fee-date"
        [[accumulator]]
        key = "scope_s"
        feeds = "scope"
        period = "stay"
    "#;
    let inner = r#"
        [[layer.tier]]
        to = "5000"
        ratio = [{ value = "0.4" }]
        [[layer.tier]]
        ratio = [{ value = "0.9" }]
        [[layer.cap]]
        on = "scope"
        accumulator = "scope_s"
        value = [{ value = 10000 }]
    "#;
    for (old_year, funds) in [("1000", "6000"), ("2000", "5500")] {
        let claim = stay("V1", "H3", "2025-12-20", "2026-01-10")
            .line_on("2025-12-21", "A", old_year)
            .line_on("2026-01-05", "A", "20000")
            .claim();
        assert_eq!(World::new(basic(head, inner)).price(&claim).amounts.funds, yuan(funds), "{old_year}");
    }
}

#[test]
fn a_forced_mid_stay_settlement() {
    let head = format!("[dates]\ncross_year = \"forced-mid-stay\"\n{PER_STAY}");
    let inner = "[[layer.deductible]]\naccumulator = \"dedc_s\"\nstandard = [{ value = 1000 }]";
    let mut world = World::new(basic(&head, inner));
    assert_eq!(world.facts(&december_to_january()).unwrap_err().code(), "YEAR_NOT_SETTLED");

    let old = stay("V1", "H3", "2025-12-20", "2026-01-10")
        .entry("1", "2025-12-21", "A", "800", "1")
        .mid_stay("2025-12-31")
        .claim();
    let new = stay("V1", "H3", "2025-12-20", "2026-01-10").entry("2", "2026-01-05", "A", "3000", "1").claim();
    assert_eq!(world.settle(&old).amounts.deductible, yuan("800"));
    assert_eq!(world.settle(&new).amounts.deductible, yuan("200"));
}

// --- what is taken out first -------------------------------------------------------------------------

/// An accident of which a third party bears 30 %: of 10,000 in scope, 3,000 are not the fund's.
#[test]
fn a_third_party_bears_its_share() {
    let world = World::new(basic("", "[[layer.deductible]]\nstandard = [{ value = 1000 }]"));
    let mut claim = stay("V1", "H3", "2025-03-01", "2025-03-09").line("A", "10000").line("C", "500").claim();
    claim.visit.third_party_share = rate("0.3");
    let p = world.price(&claim);
    assert_eq!(steps(&p, StepKind::ThirdParty)[0].result, yuan("3000"));
    assert_eq!(p.amounts.funds, yuan("3000"));
    assert_eq!(p.amounts.person, yuan("7500"));
}

const QUOTA: &str = r#"
    [[quota]]
    title = "平产定额"
    fund = "hifp"
    fund_pay_type = "510100"
    amount = [{ value = 3000 }]
    excess_borne_by = "BEARER"
    [account]
    pays = ["in-scope"]
"#;

/// A birth by quota: the excess is the hospital's or the person's; layers do not act.
#[test]
fn a_quota_and_who_bears_the_excess() {
    // (bearer, in scope, paid, hospital, person, from the account)
    let cases = [
        ("hospital", "4000", "3000", "1000", "500", "0"),
        ("person", "4000", "3000", "0", "1500", "1000"),
        ("hospital", "2000", "2000", "0", "500", "0"),
    ];
    for (bearer, in_scope, pays, hospital, person, account) in cases {
        let mut world = World::new(basic(&QUOTA.replace("BEARER", bearer), ""));
        world.file.balances.own = yuan("9999");
        let claim = stay("V1", "H3", "2025-03-01", "2025-03-09")
            .line("A", in_scope)
            .line("C", "500")
            .by_quota()
            .account(AccountUse::Own)
            .claim();
        let p = world.price(&claim);
        let a = p.amounts;
        let got = [a.funds, a.hospital, a.person, a.account];
        assert_eq!(got, [yuan(pays), yuan(hospital), yuan(person), yuan(account)], "{bearer}, {in_scope}");
    }
    // not asked for: the layers pay
    let world = World::new(basic(&QUOTA.replace("BEARER", "hospital"), ""));
    let claim = stay("V1", "H3", "2025-03-01", "2025-03-09").line("A", "4000").claim();
    assert_eq!(world.price(&claim).amounts.funds, yuan("2000"));
}

/// One case, one quota, also where the stay is split at the turn of the year.
#[test]
fn a_quota_is_paid_once() {
    let head = format!("[dates]\ncross_year = \"split-by-fee-date\"\n{}", QUOTA.replace("BEARER", "hospital"));
    let mut claim = december_to_january();
    claim.request.by_quota = true;
    let p = World::new(basic(&head, "")).price(&claim);
    assert_eq!(p.amounts.funds, yuan("3000"));
    assert_eq!(p.amounts.hospital, yuan("800"));
}

// --- deductibles -------------------------------------------------------------------------------------

/// A long stay bears the deductible again for every 90 days begun.
#[test]
fn a_deductible_charged_again_every_90_days() {
    let inner = "[[layer.deductible]]\naccumulator = \"dedc_s\"\nrecharge_days = 90\nstandard = [{ value = 400 }]";
    for (end, nights, charged) in [
        ("2025-01-01", 0, "400"),
        ("2025-04-01", 90, "400"),
        ("2025-04-02", 91, "800"),
        ("2025-06-30", 180, "800"),
        ("2025-07-01", 181, "1200"),
    ] {
        let world = World::new(basic(PER_STAY, inner));
        let claim = stay("V1", "H3", "2025-01-01", end).line("A", "10000").claim();
        assert_eq!(world.price(&claim).amounts.deductible, yuan(charged), "{nights} nights");
    }

    // the same stay settled in two parts bears no more
    let mut world = World::new(basic(PER_STAY, inner));
    let part = |no: &str| stay("V1", "H3", "2025-01-01", "2025-04-02").entry(no, "2025-02-01", "A", "10000", "1");
    assert_eq!(world.settle(&part("1").mid_stay("2025-03-01").claim()).amounts.deductible, yuan("400"));
    assert_eq!(world.settle(&part("2").claim()).amounts.deductible, yuan("400"));
}

/// Where the new year bears a deductible of its own, the nights of each year count by themselves.
#[test]
fn recharging_counts_the_nights_of_each_year() {
    // 50 nights to 31 December; 30 or 60 from 1 January on
    for (end, second, charged) in [
        ("2026-01-31", false, "400"),
        ("2026-01-31", true, "800"),
        ("2026-03-02", false, "800"),
        ("2026-03-02", true, "800"),
    ] {
        let head = format!("[dates]\ncross_year = \"split-by-fee-date\"\nsecond_deductible = {second}");
        let inner = "[[layer.deductible]]\nrecharge_days = 90\nstandard = [{ value = 400 }]";
        let claim = stay("V1", "H3", "2025-11-11", end)
            .line_on("2025-12-01", "A", "10000")
            .line_on("2026-01-20", "A", "10000")
            .claim();
        assert_eq!(World::new(basic(&head, inner)).price(&claim).amounts.deductible, yuan(charged), "{end} {second}");
    }
}

#[test]
fn repeated_stays_bear_less() {
    // (how, by level 3 and level 1 standards of 1,000 and 250, charged on stays 1 to 4)
    let cases = [
        ("factors = [\"1\", \"0.5\", \"0\"]", "", "H3", ["1000", "500", "0", "0"]),
        ("factors = [\"1\", \"0.5\", \"0\"]", "300", "H3", ["1000", "500", "300", "300"]),
        ("minus = \"100\"", "", "H3", ["1000", "900", "800", "700"]),
        ("minus = \"400\"", "300", "H3", ["1000", "600", "300", "300"]),
        ("minus = \"400\"", "", "H3", ["1000", "600", "200", "0"]),
        // 1000, 333.33, 111.11, 37.04: rounded each time
        ("compound = \"0.33333\"", "", "H3", ["1000", "333.33", "111.11", "37.04"]),
        ("compound = \"0.5\"", "200", "H3", ["1000", "500", "250", "200"]),
        // the floor lies above the standard: it does not raise it
        ("compound = \"0.5\"", "300", "H1", ["250", "250", "250", "250"]),
    ];
    for (how, floor, hospital, charged) in cases {
        let floor = if floor.is_empty() { String::new() } else { format!(", floor = [{{ value = \"{floor}\" }}]") };
        let inner = format!(
            r#"
            [[layer.deductible]]
            standard = [{{ value = 250, when = {{ level = ["1"] }} }}, {{ value = 1000 }}]
            repeat = {{ accumulator = "stays_y", {how}{floor} }}
            "#
        );
        let mut world = World::new(basic(STAYS, &inner));
        let got: Vec<Money> = (1..=4)
            .map(|n| {
                let (begin, end) = (format!("2025-0{n}-01"), format!("2025-0{n}-05"));
                let claim = stay(&format!("V{n}"), hospital, &begin, &end).line("A", "5000").claim();
                world.settle(&claim).amounts.deductible
            })
            .collect();
        assert_eq!(got, charged.map(yuan), "{how}, {hospital}");
    }
}

/// A stay settled in parts counts once, and its own count does not reduce its deductible.
#[test]
fn a_stay_in_parts_is_one_stay() {
    let inner = r#"
        [[layer.deductible]]
        accumulator = "dedc_s"
        standard = [{ value = 1000 }]
        repeat = { accumulator = "stays_y", factors = ["1", "0.5"] }
    "#;
    let mut world = World::new(basic(&format!("{STAYS}{PER_STAY}"), inner));
    let part =
        |no: &str, amount: &str| stay("V1", "H3", "2025-03-01", "2025-03-20").entry(no, "2025-03-02", "A", amount, "1");
    assert_eq!(world.settle(&part("1", "600").mid_stay("2025-03-10").claim()).amounts.deductible, yuan("600"));
    assert_eq!(world.settle(&part("2", "5000").claim()).amounts.deductible, yuan("400"));
    assert_eq!(world.held("stays_y"), yuan("1"));
    let next = stay("V2", "H3", "2025-06-01", "2025-06-20").line("A", "5000").claim();
    assert_eq!(world.settle(&next).amounts.deductible, yuan("500"));
}

/// Referred upwards the difference is charged, downwards nothing.
#[test]
fn a_referral_counts_what_was_charged() {
    let inner = r#"
        [[layer.deductible]]
        referral = "counts"
        standard = [{ value = 300, when = { level = ["1"] } }, { value = 800 }]
    "#;
    for (to, before, charged) in [("H3", "300", "500"), ("H1", "800", "0")] {
        let mut world = World::new(basic("", inner));
        world.file.visits.push(PastVisit {
            id: "V0".into(),
            institution: "H2".into(),
            med_type: "21".into(),
            begin: morning("2025-02-20"),
            end: Some(morning("2025-03-01")),
            diagnoses: Vec::new(),
            discharge_way: "2".to_owned(),
            deductible: yuan(before),
            settled: true,
        });
        let mut claim = stay("V1", to, "2025-03-01", "2025-03-09").line("A", "5000").claim();
        claim.visit.referred_from = Some("V0".into());
        assert_eq!(world.price(&claim).amounts.deductible, yuan(charged), "to {to}");
    }
}

// --- ratios ------------------------------------------------------------------------------------------

#[test]
fn adjustments_together() {
    let minus_10 = "[[layer.adjust]]\npoints = \"-0.10\"\nsource = \"s\"";
    let minus_20 = "[[layer.adjust]]\npoints = \"-0.20\"\nsource = \"s\"";
    let plus_5 = "[[layer.adjust]]\npoints = \"0.05\"\nsource = \"s\"";
    let plus_8 = "[[layer.adjust]]\npoints = \"0.08\"\nsource = \"s\"";
    let half = "[[layer.adjust]]\ntimes = \"0.5\"\nsource = \"s\"";
    let cases: [(&str, &[&str], &str); 10] = [
        ("add", &[minus_10, minus_20], "0.5"),
        ("largest", &[minus_10, minus_20], "0.6"),
        ("sequential", &[minus_10, minus_20], "0.5"),
        // all points first, whatever stands first
        ("add", &[half, minus_10], "0.35"),
        ("sequential", &[half, minus_10], "0.3"),
        ("sequential", &[minus_10, half], "0.35"),
        // one that lowers wins over any that raise; else the highest
        ("largest", &[plus_5, minus_10, plus_8], "0.7"),
        ("largest", &[plus_5, plus_8], "0.88"),
        // held within 0 and max_ratio
        ("add", &[minus_20, minus_20, minus_20, minus_20, minus_20], "0"),
        ("add", &[plus_8, plus_8], "0.95"),
    ];
    for (stacking, adjusts, ratio) in cases {
        let inner = format!(
            "stacking = \"{stacking}\"\nmax_ratio = \"0.95\"\n[[layer.tier]]\nratio = [{{ value = \"0.8\" }}]\n{}",
            adjusts.join("\n")
        );
        let p = World::new(basic("", &inner))
            .price(&stay("V1", "H3", "2025-03-01", "2025-03-09").line("A", "1000").claim());
        assert_eq!(p.amounts.funds, yuan("1000").times(rate(ratio)), "{stacking} {adjusts:?}");
    }
}

/// Points for every year of age, and for every missing year of contribution.
#[test]
fn points_by_count() {
    let inner = r#"
        [[layer.tier]]
        ratio = [{ value = "0.75" }]
        [[layer.adjust]]
        points = "0.002"
        per = "year-of-age"
        source = "s"
        [[layer.adjust]]
        points = "-0.03"
        per = "missing-contribution-year"
        required_years = [{ value = 30, when = { sex = "male" } }, { value = 25 }]
        source = "s"
    "#;
    // 64 on the day before the birthday, 65 on it
    for (on, years, ratio) in [
        ("2025-06-14", None, "0.878"),
        ("2025-06-15", None, "0.88"),
        ("2025-06-15", Some(28), "0.82"),
        ("2025-06-15", Some(35), "0.88"),
    ] {
        let mut world = World::new(basic("", inner));
        world.relation().contribution_years = years;
        let p = world.price(&stay("V1", "H3", on, "2025-07-01").line("A", "1000").claim());
        assert_eq!(p.amounts.funds, yuan("1000").times(rate(ratio)), "{on}, {years:?}");
    }
}

/// The waiting period ends with the sixth full month.
#[test]
fn a_waiting_period() {
    let inner = "[[layer.adjust]]\ntimes = \"0.3\"\nwhen = { insured_months_below = 6 }\nsource = \"s\"";
    for (on, pays) in [("2025-03-10", "150"), ("2025-07-09", "150"), ("2025-07-10", "500")] {
        let mut world = World::new(basic("", inner));
        let r: &mut Relation = world.relation();
        r.begin = day("2025-01-10");
        let p = world.price(&visit("V1", "H3", on).line("A", "1000").claim());
        assert_eq!(p.amounts.funds, yuan(pays), "{on}");
    }
}

/// Two layers on what is left and the advance self-pay: what the first paid of both, the second has no more.
#[test]
fn layers_do_not_pay_a_part_twice() {
    let residual = |id: &str, ratio: &str| {
        format!(
            r#"
            [[layer]]
            id = "{id}"
            title = "{id}"
            fund = "maf"
            fund_pay_type = "610100"
            base = "residual"
            base_add = ["preselfpay"]
            [[layer.tier]]
            ratio = [{{ value = "{ratio}" }}]
            "#
        )
    };
    let inner =
        format!("[[layer.tier]]\nratio = [{{ value = \"0.5\" }}]\n{}{}", residual("aid", "0.9"), residual("tilt", "1"));
    // 900 in scope, 100 in advance, 1,000 own pay: 450; 90 % of 550; the last 55; own pay is nobody's
    let p = World::new(basic("", &inner))
        .price(&visit("V1", "H1", "2025-03-01").line("B", "1000").line("C", "1000").claim());
    assert_eq!([paid(&p, "basic"), paid(&p, "aid"), paid(&p, "tilt")], ["450", "495", "55"].map(yuan));
    assert_eq!(p.amounts.person, yuan("1000"));
}

// --- caps --------------------------------------------------------------------------------------------

const OVER_CAP: &str = r#"
    [[layer]]
    id = "large"
    title = "大额"
    fund = "hifob"
    fund_pay_type = "330100"
    base = "over-cap"
    [[layer.tier]]
    ratio = [{ value = "1" }]
"#;

/// 10,000 in scope at 80 %: the same number caps the scope that enters, or what the fund pays.
#[test]
fn a_cap_on_scope_and_a_cap_on_outlay() {
    // (on, value, fed by, paid over two stays, above the cap over two stays)
    let cases = [
        ("scope", "6000", "scope", ["4800", "0"], ["4000", "10000"]),
        ("scope", "15000", "scope", ["8000", "4000"], ["0", "5000"]),
        ("outlay", "6000", "outlay", ["6000", "0"], ["2500", "10000"]),
        ("outlay", "12000", "outlay", ["8000", "4000"], ["0", "5000"]),
    ];
    for (on, value, fed, pays, above) in cases {
        let head =
            format!("[[accumulator]]\nkey = \"used_y\"\nfeeds = \"{fed}\"\nlayers = [\"basic\"]\nperiod = \"year\"");
        let inner = format!(
            "[[layer.tier]]\nratio = [{{ value = \"0.8\" }}]\n\
             [[layer.cap]]\non = \"{on}\"\naccumulator = \"used_y\"\nvalue = [{{ value = \"{value}\" }}]\n{OVER_CAP}"
        );
        let mut world = World::new(basic(&head, &inner));
        for n in 0..2 {
            let (begin, end) = (format!("2025-0{}-01", n + 1), format!("2025-0{}-05", n + 1));
            let p = world.settle(&stay(&format!("V{n}"), "H3", &begin, &end).line("A", "10000").claim());
            assert_eq!(paid(&p, "basic"), yuan(pays[n]), "{on} {value}, stay {n}");
            assert_eq!(paid(&p, "large"), yuan(above[n]), "{on} {value}, stay {n}");
        }
    }
}

/// A chronic disease has its own cap each month.
#[test]
fn a_cap_for_each_disease_and_month() {
    let head = r#"
        [[accumulator]]
        key = "chr_m"
        feeds = "outlay"
        period = "month"
        per_disease = true
    "#;
    let inner = "[[layer.cap]]\non = \"outlay\"\naccumulator = \"chr_m\"\nvalue = [{ value = 300 }]";
    let mut world = World::new(basic(head, inner));
    let visits = [
        ("2025-03-01", "M03900", "300"),
        ("2025-03-31", "M03900", "0"),
        ("2025-03-31", "M01600", "300"),
        ("2025-04-01", "M03900", "300"),
    ];
    for (n, (on, disease, pays)) in visits.into_iter().enumerate() {
        let bill = visit(&format!("V{n}"), "H1", on).med_type("14").disease(disease).line("A", "1000");
        assert_eq!(world.settle(&bill.claim()).amounts.funds, yuan(pays), "{on} {disease}");
    }
}

/// Both kinds at once: each is named with what it cut off.
#[test]
fn each_cap_says_what_it_cut_off() {
    let inner = r#"
        [[layer.tier]]
        ratio = [{ value = "0.8" }]
        [[layer.cap]]
        on = "scope"
        value = [{ value = 9000 }]
        [[layer.cap]]
        on = "outlay"
        value = [{ value = 6000 }]
    "#;
    let p =
        World::new(basic("", inner)).price(&stay("V1", "H3", "2025-03-01", "2025-03-09").line("A", "10000").claim());
    let cuts: Vec<_> = steps(&p, StepKind::Cap).into_iter().map(|s| (s.figure.as_str(), s.result)).collect();
    assert_eq!(cuts, [("layer.basic.cap.0.value.0", yuan("1000")), ("layer.basic.cap.1.value.0", yuan("1500"))]);
}

/// What lies above the last tier, or in a tier without a ratio, is not above a cap that was never reached.
#[test]
fn only_a_cap_that_is_reached_cuts_off() {
    let inner = format!(
        r#"
        [[layer.tier]]
        to = "1000"
        ratio = [{{ value = "0.9", when = {{ level = ["1"] }} }}]
        [[layer.tier]]
        to = "4000"
        ratio = [{{ value = "0.5" }}]
        [[layer.cap]]
        on = "outlay"
        value = [{{ value = 5000 }}]
        {OVER_CAP}"#
    );
    let p =
        World::new(basic("", &inner)).price(&stay("V1", "H3", "2025-03-01", "2025-03-09").line("A", "9000").claim());
    assert_eq!(paid(&p, "basic"), yuan("1500"));
    assert_eq!(paid(&p, "large"), yuan("0"));
    assert!(steps(&p, StepKind::Cap).is_empty());
}

// --- floor and accounts ------------------------------------------------------------------------------

#[test]
fn the_funds_pay_at_least_the_floor() {
    for (of_total, deductible, funds) in [(false, "4000", "1350"), (true, "4000", "1800"), (false, "0", "1500")] {
        let head = format!(
            r#"
            [[accumulator]]
            key = "floor_y"
            feeds = "outlay"
            layers = ["floor"]
            period = "year"
            [floor]
            ratio = [{{ value = "0.45" }}]
            of_total = {of_total}
            fund = "hifp"
            fund_pay_type = "390100"
            "#
        );
        let inner = format!("[[layer.deductible]]\nstandard = [{{ value = \"{deductible}\" }}]");
        let mut world = World::new(basic(&head, &inner));
        let p = world.settle(&stay("V1", "H3", "2025-03-01", "2025-03-09").line("A", "3000").line("C", "1000").claim());
        assert_eq!(p.amounts.funds, yuan(funds), "{of_total} {deductible}");
        assert_eq!(steps(&p, StepKind::Floor).len(), usize::from(deductible != "0"));
        assert_eq!(world.held("floor_y"), paid(&p, "floor"));
    }
}

#[test]
fn accounts_pay_what_they_may() {
    // 1,000 in scope (half unpaid), 10 advance, 200 own pay; 300 in the own and 400 in the family account
    let cases = [
        ("[\"in-scope\"]", "own", false, "300", "0"),
        ("[\"in-scope\"]", "family", false, "300", "200"),
        ("[\"in-scope\"]", "family", true, "100", "400"),
        ("[\"preselfpay\"]", "own", false, "10", "0"),
        ("[\"in-scope\", \"preselfpay\", \"ownpay\"]", "family", false, "300", "400"),
        ("[]", "family", false, "0", "0"),
        ("[\"in-scope\"]", "none", false, "0", "0"),
    ];
    for (pays, using, family_first, own, family) in cases {
        let head = format!("[account]\npays = {pays}\nfamily_first = {family_first}");
        let mut world = World::new(basic(&head, ""));
        world.file.balances.own = yuan("300");
        world.file.balances.family = yuan("400");
        let using = match using {
            "own" => AccountUse::Own,
            "family" => AccountUse::Family,
            _ => AccountUse::None,
        };
        let claim = visit("V1", "H3", "2025-03-01").line("A", "910").line("B", "100").line("C", "200").account(using);
        let a = world.price(&claim.claim()).amounts;
        assert_eq!((a.account - a.family_account, a.family_account), (yuan(own), yuan(family)), "{pays} {using:?}");
        assert_eq!(a.balance, yuan("300") - yuan(own));
    }
}
