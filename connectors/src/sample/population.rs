//! A population with an answer key: people whose bills hold what abuse looks like, plainly and slyly, people who look
//! alike and are innocent, and everybody else.
//!
//! What is planted was written from what is published about abuse (the national list of rules, contracts,
//! interpretations). It shares no code with the rules, which this crate does not know of; it does share with them the
//! names of tables, the codes by which patterns are told apart, and the limits nothing published gives
//! (`docs/review-quality.md` says what follows from that). [`Population::story`] makes the `n`-th person; the same seed makes the
//! same people. One story in four is planted or a look-alike, and each pattern comes equally often.

mod conduct;
mod hiding;
mod life;
mod lines;
mod points;
mod scenes;

use super::County;
use super::rng::Rng;
use crate::file::PersonImport;
use chrono::NaiveDate;
use dingan_core::bundle::ReferenceRows;
use dingan_core::claim::{Claim, SettlementList};
use dingan_core::codes::{Sex, VisitId};
use life::{Charged, Life};
use points::Kit;
use scenes::{COLD, HYPERTENSION};
use std::sync::Arc;

/// How a story looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Nothing special.
    Ordinary,
    /// Abuse as it stands in the book.
    Plain,
    /// Abuse that tries not to look like it.
    Sly,
    /// Looks like abuse and is none.
    Innocent,
}

/// What is to be found at a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// The visit whose review can see it, with everything known in the end.
    pub visit: VisitId,
    /// The rule of the library that is about it.
    pub rule: &'static str,
}

/// A person and their bills.
#[derive(Debug, Clone)]
pub struct Story {
    /// Who.
    pub person: PersonImport,
    /// In the order in which they are settled.
    pub claims: Vec<Claim>,
    /// Settlement lists, which come when all is settled.
    pub lists: Vec<(VisitId, SettlementList)>,
    /// The answer key.
    pub truth: Vec<Truth>,
    /// What it is about: the rule, or nothing.
    pub pattern: &'static str,
    /// How it looks.
    pub form: Form,
}

/// Whom a story suits.
#[derive(Clone, Copy)]
struct ForWhom {
    sex: Option<Sex>,
    /// Days of age at the beginning, from and to.
    age: (i64, i64),
}

const YEAR: i64 = 366;
const ADULT: ForWhom = ForWhom { sex: None, age: (25 * YEAR, 50 * YEAR) };
const WOMAN: ForWhom = ForWhom { sex: Some(Sex::Female), age: (25 * YEAR, 35 * YEAR) };
const CHILD: ForWhom = ForWhom { sex: None, age: (5 * YEAR, 11 * YEAR) };
const OLD: ForWhom = ForWhom { sex: None, age: (72 * YEAR, 90 * YEAR) };
const NEWBORN: ForWhom = ForWhom { sex: None, age: (-59, -55) };

type Tell = Arc<dyn Fn(&mut Life<'_>) + Send + Sync>;

/// A kind of story.
struct Pattern {
    rule: &'static str,
    form: Form,
    whom: ForWhom,
    tell: Tell,
}

impl Pattern {
    fn new(
        rule: &'static str,
        form: Form,
        whom: ForWhom,
        tell: impl Fn(&mut Life<'_>) + Send + Sync + 'static,
    ) -> Self {
        Self { rule, form, whom, tell: Arc::new(tell) }
    }
}

fn plain(rule: &'static str, whom: ForWhom, tell: fn(&mut Life<'_>)) -> Pattern {
    Pattern::new(rule, Form::Plain, whom, tell)
}

fn sly(rule: &'static str, whom: ForWhom, tell: fn(&mut Life<'_>)) -> Pattern {
    Pattern::new(rule, Form::Sly, whom, tell)
}

fn innocent(rule: &'static str, whom: ForWhom, tell: fn(&mut Life<'_>)) -> Pattern {
    Pattern::new(rule, Form::Innocent, whom, tell)
}

/// Every how-many-th story is one of a pattern.
const EVERY: usize = 4;

/// The population.
pub struct Population {
    seed: u64,
    county: County,
    kit: Kit,
    patterns: Vec<Pattern>,
}

