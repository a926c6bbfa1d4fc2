//! What is read out of the text of a point: days of a course, intervals, level, way of care, sex, diagnoses.
//!
//! The text is kept beside what is read. Where the reading is a guess, or disagrees with the list's own
//! column, the point is not confirmed: it founds a suspicion until a person has looked at it.

use dingan_core::knowledge::KnowledgeRow;
use dingan_core::money::Quantity;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};

/// What is taken from a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Reading {
    Diagnoses,
    Course,
    Interval,
    Level,
    VisitWay,
    Sex,
}

/// The longest name of a disease looked for in a text, in characters.
const LONGEST_NAME: usize = 30;
/// Shorter names of the classification (便秘, 感染) stand in texts for other things too often.
const SHORTEST_NAME: usize = 3;
/// The most bytes of a list of diagnoses; the national one has two million.
pub const MAX_ICD_BYTES: usize = 32 * 1024 * 1024;

/// Names of diseases and the ranges of codes they stand for.
#[derive(Debug, Clone, Default)]
pub struct Diagnoses {
    names: HashMap<String, Vec<String>>,
    /// Those that count only where a text names no other.
    otherwise: HashSet<String>,
}

#[derive(Deserialize)]
struct Words {
    words: HashMap<String, Vec<String>>,
    otherwise: HashMap<String, Vec<String>>,
}

impl Diagnoses {
    /// The words that come with the program.
    ///
    /// # Errors
    /// Where the table of words is not well formed.
    pub fn built_in() -> Result<Self, toml::de::Error> {
        let Words { words: mut names, otherwise } = toml::from_str(include_str!("diagnoses.toml"))?;
        let weak = otherwise.keys().cloned().collect();
        names.extend(otherwise);
        Ok(Self { names, otherwise: weak })
    }

    /// Adds the names of a list of diagnoses: on each line a code, a blank, a name. Returns how many it took.
    /// A word that comes with the program keeps its own, broader ranges.
    pub fn add_list(&mut self, text: &str) -> usize {
        let mut of_list: HashMap<&str, Vec<String>> = HashMap::new();
        for line in text.lines() {
            let Some((code, name)) = line.trim().split_once(' ') else { continue };
            let (name, letters) = (name.trim(), name.trim().chars().count());
            // chapter XXI speaks of histories and contacts, not of diseases a person has
            if !(SHORTEST_NAME..=LONGEST_NAME).contains(&letters) || code.starts_with('Z') {
                continue;
            }
            if let Some(range) = range_of(code) {
                of_list.entry(name).or_default().push(range);
            }
        }
        let taken = of_list.len();
        #[expect(clippy::iter_over_hash_type, reason = "each name is added by itself")]
        for (name, mut ranges) in of_list {
            ranges.sort();
            ranges.dedup();
            self.names.entry(name.to_owned()).or_insert(ranges);
        }
        taken
    }

    /// The diseases a text names, the longest name first where several begin at one place.
    fn found_in<'t>(&self, text: &'t str) -> Vec<(&'t str, &[String])> {
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(from) = starts.get(at) {
            let longest = (2..=LONGEST_NAME).rev().find_map(|letters| {
                let phrase = text.get(*from..*starts.get(at + letters)?)?;
                Some((letters, phrase, self.names.get(phrase)?))
            });
            match longest {
                Some((letters, phrase, ranges)) => {
                    found.push((phrase, ranges.as_slice()));
                    at += letters;
                }
                None => at += 1,
            }
        }
        let strong = |name: &str| !self.otherwise.contains(name);
        if found.iter().any(|(name, _)| strong(name)) {
            found.retain(|(name, _)| strong(name));
        }
        found
    }
}

/// The range a code of the classification stands for when its name is said: an unspecified disease for
/// its category, any other for its subcategory.
fn range_of(code: &str) -> Option<String> {
    let code = code.split(['+', '*']).next().unwrap_or(code);
    let well_formed = code.len() >= 5
        && code.is_ascii()
        && code.starts_with(|c: char| c.is_ascii_uppercase())
        && code.get(1..3).is_some_and(|d| d.bytes().all(|b| b.is_ascii_digit()))
        && code.get(3..4) == Some(".");
    if !well_formed {
        return None;
    }
    let unspecified = matches!(code.get(3..), Some(".900" | ".x00"));
    code.get(..if unspecified { 3 } else { 5 }).map(str::to_owned)
}

