//! A rule can do no harm: what loops is stopped, what fails is recorded, the others go on, and the
//! same facts give the same bytes.

use dingan_core::adjudicate::adjudicate;
use dingan_core::facts::Facts;
use dingan_core::finding::{Review, RuleSet, Severity, Stage};
use dingan_core::knowledge::Knowledge;
use dingan_rules::case::world::World;
use dingan_rules::{RuleLibrary, RuleProblem, RuleSource, embedded_sources};
use std::sync::Arc;

fn rule(code: &str, scope: &str, rhai: &str) -> RuleSource {
    let toml = format!(
        "code = '{code}'\ntitle = 't'\nseverity = 'breach'\nstages = ['during']\nscope = '{scope}'\n\
         status = 'active'\nversion = 3\nmessage = 'm'\nwindow_days = 10\n\
         [[basis]]\ndocument = 'd'\ndate = '2025-01-01'\n\
         [param.days]\ntype = 'int'\nvalue = 5\nunit = 'day'\ndoc = 'd'\n"
    );
    RuleSource { path: format!("policy/{code}-test"), toml, rhai: rhai.to_owned() }
}

fn facts(text: &str) -> Arc<Facts> {
    let world: World = toml::from_str(text).unwrap();
    Arc::new(world.build().unwrap().facts().unwrap())
}

fn three_lines() -> Arc<Facts> {
    facts("visit = { begin = 2025-03-01 }\nlines = [{ item = 'A' }, { item = 'B' }, { item = 'C' }]")
}

fn review(rules: &[RuleSource], facts: &Arc<Facts>) -> Review {
    RuleLibrary::compile(rules, Arc::new(Knowledge::default())).unwrap().review(facts, Stage::During)
}

/// What one script ends with, over three lines.
fn error_of(rhai: &str) -> String {
    let review = review(&[rule("DG1001", "claim", rhai)], &three_lines());
    review.failures.first().map(|f| f.error.clone()).unwrap_or_default()
}

