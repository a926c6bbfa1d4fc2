//! The index and the selectors let through exactly what a plain reading of the selector lets through.

use dingan_core::claim::Approval;
use dingan_core::codes::{ItemClass, Level, Sex, VisitKind};
use dingan_core::facts::{Facts, LineFact};
use dingan_core::finding::Stage;
use dingan_core::knowledge::KnowledgeRow;
use dingan_core::selector::{Mark, Selector};
use dingan_rules::case::world::{ItemCase, LineCase, PersonCase, VisitCase, World};
use dingan_rules::{RuleLibrary, RuleSource};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::sync::Arc;

const KINDS: [(VisitKind, &str); 8] = [
    (VisitKind::Outpatient, "11"),
    (VisitKind::Emergency, "13"),
    (VisitKind::Chronic, "14"),
    (VisitKind::Inpatient, "21"),
    (VisitKind::DaySurgery, "28"),
    (VisitKind::Pharmacy, "41"),
    (VisitKind::MaternityOutpatient, "51"),
    (VisitKind::MaternityInpatient, "52"),
];
const ITEMS: [&str; 6] = ["XA01", "XA02", "XB01", "0012", "0013", "C301"];
const TABLES: [&str; 2] = ["t1", "t2"];
const LIST_TYPES: [&str; 3] = ["101", "201", "301"];
const CHARGE_TYPES: [&str; 3] = ["09", "03", "08"];

fn strings(from: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let some = subsequence(from, 0..=from.len()).prop_map(|s| s.into_iter().map(String::from).collect());
    // half of the time the condition is left out, or nothing would ever match
    prop_oneof![Just(Vec::new()), some]
}

fn kinds() -> impl Strategy<Value = Vec<VisitKind>> {
    prop_oneof![Just(Vec::new()), subsequence(&KINDS[..], 0..=8).prop_map(|s| s.into_iter().map(|k| k.0).collect())]
}

fn table() -> impl Strategy<Value = Option<String>> {
    prop_oneof![2 => Just(None), 1 => select(&["t1", "t2", "t3"][..]).prop_map(|t| Some(t.to_owned()))]
}

fn selectors() -> impl Strategy<Value = Selector> {
    let claim = (
        kinds(),
        strings(&["310", "390"]),
        prop_oneof![Just(Vec::new()), subsequence(vec![Level::One, Level::Two, Level::Three], 0..=3)],
        prop_oneof![Just(Vec::new()), subsequence(vec![Sex::Male, Sex::Female, Sex::Unknown], 0..=3)],
        (proptest::option::of(0..90i64), proptest::option::of(0..90i64)),
        kinds(),
    );
    let line = (
        strings(&LIST_TYPES),
        strings(&CHARGE_TYPES),
        strings(&["XA", "X", "001", "XA01", "C3", ""]),
        table(),
        table(),
        prop_oneof![3 => Just(false), 1 => Just(true)],
        prop_oneof![2 => Just(Vec::new()), 1 => subsequence(&Mark::ALL[..], 0..=Mark::ALL.len())],
    );
    (claim, line, table(), prop_oneof![3 => Just(false), 1 => Just(true)]).prop_map(
        |(
            (visit, insurance, level, sex, (age_min, age_max), past),
            (list, charge, item, t, s, grouped, marks),
            diagnosis,
            died,
        )| {
            let insurance = insurance.into_iter().map(Into::into).collect();
            Selector {
                visit,
                insurance,
                level,
                sex,
                age_min,
                age_max,
                past,
                list_type: list,
                charge_type: charge,
                item,
                knowledge: t,
                second: s,
                grouped,
                diagnosis,
                died,
                marks,
            }
        },
    )
}

/// Codes tables speak of, longer than these or not there.
const DIAGNOSES: [&str; 4] = ["XA01", "0012.5", "C3", "I63.900"];

fn visit(kind: usize, id: &str, diagnosis: &str, died: bool) -> VisitCase {
    let mut text = format!("id = '{id}'\ntype = '{}'\nbegin = 2025-03-04\nend = 2025-03-09", KINDS[kind].1);
    text += &format!("\ndiagnosis = '{diagnosis}'");
    if died {
        text += "\ndeath = 2025-03-09";
    }
    toml::from_str(&text).unwrap()
}

