//! Investigations by name: SQL with parameters, as files beside the page of their method (`docs/inspect`).

use crate::error::{InspectError, nearest};
use chrono::NaiveDate;
use std::collections::BTreeMap;

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../docs/inspect/", $name, ".sql")))),*]
    };
}

const SHIPPED: &[(&str, &str)] = shipped![
    "readmissions",
    "chains",
    "overlaps",
    "occupancy",
    "length-of-stay",
    "outpatient-in-stay",
    "together",
    "frequent-visits",
    "item-outliers",
    "water-levels",
    "check-lines",
    "check-ledger",
    "check-identities",
];

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// A day, `2025-01-01`.
    Date,
    /// Text.
    Text,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// What it takes.
    pub kind: ParameterKind,
    /// Default.
    pub default: String,
    /// What it means.
    pub meaning: String,
}

/// An investigation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Investigation {
    /// Name.
    pub name: &'static str,
    /// Title.
    pub title: String,
    /// Parameters.
    pub parameters: Vec<Parameter>,
    sql: &'static str,
}

/// Every investigation the program carries.
pub fn shipped() -> Vec<Investigation> {
    SHIPPED.iter().map(|(name, sql)| read(name, sql)).collect()
}

/// Reads the head of a file: `-- title: …` and `-- param NAME = DEFAULT (KIND): MEANING`.
fn read(name: &'static str, sql: &'static str) -> Investigation {
    let mut i = Investigation { name, title: String::new(), parameters: Vec::new(), sql };
    for line in sql.lines().map_while(|l| l.strip_prefix("-- ")) {
        if let Some(title) = line.strip_prefix("title: ") {
            i.title = title.to_owned();
        } else if let Some(p) = line.strip_prefix("param ").and_then(parameter) {
            i.parameters.push(p);
        }
    }
    i
}

fn parameter(text: &str) -> Option<Parameter> {
    let (name, rest) = text.split_once(" = ")?;
    let (default, rest) = rest.split_once(" (")?;
    let (kind, meaning) = rest.split_once("): ")?;
    let kind = match kind {
        "whole" => ParameterKind::Whole,
        "number" => ParameterKind::Number,
        "date" => ParameterKind::Date,
        "text" => ParameterKind::Text,
        _ => return None,
    };
    Some(Parameter { name: name.to_owned(), kind, default: default.to_owned(), meaning: meaning.to_owned() })
}

/// The SQL of an investigation with its parameters put in. Parameters not given have their defaults.
pub fn sql(name: &str, given: &BTreeMap<String, String>) -> Result<String, InspectError> {
    let all = shipped();
    let Some(i) = all.iter().find(|i| i.name == name) else {
        let mut e = InspectError::new("UNKNOWN_NAME", format!("there is no investigation `{name}`"));
        e.hint = nearest(name, all.iter().map(|i| i.name)).map(|n| format!("did you mean `{n}`?"));
        return Err(e);
    };
    if let Some(unknown) = given.keys().find(|k| i.parameters.iter().all(|p| p.name != **k)) {
        let mut e = InspectError::new("PARAMETER", format!("`{name}` has no parameter `{unknown}`"));
        let names: Vec<&str> = i.parameters.iter().map(|p| p.name.as_str()).collect();
        e.hint = Some(format!("it has {}", names.join(", ")));
        return Err(e);
    }
    let mut text = i.sql.to_owned();
    // longer names first: `:days` must not be found in `:days_more`
    let mut parameters: Vec<&Parameter> = i.parameters.iter().collect();
    parameters.sort_by_key(|p| std::cmp::Reverse(p.name.len()));
    for p in parameters {
        let value = given.get(&p.name).unwrap_or(&p.default);
        text = text.replace(&format!(":{}", p.name), &literal(p, value)?);
    }
    Ok(text)
}

/// A value as SQL; what does not read as its kind never gets in.
fn literal(p: &Parameter, value: &str) -> Result<String, InspectError> {
    let wrong = |kind: &str| {
        InspectError::new("PARAMETER", format!("parameter `{}` takes {kind}, not `{value}` ({})", p.name, p.meaning))
    };
    Ok(match p.kind {
        ParameterKind::Whole => value.parse::<i64>().map_err(|_| wrong("a whole number"))?.to_string(),
        ParameterKind::Number => {
            value.parse::<rust_decimal::Decimal>().map_err(|_| wrong("a number such as 1.5"))?.to_string()
        }
        ParameterKind::Date => {
            let day: NaiveDate = value.parse().map_err(|_| wrong("a day such as 2025-01-01"))?;
            format!("DATE '{day}'")
        }
        ParameterKind::Text => format!("'{}'", value.replace('\'', "''")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_title_and_uses_its_parameters() {
        for i in shipped() {
            assert!(!i.title.is_empty(), "{}", i.name);
            let declared = i.sql.lines().filter(|l| l.starts_with("-- param ")).count();
            assert_eq!(i.parameters.len(), declared, "{}", i.name);
            for p in &i.parameters {
                assert!(i.sql.contains(&format!(":{}", p.name)), "{}: {}", i.name, p.name);
                literal(p, &p.default).unwrap();
            }
        }
    }

    #[test]
    fn a_parameter_cannot_become_sql() {
        let given = BTreeMap::from([("days".to_owned(), "1; drop table x".to_owned())]);
        assert_eq!(sql("readmissions", &given).unwrap_err().code, "PARAMETER");
        let p =
            Parameter { name: "x".into(), kind: ParameterKind::Text, default: String::new(), meaning: String::new() };
        assert_eq!(literal(&p, "a' or '1'='1").unwrap(), "'a'' or ''1''=''1'");
    }
}