/// Reads a point's text into its fields. `sure` says that texts of this list have fixed forms.
///
/// # Errors
/// The reason, where the point would say nothing without what could not be read.
pub(super) fn read(r: Reading, row: &mut KnowledgeRow, diagnoses: &Diagnoses, sure: bool) -> Result<(), String> {
    let text = std::mem::take(&mut row.text);
    let outcome = match r {
        Reading::Diagnoses => {
            read_diagnoses(row, &text, diagnoses);
            Ok(())
        }
        Reading::Course => read_course(row, &text, sure),
        Reading::Interval => match interval(&text) {
            Some((units, days)) => {
                (row.number, row.days, row.confirmed) = (Some(Quantity::whole(units)), Some(days), sure);
                Ok(())
            }
            None => Err("no interval could be read from the text".to_owned()),
        },
        Reading::Level => read_level(row, &text),
        Reading::VisitWay => read_visit_way(row, &text),
        Reading::Sex => read_sex(row, &text),
    };
    row.text = text;
    outcome
}

/// An interval said beside a course, as a point of its own.
pub(super) fn interval_beside(row: &KnowledgeRow, table: &str) -> Option<KnowledgeRow> {
    let (units, days) = interval(&row.text)?;
    Some(KnowledgeRow {
        table: table.to_owned(),
        number: Some(Quantity::whole(units)),
        days: Some(days),
        word: String::new(),
        ..row.clone()
    })
}

fn read_diagnoses(row: &mut KnowledgeRow, text: &str, diagnoses: &Diagnoses) {
    row.confirmed = false;
    let said = without_exceptions(text);
    for (name, ranges) in diagnoses.found_in(&said) {
        if !row.names.iter().any(|n| n == name) && !ranges.is_empty() {
            row.names.push(name.to_owned());
        }
        for range in ranges {
            if !row.ranges.contains(range) {
                row.ranges.push(range.clone());
            }
        }
    }
    row.ranges.sort();
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if matches!(plain.trim_end_matches('。'), "限二线用药" | "限二线使用") {
        row.word = "any".to_owned();
    }
    row.note = match (row.word.as_str(), row.speaks_of_diagnoses()) {
        ("any", _) => "the text names no disease: second line only",
        (_, true) => "diagnoses read out of free text",
        (_, false) => "no disease was recognised in the text",
    }
    .to_owned();
}

/// The text without what it excludes: 不含… up to the end of its clause, and brackets that say 除外.
fn without_exceptions(text: &str) -> String {
    let ends = [')', '）', '，', ',', '；', ';', '。'];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("不含") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        rest = after.find(ends).and_then(|end| after.get(end..)).unwrap_or("");
    }
    out.push_str(rest);
    while let Some(end) = out.find("除外") {
        let head = out.get(..end).unwrap_or("");
        let from = head.rfind(['(', '（', '，', '；', '。']).unwrap_or(0);
        out.replace_range(from..end + "除外".len(), "");
    }
    out
}

fn read_course(row: &mut KnowledgeRow, text: &str, sure: bool) -> Result<(), String> {
    let said = ["不超过", "最多支付"].iter().find_map(|mark| days_after(text, mark));
    row.word = if text.contains("一个疾病过程") {
        "illness"
    } else if text.contains("单次住院") {
        "stay"
    } else {
        "course"
    }
    .to_owned();
    match (row.number, said) {
        (None, None) => Err("no number of days could be read from the text".to_owned()),
        (None, Some(days)) => {
            (row.number, row.confirmed) = (Some(Quantity::whole(i64::from(days))), sure);
            Ok(())
        }
        (Some(field), Some(days)) if field != Quantity::whole(i64::from(days)) => {
            doubt(row, format!("the text says {days} days, the column {field}"));
            Ok(())
        }
        (Some(_), _) => Ok(()),
    }
}

