//! One layer of the waterfall: base → deductible or threshold → tiers → caps → payment.

use super::when::{holds, pick};
use super::{LayerResult, Run, Waterfall, figure};
use crate::codes::Text;
use crate::decision::{Operand, StepKind};
use crate::facts::{Facts, Portion};
use crate::money::{Money, Rate};
use crate::policy::{
    Adjust, Base, CapOn, Deductible, Fund, Layer, Part, Per, Referral, Repeat, Span, Stacking, TiersFrom,
};
use chrono::{Datelike, NaiveDate};

/// What a layer's deductible came to.
#[derive(Default)]
struct Charged {
    standard: Money,
    due: Money,
    amount: Money,
}

/// What a cap leaves, and which case of which cap that is.
#[derive(Clone, Copy)]
struct Room {
    left: Money,
    cap: usize,
    case: usize,
}

/// A stretch of the base that one tier pays.
struct Stretch {
    tier: usize,
    from: Money,
    length: Money,
    ratio: Rate,
    case: usize,
}

impl Run {
    pub(super) fn layer(&mut self, w: &mut Waterfall<'_>, layer: &Layer) {
        let base = self.base(w, layer);
        let charged = self.deductible(w, layer, base);
        w.deductible += charged.amount;

        // the axis of tiers and threshold: [from, to], going on from the accumulator where there is one
        let start = layer.tiers_accumulator.as_deref().map_or(Money::ZERO, |k| self.used(w, k));
        let net = base - charged.amount;
        let (mut from, to) = match layer.tiers_from {
            TiersFrom::Threshold => (start, start + net),
            TiersFrom::Zero => (start + charged.amount, start + base),
        };
        let measured = to - start;
        let mut shift = Money::ZERO;
        if let Some(t) = &layer.threshold
            && let Some((i, case)) = pick(&t.value, w.facts, w.portion)
        {
            let payable_from = case.value.clamp(from, to);
            if payable_from > from {
                self.step(
                    StepKind::Threshold,
                    w.portion,
                    &layer.id,
                    figure(layer, format_args!("threshold.value.{i}")),
                    [("threshold", Operand::Money(case.value)), ("before", Operand::Money(start))],
                    payable_from - from,
                );
            }
            from = payable_from;
            if layer.tiers_from == TiersFrom::Threshold {
                shift = case.value;
            }
        }

        let payable = to - from;
        let (scope_room, outlay_room) = self.caps(w, layer);
        let entering = scope_room.map_or(payable, |room| payable.min(room.left));
        let top = from - shift + entering;
        let mut stretches = stretches(w, layer, from - shift, top);
        // what each kind of cap cut off
        let mut cuts: Vec<(Money, Room)> = Vec::new();
        if let Some(room) = scope_room
            && payable > entering
        {
            cuts.push((payable - entering, room));
        }
        if let Some(room) = outlay_room
            && let Some(reached) = bound_by_outlay(&mut stretches, room.left)
            && top > reached
        {
            cuts.push((top - reached, room));
        }
        let cut: Money = cuts.iter().map(|(cut, ..)| *cut).sum();

        let mut outlay = Money::ZERO;
        let mut consumed = Money::ZERO;
        for s in &stretches {
            let room = outlay_room.map_or(s.length, |room| room.left - outlay);
            let amount = s.length.times(s.ratio).min(room).at_least_zero();
            outlay += amount;
            consumed += s.length;
            self.step(
                StepKind::Tier,
                w.portion,
                &layer.id,
                figure(layer, format_args!("tier.{}.ratio.{}", s.tier, s.case)),
                [("scope", Operand::Money(s.length)), ("ratio", Operand::Rate(s.ratio))],
                amount,
            );
        }
        for (cut, room) in cuts {
            let path = figure(layer, format_args!("cap.{}.value.{}", room.cap, room.case));
            self.step(StepKind::Cap, w.portion, &layer.id, path, [("left", Operand::Money(room.left))], cut);
        }
        let outlay = outlay.min(w.liability).at_least_zero();
        match layer.base {
            Base::InScope => w.over_cap += cut,
            Base::OverCap => w.over_cap = cut,
            Base::Residual => {}
        }

        if layer.fund == Fund::Hifp {
            self.pool.0 += consumed;
            self.pool.1 += outlay;
            for s in &stretches {
                match self.pool.2 {
                    None => self.pool.2 = Some(s.ratio),
                    Some(r) if r != s.ratio => self.pool.3 = true,
                    Some(_) => {}
                }
            }
        }
        w.standard.0 += charged.standard;
        w.standard.1 += charged.due;

        self.step(StepKind::Layer, w.portion, &layer.id, Text::default(), [("base", Operand::Money(base))], outlay);
        let limit = outlay_room.or(scope_room).map(|room| room.left);
        if !base.is_zero() || !outlay.is_zero() {
            self.pay(w, layer.fund, layer.fund_pay_type.clone(), &layer.id, base, limit, outlay);
        }
        w.feed(&layer.id, &LayerResult { deductible: charged.amount, outlay, base: measured, scope: consumed });
        if !charged.amount.is_zero() && w.facts.portions.len() > 1 {
            *self.charged.entry(layer.id.clone()).or_default() += charged.amount;
        }
    }

