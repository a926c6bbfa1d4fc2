//! One value of a file: text within bounds, dates in the three spellings, times, numbers, flags.
//!
//! Every reason is a fixed sentence about the form, so that none can carry a value into a log.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use dingan_core::money::NumberError;
use std::str::FromStr;

/// Why a value was refused.
pub(crate) type Reason = String;

/// Reads a day: `2025-01-01`, `20250101` or `2025/1/1`. A time after it is read and dropped, since
/// the national tables give days as date-times in places (`begntime` of an identity).
pub(super) fn date(text: &str) -> Result<NaiveDate, Reason> {
    if let Some(day) = plain_date(text) {
        return Ok(day);
    }
    date_time(text).map(|t| t.date()).map_err(|_| "not a date; write it as 2025-01-31".to_owned())
}

fn plain_date(text: &str) -> Option<NaiveDate> {
    let (year, month, day) = if text.len() == 8 && all_digits(text) {
        (text.get(..4)?, text.get(4..6)?, text.get(6..)?)
    } else {
        let separator = if text.contains('/') { '/' } else { '-' };
        let mut parts = text.split(separator);
        let whole = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || whole.0.len() != 4 || whole.1.len() > 2 || whole.2.len() > 2 {
            return None;
        }
        whole
    };
    if !all_digits(year) || !all_digits(month) || !all_digits(day) {
        return None;
    }
    let year: i32 = year.parse().ok()?;
    // before 1800 no one alive was born: such a year is a slip, not a date
    (year >= 1800).then(|| NaiveDate::from_ymd_opt(year, month.parse().ok()?, day.parse().ok()?))?
}

/// Reads a local time: `2025-01-01 08:30:00`, with `T` for the blank, without seconds, as fourteen
/// digits, or a day alone for its first moment.
pub(super) fn date_time(text: &str) -> Result<NaiveDateTime, Reason> {
    let refuse = || "not a time; write it as 2025-01-31 08:30:00".to_owned();
    if let Some(day) = plain_date(text) {
        return Ok(day.and_time(NaiveTime::MIN));
    }
    if text.len() == 14 && all_digits(text) {
        let (day, time) = text.split_at(8);
        let time = NaiveTime::parse_from_str(time, "%H%M%S").map_err(|_| refuse())?;
        return plain_date(day).map(|d| d.and_time(time)).ok_or_else(refuse);
    }
    let (day, time) = text.split_once([' ', 'T']).ok_or_else(refuse)?;
    let day = plain_date(day).ok_or_else(refuse)?;
    // fractions of a second carry nothing here and would not survive the wire
    let time = time.split_once('.').map_or(time, |(whole, fraction)| if all_digits(fraction) { whole } else { time });
    let time = NaiveTime::parse_from_str(time, "%H:%M:%S")
        .or_else(|_| NaiveTime::parse_from_str(time, "%H:%M"))
        .map_err(|_| refuse())?;
    // second 60 would be kept as a fraction above 59
    if time.nanosecond() == 0 { Ok(day.and_time(time)) } else { Err(refuse()) }
}

/// Checks a text: at most `max` characters, no control characters.
pub(super) fn text(value: &str, max: usize) -> Result<&str, Reason> {
    if value.len() > max && value.chars().count() > max {
        return Err(format!("longer than {max} characters"));
    }
    if value.chars().any(char::is_control) {
        return Err("holds a line break, tab or other control character".to_owned());
    }
    Ok(value)
}

/// Checks a code: as [`text`], without blanks inside, and not the remains of a spreadsheet's number.
pub(super) fn code(value: &str, max: usize) -> Result<&str, Reason> {
    let value = text(value, max)?;
    if value.contains(char::is_whitespace) {
        return Err("holds a blank".to_owned());
    }
    if let Some((mantissa, exponent)) = value.split_once("E+")
        && all_digits(exponent)
        && mantissa.chars().all(|c| c.is_ascii_digit() || c == '.')
    {
        return Err("was turned into a rounded number by a spreadsheet; keep the column as text".to_owned());
    }
    Ok(value)
}

/// Checks an administrative division: six digits.
pub(super) fn division(value: &str) -> Result<&str, Reason> {
    if value.len() == 6 && all_digits(value) { Ok(value) } else { Err("not a division code of six digits".to_owned()) }
}

/// Reads one of our fixed-point numbers.
pub(super) fn number<T: FromStr<Err = NumberError>>(value: &str) -> Result<T, Reason> {
    value.parse().map_err(|e: NumberError| e.to_string())
}

/// Reads `0` or `1`.
pub(super) fn flag(value: &str) -> Result<bool, Reason> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err("neither 0 nor 1".to_owned()),
    }
}

fn all_digits(s: &str) -> bool {
    !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_every_spelling() {
        let day = NaiveDate::from_ymd_opt(2025, 1, 1).unwrap();
        for text in ["2025-01-01", "20250101", "2025/1/1", "2025-1-1", "2025/01/01", "2025-01-01 00:00:00"] {
            assert_eq!(date(text), Ok(day), "{text}");
        }
        for text in [
            "2025-02-30",
            "01/02/2025",
            "2025",
            "2025-1",
            "25-01-01",
            "2025-01-01-01",
            "20250132",
            "昨天",
            "1025-01-01",
            "2025/１/1",
        ] {
            assert!(date(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_in_every_spelling() {
        let at = NaiveDate::from_ymd_opt(2025, 1, 31).unwrap().and_hms_opt(8, 30, 5).unwrap();
        for text in [
            "2025-01-31 08:30:05",
            "2025-01-31T08:30:05",
            "20250131083005",
            "2025/1/31 08:30:05",
            "2025-01-31 08:30:05.000",
        ] {
            assert_eq!(date_time(text), Ok(at), "{text}");
        }
        assert_eq!(date_time("2025-01-31 08:30").unwrap().format("%H:%M:%S").to_string(), "08:30:00");
        assert_eq!(date_time("2025-01-31").unwrap().format("%H:%M:%S").to_string(), "00:00:00");
        for text in [
            "2025-01-31 25:00:00",
            "08:30",
            "2025-01-31 08",
            "20250131250000",
            "2025-01-31 08:30:05.x",
            "2025-01-31 08:30:60",
        ] {
            assert!(date_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn codes_damaged_by_a_spreadsheet() {
        assert!(code("4.60025E+17", 30).is_err());
        assert!(code("460025 1", 30).is_err());
        assert_eq!(code("XL02BBA326A001010102180", 30), Ok("XL02BBA326A001010102180"));
        assert!(code("1234567", 6).is_err());
        assert!(text("四个汉字", 4).is_ok() && text("五个汉字了", 4).is_err());
    }
}
