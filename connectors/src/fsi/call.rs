//! One message on its way: who sent it, what it holds, what is to be said about it.

use super::fields::same_key;
use super::notes::{Failure, Notes, Problem, Tolerance};
use super::profile::Profile;
use super::read::{Anchor, Reader};
use super::routes::Route;
use super::scan;
use crate::desk::{Caller, Reply};
use serde_json::{Map, Value};

/// What a transaction makes of a call.
pub(crate) type Ran = Result<Reply, Failure>;

/// One message.
pub(crate) struct Call<'a> {
    pub profile: &'a Profile,
    pub route: &'static Route,
    pub by: Caller,
    pub input: Value,
    pub notes: Notes,
    anchors: Vec<Anchor>,
}

impl<'a> Call<'a> {
    pub fn new(profile: &'a Profile, route: &'static Route, by: Caller, input: Value, notes: Notes) -> Self {
        Self { profile, route, by, input, notes, anchors: Vec::new() }
    }

    /// Reads the input; whatever is wrong with it refuses the message with every problem found.
    pub fn read<T>(&mut self, f: impl FnOnce(&mut Reader<'_>, &Value) -> T) -> Result<T, Failure> {
        let mut reader = Reader::new(self.profile, self.route.base, &mut self.notes);
        let read = f(&mut reader, &self.input);
        let (problems, anchors) = reader.finish();
        self.anchors = anchors;
        self.unknown_nodes();
        if problems.is_empty() { Ok(read) } else { Err(Failure::Message(problems)) }
    }

    /// Names the keys of `input` that are no node of the transaction.
    fn unknown_nodes(&mut self) {
        // where a row was read from `input` itself, that named them
        if self.anchors.iter().any(|a| a.path == "/input") {
            return;
        }
        for key in self.input.as_object().into_iter().flat_map(Map::keys) {
            if !self.route.tables.iter().any(|t| same_key(t.node, key)) {
                self.notes.note(Tolerance::UnknownKey, || scan::plain_key(key.as_bytes()));
            }
        }
    }

    /// The JSON pointer of what a refusal of the agency is about.
    pub fn place(&self, field: Option<&str>, line: Option<usize>) -> String {
        let field = field.unwrap_or_default();
        let has = |a: &&Anchor| field.is_empty() || a.table.fields.iter().any(|f| f.name == field);
        let all = &self.anchors;
        let listed = |a: &&Anchor| a.rows.is_some() == line.is_some();
        let anchor = all.iter().find(|a| listed(a) && has(a)).or_else(|| all.iter().find(has));
        let mut path = match anchor {
            Some(a) => a.path.clone(),
            None if super::header::HEADER.fields.iter().any(|f| f.name == field) => String::new(),
            None => return "/input".to_owned(),
        };
        let rows = anchor.and_then(|a| a.rows.as_ref());
        if let (Some(line), Some(rows)) = (line, rows) {
            path.push_str(&format!("/{}", rows.get(line).unwrap_or(&line)));
        }
        if !field.is_empty() && (rows.is_none() || line.is_some()) {
            path.push_str(&format!("/{field}"));
        }
        path
    }
}

/// `input` as an object. Some provinces send it as a JSON text.
pub(crate) fn input(profile: &Profile, value: Option<Value>, notes: &mut Notes) -> Result<Value, Problem> {
    let value = match value {
        Some(Value::String(s)) if !s.trim().is_empty() => {
            scan::check(&s, "/input", &profile.limits, notes)?;
            notes.note(Tolerance::InputAsText, || "/input".to_owned());
            serde_json::from_str(&s).map_err(|_| {
                Problem::new("INPUT_NOT_JSON", "/input", "input是字符串但不是合法的JSON")
                    .hint("input请传JSON对象；加密报文须先由前置机解密")
            })?
        }
        Some(value) => value,
        None => Value::Null,
    };
    match value {
        Value::Object(_) => Ok(value),
        Value::Null | Value::String(_) => {
            Err(Problem::new("INPUT_MISSING", "/input", "缺少交易输入input").hint("请按接口规范传送交易输入"))
        }
        _ => Err(Problem::new("INPUT_TYPE", "/input", "input应为JSON对象")),
    }
}
