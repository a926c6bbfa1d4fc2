//! What rules see of the person besides the claim: other visits and what was settled at them, in order of time, with
//! what finds a window of days or an item in them. It is put in order once, when facts are made; a rule then pays for
//! what its window holds and not for how long the person has been ill.

use crate::bundle::CatalogueItem;
use crate::codes::{ItemCode, VisitId, VisitKind};
use crate::hash::HashMap;
use crate::person::{PastLine, PastVisit};
use chrono::NaiveDate;
use std::sync::{Arc, OnceLock};

/// Other visits of the person, and lines that are settled.
#[derive(Debug, Clone, Default)]
pub struct History {
    visits: Vec<PastVisit>,
    lines: Vec<PastLine>,
    this_visit: Vec<PastLine>,
    /// A bit for each kind of visit there is.
    kinds: u32,
    all: Row,
    stays: Row,
    by_item: HashMap<ItemCode, Vec<u32>>,
    /// The catalogue's rows of items that belong to a drug group, by code.
    grouped: Vec<Arc<CatalogueItem>>,
    by_id: OnceLock<HashMap<VisitId, u32>>,
}

/// Some of the visits by begin.
#[derive(Debug, Clone, Default)]
struct Row {
    /// Their places in the list of all.
    at: Vec<u32>,
    /// For each the latest day on which one of those up to it ended; what is open counts for nothing. It never falls,
    /// so that those that may have ended on or after a day are found by halving.
    latest: Vec<NaiveDate>,
    /// Places in `at` of those that are open.
    open: Vec<usize>,
}

impl Row {
    fn add(&mut self, at: u32, ended: Option<NaiveDate>) {
        if ended.is_none() {
            self.open.push(self.at.len());
        }
        let before = self.latest.last().copied().unwrap_or(NaiveDate::MIN);
        self.latest.push(ended.map_or(before, |day| day.max(before)));
        self.at.push(at);
    }

    /// How many of them a condition holds of that holds of a beginning of the list.
    fn first(&self, visits: &[PastVisit], begun: impl Fn(&PastVisit) -> bool) -> usize {
        self.at.partition_point(|at| visits.get(*at as usize).is_some_and(&begun))
    }

    /// Those among the first `until` that have not ended before a day.
    fn reaching<'h>(
        &'h self,
        visits: &'h [PastVisit],
        day: NaiveDate,
        until: usize,
    ) -> impl Iterator<Item = u32> + use<'h> {
        let from = self.latest.partition_point(|ended| *ended < day).min(until);
        let open = self.open.iter().take_while(move |place| **place < from).filter_map(|place| self.at.get(*place));
        let reaches = move |at: &&u32| visits.get(**at as usize).is_some_and(|v| ended(v).is_none_or(|e| e >= day));
        let others = self.at.get(from..until).unwrap_or_default().iter().filter(reaches);
        open.chain(others).copied()
    }
}

/// The day on which a visit ended; none where it is open. One that is no stay ends when it begins, whether or not the
/// hospital said so.
fn ended(visit: &PastVisit) -> Option<NaiveDate> {
    match visit.kind().is_stay() {
        true => visit.end.map(|e| e.date()),
        false => Some(visit.end.unwrap_or(visit.begin).date()),
    }
}

fn bit(kind: VisitKind) -> u32 {
    1 << kind as u32
}

impl History {
    /// Of a claim on the visit `own`: other visits, lines settled at them, and lines that earlier parts of this visit
    /// settled.
    pub fn new(own: &VisitId, mut visits: Vec<PastVisit>, mut lines: Vec<PastLine>, this_visit: Vec<PastLine>) -> Self {
        let order = |v: &PastVisit, w: &PastVisit| (v.begin, &v.id).cmp(&(w.begin, &w.id));
        if !visits.is_sorted_by(|v, w| order(v, w).is_le()) {
            visits.sort_by(order);
        }
        if !lines.is_sorted_by_key(|l| l.time) {
            lines.sort_by_key(|l| l.time);
        }
        let (mut kinds, mut all, mut stays) = (0, Row::default(), Row::default());
        for (at, visit) in (0u32..).zip(&visits) {
            kinds |= bit(visit.kind());
            if visit.id == *own {
                continue;
            }
            let ended = ended(visit);
            all.add(at, ended);
            if visit.kind().is_stay() {
                stays.add(at, ended);
            }
        }
        let mut by_item: HashMap<ItemCode, Vec<u32>> = HashMap::default();
        for (at, line) in (0u32..).zip(&lines) {
            match by_item.get_mut(&line.item) {
                Some(of_item) => of_item.push(at),
                None => drop(by_item.insert(line.item.clone(), vec![at])),
            }
        }
        Self { visits, lines, this_visit, kinds, all, stays, by_item, grouped: Vec::new(), by_id: OnceLock::new() }
    }