fn read_level(row: &mut KnowledgeRow, text: &str) -> Result<(), String> {
    let said = ["一级", "二级", "三级"];
    let lowest = (1_i64..).zip(said).find(|(_, word)| text.contains(word)).map(|(level, _)| Quantity::whole(level));
    match (row.number, lowest) {
        (None, None) => return Err("no level of institution could be read from the text".to_owned()),
        (None, Some(level)) => (row.number, row.confirmed) = (Some(level), false),
        (Some(field), Some(level)) if level < field => {
            doubt(row, format!("the text also speaks of level {level}, the column of {field}"));
        }
        _ => {}
    }
    Ok(())
}

fn read_visit_way(row: &mut KnowledgeRow, text: &str) -> Result<(), String> {
    let emergency = ["急诊", "急救", "抢救"].iter().any(|w| text.contains(w));
    match (row.word.is_empty(), text.contains("住院"), emergency) {
        (true, false, _) => return Err("no way of care could be read from the text".to_owned()),
        (true, true, false) => (row.word, row.confirmed) = ("inpatient".to_owned(), false),
        (true, true, true) => (row.word, row.confirmed) = ("inpatient-or-emergency".to_owned(), false),
        (false, _, true) => {
            row.word = "inpatient-or-emergency".to_owned();
            doubt(row, "the text also speaks of emergencies, the column of stays only".to_owned());
        }
        (false, _, false) => {}
    }
    Ok(())
}

fn read_sex(row: &mut KnowledgeRow, text: &str) -> Result<(), String> {
    let (male, female) = (text.contains('男'), text.contains('女'));
    let word = match (male, female) {
        (true, false) => "male",
        (false, true) => "female",
        _ => return Err("the text does not name one sex".to_owned()),
    };
    (row.word, row.confirmed) = (word.to_owned(), false);
    Ok(())
}

fn doubt(row: &mut KnowledgeRow, why: String) {
    (row.confirmed, row.note) = (false, why);
}

/// At most so many units in any so many days: 间隔…不短于14天, 每周最多支付一次.
fn interval(text: &str) -> Option<(i64, u32)> {
    if let Some((_, after)) = text.split_once("间隔")
        && let Some(days) = ["不短于", "不少于", "不低于"].iter().find_map(|m| days_after(after, m))
    {
        return Some((1, days));
    }
    let (_, after) = text.split_once('每')?;
    let (days, after) = match after.strip_prefix(['周', '月', '年', '日', '天']) {
        Some(rest) => (unit_days(after.chars().next()?)?, rest),
        None => {
            let (number, rest) = whole_number(after)?;
            (number.checked_mul(unit_days(rest.chars().next()?)?)?, rest)
        }
    };
    let (_, count) = after.split_once("最多").or_else(|| after.split_once("不超过"))?;
    let (units, rest) = whole_number(count.trim_start_matches("支付"))?;
    rest.starts_with('次').then_some((i64::from(units), days))
}

/// The days said after a mark: 14天, 一年, 12个月, 两周.
fn days_after(text: &str, mark: &str) -> Option<u32> {
    // the mark may stand before other numbers too: 不超过2次
    text.match_indices(mark).find_map(|(at, _)| {
        let (number, rest) = whole_number(text.get(at + mark.len()..)?)?;
        let unit = unit_days(rest.trim_start_matches('个').chars().next()?)?;
        // twelve months are a year, whatever a month is counted as
        if unit == 30 && number % 12 == 0 { (number / 12).checked_mul(365) } else { number.checked_mul(unit) }
    })
}

fn unit_days(unit: char) -> Option<u32> {
    match unit {
        '天' | '日' => Some(1),
        '周' => Some(7),
        '月' => Some(30),
        '年' => Some(365),
        _ => None,
    }
}

