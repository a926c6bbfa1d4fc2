//! Province profiles: what differs between provinces, as TOML.
//!
//! A profile says how answers look, which published fields are insisted upon, and which bounds
//! hold. `connectors/profiles/` holds those that ship; a further one is a file, not code.

use super::fields::{Field, Need, Table};
use super::header;
use super::limits::{Limits, WIDEST};
use super::names::ClrTypes;
use super::routes::{self, ROUTES};
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// How one sender's province writes and checks messages.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Name.
    pub name: String,
    /// Title for people.
    pub title: String,
    /// Six digits of the receiver, first part of `inf_refmsgid`.
    pub region: String,
    /// Whether `infcode` is a string (`"0"`) instead of a number (`0`).
    pub infcode_text: bool,
    /// `output` of a transaction that has none.
    pub empty_output: EmptyOutput,
    /// `err_msg` of a success.
    pub success_msg: String,
    /// Transactions that 2601 may undo.
    pub allow_2601: Vec<String>,
    /// Whether settlements name findings in `warn_msg`.
    pub findings_in_settlement: bool,
    /// Whether tolerances are named in `warn_msg`.
    pub warn_tolerances: bool,
    /// Whether 2208 also gives `psn_cash_pay` as `pdn_cash_pay`, as one published table spells it.
    pub pdn_cash_pay: bool,
    /// Seconds a signature's time stamp may be off, instead of what its family has.
    pub signature_window: Option<u32>,
    /// Whether what the published tables require is required, not only what the work needs.
    pub published: bool,
    /// Bounds.
    pub limits: Limits,
    /// `clr_type` by `med_type`.
    pub(crate) clr_types: Arc<ClrTypes>,
    rules: HashMap<(&'static str, &'static str), Vec<Rule>>,
}

/// `output` of a transaction that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmptyOutput {
    /// `null`.
    #[default]
    Null,
    /// `{}`.
    Object,
    /// `""`.
    Text,
    /// No such key.
    Absent,
}

/// Why a profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Not TOML of the right shape; with line and column.
    #[error("{0}")]
    Malformed(String),
    /// A value that cannot hold.
    #[error("`{key}`: {problem}")]
    Invalid {
        /// The key.
        key: String,
        /// What is wrong.
        problem: &'static str,
    },
}

/// What holds for one field under a profile.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub required: bool,
    pub length: u16,
    pub codes: Vec<Cow<'static, str>>,
}