fn worlds() -> impl Strategy<Value = World> {
    let rows = vec((select(&TABLES[..]), select(&ITEMS[..]), proptest::option::of(select(&ITEMS[..]))), 0..6);
    let catalogue = vec((select(&LIST_TYPES[..]), select(&CHARGE_TYPES[..]), select(&["", "g"][..])), ITEMS.len());
    let person = (select(vec![Sex::Male, Sex::Female, Sex::Unknown]), 1940..2025i32);
    let keys = (
        select(&["2025-03-03 08:00", "2025-03-05 09:00", "2025-03-05", "2025-03-09 23:59", "2025-03-10"][..]),
        select(&["", "D1", "D2"][..]),
        select(&["0", "2"][..]),
        select(&["10.00", "10.01"][..]),
    );
    let lines = vec((select(&ITEMS[..]), any::<bool>(), keys), 0..8);
    let past = vec((0..8usize, proptest::option::of(select(&ITEMS[..]))), 0..4);
    let visits = (0..8usize, select(&DIAGNOSES[..]), any::<bool>(), any::<bool>());
    (person, visits, select(&["1", "5", "9"][..]), past, catalogue, lines, rows).prop_map(
        |((sex, year), (kind, diagnosis, died, register), level, history, catalogue, lines, rows)| {
            let line = |no: String, item: &str, refund: &str, quantity: i64, rest: &str| -> LineCase {
                let text = format!("no = '{no}'\nitem = '{item}'\nrefund_of = '{refund}'\nquantity = {quantity}\n");
                toml::from_str(&(text + rest)).unwrap()
            };
            let mut all = Vec::new();
            for (i, (item, refunded, (at, by, approval, amount))) in lines.into_iter().enumerate() {
                let rest = format!("at = '{at}'\npractitioner = '{by}'\napproval = '{approval}'");
                all.push(line(i.to_string(), item, "", 1, &format!("{rest}\namount = '{amount}'")));
                if refunded {
                    all.push(line(format!("{i}-"), item, &i.to_string(), -1, &format!("{rest}\namount = '-{amount}'")));
                }
            }
            // one item stays out of the catalogue
            let items = ITEMS.iter().zip(catalogue).skip(1).map(|(code, (list, charge, group))| -> ItemCase {
                let mut text =
                    format!("code = '{code}'\nlist_type = '{list}'\ncharge_type = '{charge}'\ngroup = '{group}'");
                // lines cost ten yuan a unit
                text += if group.is_empty() { "\nlimit = 9" } else { "\nrestricted = true\nlimit = 10" };
                toml::from_str(&text).unwrap()
            });
            World {
                stage: None,
                person: PersonCase { sex, birth: format!("{year}-05-05T00:00:00").parse().unwrap() },
                visit: visit(kind, "V", diagnosis, died),
                settled_at: None,
                institutions: [("H1".to_owned(), level.to_owned())].into(),
                items: items.collect(),
                lines: all,
                settled: Vec::new(),
                history: history
                    .iter()
                    .enumerate()
                    .map(|(i, (kind, item))| {
                        let mut past = visit(*kind, &format!("M{i}"), "", false);
                        past.lines.extend(item.map(|item| line("0".to_owned(), item, "", 1, "")));
                        past
                    })
                    .collect(),
                knowledge: rows
                    .into_iter()
                    .map(|(table, item, other)| KnowledgeRow {
                        table: table.to_owned(),
                        item: item.into(),
                        other: other.unwrap_or_default().into(),
                        ..KnowledgeRow::default()
                    })
                    .collect(),
                params: toml::Table::new(),
                expect: Vec::new(),
                undecided: Vec::new(),
                exempted: Vec::new(),
                practitioners: if register { vec![toml::from_str("code = 'D1'").unwrap()] } else { Vec::new() },
                paid_by: "1".to_owned(),
                insurance: "310".to_owned(),
            }
        },
    )
}

/// A plain reading of the claim's part.
fn claim_passes(s: &Selector, f: &Facts, rows: &[KnowledgeRow]) -> bool {
    let kind = KINDS.iter().find(|(_, med_type)| *med_type == f.visit.med_type.as_str()).unwrap().0;
    let person = &f.portions[0].person;
    let speaks = |t: &String, r: &KnowledgeRow| {
        let code = r.item.as_str();
        r.table == *t && code.len() >= 3 && f.visit.diagnoses.iter().any(|d| d.code.as_str().starts_with(code))
    };
    let past = |k: &VisitKind| f.history.visits().iter().any(|v| v.kind() == *k);
    (s.visit.is_empty() || s.visit.contains(&kind))
        && (s.insurance.is_empty() || s.insurance.contains(&f.visit.insurance))
        && (s.level.is_empty() || s.level.iter().any(|l| *l == f.institution.deductible_level))
        && (s.sex.is_empty() || s.sex.contains(&person.sex))
        && person.age >= s.age_min.unwrap_or(i64::MIN)
        && person.age <= s.age_max.unwrap_or(i64::MAX)
        && (s.past.is_empty() || s.past.iter().any(past))
        && (!s.died || f.visit.death.is_some())
        && s.diagnosis.as_ref().is_none_or(|t| rows.iter().any(|r| speaks(t, r)))
}

