//! Parameters of a rule: typed figures with unit, default and range, so that a threshold is
//! something one can list, sweep and override, and never a number hidden in a script.

use dingan_core::money::Money;
use rhai::Dynamic;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// What kind of value a parameter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParamKind {
    /// A whole number.
    Int,
    /// A decimal number, written in quotes.
    Decimal,
    /// An amount in yuan, written in quotes.
    Money,
    /// True or false.
    Bool,
    /// A text.
    Text,
    /// A list of codes or prefixes of codes.
    Codes,
}

/// `[param.*]` of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: ParamKind,
    /// The value in force.
    pub value: toml::Value,
    /// Unit of a number: `day`, `year`, `yuan` …
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Least value of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<toml::Value>,
    /// Greatest value of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<toml::Value>,
    /// What it means and where the figure comes from.
    pub doc: String,
}

/// A number of any of the three numeric kinds, for comparison with its range.
fn number(kind: ParamKind, value: &toml::Value) -> Result<Decimal, String> {
    match (kind, value) {
        (ParamKind::Int, toml::Value::Integer(n)) => Ok(Decimal::from(*n)),
        (ParamKind::Decimal | ParamKind::Money, toml::Value::Integer(n)) => Ok(Decimal::from(*n)),
        (ParamKind::Decimal, toml::Value::String(s)) => {
            Decimal::from_str(s).map_err(|_| format!("`{s}` is not a decimal number"))
        }
        (ParamKind::Money, toml::Value::String(s)) => {
            s.parse::<Money>().map(Money::to_decimal).map_err(|e| format!("`{s}`: {e}"))
        }
        (ParamKind::Int, _) => Err("an `int` is written as a whole number".into()),
        _ => Err("a number with decimals is written in quotes".into()),
    }
}

impl Param {
    /// Checks value and range; what is wrong, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        if matches!(self.kind, ParamKind::Int | ParamKind::Decimal | ParamKind::Money) {
            if self.unit.is_empty() {
                return Err("a number needs a `unit`".into());
            }
            let value = number(self.kind, &self.value)?;
            if let Some(min) = &self.min
                && value < number(self.kind, min)?
            {
                return Err(format!("{value} is below the least value {min}"));
            }
            if let Some(max) = &self.max
                && value > number(self.kind, max)?
            {
                return Err(format!("{value} is above the greatest value {max}"));
            }
        } else if self.min.is_some() || self.max.is_some() {
            return Err("only numbers have `min` and `max`".into());
        }
        self.to_dynamic().map(|_| ())
    }

    /// As scripts see it.
    pub(crate) fn to_dynamic(&self) -> Result<Dynamic, String> {
        Ok(match (self.kind, &self.value) {
            (ParamKind::Int, toml::Value::Integer(n)) => Dynamic::from_int(*n),
            (ParamKind::Decimal, v) => Dynamic::from_decimal(number(self.kind, v)?),
            (ParamKind::Money, v) => {
                let money = Money::from_decimal(number(self.kind, v)?).map_err(|e| e.to_string())?;
                Dynamic::from(crate::values::Yuan(money))
            }
            (ParamKind::Bool, toml::Value::Boolean(b)) => Dynamic::from_bool(*b),
            (ParamKind::Text, toml::Value::String(s)) => Dynamic::from(s.clone()),
            (ParamKind::Codes, toml::Value::Array(list)) => {
                let codes = list.iter().map(|v| v.as_str().map(|s| Dynamic::from(s.to_owned())));
                let codes: Option<rhai::Array> = codes.collect();
                Dynamic::from_array(codes.ok_or("`codes` is a list of texts")?)
            }
            (kind, value) => return Err(format!("{value} is not of type {kind:?}").to_lowercase()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(text: &str) -> Param {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_value_must_fit_type_and_range() {
        let days = |v: &str| param(&format!("type='int'\nvalue={v}\nunit='day'\nmin=1\nmax=31\ndoc='d'")).check();
        assert_eq!(days("15"), Ok(()));
        assert_eq!(days("0"), Err("0 is below the least value 1".into()));
        assert_eq!(days("32"), Err("32 is above the greatest value 31".into()));
        assert!(days("'15'").is_err());
        assert!(param("type='int'\nvalue=1\ndoc='d'").check().is_err(), "no unit");
        assert!(param("type='codes'\nvalue=['Z51', 5]\ndoc='d'").check().is_err());
        assert!(param("type='money'\nvalue='1.005'\nunit='yuan'\ndoc='d'").check().is_err());
        assert_eq!(param("type='decimal'\nvalue='0.85'\nunit='share'\nmin='0'\nmax='1'\ndoc='d'").check(), Ok(()));
    }
}