/// A whole number at the beginning of a text, in digits or as one Chinese word up to ten.
fn whole_number(text: &str) -> Option<(u32, &str)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits > 0 {
        return Some((text.get(..digits)?.parse().ok()?, text.get(digits..)?));
    }
    let words = ['一', '二', '三', '四', '五', '六', '七', '八', '九', '十'];
    let first = text.chars().next()?;
    let number = if first == '两' { 2 } else { (1..).zip(words).find(|(_, w)| *w == first)?.0 };
    Some((number, text.get(first.len_utf8()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(text: &str) -> KnowledgeRow {
        KnowledgeRow { text: text.to_owned(), ..KnowledgeRow::default() }
    }

    fn diagnoses(text: &str) -> KnowledgeRow {
        let mut known = Diagnoses::built_in().unwrap();
        known.add_list(
            "M05.900 血清阳性类风湿性关节炎\nE11.900 2型糖尿病\nK76.800x006 肝功能不全\nA1 坏\nR52.900 疼痛\n",
        );
        let mut row = point(text);
        read(Reading::Diagnoses, &mut row, &known, false).unwrap();
        assert_eq!(row.text, text, "the text is kept");
        assert!(!row.confirmed);
        row
    }

    #[test]
    fn diagnoses_are_read_by_the_longest_name_and_without_what_is_excluded() {
        let row = diagnoses("限成人2型糖尿病患者。");
        assert_eq!((row.ranges, row.names), (vec!["E11".to_owned()], vec!["2型糖尿病".to_owned()]));
        let row = diagnoses("限诊断明确的强直性脊柱炎(不含放射学前期中轴型脊柱关节炎)充分治疗3个月者。");
        assert_eq!(row.ranges, ["M45"], "{row:?}");
        let row = diagnoses("限类风湿关节炎(严重肝功能不全者除外)患者。");
        assert_eq!(row.ranges, ["M05-M06"], "{row:?}");
        assert_eq!(diagnoses("限既往接受含铂化疗治疗失败的宫颈癌患者。").ranges, ["C53"]);
        assert_eq!(diagnoses("限放化疗。").ranges, ["C00-C97", "Z51.1", "Z51.2"]);
        let row = diagnoses("限二线用药。");
        assert_eq!((row.word.as_str(), row.speaks_of_diagnoses()), ("any", false));
        let row = diagnoses("限罕见的什么病。");
        assert!(!row.speaks_of_diagnoses() && row.note.contains("no disease"));
    }

    #[test]
    fn ranges_of_codes() {
        for (code, range) in [
            ("E11.900", Some("E11")),
            ("G35.x00", Some("G35")),
            ("K21.001", Some("K21.0")),
            ("M05.100+J99.0*", Some("M05.1")),
            ("K72.900x003+G94.3*", Some("K72.9")),
            ("坏", None),
            ("E11", None),
        ] {
            assert_eq!(range_of(code).as_deref(), range, "{code}");
        }
    }

    #[test]
    fn courses_and_intervals() {
        for (text, days, word, between) in [
            ("总时间不超过90天，评定间隔时间不短于14天。", 90, "course", Some((1, 14))),
            ("一个疾病过程支付不超过90天。", 90, "illness", None),
            ("支付不超过一年，每周最多支付一次。", 365, "course", Some((1, 7))),
            ("限二级及以上医疗机构脑梗死恢复期患者，单次住院最多支付14天。", 14, "stay", None),
            ("限以下情况方可支付，且支付不超过12个月", 365, "course", None),
            ("每15天不超过2次，支付不超过两周", 14, "course", Some((2, 15))),
        ] {
            let mut row = point(text);
            read(Reading::Course, &mut row, &Diagnoses::default(), true).unwrap();
            assert_eq!(
                (row.number, row.word.as_str(), row.confirmed),
                (Some(Quantity::whole(days)), word, true),
                "{text}"
            );
            assert_eq!(interval(text), between, "{text}");
        }
        assert!(read(Reading::Course, &mut point("按说明书使用。"), &Diagnoses::default(), true).is_err());
    }

    #[test]
    fn a_text_that_disagrees_with_its_column_is_doubted() {
        let mut row = KnowledgeRow { number: Some(Quantity::whole(15)), ..point("单次住院最多支付14天。") };
        read(Reading::Course, &mut row, &Diagnoses::default(), true).unwrap();
        assert!(!row.confirmed && row.note.contains("14") && row.number == Some(Quantity::whole(15)));
        let mut row = KnowledgeRow { word: "inpatient".to_owned(), ..point("限急诊或住院患者。") };
        read(Reading::VisitWay, &mut row, &Diagnoses::default(), false).unwrap();
        assert_eq!((row.word.as_str(), row.confirmed), ("inpatient-or-emergency", false));
        let mut row = KnowledgeRow {
            number: Some(Quantity::whole(3)), ..point("需三级综合医院或二级及以上专科医院")
        };
        read(Reading::Level, &mut row, &Diagnoses::default(), false).unwrap();
        assert!(!row.confirmed);
    }
}
