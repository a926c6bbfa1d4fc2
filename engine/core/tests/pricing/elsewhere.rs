//! Care in another pool: what is cleared between pools, and what counts as filed.

use crate::build::*;
use dingan_core::claim::AccountUse;
use dingan_core::ledger::{Posting, balances, deduction, postings, reversed};
use dingan_core::money::Money;
use dingan_core::person::Filing;
use dingan_core::policy::{BenefitPolicy, check};
use dingan_core::pricing::price;

/// 80 %, twenty points less elsewhere without a referral; accounts pay what is in scope.
fn elsewhere(head: &str) -> BenefitPolicy {
    policy(&format!(
        r#"
        {head}
        [[layer]]
        id = "basic"
        title = "统筹"
        fund = "hifp"
        fund_pay_type = "390100"
        base = "in-scope"
        [[layer.tier]]
        ratio = [{{ value = "0.8" }}]
        [[layer.adjust]]
        points = "-0.2"
        unverified = "test"
        when = {{ place = ["province", "remote"], not_filed = ["06", "07"] }}
        [account]
        pays = ["in-scope"]
        "#
    ))
}

fn posted(world: &World, hospital: &str) -> Vec<Posting> {
    let claim = stay("V1", hospital, "2025-03-01", "2025-03-09").line("A", "1000").account(AccountUse::Own).claim();
    let facts = world.facts(&claim).unwrap();
    postings(&facts, &price(&facts))
}

/// Every account that begins so.
fn on(postings: &[Posting], account: &str) -> Money {
    postings.iter().filter(|p| p.account.starts_with(account)).map(|p| p.amount).sum()
}

/// Funds and accounts are owed to the pool of care, a deduction is credited, a reversal takes everything back.
#[test]
fn care_elsewhere_is_cleared() {
    let mut world = World::new(elsewhere(""));
    world.file.balances.own = yuan("150");
    let home = world.file.person.relations[0].division.to_string();
    assert!(posted(&world, "H3").iter().all(|p| !p.account.starts_with("clearing/")));

    let settled = posted(&world, "R3");
    let (owes, gets) = (format!("clearing/{home}/110000"), format!("clearing/110000/{home}"));
    // 1,000 × 0.6 of the fund and 150 of the account
    assert_eq!((on(&settled, &owes), on(&settled, &gets)), (yuan("-750"), yuan("750")));
    assert_eq!(on(&settled, &format!("fund/390100/{home}")), yuan("600"));
    assert!(balances(&settled) && balances(&reversed(&settled)));

    for amount in ["0", "0.01", "599.99", "600"] {
        let back = deduction(&settled, yuan(amount)).unwrap();
        assert!(balances(&back), "{amount}");
        assert_eq!(on(&back, "institution/"), yuan(amount));
        assert_eq!(on(&back, &owes), yuan(amount), "the insured's pool owes less");
        assert_eq!(on(&back, "fund/"), -yuan(amount));
    }
    assert_eq!(deduction(&settled, yuan("600.01")), None);
    assert_eq!(deduction(&settled, yuan("-1")), None);
    // at home nothing is cleared
    let back = deduction(&posted(&world, "H3"), yuan("100")).unwrap();
    assert!(balances(&back) && on(&back, "clearing/").is_zero());
}

/// Where a correction had another pool pay, a deduction is credited all the way: every pool's books balance.
#[test]
fn a_deduction_is_credited_to_each_pool_on_the_way() {
    let post = |account: &str, amount: &str| Posting { account: account.to_owned(), amount: yuan(amount) };
    let books = |all: &[Posting], pool: &str| -> Money {
        let of = |a: &str| {
            a.starts_with(&format!("clearing/{pool}/"))
                || (a.starts_with("fund/") && a.ends_with(pool))
                || (pool == "110000" && a.starts_with("institution/"))
        };
        all.iter().filter(|p| of(&p.account)).map(|p| p.amount).sum()
    };
    let settled = [post("fund/390100/460000", "600"), post("institution/R3", "-600")];
    let owed = [post("clearing/460000/110000", "-600"), post("clearing/110000/460000", "600")];
    // from 460000 to 440100, which pays 460000 back; or to the pool of care itself
    for pays in ["440100", "110000"] {
        let fund = format!("fund/390100/{pays}");
        let (owes, gets) = (format!("clearing/{pays}/460000"), format!("clearing/460000/{pays}"));
        let moved = [post("fund/390100/460000", "-600"), post(&fund, "600"), post(&owes, "-600"), post(&gets, "600")];
        let mut all: Vec<Posting> = settled.iter().chain(&owed).chain(&moved).cloned().collect();
        let back = dingan_core::correction::deduct(&"S1".into(), &all, yuan("500")).unwrap().postings;
        assert_eq!((on(&back, &fund), on(&back, "institution/")), (yuan("-500"), yuan("500")));
        all.extend(back);
        for pool in ["460000", "440100", "110000"] {
            assert_eq!(books(&all, pool), Money::ZERO, "the books of {pool} where {pays} pays");
        }
    }
}

