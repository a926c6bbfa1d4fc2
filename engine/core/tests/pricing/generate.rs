//! Policies and claims at random, for properties.

use crate::build::*;
use dingan_core::claim::{AccountUse, Claim};
use dingan_core::codes::Level;
use dingan_core::money::{Money, Rate};
use dingan_core::person::AccumulatorEntry;
use dingan_core::policy::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn case<T>(value: T) -> Case<T> {
    Case { value, when: When::default(), source: "generated".to_owned(), unverified: String::new() }
}

/// Some yuan, now and then with fen.
fn amount(max: i64) -> impl Strategy<Value = Money> {
    prop_oneof![(0..=max).prop_map(Money::yuan), (0..=max * 100).prop_map(Money::fen)]
}

/// A share of four decimals, the ends included.
fn share() -> impl Strategy<Value = Rate> {
    prop_oneof![
        8 => (0..=10_000i64).prop_map(|n| Rate::from_units(n * 100)),
        1 => Just(Rate::ZERO),
        1 => Just(Rate::ONE),
    ]
}

/// One figure, or one for each level of hospital.
fn ratios() -> impl Strategy<Value = Cases<Rate>> {
    prop_oneof![
        share().prop_map(|r| vec![case(r)]),
        (share(), share()).prop_map(|(a, b)| {
            let mut high = case(a);
            high.when.level = vec![Level::Three];
            vec![high, case(b)]
        }),
    ]
}

fn tiers() -> impl Strategy<Value = Vec<Tier>> {
    (vec((1..=3_000i64, ratios()), 0..3), ratios(), any::<bool>()).prop_map(|(lower, last, open)| {
        let mut to = Money::ZERO;
        let mut tiers: Vec<Tier> = Vec::new();
        for (width, ratio) in lower {
            to += Money::yuan(width);
            tiers.push(Tier { to: Some(to), ratio });
        }
        let end = (!open).then(|| to + Money::yuan(10_000));
        tiers.push(Tier { to: end, ratio: last });
        tiers
    })
}

fn deductible(n: usize) -> impl Strategy<Value = Deductible> {
    let repeat = prop_oneof![
        vec(share(), 1..4).prop_map(|factors| (factors, None, None)),
        amount(500).prop_map(|m| (Vec::new(), Some(m), None)),
        share().prop_map(|r| (Vec::new(), None, Some(r))),
    ];
    (
        amount(3_000),
        any::<bool>(),
        option::of(repeat),
        option::of(amount(4_000)),
        option::of(amount(300)),
        option::of(1..40i64),
    )
        .prop_map(move |(standard, counted, repeat, ceiling, floor, recharge_days)| Deductible {
            when: When::default(),
            standard: vec![case(standard)],
            accumulator: counted.then(|| format!("ded{n}")),
            repeat: repeat.map(|(factors, minus, compound)| Repeat {
                accumulator: "stays".to_owned(),
                factors,
                minus,
                compound,
                floor: floor.map(case).into_iter().collect(),
            }),
            ceiling: ceiling.map(case).into_iter().collect(),
            ceiling_accumulator: ceiling.map(|_| format!("ded{n}")),
            recharge_days,
            referral: Referral::Counts,
        })
}

fn adjust() -> impl Strategy<Value = Adjust> {
    let change = prop_oneof![
        (-3_000..=3_000i64).prop_map(|p| (Some(Rate::from_units(p * 100)), None, None)),
        share().prop_map(|t| (None, Some(t), None)),
        share().prop_map(|t| (None, None, Some(t))),
    ];
    change.prop_map(|(points, times, self_share_times)| Adjust {
        points,
        times,
        self_share_times,
        group: String::new(),
        per: None,
        required_years: Vec::new(),
        when: When::default(),
        source: "generated".to_owned(),
        unverified: String::new(),
    })
}

fn cap(n: usize) -> impl Strategy<Value = Cap> {
    (any::<bool>(), amount(4_000), any::<bool>()).prop_map(move |(outlay, value, counted)| Cap {
        on: if outlay { CapOn::Outlay } else { CapOn::Scope },
        value: vec![case(value)],
        accumulator: counted.then(|| format!("{}{n}", if outlay { "pay" } else { "sco" })),
        when: When::default(),
    })
}

