//! The small values scripts handle: amounts, days, and how a value becomes a piece of evidence.

use crate::host::{Fallible, Registry, fail};
use chrono::{Days, NaiveDate};
use dingan_core::money::{Money, Rate};
use rhai::{Dynamic, ImmutableString};
use rust_decimal::Decimal;

/// An amount. Scripts add, subtract and share by name; there are no operators but comparisons, so
/// that an amount never turns into a plain number on the way (Rhai's own decimals round half-even).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Yuan(pub(crate) Money);

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub(crate) NaiveDate);

impl Day {
    /// Days from this one to another; negative when that one is earlier.
    pub(crate) fn days_until(self, other: Day) -> i64 {
        (other.0 - self.0).num_days()
    }

    /// The day so many days earlier; the earliest there is when that lies before the calendar.
    pub(crate) fn back(self, days: i64) -> NaiveDate {
        let days = u64::try_from(days).unwrap_or(0);
        self.0.checked_sub_days(Days::new(days)).unwrap_or(NaiveDate::MIN)
    }

    /// The day so many days later; the last there is when that lies after the calendar.
    pub(crate) fn ahead(self, days: i64) -> NaiveDate {
        let days = u64::try_from(days).unwrap_or(0);
        self.0.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX)
    }
}

fn whole(sum: Option<i64>) -> Fallible<Yuan> {
    sum.map(|n| Yuan(Money::from_units(n))).ok_or_else(|| fail("an amount is out of range"))
}

fn by_rate(amount: Yuan, rate: Decimal) -> Fallible<Yuan> {
    let rate = Rate::from_decimal(rate).map_err(|e| fail(format!("`{rate}` is not a rate: {e}")))?;
    Ok(Yuan(amount.0.times(rate)))
}

/// Comparisons of one type with itself; with anything else they are an error, where Rhai would
/// silently answer `false` and a rule would silently pass.
macro_rules! ordered {
    ($r:ident, $t:ty, $name:literal) => {
        $r.op("==", |a: $t, b: $t| a == b);
        $r.op("!=", |a: $t, b: $t| a != b);
        $r.op("<", |a: $t, b: $t| a < b);
        $r.op("<=", |a: $t, b: $t| a <= b);
        $r.op(">", |a: $t, b: $t| a > b);
        $r.op(">=", |a: $t, b: $t| a >= b);
        $r.op("==", |_: $t, b: Dynamic| equal_to_nothing($name, &b).map(|_| false));
        $r.op("==", |a: Dynamic, _: $t| equal_to_nothing($name, &a).map(|_| false));
        $r.op("!=", |_: $t, b: Dynamic| equal_to_nothing($name, &b).map(|_| true));
        $r.op("!=", |a: Dynamic, _: $t| equal_to_nothing($name, &a).map(|_| true));
        $r.op("<", |_: $t, b: Dynamic| incomparable($name, &b));
        $r.op("<", |a: Dynamic, _: $t| incomparable($name, &a));
        $r.op("<=", |_: $t, b: Dynamic| incomparable($name, &b));
        $r.op("<=", |a: Dynamic, _: $t| incomparable($name, &a));
        $r.op(">", |_: $t, b: Dynamic| incomparable($name, &b));
        $r.op(">", |a: Dynamic, _: $t| incomparable($name, &a));
        $r.op(">=", |_: $t, b: Dynamic| incomparable($name, &b));
        $r.op(">=", |a: Dynamic, _: $t| incomparable($name, &a));
    };
}

fn incomparable(name: &str, other: &Dynamic) -> Fallible<bool> {
    Err(fail(format!("{name} cannot be compared with {}", other.type_name())))
}

fn equal_to_nothing(name: &str, other: &Dynamic) -> Fallible<()> {
    if other.is_unit() { Ok(()) } else { incomparable(name, other).map(|_| ()) }
}

pub(crate) fn register(r: &mut Registry<'_>) {
    ordered!(r, Yuan, "an amount");
    r.named::<Yuan>("Money");
    r.fun("plus", |a: &mut Yuan, b: Yuan| whole(a.0.units().checked_add(b.0.units())));
    r.fun("minus", |a: &mut Yuan, b: Yuan| whole(a.0.units().checked_sub(b.0.units())));
    r.fun("times", |a: &mut Yuan, rate: Decimal| by_rate(*a, rate));
    r.fun("times", |a: &mut Yuan, n: i64| whole(a.0.units().checked_mul(n)));
    r.fun("share", |a: &mut Yuan, part: Yuan, of: Yuan| Yuan(a.0.share(part.0, of.0)));
    r.get("is_zero", |a: &mut Yuan| a.0.is_zero());
    r.fun("to_string", |a: &mut Yuan| a.0.to_string());

    ordered!(r, Day, "a day");
    r.named::<Day>("Day");
    r.fun("days_until", |a: &mut Day, b: Day| a.days_until(b));
    r.fun("back", |a: &mut Day, days: i64| Day(a.back(days)));
    r.fun("ahead", |a: &mut Day, days: i64| Day(a.ahead(days)));
    r.fun("to_string", |a: &mut Day| a.0.to_string());

    // as in Rhai's own packages, but known to closures too
    r.fun("sub_string", |s: ImmutableString, start: i64, len: i64| sub_string(&s, start, len));
    r.fun("push", |list: &mut rhai::Array, value: Dynamic| list.push(value));

    r.fun("same_category", |a: ImmutableString, b: ImmutableString| same_category(&a, &b));
    r.fun("code_in", |code: ImmutableString, list: rhai::Array| code_in(&code, &list));
}

/// Whether a code begins with one of some prefixes.
pub(crate) fn code_in(code: &str, prefixes: &rhai::Array) -> bool {
    prefixes.iter().any(|p| p.read_lock::<ImmutableString>().is_some_and(|p| code.starts_with(p.as_str())))
}

/// So many characters from a place on; from the end where the place is negative.
fn sub_string(s: &str, start: i64, len: i64) -> ImmutableString {
    let count = s.chars().count() as i64;
    let start = if start < 0 { (count + start).max(0) } else { start };
    let (start, len) = (usize::try_from(start).unwrap_or(0), usize::try_from(len).unwrap_or(0));
    s.chars().skip(start).take(len).collect::<String>().into()
}

/// Whether two diagnoses share their category, the first three characters of ICD-10.
fn same_category(a: &str, b: &str) -> bool {
    match (a.get(..3), b.get(..3)) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        _ => false,
    }
}

/// A value as text for evidence and message.
pub(crate) fn text(value: &Dynamic) -> Fallible<String> {
    if let Some(s) = value.read_lock::<ImmutableString>() {
        return Ok(s.to_string());
    }
    if let Some(day) = value.read_lock::<Day>() {
        return Ok(day.0.to_string());
    }
    if let Some(money) = value.read_lock::<Yuan>() {
        return Ok(money.0.to_string());
    }
    if let Some(d) = value.read_lock::<Decimal>() {
        return Ok(d.normalize().to_string());
    }
    if let Some(list) = value.read_lock::<rhai::Array>() {
        return Ok(list.iter().map(text).collect::<Fallible<Vec<_>>>()?.join("、"));
    }
    match (value.as_int(), value.as_bool()) {
        (Ok(n), _) => Ok(n.to_string()),
        (_, Ok(b)) => Ok(if b { "是" } else { "否" }.to_owned()),
        _ => Err(fail(format!("{} is no evidence; give a text, number, day or amount", value.type_name()))),
    }
}