impl Rule {
    /// As the table has it; `published` insists on what the published table requires.
    pub fn of(field: &Field, published: bool) -> Self {
        Self {
            required: field.need == Need::Must || (published && field.need == Need::Want),
            length: field.length,
            codes: field.codes.iter().map(|c| Cow::Borrowed(*c)).collect(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    title: String,
    region: String,
    #[serde(default)]
    infcode_type: InfcodeType,
    #[serde(default)]
    empty_output: EmptyOutput,
    #[serde(default)]
    success_msg: String,
    #[serde(default)]
    require: Require,
    #[serde(default)]
    allow_2601: Vec<String>,
    #[serde(default)]
    findings_in_settlement: bool,
    #[serde(default = "yes")]
    warn_tolerances: bool,
    #[serde(default)]
    pdn_cash_pay: bool,
    #[serde(default)]
    signature_window: Option<u32>,
    #[serde(default)]
    limits: LimitsFile,
    #[serde(default)]
    clr_type: BTreeMap<String, String>,
    /// The same for care elsewhere in the province, and elsewhere in the country.
    #[serde(default)]
    clr_type_province: BTreeMap<String, String>,
    #[serde(default)]
    clr_type_remote: BTreeMap<String, String>,
    #[serde(default)]
    transaction: BTreeMap<String, Transaction>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum InfcodeType {
    #[default]
    Number,
    String,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Require {
    /// Only what the work needs.
    #[default]
    Needed,
    /// What the published tables require.
    Published,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct LimitsFile {
    lines: Option<usize>,
    depth: Option<usize>,
    values: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transaction {
    field: BTreeMap<String, Override>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Override {
    required: Option<bool>,
    length: Option<u16>,
    codes: Option<Vec<String>>,
}

impl Profile {
    /// The names of the profiles that ship.
    pub const SHIPPED: [&'static str; 3] = ["default", "hunan", "hainan"];

    /// A profile that ships.
    pub fn shipped(name: &str) -> Option<Self> {
        let text = match name {
            "default" => include_str!("../../profiles/default.toml"),
            "hunan" => include_str!("../../profiles/hunan.toml"),
            "hainan" => include_str!("../../profiles/hainan.toml"),
            _ => return None,
        };
        Self::from_toml(text).ok()
    }

    /// Reads a profile; what it names must exist.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        let file: File = toml::from_str(text).map_err(|e| ProfileError::Malformed(e.to_string()))?;
        if file.region.len() != 6 || !file.region.bytes().all(|b| b.is_ascii_digit()) {
            return Err(invalid("region", "must be six digits"));
        }
        let limits = Limits {
            lines: lowered("limits.lines", file.limits.lines, WIDEST.lines)?,
            depth: lowered("limits.depth", file.limits.depth, WIDEST.depth)?,
            values: lowered("limits.values", file.limits.values, WIDEST.values)?,
        };
        for infno in &file.allow_2601 {
            if routes::find(infno).is_none_or(|r| r.mode != routes::Mode::Change) {
                return Err(invalid(format!("allow_2601: {infno}"), "no change of this number is known"));
            }
        }
        let published = file.require == Require::Published;
        let of = |table: &Table| table.fields.iter().map(|f| Rule::of(f, published)).collect::<Vec<_>>();
        let mut rules = HashMap::from([((header::NAME, header::HEADER.node), of(&header::HEADER))]);
        for route in ROUTES {
            for table in route.tables {
                rules.insert((route.base, table.node), of(table));
            }
        }
        let mut profile = Self {
            name: file.name,
            title: file.title,
            region: file.region,
            infcode_text: file.infcode_type == InfcodeType::String,
            empty_output: file.empty_output,
            success_msg: file.success_msg,
            allow_2601: file.allow_2601,
            findings_in_settlement: file.findings_in_settlement,
            warn_tolerances: file.warn_tolerances,
            pdn_cash_pay: file.pdn_cash_pay,
            signature_window: file.signature_window,
            published,
            limits,
            clr_types: Arc::new(ClrTypes {
                local: file.clr_type,
                province: file.clr_type_province,
                remote: file.clr_type_remote,
            }),
            rules,
        };
        for (infno, transaction) in file.transaction {
            for (field, change) in transaction.field {
                profile.change(&infno, &field, &change)?;
            }
        }
        Ok(profile)
    }

    /// Lays an override over every table of the transaction that has the field.
    fn change(&mut self, infno: &str, name: &str, change: &Override) -> Result<(), ProfileError> {
        let key = || format!("transaction.{infno}.field.{name}");
        let (base, tables) = match routes::find(infno) {
            Some(route) => (route.base, route.tables),
            None if infno == header::NAME => (header::NAME, header::TABLES),
            None => return Err(invalid(key(), "no such transaction")),
        };
        let (node, name) = name.split_once('.').map_or((None, name), |(node, name)| (Some(node), name));
        let mut changed = false;
        for table in tables.iter().filter(|t| node.is_none_or(|n| n == t.node)) {
            let Some(at) = table.fields.iter().position(|f| f.name == name) else { continue };
            let Some(field) = table.fields.get(at) else { continue };
            let Some(rule) = self.rules.get_mut(&(base, table.node)).and_then(|r| r.get_mut(at)) else { continue };
            if change.required == Some(false) && field.need == Need::Must {
                return Err(invalid(key(), "is needed for the work itself and cannot be made optional"));
            }
            rule.required = change.required.unwrap_or(rule.required);
            rule.length = change.length.unwrap_or(rule.length);
            if let Some(codes) = &change.codes {
                rule.codes = codes.iter().map(|c| Cow::Owned(c.clone())).collect();
            }
            changed = true;
        }
        if changed { Ok(()) } else { Err(invalid(key(), "no such field")) }
    }

    /// The rules of a table, in the order of its fields.
    pub(crate) fn rules(&self, infno: &'static str, table: &Table) -> Option<&[Rule]> {
        self.rules.get(&(infno, table.node)).map(Vec::as_slice)
    }

    /// `output` where there is none; nothing where the key is left out.
    pub(crate) fn empty(&self) -> Option<Value> {
        match self.empty_output {
            EmptyOutput::Null => Some(Value::Null),
            EmptyOutput::Object => Some(Value::Object(serde_json::Map::new())),
            EmptyOutput::Text => Some(Value::String(String::new())),
            EmptyOutput::Absent => None,
        }
    }
}

fn invalid(key: impl Into<String>, problem: &'static str) -> ProfileError {
    ProfileError::Invalid { key: key.into(), problem }
}

fn lowered(key: &str, asked: Option<usize>, widest: usize) -> Result<usize, ProfileError> {
    match asked {
        Some(0) => Err(invalid(key, "must not be zero")),
        Some(n) if n > widest => Err(invalid(key, "may be lowered, not raised")),
        other => Ok(other.unwrap_or(widest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_profiles_read() {
        for name in Profile::SHIPPED {
            let text = std::fs::read_to_string(format!("profiles/{name}.toml")).unwrap();
            let profile = Profile::from_toml(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(profile.name, name);
            assert!(Profile::shipped(name).is_some());
        }
    }

    #[test]
    fn a_profile_is_checked() {
        let head = "name='x'\ntitle='x'\nregion='469021'\n";
        let error = |more: &str| Profile::from_toml(&format!("{head}{more}")).unwrap_err().to_string();
        assert!(Profile::from_toml(head).is_ok());
        assert!(error("region_code='1'").contains("unknown field"));
        assert!(error("limits.lines=6000").contains("may be lowered"));
        assert!(error("allow_2601=['1101']").contains("1101"));
        assert!(error("[transaction.9999.field.psn_no]").contains("no such transaction"));
        assert!(error("[transaction.2207.field.psn_nr]").contains("no such field"));
        assert!(error("[transaction.2207.field.psn_no]\nrequired=false").contains("cannot be made optional"));
        assert!(Profile::from_toml("name='x'\ntitle='x'\nregion='46'\n").is_err());
    }

    #[test]
    fn no_table_has_a_field_twice() {
        use crate::fsi::fields::same_key;
        for route in ROUTES {
            for table in route.tables {
                for (i, a) in table.fields.iter().enumerate() {
                    for b in &table.fields[i + 1..] {
                        assert!(!same_key(a.name, b.name), "{} {}: {}", route.infno, table.node, a.name);
                    }
                }
            }
        }
    }
}
