//! Dates and times of the wire: local civil time, written `yyyy-MM-dd HH:mm:ss` and `yyyy-MM-dd`
//! (spec Hunan V1.1.27, format rules), read in the further forms that clients send.
//!
//! Also read: ISO with `T`, fractions of a second (dropped), compact digits (8, 12, 14 or 17), `/`
//! or `.` between the parts, parts without leading zeros, seconds left out. A zone of `+08:00` is
//! that of the whole country and says nothing new. `Z` and every other zone are **refused**: half of
//! the programs that write them mean local time, and eight hours decide about the day.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

/// Why a text is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeError {
    Malformed,
    Zone,
    Range,
}

/// A time with how it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub time: NaiveDateTime,
    /// Whether a time of day was there.
    pub has_time: bool,
    /// Whether it was written as the interface writes it.
    pub standard: bool,
}

/// Years beyond these are slips.
const YEARS: std::ops::RangeInclusive<i32> = 1850..=2199;

/// Reads a date or time.
pub(crate) fn parse(text: &str) -> Result<Written, TimeError> {
    let text = text.trim();
    if text.len() > 40 {
        return Err(TimeError::Malformed);
    }
    let (date_text, time_text) = match text.split_once(['T', 't', ' ']) {
        Some((d, t)) => (d, Some(t.trim())),
        None => (text, None),
    };
    let compact = !date_text.is_empty() && date_text.bytes().all(|b| b.is_ascii_digit());
    let (date, time) = match (compact, time_text) {
        (true, None) if matches!(date_text.len(), 12 | 14 | 17) => {
            let (d, t) = date_text.split_at_checked(8).ok_or(TimeError::Malformed)?;
            (digits_date(d)?, Some(digits_time(t)?))
        }
        (true, t) => (digits_date(date_text)?, t.map(time_of_day).transpose()?),
        (false, t) => (parted_date(date_text)?, t.map(time_of_day).transpose()?),
    };
    if !YEARS.contains(&date.year()) {
        return Err(TimeError::Range);
    }
    Ok(Written {
        time: date.and_time(time.unwrap_or(NaiveTime::MIN)),
        has_time: time.is_some(),
        standard: standard(text),
    })
}

fn standard(text: &str) -> bool {
    let shape = |pattern: &str| {
        text.len() == pattern.len()
            && text.bytes().zip(pattern.bytes()).all(|(b, p)| if p == b'0' { b.is_ascii_digit() } else { b == p })
    };
    shape("0000-00-00 00:00:00") || shape("0000-00-00")
}

fn number(text: &str) -> Result<u32, TimeError> {
    if text.is_empty() || text.len() > 4 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(TimeError::Malformed);
    }
    text.parse().map_err(|_| TimeError::Malformed)
}

fn date(year: u32, month: u32, day: u32) -> Result<NaiveDate, TimeError> {
    let year = i32::try_from(year).map_err(|_| TimeError::Malformed)?;
    NaiveDate::from_ymd_opt(year, month, day).ok_or(TimeError::Malformed)
}

fn digits_date(text: &str) -> Result<NaiveDate, TimeError> {
    match (text.len(), text.get(..4), text.get(4..6), text.get(6..8)) {
        (8, Some(y), Some(m), Some(d)) => date(number(y)?, number(m)?, number(d)?),
        _ => Err(TimeError::Malformed),
    }
}

fn parted_date(text: &str) -> Result<NaiveDate, TimeError> {
    let mut parts = text.split(['-', '/', '.']);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(y), Some(m), Some(d), None) if y.len() == 4 && m.len() <= 2 && d.len() <= 2 => {
            date(number(y)?, number(m)?, number(d)?)
        }
        _ => Err(TimeError::Malformed),
    }
}

