//! `dingan rules`: what rule authors use.

pub mod measure;
mod scaffold;

use crate::remote::{Remote, refusal};
use crate::serve::{now, open_at};
use anyhow::{Context, bail};
use dingan_connectors::sample::population::Population;
use dingan_core::codes::SettlementId;
use dingan_core::knowledge::Knowledge;
use dingan_http::bundles::Contents;
use dingan_rules::case::{coverage, page_problems, run_cases};
use dingan_rules::manifest::incomplete;
use dingan_rules::trace::Why;
use dingan_rules::{
    RuleLibrary, RuleMeta, RulePage, RuleProblem, RuleSource, Status, embedded_pages, embedded_sources, pages_in,
    sources_in,
};
use dingan_store::Location;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub use scaffold::new;

use measure::{measure, table};

/// Rules with their pages.
type Rules = Vec<(RuleSource, RulePage)>;

/// The rules of a library folder, of one rule's folder, or those the program carries; of these the one with a code,
/// where one is named.
fn rules_of(folder: Option<&Path>, code: Option<&str>) -> anyhow::Result<Rules> {
    let (sources, pages) = match folder {
        None => (embedded_sources(), embedded_pages()),
        Some(f) if f.join("rule.toml").is_file() => {
            let (source, page) = one(f)?;
            (vec![source], vec![page])
        }
        Some(f) => (said(sources_in(f))?, said(pages_in(f))?),
    };
    let wanted = |s: &RuleSource| code.is_none_or(|c| s.path.rsplit('/').next().is_some_and(|f| f.starts_with(c)));
    let rules: Rules = sources.into_iter().zip(pages).filter(|(s, _)| wanted(s)).collect();
    if rules.is_empty() {
        bail!("no rule found; give a library folder, the folder of one rule, or a code");
    }
    Ok(rules)
}

fn said<T>(r: Result<T, RuleProblem>) -> anyhow::Result<T> {
    r.map_err(|p| anyhow::anyhow!("{p}"))
}

/// One rule's folder: `…/<family>/<code>-<slug>`.
fn one(folder: &Path) -> anyhow::Result<(RuleSource, RulePage)> {
    let folder = folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))?;
    let library = folder.parent().and_then(Path::parent).context("a rule's folder lies in <library>/<family>/")?;
    let path = folder.strip_prefix(library)?.to_string_lossy().replace('\\', "/");
    let find = |s: &RuleSource| s.path == path;
    let source = said(sources_in(library))?.into_iter().find(find).context("the folder has no rule.toml")?;
    let page = said(pages_in(library))?.into_iter().find(|p| p.path == path).context("the folder has no rule.md")?;
    Ok((source, page))
}

/// Everything that is wrong with some rules, with line and column. Compiled together with the library the program
/// carries where they are not that library, so that a code used twice is found.
fn problems_of(rules: &Rules) -> Vec<RuleProblem> {
    let mut problems = Vec::new();
    for (source, page) in rules {
        if let Ok(meta) = source.meta() {
            problems.extend(page_problems(&meta, page));
            problems.extend(incomplete(&meta, source));
        }
    }
    let mut all: Vec<RuleSource> = rules.iter().map(|(s, _)| s.clone()).collect();
    let known = |s: &RuleSource, all: &[RuleSource]| all.iter().any(|r| r.path == s.path);
    let carried: Vec<RuleSource> = embedded_sources().into_iter().filter(|s| !known(s, &all)).collect();
    if rules.len() < carried.len() {
        all.extend(carried);
    }
    if let Err(found) = RuleLibrary::compile(&all, Arc::new(Knowledge::default())) {
        problems.extend(found);
    }
    problems.sort();
    problems.dedup();
    problems
}

/// `rules check`.
pub fn check(folder: Option<&Path>, code: Option<&str>) -> anyhow::Result<bool> {
    let rules = rules_of(folder, code)?;
    let problems = problems_of(&rules);
    for p in &problems {
        say!("{p}");
    }
    say!("{} rules, {} problems", rules.len(), problems.len());
    Ok(problems.is_empty())
}

/// `rules test`: runs the examples of the pages.
pub fn test(folder: Option<&Path>, code: Option<&str>) -> anyhow::Result<bool> {
    let rules = rules_of(folder, code)?;
    let bar = crate::import::bar(rules.len() as u64, "rules test");
    let (mut held, mut failed, mut untested) = (0, 0, 0);
    for (source, page) in &rules {
        bar.inc(1);
        if let Ok(meta) = source.meta() {
            let lacks = page_problems(&meta, page);
            failed += lacks.len();
            for p in lacks {
                say!("{p}");
            }
            untested += usize::from(matches!(meta.status, Status::Unavailable | Status::Batch));
        }
        match run_cases(source, page) {
            Ok(results) => {
                for r in results {
                    match r.failure {
                        None => held += 1,
                        Some(f) => {
                            failed += 1;
                            say!("{}/rule.md:{}: {}: {f}", page.path, r.case.line, r.case.title);
                        }
                    }
                }
            }
            Err(p) => {
                failed += 1;
                say!("{p}");
            }
        }
    }
    bar.finish_and_clear();
    say!("{} rules: {held} cases hold, {failed} do not; {untested} rules are unavailable or run in batch", rules.len());
    Ok(failed == 0)
}

