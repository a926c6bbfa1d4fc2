//! Pairs of items of which one includes the other (重复收费): the included one is not charged in the
//! window of the main one.

use super::{by_item, facts, here, settled_on};
use crate::facts::{Found, Line, Lines, View, text};
use crate::host::{Fallible, Registry, fail};
use crate::natives::{days_text, found_list, lines_at};
use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use dingan_core::codes::ItemCode;
use dingan_core::finding::Related;
use dingan_core::person::PastLine;
use rhai::{ImmutableString, Map};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(crate) fn register(r: &mut Registry<'_>) {
    r.fun("included", |l: &mut Lines, table: ImmutableString| included(l, &table));
    r.evidence(&["item", "main", "window", "days"]);
}

/// The window in which one item includes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    Visit,
    Day,
    /// The same hour of the clock.
    Hour,
    SixHours,
}

impl Window {
    fn from_word(word: &str) -> Fallible<Self> {
        Ok(match word {
            "visit" => Self::Visit,
            "day" => Self::Day,
            "hour" => Self::Hour,
            "6h" => Self::SixHours,
            _ => return Err(fail(format!("`{word}` is no window of a pair; there are visit, day, hour, 6h"))),
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Visit => "同次就诊",
            Self::Day => "同一天",
            Self::Hour => "同一小时",
            Self::SixHours => "6小时内",
        }
    }

    /// Whether both times lie in one window; nothing when that hangs on a time of day that was not
    /// given (midnight to the second stands for "no time").
    fn holds(self, a: NaiveDateTime, b: NaiveDateTime) -> Option<bool> {
        let no_time = a.time() == NaiveTime::MIN || b.time() == NaiveTime::MIN;
        let same_day = a.date() == b.date();
        match self {
            Self::Visit => Some(true),
            Self::Day => Some(same_day),
            Self::Hour | Self::SixHours if no_time && same_day => None,
            Self::Hour => Some(same_day && a.hour() == b.hour()),
            Self::SixHours => Some((a - b).abs() < Duration::hours(6)),
        }
    }

    /// Times outside of these cannot share a window with `time`.
    fn bounds(self, time: NaiveDateTime) -> (NaiveDateTime, NaiveDateTime) {
        match self {
            Self::Visit => (NaiveDateTime::MIN, NaiveDateTime::MAX),
            // a day on either side covers the day itself and six hours around any time of it
            _ => (
                time.checked_sub_signed(Duration::days(1)).unwrap_or(NaiveDateTime::MIN),
                time.checked_add_signed(Duration::days(1)).unwrap_or(NaiveDateTime::MAX),
            ),
        }
    }
}

/// A line of the main item.
struct Main {
    time: NaiveDateTime,
    /// Its place in the claim; none for a settled one.
    at: Option<u32>,
    related: Related,
}

/// Lines whose item the table names as included in another that was charged in the same window. A
/// line is found once, with the first main item of the table that includes it.
fn included(l: &mut Lines, table: &str) -> Fallible<rhai::Array> {
    let view = &l.view;
    let mut out: Vec<Found> = Vec::new();
    // most claims hold the one item of a pair and not the other
    let main_is_there = |item: &ItemCode| {
        let mains = view.knowledge.pairs_with(table, item).iter().map(|p| &p.item);
        mains.into_iter().any(|main| view.has_line_of(main.as_str()) || view.settled_before(main))
    };
    if !facts(l).any(|(_, f)| main_is_there(&f.line.item)) {
        view.spend(l.at.len())?;
        return Ok(rhai::Array::new());
    }
    for (code, lines) in by_item(l) {
        let item = ItemCode::from(code);
        let mut left = lines;
        for pair in view.knowledge.pairs_with(table, &item) {
            let window = Window::from_word(&pair.word)?;
            let mains = main_lines(view, &pair.item, window, &left)?;
            if mains.is_empty() {
                continue;
            }
            // where each includes the other, the one charged first stands
            let mutual = view.knowledge.pairs_with(table, &pair.item).iter().any(|p| p.item == item);
            let (mut certain, mut open) = (Offending::default(), Offending::default());
            for at in std::mem::take(&mut left) {
                match main_for(view, &mains, window, at, mutual)? {
                    Some((main, true)) => certain.add(at, main),
                    Some((main, false)) => open.add(at, main),
                    None => left.push(at),
                }
            }
            out.extend(certain.found(view, &pair.item, window, false));
            out.extend(open.found(view, &pair.item, window, true));
        }
    }
    Ok(found_list(out))
}

/// A main line in whose window a line stands, and whether that is certain.
fn main_for<'m>(
    view: &View,
    mains: &'m [Main],
    window: Window,
    at: u32,
    mutual: bool,
) -> Fallible<Option<(&'m Main, bool)>> {
    let Some((_, fact)) = view.net(at) else { return Ok(None) };
    let time = fact.line.time;
    let (from, to) = window.bounds(time);
    let start = mains.partition_point(|m| m.time < from);
    let mut maybe = None;
    for main in mains.iter().skip(start).take_while(|m| m.time <= to) {
        view.spend(0)?;
        if main.at == Some(at) || (mutual && main.at.is_some_and(|m| m > at)) {
            continue;
        }
        match window.holds(main.time, time) {
            Some(true) => return Ok(Some((main, true))),
            Some(false) => {}
            None => maybe = maybe.or(Some(main)),
        }
    }
    Ok(maybe.map(|m| (m, false)))
}