impl Population {
    /// A population; nothing is made before it is asked for.
    pub fn new(seed: u64) -> Self {
        let mut patterns = lines::patterns();
        patterns.extend(conduct::patterns());
        patterns.extend(hiding::patterns());
        Self { seed, county: County::generate(seed, 0), kit: Kit::new(), patterns }
    }

    /// Catalogue, institutions, practitioners, areas and points its agency has.
    pub fn reference(&self) -> ReferenceRows {
        let mut rows = self.county.reference.clone();
        self.kit.add_to(&mut rows);
        rows
    }

    /// The `n`-th person.
    pub fn story(&self, n: usize) -> Story {
        let turn = n.is_multiple_of(EVERY).then_some(n / EVERY);
        let pattern = turn.and_then(|t| self.patterns.get(t % self.patterns.len().max(1)));
        let whom = pattern.map_or(ADULT, |p| p.whom);
        let mut rng = Rng::new(&[self.seed, 5, n as u64]);
        let age = rng.between(whom.age.0, whom.age.1);
        let mut life = Life::new(self.seed, n, &self.kit, &self.county.world, whom.sex, Some(age));
        match pattern {
            Some(p) => {
                (p.tell)(&mut life);
                life.done(p.rule, p.form)
            }
            None => {
                ordinary(&mut life);
                life.done("", Form::Ordinary)
            }
        }
    }
}

/// A few visits, now and then a stay.
fn ordinary(life: &mut Life<'_>) {
    const ILLS: [&str; 5] = [COLD, "K29.500 慢性胃炎", "M51.200 腰痛", "L30.900 湿疹", HYPERTENSION];
    let mut day = life.any_day();
    for _ in 0..life.rng.between(1, 6) {
        day = life::ahead(day, life.rng.between(9, 25));
        let ill = life.rng.pick(&ILLS).copied().unwrap_or(COLD);
        let place = life.rng.below(3);
        if life.rng.percent(4) {
            let days = life.rng.between(4, 12);
            let v = life.stay(day, days, place, ill, 0..0);
            life.charge(v, "ZD02", Charged { after: 10, ..Charged::default() });
            life.list(v, |s| s.return_planned = Some(true));
            day = life::ahead(day, 60);
            continue;
        }
        let v = life.visit("11", day, place, ill);
        for item in ["ZD01", "ZD02", "ZD05", "ZL01", "ZT01"] {
            if life.rng.percent(55) {
                life.charge(v, item, Charged { price: life.rng.clone().between(3, 120), ..Charged::default() });
            }
        }
    }
}

impl Life<'_> {
    /// A day on which a story may begin.
    fn any_day(&mut self) -> NaiveDate {
        if self.birth() > life::first_day() {
            let days = self.rng.between(3, 15);
            return life::ahead(self.birth(), days);
        }
        let days = self.rng.between(0, 40);
        life::ahead(life::first_day(), 60 + days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn answer_keys_name_visits_of_their_story() {
        let population = Population::new(7);
        for n in 0..population.patterns.len() * EVERY * 3 {
            let story = population.story(n);
            let visits: BTreeSet<_> = story.claims.iter().map(|c| &c.visit.id).collect();
            let mut keys = BTreeSet::new();
            for t in &story.truth {
                assert!(visits.contains(&t.visit), "{}: no visit {:?}", story.pattern, t.visit);
                assert!(keys.insert((&t.visit, t.rule)), "{}: {} twice", story.pattern, t.rule);
            }
            let guilty = matches!(story.form, Form::Plain | Form::Sly);
            assert_eq!(
                guilty,
                story.truth.iter().any(|t| t.rule == story.pattern),
                "{} {:?}",
                story.pattern,
                story.form
            );
            assert!(guilty || story.truth.is_empty(), "{}: an innocent story with an answer", story.pattern);
            for c in &story.claims {
                let v = &c.visit;
                assert!(!v.institution.as_str().is_empty(), "{}: no such place", story.pattern);
                assert!(v.end.is_none_or(|end| v.begin < end && end <= c.request.time), "{}", story.pattern);
            }
        }
    }
}