/// A filing counts by place, disease, insurance and, where the policy asks, the day it was made.
#[test]
fn what_counts_as_filed() {
    let referral = || Filing { kind: "06".to_owned(), begin: day("2025-03-01"), ..Filing::default() };
    let funds = |head: &str, filing: Filing| {
        let mut world = World::new(elsewhere(head));
        world.file.person.filings.push(filing);
        world.price(&stay("V1", "R3", "2025-03-01", "2025-03-09").line("A", "1000").claim()).amounts.funds
    };
    let (filed, unfiled) = (yuan("800"), yuan("600"));
    assert_eq!(funds("", referral()), filed);
    for (area, want) in [("110000", filed), ("110100", unfiled), ("440000", unfiled), ("", filed)] {
        assert_eq!(funds("", Filing { area: area.into(), ..referral() }), want, "{area}");
    }
    assert_eq!(funds("", Filing { insurance: "310".into(), ..referral() }), unfiled);
    assert_eq!(funds("", Filing { disease: "M01".into(), ..referral() }), unfiled);
    assert_eq!(funds("", Filing { end: Some(day("2025-02-28")), ..referral() }), unfiled);
    let other = Filing { institution: "R4".into(), ..referral() };
    assert_eq!(funds("", other.clone()), filed);
    assert_eq!(funds("[dates]\nfiling_place = \"institution\"", other), unfiled);
    let late = Filing { made: Some(day("2025-03-09")), ..referral() };
    for (head, want) in [("", filed), ("filing_by = \"start\"", unfiled), ("filing_by = \"end\"", filed)] {
        assert_eq!(funds(&format!("[dates]\n{head}"), late.clone()), want, "{head}");
    }
    // an emergency needs none
    let world = World::new(elsewhere(""));
    let claim = stay("V1", "R3", "2025-03-01", "2025-03-09").med_type("24").line("A", "1000").claim();
    assert_eq!(world.price(&claim).amounts.funds, filed);
}

/// A cap over the stay with tiers that begin anew in each year's part is said to be at odds.
#[test]
fn a_cap_of_the_stay_wants_tiers_of_the_stay() {
    let with = |more: &str| {
        policy(&format!(
            r#"
            [dates]
            cross_year = "split-by-fee-date"
            [[accumulator]]
            key = "scope_s"
            feeds = "scope"
            period = "stay"
            [[accumulator]]
            key = "base_s"
            feeds = "base"
            layers = ["basic"]
            period = "stay"
            [[layer]]
            id = "basic"
            title = "统筹"
            fund = "hifp"
            fund_pay_type = "390100"
            base = "in-scope"
            {more}
            [[layer.tier]]
            to = "5000"
            ratio = [{{ value = "0.4" }}]
            [[layer.tier]]
            ratio = [{{ value = "0.9" }}]
            [[layer.cap]]
            on = "scope"
            accumulator = "scope_s"
            value = [{{ value = 10000 }}]
            "#
        ))
    };
    let warned = |p: &BenefitPolicy| check(p).iter().any(|x| x.warning && x.path == "layer.0.cap.0.accumulator");
    assert!(warned(&with("")));
    assert!(!warned(&with("tiers_accumulator = \"base_s\"")));
    // and then a dearer line of the old year does not make the fund pay less
    let world = World::new(with("tiers_accumulator = \"base_s\""));
    let funds = |old: &str| {
        let bill = stay("V1", "H3", "2025-12-20", "2026-01-10").line_on("2025-12-21", "A", old);
        world.price(&bill.line_on("2026-01-05", "A", "20000").claim()).amounts.funds
    };
    assert!(funds("1000") <= funds("2000"));
}
