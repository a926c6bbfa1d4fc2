//! Claims and persons out of the common.

use chrono::{NaiveDateTime, TimeDelta};
use dingan_core::claim::{Claim, Line};
use dingan_core::journal::HISTORY_DAYS;
use dingan_core::money::Money;
use dingan_core::person::{PastLine, PastVisit, PersonFile};

type Pair = (Claim, PersonFile);

/// Shapes by name, each as claims with the person's file.
pub fn shapes(sample: &[Pair]) -> Vec<(&'static str, Vec<Pair>)> {
    let stay = sample.iter().filter(|(c, _)| c.visit.kind().is_stay()).max_by_key(|(c, _)| c.lines.len());
    let visit = sample.iter().filter(|(c, _)| !c.visit.kind().is_stay()).max_by_key(|(c, _)| c.lines.len());
    let (Some(stay), Some(visit)) = (stay, visit) else { return Vec::new() };
    vec![
        ("a stay of 20,000 lines", vec![long_stay(stay, 20_000)]),
        ("one item on each of 20,000 lines", vec![one_item(stay, 20_000)]),
        ("a person with 200 stays", with_history(sample, stay, 200)),
        ("a dialysis patient with 5,000 visits", vec![with_visits(visit, 5_000)]),
    ]
}

/// The lines of a stay over and over, a day later each time round, until there are so many.
fn long_stay((claim, file): &Pair, lines: usize) -> Pair {
    let (mut claim, file) = (claim.clone(), file.clone());
    let original = std::mem::take(&mut claim.lines);
    let days = (lines / original.len().max(1)).max(1) as i64;
    claim.lines = original
        .iter()
        .cycle()
        .take(lines)
        .enumerate()
        .map(|(i, l)| numbered(l, i, (i / original.len()) as i64))
        .collect();
    lengthen(&mut claim, days);
    (claim, file)
}

fn one_item((claim, file): &Pair, lines: usize) -> Pair {
    let (mut claim, file) = (claim.clone(), file.clone());
    let Some(first) = claim.lines.iter().find(|l| l.refund_of.is_none()).cloned() else { return (claim, file) };
    let per_day = 40;
    claim.lines = (0..lines)
        .map(|i| {
            let mut l = numbered(&first, i, (i / per_day) as i64);
            l.time += TimeDelta::minutes((i % per_day) as i64);
            l
        })
        .collect();
    lengthen(&mut claim, (lines / per_day) as i64);
    (claim, file)
}

fn numbered(line: &Line, i: usize, days: i64) -> Line {
    Line { no: format!("{i:06}").into(), refund_of: None, time: line.time + TimeDelta::days(days), ..line.clone() }
}

fn lengthen(claim: &mut Claim, days: i64) {
    claim.visit.end = claim.visit.end.map(|e| e + TimeDelta::days(days));
    claim.request.time += TimeDelta::days(days);
}

/// Stays of a person who had so many before, over the last two years.
fn with_history(sample: &[Pair], stay: &Pair, stays: usize) -> Vec<Pair> {
    let same = sample.iter().filter(|(c, _)| c.visit.kind().is_stay()).take(20).cloned();
    same.map(|(claim, mut file)| {
        let begin = claim.visit.begin;
        for i in 0..stays {
            let from = begin - TimeDelta::days(3 * (i as i64 + 1));
            add(&mut file, &stay.0, &format!("H{i}"), from, from + TimeDelta::days(1), 10);
        }
        order(&mut file);
        (claim, file)
    })
    .collect()
}

/// Three visits a week, for as long as it takes. A file holds lines of the last [`HISTORY_DAYS`] only.
fn with_visits(visit: &Pair, visits: usize) -> Pair {
    let (claim, mut file) = visit.clone();
    for i in 0..visits {
        let from = claim.visit.begin - TimeDelta::hours(56 * (i as i64 + 1));
        let lines = if (claim.visit.begin - from).num_days() <= HISTORY_DAYS { 10 } else { 0 };
        add(&mut file, &claim, &format!("H{i}"), from, from, lines);
    }
    order(&mut file);
    (claim, file)
}

fn add(file: &mut PersonFile, like: &Claim, id: &str, begin: NaiveDateTime, end: NaiveDateTime, lines: usize) {
    file.visits.push(PastVisit {
        id: id.into(),
        institution: like.visit.institution.clone(),
        med_type: like.visit.med_type.clone(),
        begin,
        end: Some(end),
        diagnoses: like.visit.diagnoses.clone(),
        discharge_way: String::new(),
        deductible: Money::ZERO,
        settled: true,
    });
    file.lines.extend(like.lines.iter().filter(|l| l.refund_of.is_none()).take(lines).map(|l| PastLine {
        visit: id.into(),
        settlement: format!("S{id}").into(),
        no: l.no.clone(),
        item: l.item.clone(),
        time: begin,
        quantity: l.quantity,
        amount: l.amount,
        supply_days: l.supply_days,
    }));
}

fn order(file: &mut PersonFile) {
    file.visits.sort_by(|a, b| (a.begin, &a.id).cmp(&(b.begin, &b.id)));
    file.lines.sort_by(|a, b| (a.time, &a.settlement, &a.no).cmp(&(b.time, &b.settlement, &b.no)));
}
