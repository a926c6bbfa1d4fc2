//! What holds of every policy and claim.

use crate::build::*;
use crate::generate::*;
use dingan_core::claim::Claim;
use dingan_core::decision::{Amounts, LineSplit, StepKind};
use dingan_core::money::{Money, Price};
use dingan_core::policy::{BenefitPolicy, CrossYear, check};
use dingan_core::rebuild::{YearEvent, rebuild_year};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Own pay, above limit, advance self-pay, in scope, amount.
fn parts<'l>(lines: impl IntoIterator<Item = &'l LineSplit>) -> [Money; 5] {
    lines.into_iter().fold([Money::ZERO; 5], |sum, l| {
        let own = [l.ownpay, l.overlimit, l.preselfpay, l.in_scope, l.amount];
        std::array::from_fn(|i| sum[i] + own[i])
    })
}

/// A bill over three weeks of March with these entries.
fn bill_of(entries: &[Entry]) -> Bill {
    entries.iter().enumerate().fold(stay("V1", "H3", "2025-03-01", "2025-04-05"), |b, (n, e)| add(b, n, e))
}

/// The amounts up to the person's share: what was drawn from accounts stays drawn.
fn without_accounts(a: &Amounts) -> Amounts {
    let zero = Money::ZERO;
    Amounts { account: zero, family_account: zero, cash: zero, balance: zero, ..*a }
}

/// Policies that count a stay in one year. Over two years the property does not hold, whatever the engine does: the
/// old year's part uses up what both parts share (a cap of the stay, the lower tiers of an axis of the stay) at a
/// ratio of its own. See `a_cap_on_scope_over_the_turn_of_the_year`; the plain case `policy check` warns of.
fn within_one_year() -> impl Strategy<Value = BenefitPolicy> {
    policies().prop_map(|mut policy| {
        policy.dates.cross_year = CrossYear::Whole;
        policy
    })
}

