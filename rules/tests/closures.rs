//! Closures answer what the interpreter answers: on the facts of every rule's cases, each seen by every rule,
//! and on those facts shaken.

use dingan_core::codes::Sex;
use dingan_core::facts::Facts;
use dingan_core::finding::{RuleSet, Stage};
use dingan_core::history::History;
use dingan_core::money::Quantity;
use dingan_rules::case::{cases, world::World};
use dingan_rules::{RuleLibrary, RuleSource, Status, embedded_pages, embedded_sources};
use std::sync::Arc;

const STAGES: [Stage; 3] = [Stage::Before, Stage::During, Stage::After];

/// Every rule that can run, whatever its status.
fn all(library: &RuleLibrary) -> RuleLibrary {
    library.only(|r| !matches!(r.status, Status::Retired | Status::Unavailable))
}

fn same(library: &RuleLibrary, facts: &Arc<Facts>, what: &str) -> usize {
    let interpreted = library.interpreted();
    let mut raised = 0;
    for stage in STAGES {
        let (native, reference) = (library.review(facts, stage), interpreted.review(facts, stage));
        assert_eq!(native, reference, "{what}, {stage:?}");
        raised += reference.hits.len() + reference.undecided.len();
    }
    raised
}

#[test]
fn closures_answer_like_the_interpreter() {
    let sources = embedded_sources();
    let mut dice = Dice(20_261_125);
    let (mut facts_seen, mut raised) = (0, 0);
    for (source, page) in sources.iter().zip(&embedded_pages()) {
        for case in cases(page).unwrap() {
            let world: World = toml::from_str(&case.facts).unwrap();
            let built = world.build().unwrap();
            let library = RuleLibrary::compile(&sources, Arc::clone(&built.bundle.knowledge)).unwrap();
            let library = all(&library);
            let mut facts = built.facts().unwrap();
            let what = format!("{}, {}", source.path, case.title);
            raised += same(&library, &Arc::new(facts.clone()), &what);
            for round in 0..4 {
                shake(&mut facts, &mut dice);
                raised += same(&library, &Arc::new(facts.clone()), &format!("{what}, shaken {round}"));
            }
            facts_seen += 5;
        }
    }
    assert!(facts_seen > 300 && raised > 200, "{raised} raised on {facts_seen} facts");
}

/// The same throws in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32 % sides
    }
}

/// Moves days, quantities and codes a little, so that conditions fall on their other side.
fn shake(facts: &mut Facts, dice: &mut Dice) {
    let mut roll = |n: u32| dice.roll(n);
    for net in &mut facts.net_lines {
        if roll(3) == 0 {
            net.quantity = Quantity::whole(i64::from(roll(40)) + 1);
        }
    }
    for line in &mut facts.lines {
        if roll(3) == 0 {
            line.line.time += chrono::TimeDelta::days(i64::from(roll(9)) - 4);
        }
        if roll(4) == 0 {
            line.line.supply_days = (roll(2) == 0).then(|| Quantity::whole(i64::from(roll(60))));
        }
    }
    let history = &facts.history;
    let mut visits = history.visits().to_vec();
    for visit in &mut visits {
        if roll(3) == 0 {
            visit.begin -= chrono::TimeDelta::days(i64::from(roll(5)));
        }
        match roll(6) {
            0 => visit.end = None,
            1 => visit.diagnoses.clear(),
            2 => visit.discharge_way = "2".to_owned(),
            3 => visit.institution = facts.visit.institution.clone(),
            _ => {}
        }
    }
    let (lines, here) = (history.lines().to_vec(), history.this_visit().to_vec());
    facts.history = History::new(&facts.visit.id, visits, lines, here);
    if roll(4) == 0 {
        facts.visit.diagnoses.clear();
    }
    if roll(4) == 0 {
        facts.visit.end = None;
    }
    for portion in &mut facts.portions {
        portion.person.age = i64::from(roll(100));
        portion.person.sex = [Sex::Male, Sex::Female, Sex::Unknown][roll(3) as usize];
    }
}

#[test]
fn every_script_of_the_library_is_translated() {
    let library = RuleLibrary::compile(&embedded_sources(), Arc::default()).unwrap();
    let left: Vec<&str> = library.untranslated().map(|r| r.code.as_str()).collect();
    assert_eq!(left, Vec::<&str>::new(), "their scripts use what is not translated; see rules/src/closures.rs");
}

/// What a rule of lines with this script raises, translated or not.
fn scripted(rhai: &str) -> RuleLibrary {
    let toml = "code = 'DG1001'\ntitle = 't'\nseverity = 'breach'\nstages = ['during']\nscope = 'claim'\n\
         status = 'active'\nversion = 1\nmessage = 'm'\nwindow_days = 10\n\
         [[basis]]\ndocument = 'd'\ndate = '2025-01-01'\n\
         [param.days]\ntype = 'int'\nvalue = 5\nunit = 'day'\ndoc = 'd'\n";
    let source = RuleSource { path: "policy/DG1001-t".to_owned(), toml: toml.to_owned(), rhai: rhai.to_owned() };
    RuleLibrary::compile(&[source], Arc::default()).unwrap_or_else(|e| panic!("{rhai}: {e:?}"))
}

