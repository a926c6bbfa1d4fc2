//! Values of an answer: numbers by their digits, objects from pairs.

use super::time;
use chrono::{NaiveDate, NaiveDateTime};
use dingan_core::money::{Money, Price, Quantity, Rate};
use rust_decimal::RoundingStrategy::MidpointAwayFromZero;
use serde_json::{Map, Number, Value};

/// A number as its digits stand: `12.30` stays `12.30`.
fn digits(text: String) -> Value {
    match text.parse::<Number>() {
        Ok(n) => Value::Number(n),
        Err(_) => Value::String(text),
    }
}

/// N 16,2.
pub(crate) fn money(m: Money) -> Value {
    digits(m.to_string())
}
/// N 16,6.
pub(crate) fn price(p: Price) -> Value {
    digits(p.to_string())
}
/// N 16,4.
pub(crate) fn quantity(q: Quantity) -> Value {
    digits(q.to_string())
}
/// N 5,4.
pub(crate) fn rate(r: Rate) -> Value {
    digits(r.to_decimal().round_dp_with_strategy(4, MidpointAwayFromZero).normalize().to_string())
}
/// A whole number.
pub(crate) fn int(n: i64) -> Value {
    Value::Number(n.into())
}
/// Text.
pub(crate) fn text(t: impl Into<String>) -> Value {
    Value::String(t.into())
}
/// A flag.
pub(crate) fn flag(on: bool) -> Value {
    text(if on { "1" } else { "0" })
}
/// `yyyy-MM-dd HH:mm:ss`, or null.
pub(crate) fn moment(t: Option<NaiveDateTime>) -> Value {
    t.map_or(Value::Null, |t| text(time::moment(t)))
}
/// `yyyy-MM-dd`, or empty.
pub(crate) fn day(d: Option<NaiveDate>) -> Value {
    text(d.map(time::day).unwrap_or_default())
}

/// An object from pairs.
pub(crate) fn map<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}
/// The same as a value.
pub(crate) fn object<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Object(map(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stay() {
        let text = object([
            ("a", money(Money::fen(1230))),
            ("b", rate(Rate::from_units(333_335))),
            ("c", money(Money::fen(-5))),
        ]);
        assert_eq!(text.to_string(), r#"{"a":12.30,"b":0.3333,"c":-0.05}"#);
        let back: Value = serde_json::from_str(&text.to_string()).unwrap();
        assert_eq!(back.to_string(), text.to_string());
    }
}