/// `rules coverage`: which lines of a script no example reaches, which parameters none varies.
pub fn covered(folder: Option<&Path>, code: Option<&str>) -> anyhow::Result<bool> {
    let rules = rules_of(folder, code)?;
    let (mut lines, mut missed, mut unvaried, mut good) = (0, 0, 0, true);
    for (source, page) in &rules {
        let runs = source.meta().is_ok_and(|m| matches!(m.status, Status::Draft | Status::Shadow | Status::Active));
        if !runs {
            continue;
        }
        match coverage(source, page) {
            Ok(c) => {
                lines += c.lines.len();
                missed += c.missed.len();
                unvaried += c.unvaried.len();
                for line in &c.missed {
                    let text = source.rhai.lines().nth(line.saturating_sub(1)).unwrap_or_default();
                    say!("{}/rule.rhai:{line}: no case reaches `{}`", source.path, text.trim());
                }
                for name in &c.unvaried {
                    say!("{}/rule.toml: no case varies parameter `{name}`", source.path);
                }
                for title in &c.disagreeing {
                    good = false;
                    say!("{}: walk and interpreter disagree on \"{title}\"", source.path);
                }
            }
            Err(p) => {
                good = false;
                say!("{p}");
            }
        }
    }
    say!("{lines} lines, {missed} not reached; {unvaried} parameters not varied");
    Ok(good && missed == 0 && unvaried == 0)
}

/// Where a rule stands, seen with the knowledge there is.
fn standing(meta: &RuleMeta, knowledge: &Knowledge) -> &'static str {
    let empty = |t: &Option<String>| t.as_ref().is_some_and(|t| knowledge.len(t) == 0);
    match meta.status {
        Status::Active if empty(&meta.selector.knowledge) || empty(&meta.selector.second) => "no-points",
        Status::Active => "active",
        Status::Shadow => "shadow",
        Status::Draft => "draft",
        Status::Retired => "retired",
        Status::Batch => "batch",
        Status::Unavailable => "unavailable",
    }
}

/// `rules list`: those of the live bundle, or those the program carries.
pub async fn list(at: &Location, as_json: bool) -> anyhow::Result<bool> {
    let rules: Vec<(RuleMeta, &'static str)> = if !matches!(at, Location::Folder(folder) if !folder.join("dingan.db").exists())
    {
        let agency = open_at(at).await?;
        let live = agency.live().await?;
        agency.store().clone().close().await;
        live.rules.rules().map(|m| (m.clone(), standing(m, live.rules.knowledge()))).collect()
    } else {
        let none = Knowledge::default();
        let mut out = Vec::new();
        for s in embedded_sources() {
            let meta = said(s.meta())?;
            let at = standing(&meta, &none);
            out.push((meta, at));
        }
        out.sort_by(|a, b| a.0.code.cmp(&b.0.code));
        out
    };
    if as_json {
        let all: Vec<Value> = rules.iter().map(|(m, at)| json!({"standing": at, "meta": m})).collect();
        say!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(true);
    }
    say!(
        "{:<8} {:>3} {:<18} {:<3} {:<12} {:<18} {:<6} title",
        "code",
        "88",
        "gz",
        "ver",
        "standing",
        "severity",
        "from"
    );
    for (r, at) in &rules {
        let number = r.national.map_or_else(String::new, |n| n.to_string());
        let proxy = if r.proxy.is_empty() { "" } else { " (proxy)" };
        say!(
            "{:<8} {number:>3} {:<18} {:<3} {at:<12} {:<18} {:<6} {}{proxy}",
            r.code,
            r.gz,
            r.version,
            word(&r.severity),
            r.decidable,
            r.title
        );
    }
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (r, at) in &rules {
        let c = counts.entry(at).or_default();
        c.0 += 1;
        c.1 += usize::from(r.national.is_some());
    }
    say!("");
    say!(
        "{} rules, {} of the 88 national ones:",
        rules.len(),
        rules.iter().filter(|(r, _)| r.national.is_some()).count()
    );
    for (standing, (all, national)) in counts {
        say!("  {standing:<12} {all:>3}  ({national} national)  {}", meaning(standing));
    }
    for waiting in ["no-points", "shadow", "batch", "unavailable"] {
        let of: Vec<&RuleMeta> = rules.iter().filter(|(_, at)| *at == waiting).map(|(r, _)| r).collect();
        if !of.is_empty() {
            say!("{waiting}, and what each needs:");
            for r in of {
                say!("  {} {}: {}", r.code, r.title, needs(r, waiting).join("; "));
            }
        }
    }
    Ok(true)
}

/// What a rule that waits is waiting for.
fn needs(r: &RuleMeta, standing: &str) -> Vec<String> {
    let tables = r.selector.knowledge.iter().chain(&r.selector.second).map(|t| format!("points of `{t}`"));
    let own = match standing {
        "no-points" => tables.collect(),
        "shadow" => vec!["a word that it may speak at settlement (`status = \"active\"`)".to_owned()],
        _ => Vec::new(),
    };
    own.into_iter().chain(r.needs.iter().cloned()).collect()
}

fn meaning(standing: &str) -> &'static str {
    match standing {
        "active" => "run at settlement and review",
        "no-points" => "active, but no point of their knowledge table has been imported: they find nothing",
        "shadow" => "run, their findings stay in their run",
        "batch" => "over many persons: run over the lake in batch, which is not there yet",
        "unavailable" => "cannot be decided with the data a payer has",
        "draft" => "being written",
        _ => "no longer in force",
    }
}

