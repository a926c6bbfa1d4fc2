//! What is known of a line's item, in the tables of knowledge.

use crate::facts::{Line, View, quantity, text};
use crate::host::{Fallible, Registry};
use dingan_core::codes::ItemCode;
use dingan_core::finding::{Related, Severity};
use dingan_core::knowledge::KnowledgeRow;
use dingan_core::selector::Selector;
use rhai::{Dynamic, ImmutableString};
use std::sync::Arc;

pub(crate) fn register(r: &mut Registry<'_>) {
    r.fun("knows", |l: &mut Line, table: ImmutableString, word: ImmutableString| -> Fallible<bool> {
        Ok(points(l, &table)?.iter().any(|p| p.word == word.as_str()))
    });
    r.fun("known", |l: &mut Line, table: ImmutableString| -> Fallible<bool> { Ok(!points(l, &table)?.is_empty()) });
    r.fun("confirmed", |l: &mut Line, table: ImmutableString| -> Fallible<bool> {
        Ok(points(l, &table)?.iter().any(|p| p.confirmed))
    });
    r.fun("number", |l: &mut Line, table: ImmutableString| -> Fallible<Dynamic> {
        let number = points(l, &table)?.iter().find_map(|p| p.number);
        Ok(number.map_or(Dynamic::UNIT, |n| Dynamic::from_decimal(quantity(n))))
    });
    r.fun("days", |l: &mut Line, table: ImmutableString| -> Fallible<Dynamic> {
        let days = points(l, &table)?.iter().find_map(|p| p.days);
        Ok(days.map_or(Dynamic::UNIT, |d| Dynamic::from_int(i64::from(d))))
    });
    r.fun("word", |l: &mut Line, table: ImmutableString| -> Fallible<Dynamic> {
        Ok(first_text(points(l, &table)?, |p| &p.word))
    });
    r.fun("text", |l: &mut Line, table: ImmutableString| -> Fallible<Dynamic> {
        Ok(first_text(points(l, &table)?, |p| &p.text))
    });
    r.fun("indicated", |l: &mut Line, table: ImmutableString| -> Fallible<Dynamic> {
        Ok(indicated(&l.view, points(l, &table)?)?.map_or(Dynamic::UNIT, Dynamic::from_bool))
    });
}

fn points<'l>(line: &'l Line, table: &str) -> Fallible<&'l [Arc<KnowledgeRow>]> {
    let (_, fact) = line.net()?;
    Ok(line.view.knowledge.get(table, &fact.line.item))
}

fn first_text(points: &[Arc<KnowledgeRow>], of: impl Fn(&KnowledgeRow) -> &str) -> Dynamic {
    let found = points.iter().map(|p| of(p)).find(|t| !t.is_empty());
    found.map_or(Dynamic::UNIT, |t| Dynamic::from(text(t)))
}

/// Whether some diagnosis of the claim is one the points name; none where the points name no diagnosis,
/// or the claim has none, and diagnoses decide nothing.
fn indicated(view: &View, points: &[Arc<KnowledgeRow>]) -> Fallible<Option<bool>> {
    let diagnoses = &view.facts.visit.diagnoses;
    let mut speaking = points.iter().filter(|p| p.speaks_of_diagnoses()).peekable();
    if speaking.peek().is_none() || diagnoses.is_empty() {
        return Ok(None);
    }
    view.spend(points.len().saturating_mul(diagnoses.len()))?;
    Ok(Some(speaking.any(|p| diagnoses.iter().any(|d| p.fits(d.code.as_str(), &d.name)))))
}

/// The severity a finding may have: a rule found by a table of knowledge is no surer than its points
/// about the lines at stake, and a point nobody has confirmed founds no more than a suspicion. Of pairs
/// only those speak whose other item is beside it in the finding: of three items on a day, a confirmed
/// point about two makes nothing surer of the third.
pub(crate) fn severity(
    view: &View,
    selector: &Selector,
    own: Severity,
    lines: impl Iterator<Item = u32>,
    related: &[Related],
) -> Severity {
    let knowledge = &view.knowledge;
    let (table, second) = (table_of(view, &selector.knowledge), table_of(view, &selector.second));
    if table.is_none() && second.is_none() {
        return own;
    }
    let unsure = |points: &[&Arc<KnowledgeRow>]| !points.is_empty() && !points.iter().any(|p| p.confirmed);
    let rests_on_unsure = lines.filter_map(|at| view.net(at)).any(|(_, fact)| {
        let item = &fact.line.item;
        let about = knowledge.about(item.as_str());
        let found_by = |t, mine: &[Arc<KnowledgeRow>]| {
            let all = about.points(t).iter().chain(about.pairs(t));
            let named: Vec<_> = all.filter(|p| pairs_with(view, p, item, related)).collect();
            // a finding that names nothing beside its lines rests on all that is known of them
            if named.is_empty() { unsure(&mine.iter().collect::<Vec<_>>()) } else { unsure(&named) }
        };
        // of a table of pairs that holds both ways the item may be either
        let first = |t| if about.points(t).is_empty() { about.pairs(t) } else { about.points(t) };
        table.is_some_and(|t| found_by(t, first(t))) || second.is_some_and(|t| found_by(t, about.pairs(t)))
    });
    if rests_on_unsure { own.max(Severity::Suspicious) } else { own }
}

/// Whether a point is a pair of an item with one of those a finding names beside its lines.
fn pairs_with(view: &View, point: &KnowledgeRow, item: &ItemCode, related: &[Related]) -> bool {
    match &point.other {
        other if other.is_empty() => false,
        other if other == item => point.items().any(|i| is_beside(view, i, related)),
        other => is_beside(view, other, related),
    }
}

/// Whether a line of an item is among those a finding names beside its own.
fn is_beside(view: &View, item: &ItemCode, related: &[Related]) -> bool {
    let history = &view.facts.history;
    related.iter().any(|r| {
        if r.visit.is_empty() {
            let here = view.lines_of(item.as_str()).iter().filter_map(|at| view.net(*at));
            here.map(|(_, f)| &f.line.no).chain(view.settled_here(item).map(|l| &l.no)).any(|no| *no == r.line)
        } else {
            let elsewhere = history.lines_of(item.as_str()).iter().filter_map(|at| history.lines().get(*at as usize));
            elsewhere.into_iter().any(|l| l.visit == r.visit && l.no == r.line)
        }
    })
}

fn table_of(view: &View, name: &Option<String>) -> Option<dingan_core::knowledge::TableId> {
    view.knowledge.table(name.as_deref()?)
}
