//! Cases as administrations published them, told again: each finds what it says (`published.md`).

use dingan_rules::case::run_cases;
use dingan_rules::{RulePage, embedded_pages, embedded_sources};

#[test]
fn what_was_published_is_found() {
    let text = include_str!("published.md");
    let (sources, pages) = (embedded_sources(), embedded_pages());
    let (mut cases, mut failures) = (0, Vec::new());
    for section in text.split("\n## ").skip(1) {
        let code = section.lines().next().unwrap_or_default().trim();
        let of_rule = |path: &str| path.rsplit('/').next().is_some_and(|f| f.starts_with(code));
        let source = sources.iter().find(|s| of_rule(&s.path)).unwrap_or_else(|| panic!("no rule {code}"));
        let page = pages.iter().find(|p| of_rule(&p.path)).unwrap();
        let page = RulePage { markdown: section.to_owned(), ..page.clone() };
        let results = run_cases(source, &page).unwrap_or_else(|e| panic!("{code}: {e}"));
        assert!(!results.is_empty(), "{code} has no case");
        for r in results {
            cases += 1;
            failures.extend(r.failure.map(|f| format!("{code}, {}: {f}", r.case.title)));
        }
    }
    assert!(cases >= 30, "{cases} cases");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