/// The word under which a value is written in `rule.toml`.
fn word(v: &impl serde::Serialize) -> String {
    serde_json::to_value(v).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn words(v: &impl serde::Serialize) -> String {
    let list = serde_json::to_value(v).ok().and_then(|v| v.as_array().cloned()).unwrap_or_default();
    list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

/// `rules docs`: a page for each rule, and one that lists them.
pub fn docs(folder: Option<&Path>, out: &Path) -> anyhow::Result<bool> {
    let rules = rules_of(folder, None)?;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let mut index = String::from(
        "# Rules\n\n| code | 88 | title | severity | status | decidable at |\n|---|---|---|---|---|---|\n",
    );
    for (source, page) in &rules {
        let meta = said(source.meta())?;
        let number = meta.national.map_or_else(String::new, |n| n.to_string());
        index.push_str(&format!(
            "| [{}]({}.md) | {number} | {} | {} | {} | {} |\n",
            meta.code,
            meta.code,
            meta.title,
            word(&meta.severity),
            word(&meta.status),
            meta.decidable
        ));
        let path = out.join(format!("{}.md", meta.code));
        std::fs::write(&path, doc(&meta, source, page)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let path = out.join("README.md");
    std::fs::write(&path, index).with_context(|| format!("cannot write {}", path.display()))?;
    say!("{} pages in {}", rules.len(), out.display());
    Ok(true)
}

/// A rule's page with its metadata under the title, and the links between rules as they lie in one folder.
fn doc(meta: &RuleMeta, source: &RuleSource, page: &RulePage) -> String {
    let mut rows: Vec<(&str, String)> = vec![
        ("national", meta.national.map_or_else(String::new, |n| format!("第{n}条 {}", meta.gz))),
        ("severity", word(&meta.severity)),
        ("status", word(&meta.status)),
        ("proxy", meta.proxy.clone()),
        ("version", meta.version.to_string()),
        ("stages", words(&meta.stages)),
        ("decidable at", meta.decidable.clone()),
        ("object", words(&meta.applies.object)),
        ("scenes", words(&meta.applies.scenes)),
        ("window", meta.applies.window.map_or_else(String::new, |w| word(&w))),
        ("needs", meta.needs.join("; ")),
        ("exemptions", meta.exempt.join(", ")),
        ("subsumes", meta.subsumes.join(", ")),
    ];
    rows.extend(meta.basis.iter().map(|b| ("basis", format!("{} {} ({})", b.document, b.article, b.date))));
    rows.retain(|(_, v)| !v.trim().is_empty());
    let mut head = String::from("\n| | |\n|---|---|\n");
    for (name, value) in rows {
        head.push_str(&format!("| {name} | {value} |\n"));
    }
    for (name, p) in &meta.params {
        head.push_str(&format!("| `{name}` | {} {}: {} |\n", p.value, p.unit, p.doc));
    }
    let (title, rest) = page.markdown.split_once('\n').unwrap_or((&page.markdown, ""));
    let script =
        if source.rhai.is_empty() { String::new() } else { format!("\n## Judgement\n\n```rust\n{}```\n", source.rhai) };
    format!("{title}\n{head}{}{script}", flat_links(rest))
}

/// `](../../conduct/DG4007-just-after-window/rule.md)` → `](DG4007.md)`.
fn flat_links(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](../") {
        out.push_str(before);
        let Some((link, tail)) = after.split_once(')') else {
            out.push_str("](../");
            rest = after;
            continue;
        };
        let folder = link.strip_suffix("/rule.md").and_then(|l| l.rsplit('/').next()).unwrap_or(link);
        let code = folder.split('-').next().unwrap_or(folder);
        out.push_str(&format!("]({code}.md)"));
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// `rules publish`: to a store nobody serves from, or to a running server.
pub async fn publish(folder: &Path, at: &Location, server: Option<Remote>) -> anyhow::Result<bool> {
    let (source, page) = one(folder)?;
    let code = source.meta().map(|m| m.code).unwrap_or_default();
    if let Some(server) = server {
        let body = json!({"path": source.path, "toml": source.toml, "rhai": source.rhai, "markdown": page.markdown});
        let mut answer = server.ask("/api/v1/rules", Some(&body))?;
        let answer = answer.body_mut().read_to_string().context("the answer broke off")?;
        let answer: Value = serde_json::from_str(&answer).with_context(|| format!("the server answered: {answer}"))?;
        if let Some(bundle) = answer.get("bundle").and_then(Value::as_str) {
            say!("{code} is in force; bundle {bundle}");
            return Ok(true);
        }
        let problems: Vec<RuleProblem> =
            answer.get("problems").cloned().and_then(|p| serde_json::from_value(p).ok()).unwrap_or_default();
        for p in &problems {
            say!("{p}");
        }
        bail!(
            "{code} was refused, the rules in force are as before{}",
            if problems.is_empty() { format!(": {}", refusal(&answer.to_string())) } else { String::new() }
        );
    }
    let agency = open_at(at).await?;
    let published = agency.publish_rule(source, page, now()).await;
    agency.store().clone().close().await;
    match published {
        Ok(bundle) => {
            say!("{code} is in force; bundle {bundle}");
            Ok(true)
        }
        Err(e) => bail!("{code} was refused, the rules in force are as before:\n{e}"),
    }
}

/// `rules why`: which condition failed, and by how much.
pub async fn why(code: &str, setl_id: &str, at: &Location) -> anyhow::Result<bool> {
    let agency = open_at(at).await?;
    let why = agency.why(&SettlementId::from(setl_id), code).await;
    agency.store().clone().close().await;
    match why {
        Ok(why) => {
            say_part!("{}", told(&why));
            Ok(true)
        }
        Err(r) => bail!("{} ({})", r.message, r.code),
    }
}

fn told(why: &Why) -> String {
    let mut out = format!("{} {} (version {})\n", why.rule, why.title, why.version);
    for c in &why.conditions {
        let place = if c.line == 0 { "selector".to_owned() } else { format!("line {}", c.line) };
        let values = match (c.actual.as_str(), c.wanted.as_str()) {
            ("", "") => String::new(),
            (a, w) => format!("  [{a} | {w}]"),
        };
        let by = if c.by.is_empty() || c.by == "0" { String::new() } else { format!("  apart by {}", c.by) };
        out.push_str(&format!("  {} {place:<9} {}{values}{by}\n", if c.holds { "yes" } else { "no " }, c.text));
    }
    for n in &why.near {
        out.push_str(&format!("      {}: {} of at most {}\n", n.what, n.actual, n.limit));
    }
    let mut end: Vec<String> = vec![match (why.ran, why.raised) {
        (false, _) => "the selector did not let the claim through".to_owned(),
        (true, 0) => "nothing was raised".to_owned(),
        (true, n) => format!("{n} findings were raised"),
    }];
    end.extend(why.undecided.iter().map(|u| format!("not decidable: {u}")));
    end.extend(why.exempted.iter().map(|e| format!("exempted: {e}")));
    if !why.failed.is_empty() {
        end.push(format!("failed: {}", why.failed));
    }
    out.push_str(&format!("{}\n", end.join("; ")));
    out
}

/// Measures the rules the program carries on a population; answers whether none failed.
pub fn measured(claims: usize, seed: u64, json: Option<&Path>) -> anyhow::Result<bool> {
    let population = Population::new(seed);
    let mut contents = Contents::initial();
    contents.rows = population.reference();
    let runtime = contents.compile("population".to_owned())?;
    let bar = crate::import::bar(claims as u64, "claims");
    let measured = measure(&population, &runtime.bundle, &runtime.rules, claims, |n| bar.inc(n));
    bar.finish_and_clear();
    say_part!("{}", table(&measured, &runtime.rules));
    if let Some(path) = json {
        let file = std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        serde_json::to_writer_pretty(file, &measured)?;
    }
    Ok(measured.failures == 0)
}