    /// The same, with what the catalogue says of the items.
    pub fn in_catalogue<'c>(mut self, row: impl Fn(&ItemCode) -> Option<&'c Arc<CatalogueItem>>) -> Self {
        let rows = self.by_item.keys().filter_map(row).filter(|i| !i.drug_group.is_empty());
        self.grouped = rows.map(Arc::clone).collect();
        self.grouped.sort_by(|a, b| a.code.cmp(&b.code));
        self
    }

    /// Other visits, by begin and then number.
    pub fn visits(&self) -> &[PastVisit] {
        &self.visits
    }

    /// Settled lines of other visits, by time.
    pub fn lines(&self) -> &[PastLine] {
        &self.lines
    }

    /// Lines of this visit that earlier parts of the stay settled, netted.
    pub fn this_visit(&self) -> &[PastLine] {
        &self.this_visit
    }

    /// Whether the person has another visit of one of these kinds.
    pub fn has(&self, kinds: &[VisitKind]) -> bool {
        kinds.iter().any(|k| self.kinds & bit(*k) != 0)
    }

    /// Places of the visits that have not ended before a day, by begin, among those of which `begun` holds; it has to
    /// hold of the visits up to some begin and of none after.
    pub fn visits_reaching(&self, day: NaiveDate, begun: impl Fn(&PastVisit) -> bool) -> impl Iterator<Item = u32> {
        self.all.reaching(&self.visits, day, self.all.first(&self.visits, begun))
    }

    /// As [`Self::visits_reaching`], of stays.
    pub fn stays_reaching(&self, day: NaiveDate, begun: impl Fn(&PastVisit) -> bool) -> impl Iterator<Item = u32> {
        self.stays.reaching(&self.visits, day, self.stays.first(&self.visits, begun))
    }

    /// Places of the stays after those of which `begun` holds, by begin.
    pub fn stays_after(&self, begun: impl Fn(&PastVisit) -> bool) -> impl Iterator<Item = u32> {
        let from = self.stays.first(&self.visits, begun);
        self.stays.at.get(from..).unwrap_or_default().iter().copied()
    }

    /// Places of the lines of an item, by time.
    pub fn lines_of(&self, item: &str) -> &[u32] {
        self.by_item.get(item).map_or(&[], Vec::as_slice)
    }

    /// The items on lines, in no order, with the places of their lines by time.
    pub fn items(&self) -> impl ExactSizeIterator<Item = (&ItemCode, &[u32])> {
        self.by_item.iter().map(|(item, at)| (item, at.as_slice()))
    }

    /// The catalogue's rows of the items on lines that belong to a drug group, by code.
    pub fn items_of_group<'h>(&'h self, group: &'h str) -> impl Iterator<Item = &'h CatalogueItem> {
        self.grouped.iter().map(|i| &**i).filter(move |i| i.drug_group == group)
    }

    /// The visit a settled line belongs to.
    pub fn visit_of(&self, line: &PastLine) -> Option<&PastVisit> {
        // what is charged is charged soon after a visit began, and few visits begin in between
        const NEAR: usize = 24;
        let began = self.visits.partition_point(|v| v.begin <= line.time);
        let near = self.visits.get(began.saturating_sub(NEAR)..began).unwrap_or_default();
        if let Some(visit) = near.iter().rev().find(|v| v.id == line.visit) {
            return Some(visit);
        }
        let by_id = self.by_id.get_or_init(|| self.visits.iter().map(|v| v.id.clone()).zip(0..).collect());
        self.visits.get(*by_id.get(&line.visit)? as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{Money, Quantity};
    use chrono::{NaiveDateTime, TimeDelta};

    fn at(days: i64) -> NaiveDateTime {
        NaiveDate::from_ymd_opt(2026, 1, 1).unwrap().and_hms_opt(9, 0, 0).unwrap() + TimeDelta::days(days)
    }

    fn visit(id: usize, med_type: &str, begin: i64, end: Option<i64>) -> PastVisit {
        PastVisit {
            id: format!("V{id:04}").as_str().into(),
            institution: "H1".into(),
            med_type: med_type.into(),
            begin: at(begin),
            end: end.map(at),
            diagnoses: Vec::new(),
            discharge_way: String::new(),
            deductible: Money::ZERO,
            settled: true,
        }
    }

    fn line(no: usize, visit: &PastVisit, after: i64, item: &str) -> PastLine {
        PastLine {
            visit: visit.id.clone(),
            settlement: "S".into(),
            no: no.to_string().as_str().into(),
            item: item.into(),
            time: visit.begin + TimeDelta::days(after),
            quantity: Quantity::whole(1),
            amount: Money::ZERO,
            supply_days: None,
        }
    }

    /// Windows and items are what a walk over everything finds, over histories of all kinds.
    #[test]
    fn windows_are_what_a_walk_finds() {
        let mut dice = 7_u64;
        let mut roll = |sides: i64| {
            dice = dice.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((dice >> 33) as i64) % sides
        };
        for round in 0..300 {
            let count = roll(60) as usize;
            let visits: Vec<PastVisit> = (0..count)
                .map(|i| {
                    let (begin, med_type) = (roll(100), ["11", "21", "41", "21"][roll(4) as usize]);
                    let end = match roll(5) {
                        0 => None,
                        1 => Some(begin + roll(90)),
                        _ => Some(begin + roll(3)),
                    };
                    visit(i, med_type, begin, end)
                })
                .collect();
            let lines: Vec<PastLine> = (0..count * 3)
                .map(|i| line(i, &visits[i % count], roll(6) - 1, ["A", "B", "C"][roll(3) as usize]))
                .collect();
            let history = History::new(&"V0003".into(), visits, lines.clone(), Vec::new());
            let all = history.visits();
            assert!(all.is_sorted_by_key(|v| (v.begin, v.id.clone())), "round {round}");
            let walk = |stays: bool, keep: &dyn Fn(&PastVisit) -> bool| -> Vec<u32> {
                let others = (0u32..).zip(all).filter(|(_, v)| v.id.as_str() != "V0003");
                others.filter(|(_, v)| (!stays || v.kind().is_stay()) && keep(v)).map(|(i, _)| i).collect()
            };
            for day in -2..103 {
                let (day, begin) = (at(day).date(), at(day + 5));
                let begun = |v: &PastVisit| v.begin < begin;
                let reaches = |v: &PastVisit| begun(v) && ended(v).is_none_or(|e| e >= day);
                assert_eq!(history.stays_reaching(day, begun).collect::<Vec<_>>(), walk(true, &reaches));
                assert_eq!(history.visits_reaching(day, begun).collect::<Vec<_>>(), walk(false, &reaches));
                assert_eq!(history.stays_after(begun).collect::<Vec<_>>(), walk(true, &|v| !begun(v)));
            }
            for item in ["A", "B", "C", "D"] {
                let walked: Vec<u32> =
                    (0u32..).zip(history.lines()).filter(|(_, l)| l.item.as_str() == item).map(|(i, _)| i).collect();
                assert_eq!(history.lines_of(item), walked);
            }
            for l in &lines {
                assert_eq!(history.visit_of(l).map(|v| &v.id), Some(&l.visit));
            }
            assert!(history.visit_of(&line(0, &visit(9999, "11", 3, None), 0, "A")).is_none());
            let kinds = [VisitKind::Inpatient, VisitKind::Pharmacy];
            assert_eq!(history.has(&kinds), all.iter().any(|v| kinds.contains(&v.kind())));
        }
    }
}
