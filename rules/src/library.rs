//! Where rules come from: embedded in the program, a folder on disk, or texts kept in a bundle.

use crate::manifest::RuleMeta;
use include_dir::{Dir, include_dir};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// The folders beside this crate, as they were when it was built (`build.rs` watches them).
static LIBRARY: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/library");

/// One rule as text. A bundle keeps these, so that a decision of long ago can be rebuilt with the
/// rules of its day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleSource {
    /// Its folder below the library: `policy/DG1001-duplicate-charge`.
    pub path: String,
    /// `rule.toml`.
    pub toml: String,
    /// `rule.rhai`.
    pub rhai: String,
}

impl RuleSource {
    /// The same rule with one parameter at another value. The change is made in the text, so that
    /// what a bundle keeps is all there is to know.
    pub fn with_param(&self, name: &str, value: toml::Value) -> Result<Self, RuleProblem> {
        let mut table: toml::Table =
            toml::from_str(&self.toml).map_err(|e| toml_problem(&self.manifest_path(), &self.toml, &e))?;
        let param = table
            .get_mut("param")
            .and_then(|p| p.get_mut(name))
            .and_then(toml::Value::as_table_mut)
            .ok_or_else(|| RuleProblem::at_start(self.manifest_path(), format!("no parameter `{name}`")))?;
        param.insert("value".into(), value);
        let toml = toml::to_string(&table).map_err(|e| RuleProblem::at_start(self.manifest_path(), e.to_string()))?;
        Ok(Self { toml, ..self.clone() })
    }

    /// Reads the metadata.
    pub fn meta(&self) -> Result<RuleMeta, RuleProblem> {
        toml::from_str(&self.toml).map_err(|e| toml_problem(&self.manifest_path(), &self.toml, &e))
    }

    pub(crate) fn manifest_path(&self) -> String {
        format!("{}/rule.toml", self.path)
    }

    pub(crate) fn script_path(&self) -> String {
        format!("{}/rule.rhai", self.path)
    }
}

/// The page of a rule (`rule.md`): what it checks, and the cases that test it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RulePage {
    /// The rule's folder, as in [`RuleSource::path`].
    pub path: String,
    /// The text.
    pub markdown: String,
}

/// Something wrong with a rule, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error, Serialize, Deserialize)]
pub struct RuleProblem {
    /// The file.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong, and where it is not plain what to do about it.
    pub message: String,
}

impl fmt::Display for RuleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.path, self.line, self.column, self.message)
    }
}

impl RuleProblem {
    pub(crate) fn new(path: String, (line, column): (usize, usize), message: impl Into<String>) -> Self {
        Self { path, line, column, message: message.into() }
    }

    /// In a rule's `rule.toml`, at the first place where `needle` stands.
    pub fn of_manifest(source: &RuleSource, needle: &str, message: impl Into<String>) -> Self {
        Self::at(source.manifest_path(), &source.toml, needle, message)
    }

    /// On a line of a rule's page.
    pub fn of_page(source: &RuleSource, line: usize, message: impl Into<String>) -> Self {
        Self::new(format!("{}/rule.md", source.path), (line, 1), message)
    }

    pub(crate) fn at_start(path: String, message: impl Into<String>) -> Self {
        Self::new(path, (1, 1), message)
    }

    /// At the first place where `needle` stands in `text`.
    pub(crate) fn at(path: String, text: &str, needle: &str, message: impl Into<String>) -> Self {
        Self::new(path, line_column(text, text.find(needle).unwrap_or(0)), message)
    }
}

/// Line and column of a byte, both from 1; columns count characters.
pub(crate) fn line_column(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    let column = before.get(line_start..).map_or(0, |l| l.chars().count());
    (before.matches('\n').count() + 1, column + 1)
}

pub(crate) fn toml_problem(path: &str, text: &str, error: &toml::de::Error) -> RuleProblem {
    let at = error.span().map_or((1, 1), |s| line_column(text, s.start));
    RuleProblem::new(path.to_owned(), at, error.message())
}

/// The rules built into the program, by path.
pub fn embedded_sources() -> Vec<RuleSource> {
    let mut sources: Vec<RuleSource> = embedded_folders()
        .filter_map(|dir| {
            Some(RuleSource {
                path: path_text(dir.path()),
                toml: embedded_text(dir, "rule.toml")?,
                rhai: embedded_text(dir, "rule.rhai").unwrap_or_default(),
            })
        })
        .collect();
    sources.sort();
    sources
}

/// The pages of the rules built into the program, by path.
pub fn embedded_pages() -> Vec<RulePage> {
    let mut pages: Vec<RulePage> = embedded_folders()
        .filter_map(|dir| {
            embedded_text(dir, "rule.toml")?;
            Some(RulePage { path: path_text(dir.path()), markdown: embedded_text(dir, "rule.md").unwrap_or_default() })
        })
        .collect();
    pages.sort();
    pages
}

/// A file of the library folder that belongs to no rule: the central list of exemptions.
pub(crate) fn embedded_file(name: &str) -> &'static str {
    LIBRARY.get_file(name).and_then(include_dir::File::contents_utf8).unwrap_or_default()
}

fn embedded_folders() -> impl Iterator<Item = &'static Dir<'static>> {
    LIBRARY.dirs().flat_map(Dir::dirs)
}

fn embedded_text(dir: &Dir<'_>, name: &str) -> Option<String> {
    Some(dir.get_file(dir.path().join(name))?.contents_utf8()?.to_owned())
}

/// The rules of a library folder on disk (`<family>/<code>-<slug>/rule.toml`), by path.
pub fn sources_in(dir: &Path) -> Result<Vec<RuleSource>, RuleProblem> {
    rule_folders(dir)?
        .into_iter()
        .map(|path| {
            let folder = dir.join(&path);
            Ok(RuleSource {
                toml: read(&folder.join("rule.toml"))?,
                // a rule that is not available has no script
                rhai: read_if_there(&folder.join("rule.rhai"))?,
                path,
            })
        })
        .collect()
}

/// The pages of a library folder on disk, by path.
pub fn pages_in(dir: &Path) -> Result<Vec<RulePage>, RuleProblem> {
    rule_folders(dir)?
        .into_iter()
        .map(|path| Ok(RulePage { markdown: read_if_there(&dir.join(&path).join("rule.md"))?, path }))
        .collect()
}

fn rule_folders(dir: &Path) -> Result<Vec<String>, RuleProblem> {
    let mut found = Vec::new();
    for family in folders(dir)? {
        for rule in folders(&dir.join(&family))? {
            let path = format!("{family}/{rule}");
            if dir.join(&path).join("rule.toml").is_file() {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn folders(dir: &Path) -> Result<Vec<String>, RuleProblem> {
    let failed = |e: std::io::Error| RuleProblem::at_start(path_text(dir), format!("cannot be read: {e}"));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn read(path: &Path) -> Result<String, RuleProblem> {
    std::fs::read_to_string(path).map_err(|e| RuleProblem::at_start(path_text(path), format!("cannot be read: {e}")))
}

fn read_if_there(path: &Path) -> Result<String, RuleProblem> {
    if path.exists() { read(path) } else { Ok(String::new()) }
}

/// With forward slashes everywhere, since paths are part of a bundle and its hash.
fn path_text(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}
