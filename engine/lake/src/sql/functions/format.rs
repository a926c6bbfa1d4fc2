//! Date formats as Oracle and PostgreSQL write them: `yyyy-mm-dd hh24:mi:ss`.

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};
use datafusion::common::{Result, exec_err};

/// A piece of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Year,
    ShortYear,
    Month,
    Day,
    DayOfYear,
    DayOfWeek,
    Hour,
    Hour12,
    Minute,
    Second,
    Quarter,
    IsoWeek,
    IsoYear,
    Other(char),
}

const WORDS: &[(&str, Piece)] = &[
    ("yyyy", Piece::Year),
    ("iyyy", Piece::IsoYear),
    ("yy", Piece::ShortYear),
    ("mm", Piece::Month),
    ("mi", Piece::Minute),
    ("ddd", Piece::DayOfYear),
    ("dd", Piece::Day),
    ("d", Piece::DayOfWeek),
    ("hh24", Piece::Hour),
    ("hh12", Piece::Hour12),
    ("hh", Piece::Hour12),
    ("ss", Piece::Second),
    ("iw", Piece::IsoWeek),
    ("q", Piece::Quarter),
];

/// Reads a format, in lower case.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (inside, after) = quoted.split_once('"').unwrap_or((quoted, ""));
            out.extend(inside.chars().map(Piece::Other));
            rest = after;
        } else if let Some((word, piece)) = WORDS.iter().find(|(w, _)| rest.starts_with(w)) {
            out.push(*piece);
            rest = &rest[word.len()..];
        } else if first.is_ascii_alphabetic() {
            return exec_err!("the date format '{text}' is not known here from '{rest}' on");
        } else {
            out.push(Piece::Other(first));
            rest = &rest[first.len_utf8()..];
        }
    }
    Ok(out)
}

/// A time from its text. Separators may differ or be missing, what is missing at the end is the beginning.
pub(super) fn read(text: &str, pieces: &[Piece]) -> Option<NaiveDateTime> {
    let (mut year, mut month, mut day, mut hour, mut minute, mut second) = (None, 1, 1, 0, 0, 0);
    let mut rest = text.trim();
    for p in pieces {
        if rest.is_empty() {
            break;
        }
        let digits = match p {
            Piece::Year => 4,
            Piece::Other(c) => {
                let own = rest.strip_prefix(*c);
                rest = own.unwrap_or_else(|| rest.trim_start_matches(|c: char| !c.is_alphanumeric()));
                continue;
            }
            _ => 2,
        };
        let length = rest.bytes().take(digits).take_while(u8::is_ascii_digit).count();
        let n: u32 = rest[..length].parse().ok()?;
        rest = &rest[length..];
        match p {
            Piece::Year => year = i32::try_from(n).ok(),
            Piece::ShortYear => year = i32::try_from(2000 + n).ok(),
            Piece::Month => month = n,
            Piece::Day => day = n,
            Piece::Hour | Piece::Hour12 => hour = n,
            Piece::Minute => minute = n,
            Piece::Second => second = n,
            _ => return None,
        }
    }
    if !rest.is_empty() {
        return None;
    }
    NaiveDate::from_ymd_opt(year?, month, day)?.and_hms_opt(hour, minute, second)
}

/// A time as text.
pub(super) fn write(t: NaiveDateTime, pieces: &[Piece]) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    for p in pieces {
        // writing to a String does not fail
        let _ = match p {
            Piece::Year => write!(out, "{:04}", t.year()),
            Piece::ShortYear => write!(out, "{:02}", t.year() % 100),
            Piece::IsoYear => write!(out, "{:04}", t.iso_week().year()),
            Piece::Month => write!(out, "{:02}", t.month()),
            Piece::Day => write!(out, "{:02}", t.day()),
            Piece::DayOfYear => write!(out, "{:03}", t.ordinal()),
            Piece::DayOfWeek => write!(out, "{}", t.weekday().num_days_from_sunday() + 1),
            Piece::Hour => write!(out, "{:02}", t.hour()),
            Piece::Hour12 => write!(out, "{:02}", t.hour12().1),
            Piece::Minute => write!(out, "{:02}", t.minute()),
            Piece::Second => write!(out, "{:02}", t.second()),
            Piece::Quarter => write!(out, "{}", t.month0() / 3 + 1),
            Piece::IsoWeek => write!(out, "{:02}", t.iso_week().week()),
            Piece::Other(c) => write!(out, "{c}"),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        let p = pieces("yyyy-mm-dd hh24:mi:ss").unwrap();
        let t = read("2025-03-01", &p).unwrap();
        assert_eq!(write(t, &p), "2025-03-01 00:00:00");
        assert_eq!(write(read("2025/3/1 7:05", &p).unwrap(), &p), "2025-03-01 07:05:00");
        assert_eq!(write(t, &pieces("yyyy\"年\"mm\"月\" q iw ddd d").unwrap()), "2025年03月 1 09 060 7");
        assert_eq!(read("20250301", &pieces("yyyymmdd").unwrap()), Some(t));
        assert_eq!(read("2025-13-01", &p), None);
        assert_eq!(read("2025-01-01x", &p), None);
        assert_eq!(read("2025年03月", &pieces("yyyy\"年\"mm\"月\"").unwrap()), Some(t));
        assert!(pieces("yyyy-foo").is_err());
    }
}