fn layer(n: usize, base: Base, fund: Fund) -> impl Strategy<Value = Layer> {
    (
        option::of(deductible(n)),
        option::of(amount(3_000)),
        any::<bool>(),
        any::<bool>(),
        tiers(),
        vec(adjust(), 0..3),
        prop_oneof![Just(Stacking::Add), Just(Stacking::Largest), Just(Stacking::Sequential)],
        vec(cap(n), 0..3),
        proptest::sample::subsequence(vec![Part::Preselfpay, Part::Overlimit], 0..=2),
        any::<bool>(),
    )
        .prop_map(move |(deductible, threshold, zero, runs_on, tiers, adjusts, stacking, caps, add, less)| Layer {
            id: format!("l{n}"),
            title: format!("layer {n}"),
            fund,
            fund_pay_type: "999997".into(),
            policy_item: String::new(),
            when: When::default(),
            during_pause: false,
            base,
            base_add: if base == Base::Residual { add } else { Vec::new() },
            // Deductibles of two layers both lie in what is left; taking both off a third base can make it
            // fall as the bill rises. No region does so: `base_less` takes the basic pool's off.
            base_less: if less && base == Base::Residual { vec![Part::Deductible] } else { Vec::new() },
            deductibles: deductible.into_iter().filter(|_| base == Base::InScope).collect(),
            threshold: threshold.map(|t| Threshold { value: vec![case(t)] }),
            tiers_from: if zero { TiersFrom::Zero } else { TiersFrom::Threshold },
            tiers_accumulator: runs_on.then(|| format!("bas{n}")),
            tiers,
            adjusts,
            stacking,
            max_ratio: None,
            caps,
        })
}

fn accumulators(layers: usize, spans: [Span; 4]) -> Vec<Accumulator> {
    let feeds = [("ded", Feed::Deductible), ("pay", Feed::Outlay), ("sco", Feed::Scope), ("bas", Feed::Base)]
        .into_iter()
        .zip(spans);
    let mut all = vec![Accumulator {
        key: "stays".to_owned(),
        title: String::new(),
        feeds: Feed::Stays,
        layers: Vec::new(),
        period: Span::Year,
        when: When::default(),
        per_disease: false,
    }];
    for n in 0..layers {
        for ((name, feeds), period) in feeds.clone() {
            all.push(Accumulator {
                key: format!("{name}{n}"),
                feeds,
                layers: vec![format!("l{n}")],
                period,
                ..all[0].clone()
            });
        }
    }
    all
}

prop_compose! {
    fn split()(
        hospital in any::<bool>(),
        ratio_first in any::<bool>(),
        extra in option::weighted(0.2, share()),
    ) -> Split {
        Split {
            overlimit_borne_by: if hospital { Bearer::Hospital } else { Bearer::Person },
            order: if ratio_first { SplitOrder::RatioFirst } else { SplitOrder::LimitFirst },
            extra_selfpay: extra.map(case).into_iter().collect(),
            ..Split::default()
        }
    }
}

