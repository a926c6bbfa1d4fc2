//! The layouts of published lists, read from data: a further list in known words needs no code.

use super::reading::Reading;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a column of a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Field {
    No,
    Name,
    Text,
    Code,
    OtherName,
    Other,
    Kind,
    Value,
    Window,
    Number,
    Unit,
}

/// Every layout known.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layouts {
    columns: BTreeMap<Field, Vec<String>>,
    footer: Footer,
    list: Vec<ListLayout>,
    rule: BTreeMap<String, RuleLayout>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Footer {
    begins: Vec<String>,
}

/// One list.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListLayout {
    kind: Option<String>,
    #[serde(default)]
    title: Vec<String>,
    #[serde(default)]
    subject: Vec<String>,
    pub table: Option<String>,
    #[serde(default)]
    pub value: BTreeMap<String, Meaning>,
    pub value_is: Option<ValueIs>,
    #[serde(default)]
    pub window: BTreeMap<String, String>,
    #[serde(default)]
    pub unit: BTreeMap<String, String>,
    pub reading: Option<Reading>,
    pub interval: Option<String>,
}

/// What a word of the value column means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Meaning {
    pub table: Option<String>,
    #[serde(default)]
    pub word: String,
    pub number: Option<i64>,
}

/// What the value column is where its words are not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ValueIs {
    /// A word to be kept.
    Word,
    /// A number of days: 14天.
    Days,
}

/// The table of a rule whose points are given one by one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleLayout {
    pub table: String,
    pub reading: Option<Reading>,
    pub interval: Option<String>,
}

impl Layouts {
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The field a header names.
    pub fn field(&self, header: &str) -> Option<Field> {
        let plain: String = header.chars().filter(|c| !c.is_whitespace()).collect();
        self.columns.iter().find(|(_, names)| names.contains(&plain)).map(|(field, _)| *field)
    }

    /// Whether a row without a code closes its list.
    pub fn is_footer(&self, first: &str) -> bool {
        self.footer.begins.iter().any(|b| first.starts_with(b.as_str()))
    }

    /// The list of a kind, or of a title where it states none, whose column of names has this header.
    pub fn list(&self, kind: Option<&str>, titles: &[&str], subject: &str) -> Option<&ListLayout> {
        self.list.iter().find(|l| {
            (l.subject.is_empty() || l.subject.iter().any(|s| s == subject))
                && match (&l.kind, kind) {
                    (Some(wanted), Some(kind)) => wanted == kind,
                    (None, None) => l.title.iter().any(|part| titles.iter().any(|t| t.contains(part.as_str()))),
                    _ => false,
                }
        })
    }

    /// The table of a rule by its name in the framework.
    pub fn rule(&self, name: &str) -> Option<&RuleLayout> {
        self.rule.get(name)
    }
}
