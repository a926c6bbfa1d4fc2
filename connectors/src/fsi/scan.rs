//! A first look at the bytes of a message: depth, sizes, repeated and reserved keys, before anything is built.
//!
//! It is not a parser: what is not JSON at all is left to `serde_json` to refuse. A message with a
//! million lines is refused at line 5,001, with nothing allocated but the path to it.

use super::limits::{Limits, WIDEST};
use super::notes::{Notes, Problem, Tolerance};

/// An open list or object.
enum Level {
    List { index: usize },
    Object { keys: Vec<(usize, usize)>, at: (usize, usize), key_next: bool },
}

/// Checks the bounds; repeated keys are noted.
pub(crate) fn check(text: &str, base: &str, limits: &Limits, notes: &mut Notes) -> Result<(), Problem> {
    let bytes = text.as_bytes();
    let mut open: Vec<Level> = Vec::new();
    let (mut i, mut values) = (0, 1);
    while let Some(&b) = bytes.get(i) {
        match b {
            b'"' => {
                let start = i + 1;
                let Some(end) = end_of_string(bytes, start) else { return Ok(()) };
                i = end;
                if let Some(Level::Object { keys, at, key_next }) = open.last_mut()
                    && *key_next
                {
                    *at = (start, end);
                    *key_next = false;
                    keys.push((start, end));
                    if is_reserved(bytes.get(start..end).unwrap_or_default()) {
                        open.pop();
                        let message = "报文含有不能使用的字段名（$serde_json::private::…）";
                        let hint = "字段名请用接口规范所列的名称";
                        return Err(Problem::new("KEY_RESERVED", pointer(base, &open, bytes), message).hint(hint));
                    }
                }
            }
            b'{' | b'[' => {
                values += 1;
                if open.len() >= limits.depth {
                    let message = format!("报文嵌套超过{}层", limits.depth);
                    return Err(Problem::new("JSON_TOO_DEEP", pointer(base, &open, bytes), message));
                }
                open.push(if b == b'[' {
                    Level::List { index: 0 }
                } else {
                    Level::Object { keys: Vec::new(), at: (0, 0), key_next: true }
                });
            }
            b'}' | b']' => {
                if let Some(Level::Object { keys, .. }) = open.pop() {
                    repeated(keys, bytes, notes, || pointer(base, &open, bytes));
                }
            }
            b',' => {
                values += 1;
                match open.last_mut() {
                    Some(Level::List { index }) => {
                        *index += 1;
                        if *index >= limits.lines {
                            open.pop();
                            let message = format!("列表超过{}条", limits.lines);
                            return Err(
                                Problem::new("LIST_TOO_LONG", pointer(base, &open, bytes), message).hint("请分批上传")
                            );
                        }
                    }
                    Some(Level::Object { key_next, .. }) => *key_next = true,
                    None => {}
                }
            }
            _ => {}
        }
        if values > limits.values {
            let message = format!("报文内容超过{}项", limits.values);
            return Err(Problem::new("MESSAGE_TOO_LARGE", base, message).hint("请分批上传"));
        }
        i += 1;
    }
    Ok(())
}

/// Whether a body may be parsed at all: for who has to look into it before it is checked as a message.
pub(crate) fn is_bounded(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| check(text, "", &WIDEST, &mut Notes::default()).is_ok())
}

/// What is wrong with a file's text that has such a key.
pub(crate) const RESERVED_KEY: &str = "a key that may not be used ($serde_json::private::…)";

/// Whether a text of whatever size, from a file, has a key of the parser's own.
pub(crate) fn has_reserved_key(text: &[u8]) -> bool {
    const NONE: Limits = Limits { lines: usize::MAX, depth: usize::MAX, values: usize::MAX };
    // without one of these no key says it
    text.iter().any(|b| matches!(b, b'$' | b'\\'))
        && check(&String::from_utf8_lossy(text), "", &NONE, &mut Notes::default()).is_err()
}

/// Keys by which `serde_json` knows values of its own. An object with one is not read as an object: the text beside it is
/// parsed, with a depth of its own, so that a message could be as deep as it likes.
const RESERVED: &str = "$serde_json::private::";

/// Whether a key as it is written says one of those.
fn is_reserved(key: &[u8]) -> bool {
    match key.first() {
        Some(b'$' | b'\\') => {}
        _ => return false,
    }
    let quoted = [b"\"", key, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).is_ok_and(|k| k.starts_with(RESERVED))
}

/// The closing quote of a string that begins at `i`.
fn end_of_string(bytes: &[u8], mut i: usize) -> Option<usize> {
    loop {
        match bytes.get(i)? {
            b'"' => return Some(i),
            b'\\' => i += 2,
            _ => i += 1,
        }
    }
}

