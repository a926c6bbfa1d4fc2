//! What is known of a line's item, in the tables of knowledge.

use crate::facts::{Line, View, quantity, text};
use crate::host::{Fallible, Registry};
use dingan_core::codes::{ItemCode, LineNo, VisitId};
use dingan_core::finding::{Related, Severity};
use dingan_core::hash::HashSet;
use dingan_core::knowledge::KnowledgeRow;
use dingan_core::selector::Selector;
use rhai::{Dynamic, ImmutableString};
use std::cell::OnceCell;
use std::collections::BTreeSet;
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
    let at_stake: BTreeSet<&ItemCode> = lines.filter_map(|at| view.net(at)).map(|(_, f)| &f.line.item).collect();
    let beside = OnceCell::new();
    let unsure = |points: &[&Arc<KnowledgeRow>]| !points.is_empty() && !points.iter().any(|p| p.confirmed);
    let rests_on_unsure = at_stake.into_iter().any(|item| {
        let about = knowledge.about(item.as_str());
        let found_by = |t, mine: &[Arc<KnowledgeRow>]| {
            let with = |other: &ItemCode| beside.get_or_init(|| items_of(view, related)).contains(other);
            let pairs = |p: &&Arc<KnowledgeRow>| match &p.other {
                other if other.is_empty() => false,
                other if other == item => p.items().any(with),
                other => with(other),
            };
            let named: Vec<_> = about.points(t).iter().chain(about.pairs(t)).filter(pairs).collect();
            // a finding that names nothing beside its lines rests on all that is known of them
            if named.is_empty() { unsure(&mine.iter().collect::<Vec<_>>()) } else { unsure(&named) }
        };
        // of a table of pairs that holds both ways the item may be either
        let first = |t| if about.points(t).is_empty() { about.pairs(t) } else { about.points(t) };
        table.is_some_and(|t| found_by(t, first(t))) || second.is_some_and(|t| found_by(t, about.pairs(t)))
    });
    if rests_on_unsure { own.max(Severity::Suspicious) } else { own }
}

/// The items of the lines a finding names beside its own, in one pass over all lines there are.
fn items_of<'v>(view: &'v View, related: &[Related]) -> HashSet<&'v ItemCode> {
    let (here, elsewhere): (Vec<&Related>, Vec<&Related>) = related.iter().partition(|r| r.visit.is_empty());
    let here: HashSet<&LineNo> = here.into_iter().map(|r| &r.line).collect();
    let elsewhere: HashSet<(&VisitId, &LineNo)> = elsewhere.into_iter().map(|r| (&r.visit, &r.line)).collect();
    let (facts, history) = (&view.facts, &view.facts.history);
    let mut items = HashSet::default();
    if !here.is_empty() {
        items.extend(facts.lines.iter().map(|f| &f.line).filter(|l| here.contains(&l.no)).map(|l| &l.item));
        items.extend(history.this_visit().iter().filter(|l| here.contains(&l.no)).map(|l| &l.item));
    }
    if !elsewhere.is_empty() {
        items.extend(history.lines().iter().filter(|l| elsewhere.contains(&(&l.visit, &l.no))).map(|l| &l.item));
    }
    items
}

fn table_of(view: &View, name: &Option<String>) -> Option<dingan_core::knowledge::TableId> {
    view.knowledge.table(name.as_deref()?)
}