/// Lines of the main item in order of time: of this claim, of earlier parts of the stay, and where
/// the window may cross visits, of other visits to the institution on the same days.
fn main_lines(view: &View, main: &ItemCode, window: Window, included: &[u32]) -> Fallible<Vec<Main>> {
    let own = view.lines_of(main.as_str());
    let history = &view.facts.history;
    view.spend(own.len() + included.len())?;
    let mut mains: Vec<Main> = own
        .iter()
        .filter_map(|at| view.net(*at).map(|(_, f)| (*at, f)))
        .map(|(at, f)| Main { time: f.line.time, related: here(&f.line.no), at: Some(at) })
        .collect();
    let settled =
        |l: &PastLine| Main { time: l.time, related: Related { visit: l.visit.clone(), line: l.no.clone() }, at: None };
    mains.extend(view.settled_here(main).map(settled));
    if window != Window::Visit && !history.lines().is_empty() {
        let days: BTreeSet<NaiveDate> =
            included.iter().filter_map(|at| view.net(*at)).map(|(_, f)| f.line.time.date()).collect();
        for day in days {
            let rows = settled_on(view, main, day)?;
            mains.extend(rows.filter(|l| l.visit != view.facts.visit.id).map(settled));
        }
    }
    mains.sort_by_key(|m| (m.time, m.at));
    Ok(mains)
}

/// Included lines and the main lines they conflict with.
#[derive(Default)]
struct Offending {
    lines: Vec<u32>,
    mains: BTreeSet<Related>,
}

impl Offending {
    fn add(&mut self, at: u32, main: &Main) {
        self.lines.push(at);
        self.mains.insert(main.related.clone());
    }

    fn found(self, view: &Arc<View>, main: &ItemCode, window: Window, open: bool) -> Option<Found> {
        let name = |at: u32| view.net(at).map(|(_, f)| Line::name(f));
        let item = name(*self.lines.first()?)?.to_owned();
        // a main item that stands only in an earlier settlement is known by its code
        let main = view.lines_of(main.as_str()).first().and_then(|at| name(*at)).unwrap_or(main.as_str());
        let lines = lines_at(view, self.lines);
        let days: BTreeSet<String> = facts(&lines).map(|(_, f)| f.line.time.date().to_string()).collect();
        let evidence = Map::from([
            ("item".into(), text(&item).into()),
            ("main".into(), text(main).into()),
            ("window".into(), text(window.name()).into()),
            ("days".into(), text(&days_text(&Vec::from_iter(days))).into()),
        ]);
        Some(Found { lines, related: Vec::from_iter(self.mains), evidence, open })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(s, "%Y-%m-%d %H:%M:%S").unwrap()
    }

    #[test]
    fn windows() {
        let hold = |w: Window, a, b| w.holds(at(a), at(b));
        let (nine, ten, night) = ("2025-03-01 09:05:00", "2025-03-01 10:04:00", "2025-03-02 02:00:00");
        assert_eq!(hold(Window::Hour, nine, "2025-03-01 09:59:59"), Some(true));
        assert_eq!(hold(Window::Hour, nine, ten), Some(false));
        assert_eq!(hold(Window::SixHours, "2025-03-01 20:00:01", night), Some(true));
        assert_eq!(hold(Window::SixHours, "2025-03-01 20:00:00", night), Some(false));
        assert_eq!(hold(Window::Day, nine, ten), Some(true));
        assert_eq!(hold(Window::Hour, nine, "2025-03-01 00:00:00"), None, "no time of day was given");
        assert_eq!(hold(Window::Visit, nine, night), Some(true));
        assert!(Window::from_word("week").is_err());
    }
}