prop_compose! {
    /// A basic pool, perhaps a layer above its cap, perhaps two on what is left, perhaps a floor. The order
    /// is that of every region seen; other orders can pay twice for one yuan (see `policy::check`).
    pub fn policies()(
        basic in layer(0, Base::InScope, Fund::Hifp),
        over in option::of(layer(1, Base::OverCap, Fund::Hifob)),
        first in option::of(layer(2, Base::Residual, Fund::Hifmi)),
        second in option::of(layer(3, Base::Residual, Fund::Maf)),
        floor in option::of((share(), any::<bool>())),
        split in split(),
        spans in proptest::array::uniform4(
            prop_oneof![Just(Span::Stay), Just(Span::Month), Just(Span::Quarter), Just(Span::Year)]),
        cross in prop_oneof![Just(CrossYear::Whole), Just(CrossYear::SplitByFeeDate)],
        second_deductible in any::<bool>(),
        pays in proptest::sample::subsequence(
            vec![AccountPart::InScope, AccountPart::Preselfpay, AccountPart::Overlimit, AccountPart::Ownpay], 0..=4),
        family_first in any::<bool>(),
    ) -> BenefitPolicy {
        let layers: Vec<Layer> = [Some(basic), over, first, second].into_iter().flatten().collect();
        let mut policy = policy(r#"
            [[layer]]
            id = "l0"
            title = "replaced"
            fund = "hifp"
            fund_pay_type = "390100"
            base = "in-scope"
            [[layer.tier]]
            ratio = [{ value = "1" }]
        "#);
        policy.dates = Dates { cross_year: cross, second_deductible, ..Dates::default() };
        policy.split = split;
        policy.accumulators = accumulators(4, spans);
        policy.accumulators.retain(|a| a.layers.iter().all(|l| layers.iter().any(|known| known.id == *l)));
        policy.layers = layers;
        policy.floor = floor.map(|(ratio, of_total)| Floor {
            when: When::default(),
            ratio: vec![case(ratio)],
            of_total,
            fund: Fund::Oth,
            fund_pay_type: "999997".into(),
        });
        policy.account = Account { pays, family_first, ..Account::default() };
        policy
    }
}

/// A line and what of it is given back, unit by unit.
#[derive(Debug, Clone)]
pub struct Entry {
    pub item: &'static str,
    pub price: String,
    pub quantity: i64,
    pub refunds: Vec<i64>,
    pub day: u32,
}

prop_compose! {
    /// Prices from five fen on: below, a refund in many parts rounds to more than the original.
    pub fn entries()(
        item in proptest::sample::select([&ITEMS[..], &["NOWHERE"]].concat()),
        millionths in prop_oneof![50_000..=900_000_000i64, (5..=90_000i64).prop_map(|fen| fen * 10_000)],
        quantity in 1..=6i64,
        taken in vec(1..=3i64, 0..4),
        day in 0..30u32,
    ) -> Entry {
        let mut left = quantity;
        let refunds = taken.into_iter().map_while(|n| { left -= n; (left >= 0).then_some(n) }).collect();
        let price = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
        Entry { item, price, quantity, refunds, day }
    }
}

/// Puts an entry and its refunds on a bill.
pub fn add(bill: Bill, n: usize, e: &Entry) -> Bill {
    let begin = bill.0.visit.begin.date();
    let on = |days: u32| (begin + chrono::Days::new(u64::from(days))).to_string();
    let no = format!("{n}");
    let mut bill = bill.entry(&no, &on(e.day), e.item, &e.price, &e.quantity.to_string());
    for (i, units) in e.refunds.iter().enumerate() {
        bill = bill.refund(&format!("{n}-{i}"), &on(e.day + 1), &no, &units.to_string());
    }
    bill
}

prop_compose! {
    /// A stay from 10 December to 10 January, with lines of both years.
    pub fn claims()(
        entries in vec(entries(), 1..8),
        hospital in proptest::sample::select(vec!["H1", "H2", "H3"]),
        third_party in prop_oneof![4 => Just(Rate::ZERO), 1 => share()],
        account_use in prop_oneof![Just(AccountUse::None), Just(AccountUse::Own), Just(AccountUse::Family)],
    ) -> Claim {
        let mut bill = stay("V1", hospital, "2025-12-10", "2026-01-10");
        for (n, e) in entries.iter().enumerate() {
            bill = add(bill, n, e);
        }
        let mut claim = bill.account(account_use).claim();
        claim.visit.third_party_share = third_party;
        claim
    }
}

prop_compose! {
    /// What earlier settlements of the year may have left, and what is in the accounts.
    pub fn worlds(policy: BenefitPolicy)(
        used in vec(amount(3_000), policy.accumulators.len()),
        own in amount(5_000),
        family in amount(5_000),
    ) -> World {
        let mut world = World::new(policy.clone());
        world.file.balances.own = own;
        world.file.balances.family = family;
        for (a, amount) in policy.accumulators.iter().zip(used) {
            // stays are counted, not paid
            let amount = if a.feeds == Feed::Stays { Money::yuan(amount.units() % 4) } else { amount };
            for period in ["2025", "2026", "2026Q1", "2026-01"] {
                world.file.entries.push(AccumulatorEntry {
                    key: a.key.clone(),
                    period: period.to_owned(),
                    disease: Default::default(),
                    insurance: "390".into(),
                    visit: "V0".into(),
                    amount,
                });
            }
        }
        world
    }
}

/// A policy with a world of its own.
pub fn policy_worlds() -> impl Strategy<Value = World> {
    policies().prop_flat_map(worlds)
}