fn repeated(mut keys: Vec<(usize, usize)>, bytes: &[u8], notes: &mut Notes, path: impl Fn() -> String) {
    let text = |&(a, b): &(usize, usize)| bytes.get(a..b).unwrap_or_default();
    keys.sort_by(|a, b| text(a).cmp(text(b)));
    for pair in keys.windows(2) {
        if let [a, b] = pair
            && text(a) == text(b)
        {
            notes.note(Tolerance::DuplicateKey, || format!("{}/{}", path(), plain_key(text(a))));
        }
    }
}

/// The path to what is being read.
fn pointer(base: &str, open: &[Level], bytes: &[u8]) -> String {
    let mut out = base.to_owned();
    for level in open {
        out.push('/');
        match level {
            Level::List { index } => out.push_str(&index.to_string()),
            Level::Object { at: (a, b), .. } => out.push_str(&plain_key(bytes.get(*a..*b).unwrap_or_default())),
        }
    }
    out
}

/// A key as it may be shown: what does not look like a field name could be anything.
pub(crate) fn plain_key(key: &[u8]) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    match std::str::from_utf8(key) {
        Ok(text) if text.len() <= 40 && key.first().is_some_and(u8::is_ascii_alphabetic) && key.iter().all(plain) => {
            text.to_owned()
        }
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> Result<Notes, Problem> {
        let mut notes = Notes::default();
        check(text, "", &WIDEST, &mut notes).map(|()| notes)
    }

    #[test]
    fn a_long_list_is_refused_at_its_place() {
        let text = format!(r#"{{"input":{{"feedetail":[{}1]}}}}"#, "1,".repeat(5_000));
        let p = scan(&text).unwrap_err();
        assert_eq!((p.code, p.path.as_str()), ("LIST_TOO_LONG", "/input/feedetail"));
        assert!(scan(&text.replacen("1,", "", 1)).is_ok());
    }

    #[test]
    fn depth_is_bounded() {
        assert!(scan(&"[".repeat(32)).is_ok());
        assert_eq!(scan(&"[".repeat(33)).unwrap_err().code, "JSON_TOO_DEEP");
        assert!(scan(&format!("\"{}\"", "[".repeat(100))).is_ok(), "brackets in a text");
    }

    /// Each layer is a text that would be parsed with a depth of its own: a few thousand levels end the process.
    #[test]
    fn keys_of_the_parser_are_refused() {
        let raw = "$serde_json::private::RawValue";
        let mut text = "1".to_owned();
        for _ in 0..60 {
            let (open, close) = ("[".repeat(20), "]".repeat(20));
            // written so that the next layer does not double it
            let escaped = text.replace('\\', "\\u005c").replace('"', "\\u0022");
            text = format!("{open}{{\"{raw}\":\"{escaped}\"}}{close}");
        }
        assert!(text.len() < 500_000, "{}", text.len());
        assert_eq!(scan(&text).unwrap_err().code, "KEY_RESERVED");
        for key in [
            raw,
            "$serde_json::private::Number",
            "\\u0024serde_json::private::RawValue",
            "$\\u0073erde_json::private::x",
        ] {
            let p = scan(&format!(r#"{{"input":{{"data":[{{"a":1}},{{"b":2,"{key}":"1"}}]}}}}"#)).unwrap_err();
            assert_eq!((p.code, p.path.as_str()), ("KEY_RESERVED", "/input/data/1"), "{key}");
        }
        for text in [r#"{"$serde":1,"\u0024":2}"#, r#"{"a":"$serde_json::private::RawValue"}"#] {
            assert!(scan(text).is_ok(), "{text}");
        }
        assert!(!is_bounded(text.as_bytes()) && is_bounded(b"{}"));
        assert!(has_reserved_key(text.as_bytes()) && has_reserved_key(&[text.as_bytes(), b"\xff"].concat()));
        let large = format!(r#"{{"lines":[{}1],"a$":"$\u0024"}}"#, "1,".repeat(500_000));
        assert!(!has_reserved_key(large.as_bytes()));
    }

    #[test]
    fn the_whole_is_bounded() {
        let p = scan(&"[],".repeat(250_000)).unwrap_err();
        assert_eq!(p.code, "MESSAGE_TOO_LARGE");
    }

    #[test]
    fn repeated_keys_are_noted_with_their_path() {
        let notes = scan(r#"{"input":{"data":[{"a":1,"b":"a","a":2}]}}"#).unwrap();
        assert_eq!(notes.count(Tolerance::DuplicateKey), 1);
        assert!(notes.into_text(vec![], true).contains("/input/data/0/a"));
    }

    #[test]
    fn what_is_no_json_is_left_to_the_parser() {
        for text in ["", "\"abc", "}}}}", "[\"\\", ",,,", "{\"a\":\"b"] {
            assert!(scan(text).is_ok(), "{text}");
        }
    }
}