/// `HHmm`, `HHmmss`, `HHmmssSSS`.
fn digits_time(text: &str) -> Result<NaiveTime, TimeError> {
    let at = |r| text.get(r).map(number).transpose();
    match (at(0..2)?, at(2..4)?, at(4..6)?) {
        (Some(h), Some(m), s) if matches!(text.len(), 4 | 6 | 9) => {
            NaiveTime::from_hms_opt(h, m, s.unwrap_or(0)).ok_or(TimeError::Malformed)
        }
        _ => Err(TimeError::Malformed),
    }
}

fn time_of_day(text: &str) -> Result<NaiveTime, TimeError> {
    let (clock, zone) = match text.find(['Z', 'z', '+', '-']) {
        Some(at) => text.split_at_checked(at).ok_or(TimeError::Malformed)?,
        None => (text, ""),
    };
    if !matches!(zone, "" | "+08:00" | "+0800" | "+08") {
        return Err(TimeError::Zone);
    }
    let (clock, fraction) = clock.trim().split_once(['.', ',']).unwrap_or((clock.trim(), "0"));
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(TimeError::Malformed);
    }
    if clock.bytes().all(|b| b.is_ascii_digit()) {
        return digits_time(clock);
    }
    let mut parts = clock.split(':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(h), Some(m), s, None) if h.len() <= 2 && m.len() <= 2 && s.is_none_or(|s| s.len() <= 2) => {
            let s = s.map_or(Ok(0), number)?;
            NaiveTime::from_hms_opt(number(h)?, number(m)?, s).ok_or(TimeError::Malformed)
        }
        _ => Err(TimeError::Malformed),
    }
}

/// `yyyy-MM-dd HH:mm:ss`.
pub(crate) fn moment(t: NaiveDateTime) -> String {
    format!("{} {:02}:{:02}:{:02}", day(t.date()), t.hour(), t.minute(), t.second())
}

/// `yyyy-MM-dd`.
pub(crate) fn day(d: NaiveDate) -> String {
    format!("{:04}-{:02}-{:02}", d.year(), d.month(), d.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match parse(text) {
            Ok(w) => format!("{}{}", moment(w.time), if w.standard { "" } else { " *" }),
            Err(e) => format!("{e:?}"),
        }
    }

    #[test]
    fn forms() {
        let same = "2026-03-05 08:07:06";
        let table = [
            ("2026-03-05 08:07:06", same),
            ("2026-03-05T08:07:06", "2026-03-05 08:07:06 *"),
            ("2026-03-05T08:07:06.123", "2026-03-05 08:07:06 *"),
            ("2026-03-05T08:07:06.1234567", "2026-03-05 08:07:06 *"),
            ("2026-03-05T08:07:06+08:00", "2026-03-05 08:07:06 *"),
            ("2026-03-05T08:07:06.000+0800", "2026-03-05 08:07:06 *"),
            ("20260305080706", "2026-03-05 08:07:06 *"),
            ("20260305080706123", "2026-03-05 08:07:06 *"),
            ("20260305T080706", "2026-03-05 08:07:06 *"),
            ("2026/3/5 8:07:06", "2026-03-05 08:07:06 *"),
            ("2026-03-05 08:07", "2026-03-05 08:07:00 *"),
            ("2026-03-05", "2026-03-05 00:00:00"),
            ("20260305", "2026-03-05 00:00:00 *"),
            (" 2026-03-05 ", "2026-03-05 00:00:00"),
            ("2026-03-05T08:07:06Z", "Zone"),
            ("2026-03-05T08:07:06+00:00", "Zone"),
            ("2026-03-05T08:07:06-08:00", "Zone"),
            ("0001-01-01 00:00:00", "Range"),
            ("2026-02-30", "Malformed"),
            ("2026-03-05 24:00:00", "Malformed"),
            ("1772697600000", "Malformed"),
            ("0", "Malformed"),
            ("", "Malformed"),
            ("今天", "Malformed"),
            ("2026-03-0５", "Malformed"),
        ];
        for (text, want) in table {
            assert_eq!(read(text), want, "{text}");
        }
    }
}