    fn base(&mut self, w: &Waterfall<'_>, layer: &Layer) -> Money {
        let main = match layer.base {
            Base::InScope => w.scope,
            // may be below zero where a layer before paid parts beside the scope: added parts make up for it,
            // so that two layers that add the same part do not both pay it
            Base::Residual => w.scope - w.paid,
            Base::OverCap => w.over_cap,
        };
        let part = |p: &Part| match p {
            Part::Preselfpay => w.parts.preselfpay,
            // what the hospital bears of it is not the person's
            Part::Overlimit => w.parts.overlimit - w.parts.hospital,
            Part::Ownpay => w.parts.ownpay,
            Part::Deductible => w.deductible,
        };
        let add: Money = layer.base_add.iter().map(part).sum();
        let less: Money = layer.base_less.iter().map(part).sum();
        let base = (main + add - less).at_least_zero();
        if !add.is_zero() || !less.is_zero() || layer.base != Base::InScope {
            self.step(
                StepKind::Base,
                w.portion,
                &layer.id,
                figure(layer, format_args!("base")),
                [("main", Operand::Money(main)), ("add", Operand::Money(add)), ("less", Operand::Money(less))],
                base,
            );
        }
        base
    }

    fn deductible(&mut self, w: &Waterfall<'_>, layer: &Layer, base: Money) -> Charged {
        let (facts, portion) = (w.facts, w.portion);
        let blocks = &layer.deductibles;
        let Some((n, block)) = blocks.iter().enumerate().find(|(_, d)| holds(&d.when, facts, portion)) else {
            return Charged::default();
        };
        let Some((i, case)) = pick(&block.standard, facts, portion) else { return Charged::default() };
        let standard = match &block.repeat {
            Some(r) => self.repeated(w, r, case.value),
            None => case.value,
        };
        let periods = match block.recharge_days {
            Some(days) if days > 0 => (nights(facts, portion) - 1) / days + 1,
            _ => 1,
        };
        let charged = self.already_charged(w, &layer.id, block);
        let mut due = (standard.times_int(periods) - charged).at_least_zero();
        let mut operands = vec![
            ("standard", Operand::Money(case.value)),
            ("after_repeat", Operand::Money(standard)),
            ("charged", Operand::Money(charged)),
        ];
        if periods > 1 {
            operands.push(("periods", Operand::Int(periods)));
        }
        if let Some((_, ceiling)) = pick(&block.ceiling, facts, portion) {
            let used = block.ceiling_accumulator.as_deref().map_or(Money::ZERO, |k| self.used(w, k));
            let room = (ceiling.value - used).at_least_zero();
            operands.push(("ceiling_left", Operand::Money(room)));
            due = due.min(room);
        }
        let amount = due.min(base);
        self.step(
            StepKind::Deductible,
            portion,
            &layer.id,
            figure(layer, format_args!("deductible.{n}.standard.{i}")),
            operands,
            amount,
        );
        Charged { standard, due, amount }
    }

