//! Every rule of the library: its page is whole and its examples hold.

use dingan_core::finding::Severity;
use dingan_core::knowledge::Knowledge;
use dingan_rules::case::{cases, coverage, page_problems, run_cases};
use dingan_rules::manifest::incomplete;
use dingan_rules::{RuleLibrary, RulePage, Status, embedded_pages, embedded_sources, pages_in, sources_in};
use std::path::PathBuf;
use std::sync::Arc;

// where the tests run, not where they were built: a build may be carried to another folder
fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("library")
}

#[test]
fn every_example_of_every_page_holds() {
    let mut wrong = Vec::new();
    let mut cases = 0;
    for (source, page) in embedded_sources().iter().zip(&embedded_pages()) {
        assert_eq!(source.path, page.path);
        let meta = source.meta().unwrap();
        wrong.extend(page_problems(&meta, page).iter().map(ToString::to_string));
        wrong.extend(incomplete(&meta, source).iter().map(ToString::to_string));
        match run_cases(source, page) {
            Ok(results) => {
                cases += results.len();
                for r in results {
                    if let Some(failure) = r.failure {
                        wrong.push(format!("{}/rule.md:{}: {}: {failure}", page.path, r.case.line, r.case.title));
                    }
                }
            }
            Err(problem) => wrong.push(problem.to_string()),
        }
    }
    assert!(wrong.is_empty(), "{} of {cases} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cases > 60, "only {cases} cases were found");
}

#[test]
fn every_line_is_reached_and_every_parameter_varied() {
    let mut wrong = Vec::new();
    for (source, page) in embedded_sources().iter().zip(&embedded_pages()) {
        let status = source.meta().unwrap().status;
        if !matches!(status, Status::Active | Status::Shadow) {
            continue;
        }
        let c = coverage(source, page).unwrap();
        wrong.extend(c.missed.iter().map(|l| format!("{}/rule.rhai:{l}: no case reaches it", source.path)));
        wrong.extend(c.unvaried.iter().map(|p| format!("{}: no case varies `{p}`", source.path)));
        wrong.extend(c.disagreeing.iter().map(|t| format!("{}: walk and interpreter disagree: {t}", source.path)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_national_list_is_whole() {
    let metas: Vec<_> = embedded_sources().iter().map(|s| s.meta().unwrap()).collect();
    for n in 1..=88 {
        let of: Vec<&str> = metas.iter().filter(|m| m.national == Some(n)).map(|m| m.code.as_str()).collect();
        assert_eq!(of.len(), 1, "rule {n} of the 88: {of:?}");
    }
    for m in &metas {
        assert!(m.proxy.is_empty() || m.severity != Severity::Breach, "{}", m.code);
        let known = |c: &String| metas.iter().any(|o| o.code == *c);
        assert!(m.subsumes.iter().all(known), "{} subsumes a rule that is not there", m.code);
    }
}

#[test]
fn the_program_carries_what_is_in_the_folder() {
    assert_eq!(embedded_sources(), sources_in(&folder()).unwrap());
    assert_eq!(embedded_pages(), pages_in(&folder()).unwrap());
}

#[test]
fn a_library_is_listed_by_code() {
    let library = RuleLibrary::compile(&embedded_sources(), Arc::new(Knowledge::default())).unwrap();
    let codes: Vec<&str> = library.rules().map(|r| r.code.as_str()).collect();
    assert!(codes.is_sorted() && codes.len() >= 100, "{codes:?}");
    assert!((31..=400).contains(&library.window_days()), "within what is kept of a person's history");
    assert_eq!(library.only(|r| r.code == "DG4001").window_days(), 1);
}

#[test]
fn what_cannot_be_meant_is_found() {
    let sources = embedded_sources();
    let mut source = sources.iter().find(|s| s.path.contains("DG4015")).unwrap().clone();
    let mut said = |script: &str| {
        source.rhai = script.to_owned();
        incomplete(&source.meta().unwrap(), &source).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(said("if claim.stay_days > param.days { flag(claim, #{ days: 1, limit: 1 }); }"), "");
    assert!(said("if claim.begin_day > 5 { flag(#{}); }").ends_with("rule.rhai:1:20: compares a day with a number"));
    assert!(said("if claim.lines.amount >= param.days { flag(#{}); }").contains("compares an amount with a number"));
    assert!(said("let sum = claim.lines.amount + claim.lines.amount;").contains("`+` on an amount"));
    assert!(said("let half = claim.amount / 2;").contains("`/` on an amount"));
    let toml = source.toml.replace("visit = [\"inpatient\"]", "age_min = 60\nage_max = 17");
    let never = dingan_rules::RuleSource { toml, ..source };
    let problems = incomplete(&never.meta().unwrap(), &never);
    assert!(problems.iter().any(|p| p.message.contains("the selector can never hold")), "{problems:?}");
}

#[test]
fn a_page_that_says_something_else_fails() {
    let sources = embedded_sources();
    let source = sources.iter().find(|s| s.path.contains("DG3001")).unwrap();
    let block = "person = { sex = 'female' }\nvisit = { begin = 2025-03-01 }\n\
                 knowledge = [{ table = 'drug-sex', item = 'X', word = 'male' }]\nlines = [{ no = '1', item = 'X' }]\n";
    let failure = |kind: &str, more: &str| {
        let markdown = format!("text\n```case {kind} \"title\"\n{block}{more}\n```\n");
        let page = RulePage { path: source.path.clone(), markdown };
        run_cases(source, &page).unwrap().remove(0).failure.unwrap_or_default()
    };
    assert_eq!(failure("flagged", "expect = [{ lines = ['1'], charge = 10 }]"), "");
    assert_eq!(
        failure("flagged", "expect = [{ lines = ['1'], charge = 11 }]"),
        "expectation 1: charge 10.00, expected 11.00"
    );
    assert!(failure("flagged", "").contains("raised and not expected"));
    assert!(failure("clean", "expect = [{ lines = ['1'] }]").contains("a clean case expects nothing"));
    assert!(failure("boundary", "expect = [{ lines = ['2'] }]").contains("lines [\"1\"], expected [\"2\"]"));
    assert!(failure("flagged", "expect = [{ lines = ['1'] }, { lines = ['1'] }]").contains("2 was not raised"));
    assert!(failure("undecided", "undecided = ['gend']").contains("undecided for want of []"));
    assert_eq!(
        failure("flagged", "expekt = 1"),
        "line 7: unknown field `expekt`, expected one of `stage`, `person`, `visit`, `settled_at`, `institutions`, `items`, `lines`, `settled`, `history`, `knowledge`, `params`, `expect`, `undecided`, `exempted`, `practitioners`, `paid_by`, `insurance`"
    );
    let page = RulePage { path: source.path.clone(), markdown: "```case maybe\n```\n".into() };
    assert_eq!(cases(&page).unwrap_err().line, 1);
    assert!(page_problems(&source.meta().unwrap(), &page).len() >= 4);
}