fn problems(rhai: &str) -> Vec<String> {
    let sources = [rule("DG1001", "line", rhai)];
    let problems = RuleLibrary::compile(&sources, Arc::new(Knowledge::default())).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_looping_script_is_stopped_and_recorded() {
    let rules = [rule("DG1001", "claim", "loop { }"), rule("DG1002", "claim", "flag(#{});")];
    let review = review(&rules, &three_lines());
    let [failure] = &review.failures[..] else { panic!("{review:?}") };
    assert_eq!((failure.rule.as_str(), failure.version), ("DG1001", 3));
    assert!(failure.error.contains("Too many operations"), "{}", failure.error);
    assert_eq!(review.hits.len(), 1, "the other rule ran");
}

#[test]
fn a_runtime_error_is_recorded_and_the_others_run() {
    let rules = [
        rule("DG1001", "line", "flag(#{ item: line.item });"),
        rule("DG1002", "line", "if line.item == \"B\" { flag(#{}); let n = [1]; let m = n[7]; } flag(#{});"),
        rule("DG1003", "claim", "flag(#{});"),
    ];
    let review = review(&rules, &three_lines());
    assert_eq!(review.failures.len(), 1);
    assert_eq!(review.failures[0].rule, "DG1002");
    let hits: Vec<(&str, Vec<&str>)> =
        review.hits.iter().map(|h| (h.rule.as_str(), h.lines.iter().map(|(l, _)| l.as_str()).collect())).collect();
    // of DG1002 the first line stands; what the second raised before it failed does not, the third is not looked at
    let expected = [
        ("DG1001", vec!["1"]),
        ("DG1001", vec!["2"]),
        ("DG1001", vec!["3"]),
        ("DG1002", vec!["1"]),
        ("DG1003", vec![]),
    ];
    assert_eq!(hits, expected);
}

#[test]
fn native_functions_count_against_a_budget() {
    let error = error_of("for i in 0..900000 { let n = claim.lines.quantity; }");
    assert!(error.contains("budget") || error.contains("Too many operations"), "{error}");
    // a pass over all lines for each line is too much where there are many
    let lines: Vec<String> = (0..4000).map(|i| format!("{{ no = '{i:05}', item = 'A' }}")).collect();
    let text = format!("visit = {{ begin = 2025-03-01 }}\nlines = [{}]", lines.join(","));
    let review = review(&[rule("DG1001", "line", "let n = claim.lines_of(line.item).quantity;")], &facts(&text));
    assert!(review.failures[0].error.contains("native functions went over their budget"), "{:?}", review.failures);
}

#[test]
fn data_stays_small() {
    assert!(error_of("let s = \"xxxxxxxx\"; loop { s += s; }").contains("Length of string too large"));
    assert!(error_of("let a = []; loop { a.push(1); }").contains("Size of array/BLOB too large"));
}

#[test]
fn a_rule_looks_no_further_back_than_it_declared() {
    assert_eq!(error_of("let s = history.stays_within(10);"), "");
    let error = error_of("let s = history.stays_within(11);");
    assert!(error.contains("asks for 11 days of history; the rule declares window_days = 10"), "{error}");
}

#[test]
fn a_comparison_that_could_never_hold_is_an_error() {
    assert!(error_of("if claim.begin_day > 5 { }").contains("a day cannot be compared with i64"));
    assert!(error_of("if claim.lines.amount >= 100 { }").contains("an amount cannot be compared"));
    assert_eq!(error_of("if claim.end_day == () || claim.end_day != () { }"), "");
    assert!(error_of("let sum = claim.lines.amount + claim.lines.amount;").contains("Function not found: +"));
}

#[test]
fn scripts_cannot_change_what_they_are_given() {
    assert!(!error_of("claim = 5;").is_empty());
    let rules = [rule("DG1001", "claim", "person = 5;"), rule("DG1002", "claim", "if person.age > 3 { flag(#{}); }")];
    let review = review(&rules, &three_lines());
    assert_eq!((review.failures.len(), review.hits.len()), (1, 1));
}

#[test]
fn evidence_and_lines_are_checked() {
    let mut source = rule("DG1001", "claim", "let gap = #{ gap: 1 }; flag(#{ other: 1 });");
    source.toml = source.toml.replace("message = 'm'", "message = '{gap} days'");
    let failures = review(std::slice::from_ref(&source), &three_lines()).failures;
    assert!(failures[0].error.contains("the message needs the evidence `gap`"), "{failures:?}");
    source.rhai = "flag(#{ other: 1 });".into();
    let problems = RuleLibrary::compile(&[source], Arc::new(Knowledge::default())).unwrap_err();
    assert_eq!((problems[0].line, problems[0].column), (8, 12));
    assert!(problems[0].message.contains("the message needs `gap`"));
    assert!(error_of("flag(claim.lines.after(claim.begin_day), #{});").contains("no lines to flag"));
    assert!(error_of("flag(#{ x: claim });").contains("is no evidence"));
}

#[test]
fn what_nobody_registered_is_found_when_compiled() {
    assert_eq!(problems("let x = line.quantity;"), Vec::<String>::new());
    assert_eq!(
        problems("let x = 1;\nlet y = lin.item;"),
        ["policy/DG1001-test/rule.rhai:2:9: Undefined variable: lin"]
    );
    assert_eq!(problems("let y = line.itme;"), ["policy/DG1001-test/rule.rhai:1:14: no property `itme`"]);
    assert_eq!(problems("flagg(#{});"), ["policy/DG1001-test/rule.rhai:1:1: no function `flagg`"]);
    let message = "policy/DG1001-test/rule.rhai:1:15: the rule has no parameter `dayz`";
    assert_eq!(problems("let y = param.dayz;"), [message]);
    assert!(problems("let y = param;")[0].contains("param.name"));
    assert!(problems("fn f() { 1 }")[0].contains("defines no functions"));
    for forbidden in
        ["eval(\"1\");", "import \"x\";", "print(1);", "try { } catch { }", "let f = |x| x;", "timestamp();"]
    {
        assert!(!problems(forbidden).is_empty(), "{forbidden}");
    }
}

#[test]
fn a_manifest_says_where_it_is_wrong() {
    let compile = |source: RuleSource| -> Vec<RuleProblem> {
        RuleLibrary::compile(&[source], Arc::new(Knowledge::default())).err().unwrap_or_default()
    };
    let changed = |from: &str, to: &str| {
        let mut source = rule("DG1001", "claim", "");
        source.toml = source.toml.replace(from, to);
        compile(source).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(changed("x", "x"), "");
    assert!(changed("'breach'", "'grave'").starts_with("policy/DG1001-test/rule.toml:3:12: unknown variant `grave`"));
    assert!(changed("value = 5", "value = 'five'").contains("rule.toml:13:1: parameter `days`"));
    assert!(changed("DG1001", "DG2001").contains("a code of family `policy` is DG1"));
    assert!(changed("version = 3", "version = 3\nefect = 1").contains("unknown field `efect`"));
    assert!(changed("'active'", "'unavailable'").contains("says in `needs`"));
    assert!(
        changed("'breach'", "'suspicious'\neffect = { '2304' = 'block' }").contains("only a definite breach may block")
    );
    assert_eq!(changed("'breach'", "'breach'\neffect = { '2304' = 'block' }"), "");
    let twice = [rule("DG1001", "claim", ""), rule("DG1001", "claim", "")];
    let problems = RuleLibrary::compile(&twice, Arc::new(Knowledge::default())).unwrap_err();
    assert!(problems[0].message.contains("codes are never used twice"));
}

const BUSY: &str = r#"
person = { sex = "female" }
visit = { begin = 2025-03-04, end = 2025-03-09, type = "21", diagnosis = "I63.900" }
institutions = { H1 = "9" }
history = [
  { id = "M1", begin = 2025-02-20, end = 2025-03-01, type = "21", diagnosis = "I63.801" },
  { id = "M2", institution = "H2", begin = 2025-03-01, type = "21", diagnosis = "J18.900" },
]
items = [{ code = "G1", group = "g" }, { code = "G2", group = "g" }]
knowledge = [
  { table = "duplicate-pair", item = "A", other = "B", word = "day" },
  { table = "max-per-day", item = "B", number = 1 },
  { table = "drug-sex", item = "D", word = "male" },
  { table = "child-only", item = "D" },
  { table = "level-min", item = "D", number = 2 },
]
lines = [
  { item = "A", at = 2025-03-05 }, { item = "B", at = 2025-03-05, quantity = 3 }, { item = "D", at = 2025-03-05 },
  { item = "G1", at = 2025-03-05 }, { item = "G2", at = 2025-03-05 }, { item = "D", at = 2025-03-12 },
]
"#;

#[test]
fn the_same_facts_give_the_same_bytes_on_any_thread() {
    let world: World = toml::from_str(BUSY).unwrap();
    let built = world.build().unwrap();
    let run = || {
        let library = RuleLibrary::compile(&embedded_sources(), Arc::clone(&built.bundle.knowledge)).unwrap();
        let facts = Arc::new(built.facts().unwrap());
        serde_json::to_string(&adjudicate(&facts, &library, Stage::After)).unwrap()
    };
    let first = run();
    for code in ["DG1001", "DG1002", "DG1003", "DG2001", "DG2002", "DG3001", "DG3002", "DG3003", "DG4001"] {
        assert!(first.contains(code), "{code} did not raise: {first}");
    }
    std::thread::scope(|s| {
        let others: Vec<_> = (0..4).map(|_| s.spawn(run)).collect();
        for other in others {
            assert_eq!(other.join().unwrap(), first);
        }
    });
    assert_eq!(run(), first);
}

#[test]
fn a_bundle_carries_the_rules_as_text() {
    let sources = embedded_sources();
    let kept = serde_json::to_string(&sources).unwrap();
    let again: Vec<RuleSource> = serde_json::from_str(&kept).unwrap();
    assert_eq!(again, sources);
    let split = sources.iter().find(|s| s.path.contains("DG2002")).unwrap();
    let changed = split.with_param("gap_days", toml::Value::Integer(10)).unwrap();
    let meta = changed.meta().unwrap();
    assert_eq!(meta.params["gap_days"].value, toml::Value::Integer(10));
    assert_eq!(meta.selector, split.meta().unwrap().selector);
    assert!(RuleLibrary::compile(&[changed], Arc::new(Knowledge::default())).is_ok());
    let beyond = split.with_param("gap_days", toml::Value::Integer(99)).unwrap();
    assert!(RuleLibrary::compile(&[beyond], Arc::new(Knowledge::default())).is_err());
    assert!(split.with_param("nothing", toml::Value::Integer(1)).is_err());
}

#[test]
fn only_active_rules_run_unless_asked() {
    let mut shadow = rule("DG1001", "claim", "flag(#{});");
    shadow.toml = shadow.toml.replace("'active'", "'shadow'");
    let mut retired = rule("DG1002", "claim", "this is no longer a script");
    retired.toml = retired.toml.replace("'active'", "'retired'");
    let library = RuleLibrary::compile(&[shadow, retired], Arc::new(Knowledge::default())).unwrap();
    assert!(library.review(&three_lines(), Stage::During).hits.is_empty());
    let all = library.only(|_| true);
    assert_eq!(all.review(&three_lines(), Stage::During).hits.len(), 1);
    assert!(all.review(&three_lines(), Stage::After).hits.is_empty(), "the rule runs at another stage");
    assert_eq!(library.rules().len(), 2, "both are listed");
}

/// A rule of two lines whose selector is a table with one confirmed point and one that is not.
#[test]
fn a_point_nobody_has_confirmed_founds_no_breach() {
    let world: World = toml::from_str(
        "visit = { begin = 2025-03-01, diagnosis = 'E10.900' }\nlines = [{ item = 'A' }, { item = 'B' }, { item = 'C' }]\n\
         knowledge = [{ table = 't', item = 'A', ranges = ['E11'], text = 'x' },\n\
         { table = 't', item = 'B', ranges = ['E11'], confirmed = false },\n\
         { table = 't', item = 'C', ranges = ['E10-E14'], confirmed = false }]\n",
    )
    .unwrap();
    let built = world.build().unwrap();
    let mut source = rule("DG1001", "line", "if line.indicated(\"t\") == false { flag(#{}); }");
    source.toml.push_str("[selector]\nknowledge = 't'\n");
    let library = RuleLibrary::compile(&[source], Arc::clone(&built.bundle.knowledge)).unwrap();
    let review = library.review(&Arc::new(built.facts().unwrap()), Stage::During);
    let found: Vec<_> = review.hits.iter().map(|h| (h.lines.first().unwrap().0.as_str(), h.severity)).collect();
    assert_eq!(found, [("1", Severity::Breach), ("2", Severity::Suspicious)], "{review:?}");
}

/// Three herbs that do not go together, four thousand lines of each on one day: how sure each of the three findings is, is
/// worked out from the items and not from every line beside every other.
#[test]
fn a_long_bill_of_pairs_is_weighed_by_its_items() {
    let lines: String = (0..12_000).map(|n| format!("{{ item = 'T{}' }},", n % 3)).collect();
    let world: World = toml::from_str(&format!(
        "visit = {{ begin = 2025-03-01 }}\nlines = [{lines}]\n\
         items = [{{ code = 'T0', list_type = '102' }}, {{ code = 'T1', list_type = '102' }}, {{ code = 'T2', list_type = '102' }}]\n\
         knowledge = [{{ table = 'herb-conflict', item = 'T0', other = 'T1' }},\n\
         {{ table = 'herb-conflict', item = 'T0', other = 'T2', confirmed = false }},\n\
         {{ table = 'herb-conflict', item = 'T1', other = 'T2' }}]\n"
    ))
    .unwrap();
    let built = world.build().unwrap();
    let source = embedded_sources().into_iter().find(|s| s.path.contains("DG3012")).unwrap();
    let library = RuleLibrary::compile(&[source], Arc::clone(&built.bundle.knowledge)).unwrap();
    let review = library.review(&Arc::new(built.facts().unwrap()), Stage::During);
    let found: Vec<_> = review.hits.iter().map(|h| (h.evidence["with"].as_str(), h.lines.len(), h.severity)).collect();
    let sure = Severity::HighlySuspicious;
    assert_eq!(found, [("T0", 4000, sure), ("T0", 4000, Severity::Suspicious), ("T1", 4000, sure)], "{found:?}");
}
