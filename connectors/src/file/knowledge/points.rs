//! Points given one by one, as a JSON list: each names its rule, its items and its text.

use super::{Reader, item_code, reading};
use crate::file::table::Problems;
use crate::fsi::scan::{RESERVED_KEY, has_reserved_key};
use chrono::NaiveDate;
use dingan_core::codes::ItemCode;
use dingan_core::knowledge::KnowledgeRow;
use serde::Deserialize;
use serde_json::Value;

/// The most items of one point.
const MAX_ITEMS: usize = 5_000;
const MAX_TEXT: usize = 4_000;

#[derive(Deserialize)]
struct Point {
    kp_id: String,
    rule_class: String,
    med_codes: Vec<String>,
    #[serde(default)]
    item_name: String,
    #[serde(default)]
    constraint: String,
    #[serde(default)]
    batch: u32,
    #[serde(default)]
    published_at: Option<NaiveDate>,
    #[serde(default)]
    supersedes: Option<Supersedes>,
    #[serde(default)]
    source: Option<Source>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Supersedes {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Source {
    #[serde(default)]
    attachment_file: Option<String>,
    #[serde(default)]
    row: Option<u32>,
}

/// Reads the points of a JSON list; what is wrong with one does not touch the others.
pub(super) fn read(bytes: &[u8], reader: &Reader, problems: &mut Problems) -> Vec<KnowledgeRow> {
    if has_reserved_key(bytes) {
        problems.error(0, "", RESERVED_KEY);
        return Vec::new();
    }
    let list: Vec<Value> = match serde_json::from_slice(bytes) {
        Ok(list) => list,
        Err(e) => {
            // of the parser's sentence only the place, since the rest may repeat what stands in the file
            problems.error(e.line() as u64, "", format!("not a JSON list of points: broken at column {}", e.column()));
            return Vec::new();
        }
    };
    let mut rows = Vec::new();
    for (number, value) in (1_u64..).zip(list) {
        match point(value, number, reader) {
            Ok(found) => rows.extend(found),
            Err((column, reason)) => problems.error(number, column, reason),
        }
    }
    rows
}

fn point(value: Value, number: u64, reader: &Reader) -> Result<Vec<KnowledgeRow>, (&'static str, String)> {
    const FIELDS: [&str; 9] = [
        "kp_id",
        "rule_class",
        "med_codes",
        "item_name",
        "constraint",
        "batch",
        "published_at",
        "supersedes",
        "source",
    ];
    let p: Point = serde_json::from_value(value.clone()).map_err(|_| {
        let wrong = FIELDS.iter().find(|f| Point::deserialize(only(&value, f)).is_err()).copied();
        (wrong.unwrap_or(""), "missing, or not of the kind a point has".to_owned())
    })?;
    let layout = reader
        .layouts
        .rule(&p.rule_class)
        .ok_or_else(|| ("rule_class", "no table is known for this rule; add one to the layouts".to_owned()))?;
    if p.kp_id.is_empty() || p.kp_id.len() > 60 || !p.kp_id.is_ascii() {
        return Err(("kp_id", "empty, or longer than 60 plain characters".to_owned()));
    }
    if p.constraint.chars().count() > MAX_TEXT || p.item_name.chars().count() > 200 {
        return Err(("constraint", format!("longer than {MAX_TEXT} characters")));
    }
    if p.med_codes.len() > MAX_ITEMS {
        return Err(("med_codes", format!("more than {MAX_ITEMS} codes")));
    }
    let codes: Vec<ItemCode> =
        p.med_codes.iter().map(|c| item_code(c)).collect::<Result<_, _>>().map_err(|reason| ("med_codes", reason))?;
    let mut codes = super::each_once(codes).into_iter();
    let item = codes.next().ok_or_else(|| ("med_codes", "no code".to_owned()))?;
    let of_file = p.source.map_or_else(String::new, |s| match (s.attachment_file, s.row) {
        (Some(file), Some(row)) => format!("{}:{row}", file.trim()),
        (file, _) => file.unwrap_or_default(),
    });
    let mut row = KnowledgeRow {
        table: layout.table.clone(),
        item,
        also: codes.collect(),
        name: p.item_name.trim().to_owned(),
        text: p.constraint.trim().to_owned(),
        id: p.kp_id,
        version: 1,
        batch: if p.batch > 0 { p.batch } else { reader.batch.unwrap_or(0) },
        published: p.published_at.or(reader.published),
        supersedes: match p.supersedes {
            None => Vec::new(),
            Some(Supersedes::One(id)) => vec![id],
            Some(Supersedes::Many(ids)) => ids,
        },
        source: if of_file.is_empty() { format!("#{number}") } else { of_file },
        ..KnowledgeRow::default()
    };
    if let Some(what) = layout.reading {
        reading::read(what, &mut row, &reader.diagnoses, false).map_err(|reason| ("constraint", reason))?;
    }
    let beside = layout.interval.as_ref().and_then(|table| reading::interval_beside(&row, table)).map(|mut b| {
        b.id.push_str("-i");
        b
    });
    Ok([row].into_iter().chain(beside).collect())
}

/// A point with one field of this one and sound others, to find out which field is wrong.
fn only(value: &Value, field: &str) -> Value {
    let mut sound = serde_json::json!({ "kp_id": "", "rule_class": "", "med_codes": [] });
    if let (Some(object), Some(sound)) = (value.as_object(), sound.as_object_mut()) {
        match object.get(field) {
            Some(v) => sound.insert(field.to_owned(), v.clone()),
            None => sound.remove(field),
        };
    }
    sound
}
