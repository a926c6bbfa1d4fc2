//! What must hold of a policy beyond its shape.

use super::*;
use std::collections::BTreeSet;

/// Something wrong with a policy, and where: a path such as `layer.1.tier.0.ratio.2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path from the root of the file; numbers count from zero.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
    /// Whether the policy can be used all the same.
    pub warning: bool,
}

/// Checks a policy; an empty list means it can be used.
pub fn check(p: &BenefitPolicy) -> Vec<Problem> {
    let mut c = Checker { policy: p, problems: Vec::new() };
    c.run();
    c.problems
}

struct Checker<'p> {
    policy: &'p BenefitPolicy,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn error(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem { path: path.into(), message: message.into(), warning: false });
    }
    fn warn(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem { path: path.into(), message: message.into(), warning: true });
    }

    fn run(&mut self) {
        let p = self.policy;
        if p.format != 1 {
            self.error("format", format!("format {} is not known; write 1", p.format));
        }
        if p.effective_to.is_some_and(|to| to < p.effective_from) {
            self.error("effective_to", "ends before it begins");
        }
        if p.layers.is_empty() {
            self.error("layer", "a policy needs at least one layer");
        }
        self.cases("split.extra_selfpay", &p.split.extra_selfpay, false, share);
        if p.dates.emergency_days < 0 {
            self.error("dates.emergency_days", "not below zero");
        }
        let mut seen = BTreeSet::new();
        for (i, a) in p.accumulators.iter().enumerate() {
            let path = format!("accumulator.{i}");
            if !seen.insert(&a.key) {
                self.error(format!("{path}.key"), format!("`{}` stands twice", a.key));
            }
            if a.key.is_empty() || a.key.len() > 10 || !a.key.is_ascii() {
                self.error(format!("{path}.key"), "1 to 10 ASCII characters, since 5206 carries it");
            }
            for l in &a.layers {
                if p.layer(l).is_none() && l != "floor" {
                    self.error(format!("{path}.layers"), format!("no layer `{l}`"));
                }
            }
        }
        let mut ids = BTreeSet::new();
        for (i, layer) in p.layers.iter().enumerate() {
            if !ids.insert(&layer.id) {
                self.error(format!("layer.{i}.id"), format!("`{}` stands twice", layer.id));
            }
            self.layer(i, layer);
        }
        for (i, q) in p.quotas.iter().enumerate() {
            self.cases(&format!("quota.{i}.amount"), &q.amount, true, amount);
        }
        if let Some(f) = &p.floor {
            self.cases("floor.ratio", &f.ratio, true, share);
        }
    }

    fn layer(&mut self, i: usize, layer: &Layer) {
        let path = format!("layer.{i}");
        for (n, d) in layer.deductibles.iter().enumerate() {
            let at = format!("{path}.deductible.{n}");
            self.cases(&format!("{at}.standard"), &d.standard, true, amount);
            self.cases(&format!("{at}.ceiling"), &d.ceiling, false, amount);
            self.fed_by(&format!("{at}.accumulator"), d.accumulator.as_deref(), Feed::Deductible, layer);
            self.fed_by(
                &format!("{at}.ceiling_accumulator"),
                d.ceiling_accumulator.as_deref(),
                Feed::Deductible,
                layer,
            );
            let over_more = |k: &str| self.policy.accumulator(k).is_some_and(|a| a.period != Span::Stay);
            if d.referral != Referral::Ignored && d.accumulator.as_deref().is_some_and(over_more) {
                self.warn(
                    format!("{at}.referral"),
                    "counts twice: the accumulator already holds what the visit referred from was charged",
                );
            }
            if d.ceiling.is_empty() != d.ceiling_accumulator.is_none() {
                self.error(format!("{at}.ceiling"), "ceiling and ceiling_accumulator go together");
            }
            if d.recharge_days.is_some_and(|d| d < 1) {
                self.error(format!("{at}.recharge_days"), "at least one day");
            }
            if let Some(r) = &d.repeat {
                self.fed_by(&format!("{at}.repeat.accumulator"), Some(&r.accumulator), Feed::Stays, layer);
                let ways = usize::from(!r.factors.is_empty())
                    + usize::from(r.minus.is_some())
                    + usize::from(r.compound.is_some());
                if ways != 1 {
                    self.error(format!("{at}.repeat"), "give one of factors, minus and compound");
                }
                self.cases(&format!("{at}.repeat.floor"), &r.floor, false, amount);
                if r.factors.iter().chain(&r.compound).any(|f| f.is_negative()) {
                    self.error(format!("{at}.repeat"), "a factor is not negative");
                }
                if r.minus.is_some_and(Money::is_negative) {
                    self.error(format!("{at}.repeat.minus"), "an amount is not negative");
                }
            }
        }
        if let Some(t) = &layer.threshold {
            self.cases(&format!("{path}.threshold.value"), &t.value, true, amount);
        }
        let tiers_key = layer.tiers_accumulator.as_deref();
        self.fed_by(&format!("{path}.tiers_accumulator"), tiers_key, Feed::Base, layer);
        let by_all = tiers_key.and_then(|k| self.policy.accumulator(k)).is_some_and(|a| a.layers.is_empty());
        if by_all && self.policy.layers.len() > 1 {
            self.error(
                format!("{path}.tiers_accumulator"),
                format!("the accumulator is fed by every layer; write layers = [\"{}\"]", layer.id),
            );
        }
        self.base(i, layer);
        if layer.max_ratio.as_ref().is_some_and(|r| share(r).is_some()) {
            self.error(format!("{path}.max_ratio"), "a ratio lies between 0 and 1");
        }
        if layer.tiers.is_empty() {
            self.error(format!("{path}.tier"), "a layer needs at least one tier");
        }
        let mut last = Money::ZERO;
        for (n, t) in layer.tiers.iter().enumerate() {
            let at = format!("{path}.tier.{n}");
            self.cases(&format!("{at}.ratio"), &t.ratio, true, share);
            match t.to {
                Some(to) if to <= last => self.error(format!("{at}.to"), format!("{to} does not rise above {last}")),
                Some(to) => last = to,
                None if n + 1 < layer.tiers.len() => self.error(format!("{at}.to"), "only the last tier is open"),
                None => {}
            }
        }
        if layer.tiers.last().is_some_and(|t| t.to.is_some()) {
            self.warn(format!("{path}.tier"), "what lies above the last tier is not paid; leave out `to` to pay on");
        }
        for (n, a) in layer.adjusts.iter().enumerate() {
            let at = format!("{path}.adjust.{n}");
            let ways = [a.points, a.times, a.self_share_times];
            if ways.iter().flatten().count() != 1 {
                self.error(&at, "give one of points, times and self_share_times");
            }
            if a.times.iter().chain(&a.self_share_times).any(|f| f.is_negative()) {
                self.error(&at, "a factor is not negative");
            }
            if a.per.is_some() && a.points.is_none() {
                self.error(&at, "per goes with points");
            }
            if a.source.is_empty() && a.unverified.is_empty() {
                self.error(&at, "say where the figure comes from (source) or why it is unverified");
            }
            let needs = a.per == Some(Per::MissingContributionYear);
            if needs == a.required_years.is_empty() {
                self.error(&at, "required_years goes with per = \"missing-contribution-year\"");
            }
            self.cases(&format!("{at}.required_years"), &a.required_years, false, |_| None);
        }
        for (n, cap) in layer.caps.iter().enumerate() {
            let at = format!("{path}.cap.{n}");
            self.cases(&format!("{at}.value"), &cap.value, true, amount);
            let feed = match cap.on {
                CapOn::Outlay => Feed::Outlay,
                CapOn::Scope => Feed::Scope,
            };
            self.fed_by(&format!("{at}.accumulator"), cap.accumulator.as_deref(), feed, layer);
            self.cap_over_parts(&at, cap, layer);
        }
    }

    /// A stay split by years has the cap of the stay once, but tiers that begin anew in each part, unless they run
    /// over the stay too. A dearer line of the old year then uses up the cap in the low tiers of its part.
    fn cap_over_parts(&mut self, at: &str, cap: &Cap, layer: &Layer) {
        let of_stay = |key: &Option<String>| {
            let accumulator = key.as_deref().and_then(|k| self.policy.accumulator(k));
            accumulator.is_some_and(|a| a.period == Span::Stay)
        };
        let split = self.policy.dates.cross_year == CrossYear::SplitByFeeDate;
        if split && layer.tiers.len() > 1 && of_stay(&cap.accumulator) && !of_stay(&layer.tiers_accumulator) {
            let message = "the cap runs over the stay, the tiers begin anew in each year of it: a dearer line of the \
                old year can cost the fund less; let tiers_accumulator run over the stay too";
            self.warn(format!("{at}.accumulator"), message);
        }
    }

    /// What a layer is measured on, seen with the layers before it.
    fn base(&mut self, i: usize, layer: &Layer) {
        let before = self.policy.layers.get(..i).unwrap_or_default();
        if layer.base == Base::OverCap && !before.iter().any(|l| !l.caps.is_empty()) {
            self.warn(format!("layer.{i}.base"), "no layer before has a cap, so nothing is above one");
        }
        if layer.base == Base::OverCap && before.iter().any(|l| l.base == Base::Residual) {
            self.warn(
                format!("layer.{i}.base"),
                "a residual layer before it has the scope above the cap in its base too; put this layer first",
            );
        }
        if layer.base != Base::OverCap && layer.base_add.contains(&Part::Deductible) {
            self.warn(format!("layer.{i}.base_add"), "the base already contains deductibles; this adds them again");
        }
    }

    fn fed_by(&mut self, path: &str, key: Option<&str>, feed: Feed, layer: &Layer) {
        let Some(key) = key else { return };
        match self.policy.accumulator(key) {
            None => self.error(path, format!("no accumulator `{key}`")),
            Some(a) if a.feeds != feed => {
                self.error(path, format!("accumulator `{key}` is fed by {:?}, here it must be {feed:?}", a.feeds));
            }
            Some(a) if feed != Feed::Stays && !a.layers.is_empty() && !a.layers.contains(&layer.id) => {
                let message = format!("accumulator `{key}` is not fed by this layer");
                // tiers go on only over what the layer itself put there
                if feed == Feed::Base { self.error(path, message) } else { self.warn(path, message) }
            }
            Some(_) => {}
        }
    }

    fn cases<T>(&mut self, path: &str, cases: &Cases<T>, needed: bool, wrong: fn(&T) -> Option<&'static str>) {
        if cases.is_empty() && needed {
            self.error(path, "needs at least one figure");
        }
        for (i, c) in cases.iter().enumerate() {
            let at = format!("{path}.{i}");
            if c.source.is_empty() && c.unverified.is_empty() {
                self.error(&at, "say where the figure comes from (source) or why it is unverified");
            }
            if let Some(w) = wrong(&c.value) {
                self.error(format!("{at}.value"), w);
            }
            if c.when == When::default() && i + 1 < cases.len() {
                self.error(format!("{path}.{}", i + 1), "never reached: the case before it always holds");
            }
        }
    }
}

fn share(r: &Rate) -> Option<&'static str> {
    (r.is_negative() || *r > Rate::ONE).then_some("a ratio lies between 0 and 1")
}

fn amount(m: &Money) -> Option<&'static str> {
    m.is_negative().then_some("an amount is not negative")
}