    /// What counts as charged already: the accumulator, portions before, a referral.
    fn already_charged(&self, w: &Waterfall<'_>, layer: &str, block: &Deductible) -> Money {
        let key = block.accumulator.as_deref();
        let mut charged = key.map_or(Money::ZERO, |k| self.used(w, k));
        // a stay's own accumulator already holds what portions before charged
        let held = key
            .and_then(|k| w.portion.policy.accumulator(k))
            .is_some_and(|a| a.period == Span::Stay && w.feeds(a, layer));
        if w.index > 0 && !held && !w.portion.policy.dates.second_deductible {
            charged += self.charged.get(layer).copied().unwrap_or_default();
        }
        // what a mid-stay settlement of the old year charged: the year's accumulator began anew since
        if !held && !w.portion.policy.dates.second_deductible {
            charged += key.and_then(|k| w.portion.held(k)).map_or(Money::ZERO, |h| h.earlier);
        }
        let counts = match block.referral {
            Referral::Ignored => false,
            Referral::Counts => true,
            Referral::Consortium => w.facts.same_consortium,
        };
        if counts {
            charged += w.facts.referred_deductible;
        }
        charged
    }

    fn repeated(&self, w: &Waterfall<'_>, r: &Repeat, standard: Money) -> Money {
        // counts are kept as whole yuan
        let before = self.used(w, &r.accumulator).units() / Money::yuan(1).units();
        let reduced = if !r.factors.is_empty() {
            let at = usize::try_from(before).unwrap_or(usize::MAX).min(r.factors.len() - 1);
            standard.times(r.factors.get(at).copied().unwrap_or(Rate::ONE))
        } else if let Some(minus) = r.minus {
            (standard - minus.times_int(before)).at_least_zero()
        } else if let Some(factor) = r.compound {
            (0..before.min(100)).fold(standard, |s, _| s.times(factor))
        } else {
            standard
        };
        let floor = pick(&r.floor, w.facts, w.portion).map_or(Money::ZERO, |(_, c)| c.value);
        // the floor keeps reductions from going below it; it never raises the standard itself
        reduced.max(floor.min(standard))
    }

    /// What the narrowest caps on scope and on outlay leave.
    fn caps(&self, w: &Waterfall<'_>, layer: &Layer) -> (Option<Room>, Option<Room>) {
        let mut rooms = (None, None);
        for (n, cap) in layer.caps.iter().enumerate() {
            if !holds(&cap.when, w.facts, w.portion) {
                continue;
            }
            let Some((i, case)) = pick(&cap.value, w.facts, w.portion) else { continue };
            let used = cap.accumulator.as_deref().map_or(Money::ZERO, |k| self.used(w, k));
            let room = Room { left: (case.value - used).at_least_zero(), cap: n, case: i };
            let slot: &mut Option<Room> = match cap.on {
                CapOn::Scope => &mut rooms.0,
                CapOn::Outlay => &mut rooms.1,
            };
            if slot.is_none_or(|narrowest| room.left < narrowest.left) {
                *slot = Some(room);
            }
        }
        rooms
    }
}

/// Nights for which a deductible is charged again: from admission, or from the turn of the year where the
/// part bears a deductible of its own.
fn nights(facts: &Facts, portion: &Portion) -> i64 {
    let (begin, end) = portion.days;
    let admission = facts.visit.begin.date();
    let from = if portion.policy.dates.own_deductible(admission, end) {
        NaiveDate::from_ymd_opt(end.year(), 1, 1).map_or(begin, |d| d.max(begin))
    } else {
        admission
    };
    (end - from).num_days().max(1)
}