/// The properties would say little if the generated policies seldom did anything.
#[test]
fn generated_claims_reach_every_step() {
    let mut runner = TestRunner::deterministic();
    let strategy = (policy_worlds(), claims());
    let mut seen = std::collections::HashMap::new();
    for _ in 0..300 {
        let (world, claim) = strategy.new_tree(&mut runner).unwrap().current();
        for step in world.price(&claim).steps {
            if !step.result.is_zero() {
                *seen.entry(format!("{:?}", step.kind)).or_insert(0) += 1;
            }
        }
    }
    for kind in [
        "LineSplit",
        "ExtraSelfPay",
        "ThirdParty",
        "Base",
        "Deductible",
        "Threshold",
        "Tier",
        "Cap",
        "Floor",
        "Layer",
        "Account",
        "Cash",
        "Hospital",
    ] {
        assert!(seen.get(kind).is_some_and(|n| *n >= 20), "{kind}: {seen:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Generated policies are policies: what the properties below say is said of what can be shipped.
    #[test]
    fn generated_policies_pass_the_check(policy in policies()) {
        let errors: Vec<_> = check(&policy).into_iter().filter(|p| !p.warning).collect();
        prop_assert!(errors.is_empty(), "{:?}", errors);
    }

    /// Identities, lines and payments (see `assert_adds_up`), and nobody pays less than nothing.
    #[test]
    fn shares_add_up(world in policy_worlds(), claim in claims()) {
        let p = world.price(&claim);
        let a = &p.amounts;
        for share in [a.funds, a.person, a.hospital, a.account, a.cash, a.deductible, a.balance] {
            prop_assert!(!share.is_negative(), "{:#?}", a);
        }
        prop_assert!(p.payments.iter().all(|p| !p.amount.is_negative()));
        prop_assert!(a.deductible <= a.in_scope);
        for p in &p.payments {
            prop_assert!(p.fund.is_none() || p.limit.is_none_or(|limit| p.amount <= limit.max(p.base)));
        }
    }

    #[test]
    fn the_order_of_lines_is_irrelevant(
        world in policy_worlds(),
        (claim, shuffled) in claims().prop_flat_map(|c| {
            let lines = Just(c.lines.clone()).prop_shuffle();
            (Just(c.clone()), lines.prop_map(move |lines| Claim { lines, ..c.clone() }))
        }),
    ) {
        prop_assert_eq!(world.price(&claim), world.price(&shuffled));
    }

    /// The price of one line rises, all else equal: the funds together pay no less, and the person pays less
    /// only where a floor acts. (A floor of the whole bill counts what the hospital bears above a limit, so a
    /// dearer line can raise the floor and not the person's part.)
    #[test]
    fn a_dearer_line_never_pays_out_less(
        world in within_one_year().prop_flat_map(worlds),
        claim in claims(),
        entry in entries(),
        more in 1..2_000_000_000i64,
    ) {
        let with = |price: Price| {
            let (price, quantity) = (price.to_string(), entry.quantity.to_string());
            let bill = Bill(claim.clone()).entry("DEARER", "2025-12-15", entry.item, &price, &quantity);
            world.price(&bill.claim())
        };
        let price: Price = entry.price.parse().unwrap();
        let (before, after) = (with(price), with(Price::from_units(price.units() + more)));
        let floor = !steps(&after, StepKind::Floor).is_empty();
        let (before, after) = (before.amounts, after.amounts);
        prop_assert!(after.funds >= before.funds, "funds {} → {}", before.funds, after.funds);
        prop_assert!(after.person >= before.person || floor, "person {} → {}", before.person, after.person);
    }

    /// Given back unit by unit, a line nets to nothing in every part, whatever the rounding.
    #[test]
    fn a_line_given_back_in_parts_nets_to_nothing(policy in policies(), mut entry in entries()) {
        entry.refunds = vec![1; usize::try_from(entry.quantity).unwrap()];
        let p = World::new(policy).price(&bill_of(&[entry]).claim());
        prop_assert_eq!(parts(&p.lines), [Money::ZERO; 5]);
        prop_assert_eq!(p.amounts.funds, Money::ZERO);
        prop_assert_eq!(p.amounts.person, Money::ZERO);
    }

    /// Original and refunds together are split, and paid, as what remains of the original would be.
    #[test]
    fn refunds_leave_the_remainder(policy in policies(), entries in vec(entries(), 1..5)) {
        let world = World::new(policy);
        let claim = bill_of(&entries).claim();
        let with_refunds = world.price(&claim);

        let mut remainder = claim.clone();
        remainder.lines.retain(|l| l.refund_of.is_none());
        for line in &mut remainder.lines {
            for refund in claim.lines.iter().filter(|r| r.refund_of.as_ref() == Some(&line.no)) {
                line.quantity += refund.quantity;
                line.amount += refund.amount;
            }
            if line.quantity.is_zero() {
                line.amount = Money::ZERO;
            }
        }
        let of_remainder = world.price(&remainder);
        for line in &of_remainder.lines {
            let of_line = |no: &str| no == line.no.as_str() || no.split('-').next() == Some(line.no.as_str());
            let group = with_refunds.lines.iter().filter(|l| of_line(l.no.as_str()));
            prop_assert_eq!(parts(group), parts([line]), "line {:?}", line.no);
        }
        prop_assert_eq!(with_refunds.amounts, of_remainder.amounts);
        prop_assert_eq!(with_refunds.entries, of_remainder.entries);
    }

    /// A reversal frees what its settlement added and nothing else; the rest of the year, rebuilt, is as if
    /// the reversed settlement had never been.
    #[test]
    fn a_reversal_leaves_the_others_as_if_alone(
        mut world in policies().prop_map(World::new),
        bills in vec((vec(entries(), 1..4), any::<bool>(), 0..3usize), 2..6),
        which in any::<prop::sample::Index>(),
    ) {
        let claims: Vec<Claim> = bills.iter().enumerate().map(|(n, (entries, inpatient, hospital))| {
            let (id, hospital) = (format!("V{n}"), ["H1", "H2", "H3"][*hospital]);
            let begin = format!("2025-{:02}-20", n + 8); // the fifth stay runs over the turn of the year
            let empty = if *inpatient {
                let end = day(&begin) + chrono::Days::new(32);
                stay(&id, hospital, &begin, &end.to_string())
            } else {
                visit(&id, hospital, &begin)
            };
            entries.iter().enumerate().fold(empty, |b, (n, e)| add(b, n, e)).claim()
        }).collect();
        let alone = world.fresh();
        let settled: Vec<_> = claims.iter().map(|c| world.settle(c)).collect();

        let reversed = which.index(claims.len());
        let before = world.file.entries.clone();
        world.file.entries.retain(|e| e.visit != claims[reversed].visit.id);
        let freed: Vec<_> = before.iter().filter(|e| !world.file.entries.contains(e)).cloned().collect();
        prop_assert_eq!(&freed, &settled[reversed].entries);

        let rest: Vec<YearEvent> =
            world.events.iter().enumerate().filter(|(n, _)| *n != reversed).map(|(_, e)| e.clone()).collect();
        let differences = rebuild_year(&rest, &alone.file, &alone.bundle);
        let mut priced_alone = alone.fresh();
        let mut expected = Vec::new();
        for event in &rest {
            let now = priced_alone.settle(&event.claim).amounts;
            if without_accounts(&now) != without_accounts(&event.decided) {
                expected.push((event.settlement.clone(), event.decided, without_accounts(&now)));
            }
        }
        let got: Vec<_> = differences
            .into_iter()
            .map(|d| (d.settlement, d.was, without_accounts(&d.now.unwrap())))
            .collect();
        prop_assert_eq!(got, expected);
        // and nothing before the reversed settlement could change
        let same = rebuild_year(&world.events[..reversed], &alone.file, &alone.bundle);
        prop_assert!(same.is_empty());
    }
}