/// A plain reading of a mark.
fn bears(mark: Mark, l: &LineFact, f: &Facts) -> bool {
    let (line, day) = (&l.line, l.line.time.date().to_string());
    match mark {
        Mark::NoPractitioner => line.practitioner.as_str() == "",
        Mark::Unregistered => f.practitioners.is_empty() || line.practitioner.as_str() == "D2",
        Mark::RefusedThoughPaid => {
            line.approval == Approval::Refused
                && l.item.as_ref().is_some_and(|i| !i.restricted && i.class != ItemClass::C)
        }
        Mark::Misreckoned => line.amount.to_string().ends_with('1'),
        Mark::SameMoment => {
            !line.time.to_string().ends_with("00:00:00")
                && f.lines
                    .iter()
                    .any(|o| (&o.line.item, o.line.time) == (&line.item, line.time) && o.line.no != line.no)
        }
        Mark::AboveLimit => l.limit.is_some_and(|p| p.to_string().starts_with('9')),
        Mark::OutsideVisit => day.as_str() < "2025-03-04" || day.as_str() > "2025-03-09",
    }
}

/// A plain reading of "was charged too".
fn was_charged(item: &str, f: &Facts) -> bool {
    let here = f.net_lines.iter().map(|n| f.lines[n.line].line.item.as_str());
    here.chain(f.history.lines().iter().map(|l| l.item.as_str())).any(|i| i == item)
}

/// A plain reading of a line's part.
fn line_passes(s: &Selector, l: &LineFact, f: &Facts, rows: &[KnowledgeRow]) -> bool {
    let code = l.line.item.as_str();
    let list_type = l.item.as_ref().map(|i| i.list_type.clone());
    let charge_type = l.item.as_ref().map(|i| i.charge_type.clone());
    let among = |of: &[String], v: &Option<String>| of.is_empty() || v.as_ref().is_some_and(|v| of.contains(v));
    among(&s.list_type, &list_type)
        && among(&s.charge_type, &charge_type)
        && (s.item.is_empty() || s.item.iter().any(|p| code.len() >= p.len() && &code[..p.len()] == p))
        && s.knowledge.as_ref().is_none_or(|t| rows.iter().any(|r| r.table == *t && r.item.as_str() == code))
        && (!s.grouped || l.item.as_ref().is_some_and(|i| !i.drug_group.is_empty()))
        && s.second.as_ref().is_none_or(|t| {
            rows.iter().any(|r| r.table == *t && r.other.as_str() == code && was_charged(r.item.as_str(), f))
        })
        && (s.marks.is_empty() || s.marks.iter().any(|m| bears(*m, l, f)))
}

/// The unlisted item must really be unlisted: the world would add a plain row for it.
fn without_catalogue_row(world: &World) -> dingan_rules::case::world::Built {
    let mut built = world.build().unwrap();
    let mut rows = world.reference();
    rows.catalogue.items.retain(|i| i.code.as_str() != ITEMS[0]);
    let policies: Vec<_> = built.bundle.policies().cloned().collect();
    built.bundle = dingan_core::bundle::Bundle::new("selector".into(), rows, policies);
    built
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn candidates_are_what_a_plain_reading_finds(
        selectors in vec((selectors(), any::<bool>()), 1..6),
        world in worlds(),
    ) {
        let built = without_catalogue_row(&world);
        let facts: Facts = built.facts().unwrap();
        let sources: Vec<RuleSource> = selectors
            .iter()
            .enumerate()
            .map(|(i, (selector, by_line))| rule(i, selector, if *by_line { "line" } else { "claim" }))
            .collect();
        let library = RuleLibrary::compile(&sources, Arc::clone(&built.bundle.knowledge)).unwrap();

        let mut expected: Vec<(String, Vec<String>)> = Vec::new();
        for (i, (s, by_line)) in selectors.iter().enumerate() {
            let lines: Vec<String> = facts
                .net_lines
                .iter()
                .map(|n| &facts.lines[n.line])
                .filter(|l| line_passes(s, l, &facts, &world.knowledge))
                .map(|l| l.line.no.to_string())
                .collect();
            let about_lines = *by_line || s.selects_lines();
            if claim_passes(s, &facts, &world.knowledge) && !(about_lines && lines.is_empty()) {
                expected.push((format!("DG1{i:03}"), lines));
            }
        }
        let found: Vec<(String, Vec<String>)> = library
            .candidates(&facts, Stage::During)
            .into_iter()
            .map(|(meta, lines)| (meta.code.clone(), lines.iter().map(ToString::to_string).collect()))
            .collect();
        prop_assert_eq!(found, expected);
        prop_assert!(library.candidates(&facts, Stage::After).is_empty(), "the rules run at one stage only");
    }
}

fn rule(i: usize, selector: &Selector, scope: &str) -> RuleSource {
    #[derive(serde::Serialize)]
    struct Part<'s> {
        selector: &'s Selector,
    }
    let head = format!(
        "code = 'DG1{i:03}'\ntitle = 't'\nseverity = 'breach'\nstages = ['during']\nscope = '{scope}'\n\
         status = 'active'\nversion = 1\nmessage = 'm'\n[[basis]]\ndocument = 'd'\ndate = '2025-01-01'\n"
    );
    let selector = toml::to_string(&Part { selector }).unwrap();
    RuleSource { path: format!("policy/DG1{i:03}-random"), toml: head + selector.as_str(), rhai: String::new() }
}