/// The stretches of `[from, to]` by tier, in order; tiers that cover nothing are left out.
fn stretches(w: &Waterfall<'_>, layer: &Layer, from: Money, to: Money) -> Vec<Stretch> {
    let mut out = Vec::with_capacity(layer.tiers.len());
    let mut at = from;
    for (n, tier) in layer.tiers.iter().enumerate() {
        let end = tier.to.map_or(to, |t| t.min(to));
        if end <= at {
            continue;
        }
        if let Some((case, c)) = pick(&tier.ratio, w.facts, w.portion) {
            out.push(Stretch { tier: n, from: at, length: end - at, ratio: adjusted(w, layer, c.value), case });
        }
        at = end;
    }
    out
}

/// Shortens the stretches to where the outlay reaches `room`, and says where on the axis that is; none
/// where it is not reached.
fn bound_by_outlay(stretches: &mut Vec<Stretch>, room: Money) -> Option<Money> {
    let mut left = room;
    for (n, s) in stretches.iter_mut().enumerate() {
        let pays = s.length.times(s.ratio);
        // a ratio of zero never fills the cap
        if pays < left || s.ratio.is_zero() {
            left -= pays;
            continue;
        }
        s.length = s.length.min(left.grossed_up(s.ratio));
        let reached = s.from + s.length;
        stretches.truncate(n + 1);
        stretches.retain(|s| !s.length.is_zero());
        return Some(reached);
    }
    None
}

/// The tier's ratio after the adjustments that hold.
fn adjusted(w: &Waterfall<'_>, layer: &Layer, base: Rate) -> Rate {
    let acting: Vec<&Adjust> = layer.adjusts.iter().filter(|a| holds(&a.when, w.facts, w.portion)).collect();
    let points = |a: &Adjust| a.points.unwrap_or(Rate::ZERO).times_int(count(w, a));
    let times = |a: &Adjust| a.times.unwrap_or(Rate::ONE);
    let kept = |r: Rate, a: &Adjust| a.self_share_times.map_or(r, |f| Rate::ONE - (Rate::ONE - r).times(f));
    let apply = |r: Rate, a: &Adjust| kept((r + points(a)).times(times(a)), a);
    // of one group only the heaviest acts, the first of several that are equal
    let outdone = |a: &Adjust, at: usize| {
        let heavier = |(n, b): (usize, &&Adjust)| {
            let (other, own) = (apply(base, b), apply(base, a));
            b.group == a.group && (other < own || (other == own && n < at))
        };
        !a.group.is_empty() && acting.iter().enumerate().any(heavier)
    };
    let acting: Vec<&Adjust> = acting.iter().enumerate().filter(|(n, a)| !outdone(a, *n)).map(|(_, a)| *a).collect();
    let r = match layer.stacking {
        Stacking::Add => {
            let sum = acting.iter().fold(base, |r, a| r + points(a));
            let product = acting.iter().fold(sum, |r, a| r.times(times(a)));
            acting.iter().fold(product, |r, a| kept(r, a))
        }
        Stacking::Sequential => acting.iter().fold(base, |r, a| apply(r, a)),
        Stacking::Largest => {
            let results = || acting.iter().map(|a| apply(base, a));
            match results().min() {
                Some(lowest) if lowest < base => lowest,
                _ => results().max().unwrap_or(base),
            }
        }
    };
    r.clamp(Rate::ZERO, layer.max_ratio.unwrap_or(Rate::ONE))
}

/// How often an adjustment's points count.
fn count(w: &Waterfall<'_>, a: &Adjust) -> i64 {
    let p = &w.portion.person;
    match a.per {
        None => 1,
        Some(Per::YearOfAge) => p.age,
        Some(Per::MissingContributionYear) => {
            let required = pick(&a.required_years, w.facts, w.portion).map_or(0, |(_, c)| c.value);
            // years that nobody stated cannot be called missing
            p.contribution_years.map_or(0, |y| (required - y).max(0))
        }
    }
}