#[test]
fn the_language_means_the_same() {
    let world: World = toml::from_str(
        "visit = { begin = 2025-03-01, end = 2025-03-04, type = '21', diagnosis = 'I63.900' }\n\
         lines = [{ item = 'A', at = 2025-03-02, quantity = 3 }, { item = 'B', at = 2025-03-03, price = '2.5' }, { item = 'A' }]\n\
         history = [{ id = 'M1', begin = 2025-02-20, end = 2025-02-25, type = '21' }]",
    )
    .unwrap();
    let facts = Arc::new(world.build().unwrap().facts().unwrap());
    let values = [
        "1 + 2 * 3 - 4",
        "7 - 10",
        "-claim.stay_days",
        "1.5 + 2",
        "2 * 1.25",
        "1 == 1.0",
        "2 < 2.5",
        "3 >= 4",
        "\"a\" + \"b\"",
        "\"a\" < \"b\"",
        "\"a\" == \"a\"",
        "!true",
        "true && 1 < 2",
        "false || 2 != 2",
        "claim.level == ()",
        "() == ()",
        "claim.begin_day == ()",
        "() != claim.end_day",
        "claim.begin_day < claim.end_day",
        "claim.end_day != ()",
        "claim.lines.len",
        "claim.lines.amount",
        "claim.lines_of(\"A\").quantity",
        "claim.begin_day.days_until(claim.end_day)",
        "claim.begin_day.ahead(3).back(1)",
        "claim.diagnoses[0]",
        "history.stays_within(10)[0].id",
        "history.stays_within(10)[-1].end_day",
        "claim.lines.amount.share(claim.lines.amount, claim.lines.amount)",
        "same_category(claim.diagnosis, \"I63\")",
        "code_in(claim.diagnosis, [\"I6\", \"J\"])",
        "claim.kind",
        "param.days + 1",
        "if claim.is_stay { 1 } else { 2 }",
        "claim.lines.amount.plus(claim.lines.amount)",
        "claim.lines.amount > claim.lines.amount",
        "#{ a: 5 }.a",
        "claim.lines.quantity",
        "claim.lines.quantity * 2",
        "claim.lines.days",
    ];
    let mut scripts: Vec<String> = values.iter().map(|v| format!("flag(claim, #{{ v: {v} }});")).collect();
    scripts.extend(
        [
            "let n = 0; for l in claim.lines { n += 1; if l.item == \"B\" { continue; } flag(l, #{ n: n }); }",
            "for l in claim.lines { if l.item == \"B\" { break; } flag(l, #{ n: l.name }); }",
            "for l in claim.lines { if l.item == \"B\" { return; } flag(l, #{ n: l.quantity }); }",
            "let n = 1; n = n + 4; n -= 2; n *= 3; flag(claim, #{ n: n });",
            "for (l, i) in claim.lines { flag(l, #{ i: i }); }",
            "for p in history.stays_within(10) { flag(claim, p, #{ gap: p.end_day.days_until(claim.begin_day) }); }",
            "if claim.lines.is_empty { undecided(\"x\"); } else { undecided(\"y\"); }",
            "let a = [1, 2]; let b = if a[1] == 2 { \"two\" } else { \"other\" }; flag(claim, #{ b: b });",
            "let m = #{ a: 1 }; m.a = 2; flag(claim, m);",
            "let l = []; l.push(1); l.push(\"x\"); flag(claim, #{ l: l, n: l.len });",
            "let s = \"abcdef\"; flag(claim, #{ a: s.sub_string(1, 2), b: s.sub_string(-2, 9), c: s.sub_string(9, 1) });",
            // errors are the interpreter's to report
            "let a = [1]; flag(claim, #{ b: a[3] });",
            "flag(claim, #{ b: claim.begin_day < 3 });",
            "if claim.lines.len { flag(claim, #{}); }",
            "flag(claim, #{ first: 1 }); let x = 1 + \"a\".len + ();",
            "undecided(\"early\"); flag([], #{});",
            "let n = 9223372036854775807; n += 1; flag(claim, #{ n: n });",
        ]
        .map(str::to_owned),
    );
    for script in &scripts {
        let library = scripted(script);
        assert_eq!(library.untranslated().count(), 0, "{script}");
        let review = library.review(&facts, Stage::During);
        assert_eq!(review, library.interpreted().review(&facts, Stage::During), "{script}");
        let said = review.hits.len() + review.undecided.len() + review.failures.len();
        assert!(said > 0, "{script} says nothing");
    }
}
