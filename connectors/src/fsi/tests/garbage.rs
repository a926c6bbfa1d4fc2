//! Whatever comes in, an answer goes out.

use super::*;
use proptest::prelude::*;

fn answered(body: &[u8]) -> Result<Seen, TestCaseError> {
    let seen = send_bytes(&Fake::new(), &lenient(), body);
    let code = seen.body.get("infcode").and_then(Value::as_i64);
    prop_assert_eq!(code, Some(if seen.handled.ok { 0 } else { -1 }));
    prop_assert!(seen.text("inf_refmsgid").len() == 30);
    prop_assert!(seen.text("err_msg").chars().count() <= 200);
    prop_assert!(seen.text("warn_msg").chars().count() <= 2_000);
    prop_assert_eq!(seen.handled.ok, seen.handled.code.is_none());
    Ok(seen)
}

/// A value of any kind, as a client might slip it in.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "-?[0-9]{1,40}(\\.[0-9]{1,12})?(e-?[0-9]{1,4})?".prop_map(|t| t.parse().map_or(Value::Null, Value::Number)),
        "[0-9TZ:. /-]{0,24}".prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("")),
        Just(json!("-")),
        Just(json!("\u{0}")),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..3).prop_map(|m| m.into_iter().collect()),
        ]
    })
}

/// Every place in a value.
fn places(v: &Value, at: String, out: &mut Vec<String>) {
    out.push(at.clone());
    match v {
        Value::Object(m) => m.iter().for_each(|(k, v)| places(v, format!("{at}/{k}"), out)),
        Value::Array(l) => l.iter().enumerate().for_each(|(i, v)| places(v, format!("{at}/{i}"), out)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_bytes(body in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(!answered(&body)?.handled.ok);
    }

    #[test]
    fn random_json(v in value()) {
        answered(v.to_string().as_bytes())?;
        for infno in ["2204", "3101"] {
            answered(message(infno, v.clone()).to_string().as_bytes())?;
        }
    }

    #[test]
    fn a_place_replaced(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), v in value()) {
        let all = messages::all();
        let (infno, input) = which.get(&all);
        let mut m = message(infno, input.clone());
        let mut paths = Vec::new();
        places(&m, String::new(), &mut paths);
        *m.pointer_mut(&paths[at.index(paths.len())]).unwrap() = v;
        answered(m.to_string().as_bytes())?;
    }

    #[test]
    fn bytes_cut_and_changed(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), b in any::<u8>(), cut in any::<bool>()) {
        let all = messages::all();
        let (infno, input) = which.get(&all);
        let mut body = message(infno, input.clone()).to_string().into_bytes();
        let i = at.index(body.len());
        if cut { body.truncate(i) } else { body[i] = b }
        answered(&body)?;
    }

    /// The hash does not depend on how the JSON is written.
    #[test]
    fn the_hash_is_of_the_content(which in any::<prop::sample::Index>()) {
        use crate::fsi::hash;
        let all = messages::all();
        let (_, input) = which.get(&all);
        prop_assert_eq!(hash::of(input), hash::of(&rewritten(input)));
    }
}

/// The same content in other letters: numbers in quotes with more zeros, spaces around texts.
fn rewritten(v: &Value) -> Value {
    match v {
        Value::Object(m) => {
            let mut out: serde_json::Map<String, Value> =
                m.iter().rev().map(|(k, v)| (k.clone(), rewritten(v))).collect();
            out.insert("nothing".to_owned(), Value::Null);
            Value::Object(out)
        }
        Value::Array(l) => l.iter().map(rewritten).collect(),
        Value::Number(n) if n.to_string().contains('.') => json!(format!("{n}00")),
        Value::Number(n) => json!(format!("{n}.0")),
        Value::String(s) => json!(format!(" {s} ")),
        other => other.clone(),
    }
}
