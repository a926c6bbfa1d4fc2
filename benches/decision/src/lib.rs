//! What a decision costs. `cargo bench -p dingan-bench-decision` builds the decision and nothing else (no
//! store, no server, no DataFusion) and prints its figures; `benches/decision/README.md` says how to read them.

pub mod hand;
pub mod more;
pub mod skewed;
pub mod timing;

use chrono::NaiveDate;
use dingan_connectors::file::{Diagnoses, KnowledgeReader};
use dingan_connectors::sample::County;
use dingan_core::bundle::{Bundle, ReferenceRows};
use dingan_core::claim::Claim;
use dingan_core::journal::Journal;
use dingan_core::knowledge::{Knowledge, KnowledgeRow, merge};
use dingan_core::person::{Balances, PersonFile};
use dingan_core::policy::BenefitPolicy;
use dingan_rules::{RuleLibrary, RuleSource, embedded_policies, embedded_sources};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The day the sample claims belong to.
pub fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 6, 15).unwrap_or_default()
}

/// The policies the program carries, over some reference data.
pub fn bundle(rows: ReferenceRows) -> Bundle {
    let policies = embedded_policies()
        .into_iter()
        .map(|(name, text)| Arc::new(BenefitPolicy::from_toml(&text).unwrap_or_else(|e| panic!("policy {name}: {e}"))));
    Bundle::new("bench".to_owned(), rows, policies)
}

/// The points of the published lists, where they lie beside the repository or above it; none where they do not.
pub fn published() -> Vec<KnowledgeRow> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(lists) = here.ancestors().map(|a| a.join("shared/data/two-libraries")).find(|p| p.is_dir()) else {
        return Vec::new();
    };
    let diagnoses = Diagnoses::built_in().unwrap_or_else(|e| panic!("{e}"));
    let reader = KnowledgeReader::new(None, diagnoses).unwrap_or_else(|e| panic!("{e}"));
    let files = ["official", "points"].into_iter().filter_map(|f| std::fs::read_dir(lists.join(f)).ok()).flatten();
    let mut paths: Vec<_> = files.filter_map(|f| f.ok().map(|f| f.path())).collect();
    paths.sort();
    let read = |p: &PathBuf| reader.read(&p.to_string_lossy(), &std::fs::read(p).unwrap_or_default()).rows;
    merge(Vec::new(), paths.iter().flat_map(read).collect()).0
}

/// The rules the program carries and some more, over some knowledge.
pub fn rules(knowledge: &Arc<Knowledge>, more: &[RuleSource]) -> RuleLibrary {
    let mut sources = embedded_sources();
    sources.extend_from_slice(more);
    RuleLibrary::compile(&sources, Arc::clone(knowledge)).unwrap_or_else(|e| panic!("the rules compile: {e:?}"))
}

/// Claims of a day, each with the person's file (without history). One in twenty is a stay; visits with many lines
/// are left out until a claim has `lines` lines on average.
pub fn claims(county: &County, count: usize, lines: usize) -> Vec<(Claim, PersonFile)> {
    let persons: HashMap<_, _> = county.persons.iter().map(|p| (&p.person.no, p)).collect();
    let day = county.day(day(), count * 2).into_iter().filter(|e| persons.contains_key(&e.person.no));
    let (stays, mut visits): (Vec<Claim>, Vec<Claim>) = day.map(|e| e.claim()).partition(|c| c.visit.kind().is_stay());
    visits.sort_by_key(|c| c.lines.len());
    let stays = stays.into_iter().take(count / 20).collect::<Vec<_>>();
    let left = lines * count - stays.iter().map(|c| c.lines.len()).sum::<usize>().min(lines * count);
    let of_visits = |from: usize| visits.iter().skip(from).take(count - stays.len());
    // the window of visits, by number of lines, that fills up the average best
    let most = visits.len().saturating_sub(count - stays.len());
    let from =
        (0..=most).take_while(|i| of_visits(*i).map(|c| c.lines.len()).sum::<usize>() <= left).last().unwrap_or(0);
    let mut chosen: Vec<Claim> = of_visits(from).chain(&stays).cloned().collect();
    // sizes are mixed, as they come
    chosen.sort_by(|a, b| a.visit.id.cmp(&b.visit.id));
    let file = |claim: &Claim| {
        let p = persons.get(&claim.visit.person)?;
        let balances =
            Balances { own: p.own_balance.unwrap_or_default(), family: p.family_balance.unwrap_or_default() };
        Some(Journal::new(p.person.clone(), balances).file(&claim.visit.id, claim.visit.begin))
    };
    chosen.into_iter().filter_map(|c| file(&c).map(|f| (c, f))).collect()
}
