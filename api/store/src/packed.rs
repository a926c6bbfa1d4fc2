//! What a settlement's row holds of its lines, as text: what later claims see of them, and which they are. A row and
//! index entries of their own for each would be most of what settling costs the database.

use crate::db::StoreError;
use crate::rows::{money, time_of, time_text};
use chrono::NaiveDateTime;
use dingan_core::codes::*;
use dingan_core::money::{Money, Quantity};
use dingan_core::person::{CommitNo, PastLine};

/// A line as later claims see it: time, number, item, quantity, amount, days of supply (numbers in their units).
type Kept<T> = (T, T, T, i64, i64, Option<i64>);

/// The lines of a settlement as they are kept.
pub(crate) fn history_text(lines: &[PastLine]) -> Result<String, StoreError> {
    let times: Vec<String> = lines.iter().map(|l| time_text(l.time)).collect();
    let kept = lines.iter().zip(&times).map(|(l, time)| {
        let supply = l.supply_days.map(Quantity::units);
        (time.as_str(), l.no.as_str(), l.item.as_str(), l.quantity.units(), l.amount.units(), supply)
    });
    let kept: Vec<Kept<&str>> = kept.collect();
    serde_json::to_string(&kept).map_err(|e| StoreError::damaged("settlement", e))
}

/// The lines of a settlement that are not older than `from`.
pub(crate) fn history_of(
    text: &str,
    visit: &VisitId,
    settlement: &SettlementId,
    from: NaiveDateTime,
) -> Result<Vec<PastLine>, StoreError> {
    let kept: Vec<Kept<String>> = serde_json::from_str(text).map_err(|e| StoreError::damaged("settlement", e))?;
    let mut lines = Vec::with_capacity(kept.len());
    for (time, no, item, quantity, amount, supply) in kept {
        let time = time_of(&time).ok_or_else(|| StoreError::damaged("settlement", "time in history"))?;
        if time >= from {
            lines.push(PastLine {
                visit: visit.clone(),
                settlement: settlement.clone(),
                no: no.into(),
                item: item.into(),
                time,
                quantity: Quantity::from_units(quantity),
                amount: money(amount),
                supply_days: supply.map(Quantity::from_units),
            });
        }
    }
    Ok(lines)
}

/// A settled line: its number, the commit that brought it, and the amount that counted.
pub(crate) type Settled = (LineNo, CommitNo, Money);

/// The lines a settlement settled as they are kept: number, commit, fen.
pub(crate) fn lines_text(lines: &[Settled]) -> Result<String, StoreError> {
    let kept: Vec<_> = lines.iter().map(|(no, brought, amount)| (no.as_str(), brought, amount.units())).collect();
    serde_json::to_string(&kept).map_err(|e| StoreError::damaged("settlement", e))
}

/// The lines a settlement settled.
pub(crate) fn lines_of(text: &str) -> Result<Vec<Settled>, StoreError> {
    let kept: Vec<(String, CommitNo, i64)> =
        serde_json::from_str(text).map_err(|e| StoreError::damaged("settlement", e))?;
    Ok(kept.into_iter().map(|(no, brought, amount)| (no.into(), brought, money(amount))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(no: &str, day: u32, supply: Option<i64>) -> PastLine {
        PastLine {
            visit: "V".into(),
            settlement: "S".into(),
            no: no.into(),
            item: "药\"品".into(),
            time: chrono::NaiveDate::from_ymd_opt(2025, 3, day).unwrap().and_hms_opt(9, 5, 7).unwrap(),
            quantity: Quantity::from_units(-12_500),
            amount: money(-1999),
            supply_days: supply.map(Quantity::from_units),
        }
    }

    #[test]
    fn what_is_kept_is_read_from_a_time_on() {
        let lines = [line("1", 2, None), line("2", 3, Some(7)), line("3", 4, Some(0))];
        let text = history_text(&lines).unwrap();
        let read = |from| history_of(&text, &"V".into(), &"S".into(), from).unwrap();
        assert_eq!(read(lines[0].time), lines);
        assert_eq!(read(lines[1].time), lines[1..]);
        assert!(history_of("[[1]]", &"V".into(), &"S".into(), lines[0].time).is_err());
    }

    #[test]
    fn settled_lines_are_read_as_they_were_kept() {
        let lines = vec![("1".into(), 7, money(-1999)), ("行\"2".into(), 9, Money::ZERO)];
        assert_eq!(lines_of(&lines_text(&lines).unwrap()).unwrap(), lines);
        assert_eq!(lines_of("[]").unwrap(), []);
        assert!(lines_of("[[1, 2, 3]]").is_err());
    }
}
