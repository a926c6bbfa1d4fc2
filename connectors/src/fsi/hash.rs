//! The hash by which a repeated message is known: SHA-256 over the normalised `input`.
//!
//! Normalised: keys sorted, texts trimmed, absent for null and `""`, numbers by their shortest
//! decimal text whether sent as numbers or in quotes (`"1.0"` and `1.00` are one; `01` is a code and
//! stays apart from `1`). Order of lists counts.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The hash of an `input`, hexadecimal.
pub(crate) fn of(input: &Value) -> String {
    let mut h = Sha256::new();
    put(&mut h, input);
    let mut hex = String::with_capacity(64);
    for b in h.finalize() {
        let _ = write!(hex, "{b:02x}");
    }
    hex
}

/// Lengths are part of what is hashed, so that no two texts run into each other.
fn put_text(h: &mut Sha256, text: &str) {
    h.update(b"\"");
    h.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
    h.update(text.as_bytes());
}

fn put(h: &mut Sha256, value: &Value) {
    match value {
        Value::Null => put_text(h, ""),
        Value::Bool(b) => put_text(h, if *b { "true" } else { "false" }),
        Value::Number(n) => put_text(h, &number(n.as_str())),
        Value::String(s) => put_text(h, &number(s.trim())),
        Value::Array(list) => {
            h.update(b"[");
            for v in list {
                put(h, v);
            }
            h.update(b"]");
        }
        Value::Object(map) => {
            h.update(b"{");
            let sorted: BTreeMap<&String, &Value> = map.iter().filter(|(_, v)| !absent(v)).collect();
            for (k, v) in sorted {
                put_text(h, k);
                put(h, v);
            }
            h.update(b"}");
        }
    }
}

fn absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(s) => s.trim().is_empty(),
        _ => false,
    }
}

/// The shortest text of a decimal number; any other text as it is.
fn number(text: &str) -> Cow<'_, str> {
    // nearly every text: nothing of a number that could be written in another way
    if !text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E' | b'-')) {
        return Cow::Borrowed(text);
    }
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |r| (true, r));
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((m, e)) => match e.parse::<i32>() {
            Ok(e) if (-40..=40).contains(&e) => (m, e),
            _ => return Cow::Borrowed(text),
        },
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    // a leading zero marks a code, not a number
    if !digits(whole) || !digits(fraction) || (whole.len() > 1 && whole.starts_with('0')) {
        return Cow::Borrowed(text);
    }
    let (whole, fraction) = shift(whole, fraction, exponent);
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if negative && !(whole == "0" && fraction.is_empty()) { "-" } else { "" };
    Cow::Owned(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// Moves the point by an exponent.
fn shift(whole: &str, fraction: &str, exponent: i32) -> (String, String) {
    let by = usize::try_from(exponent.unsigned_abs()).unwrap_or(0);
    let zeros = "0".repeat(by);
    if exponent >= 0 {
        let padded = format!("{fraction}{zeros}");
        let (moved, rest) = padded.split_at_checked(by).unwrap_or((&padded, ""));
        (format!("{whole}{moved}"), rest.to_owned())
    } else {
        let padded = format!("{zeros}{whole}");
        let (rest, moved) = padded.split_at_checked(padded.len() - by).unwrap_or((&padded, ""));
        (rest.to_owned(), format!("{moved}{fraction}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> String {
        of(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn same_content_same_hash() {
        let a = hash(r#"{"data":{"a":"x","n":1.00,"z":null},"l":[{"q":"2"}]}"#);
        assert_eq!(a, hash(r#"{"l":[{"q":2.0}],"data":{"n":"1.0","a":" x ","e":""}}"#));
        assert_eq!(a.len(), 64);
    }

    #[test]
    fn other_content_other_hash() {
        for (a, b) in [
            (r#"{"a":"01"}"#, r#"{"a":"1"}"#),
            (r#"{"a":"1","b":"2"}"#, r#"{"a":"2","b":"1"}"#),
            (r#"{"a":["12"]}"#, r#"{"a":["1","2"]}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[{"b":["c"]}]}"#),
            (r#"{"a":-1}"#, r#"{"a":1}"#),
        ] {
            assert_ne!(hash(a), hash(b), "{a} {b}");
        }
    }

    #[test]
    fn numbers() {
        for (text, want) in [
            ("1.00", "1"),
            ("-0.0", "0"),
            ("0.50", "0.5"),
            ("1e2", "100"),
            ("1.25e1", "12.5"),
            ("125e-3", "0.125"),
            ("5E-1", "0.5"),
            ("01", "01"),
            ("1.", "1."),
            ("1e9999", "1e9999"),
            ("yp570", "yp570"),
            ("12.3.4", "12.3.4"),
        ] {
            assert_eq!(number(text), want, "{text}");
        }
    }
}
