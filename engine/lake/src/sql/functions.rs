//! Functions of Oracle and Greenplum that are missing, or mean something else here.

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringViewArray,
    StringViewBuilder, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Float64Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType,
};
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, Timelike};
use datafusion::catalog::TableProvider;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::datasource::MemTable;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::prelude::SessionContext;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

mod format;

const TIME: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);
const DAY_MICROS: i64 = 86_400_000_000;

/// A function by its name: what it gives for which arguments, and how.
#[derive(Debug)]
struct Function {
    name: &'static str,
    signature: Signature,
    gives: fn(&[DataType]) -> Result<DataType>,
    call: fn(&[ArrayRef]) -> Result<ArrayRef>,
}

impl PartialEq for Function {
    fn eq(&self, o: &Self) -> bool {
        self.name == o.name
    }
}
impl Eq for Function {}
impl Hash for Function {
    fn hash<H: Hasher>(&self, h: &mut H) {
        self.name.hash(h);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        (self.gives)(types)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = args.args.iter().map(|a| a.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        (self.call)(&arrays).map(ColumnarValue::Array)
    }
}

fn function(
    name: &'static str,
    gives: fn(&[DataType]) -> Result<DataType>,
    call: fn(&[ArrayRef]) -> Result<ArrayRef>,
) -> Arc<ScalarUDF> {
    let signature = Signature::variadic_any(Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(Function { name, signature, gives, call }))
}

/// Days from the second time to the first, as Oracle's `a - b` has them.
pub(super) fn days_between() -> Arc<ScalarUDF> {
    function(
        "days_between",
        |t| {
            arguments("days_between", t, 2..=2)?;
            Ok(if t.iter().all(|t| *t == DataType::Date32) { DataType::Int64 } else { DataType::Float64 })
        },
        |a| {
            if a.iter().all(|x| *x.data_type() == DataType::Date32) {
                let (x, y) = (a[0].as_primitive::<Date32Type>(), a[1].as_primitive::<Date32Type>());
                let days = x.iter().zip(y).map(|(x, y)| Some(i64::from(x?) - i64::from(y?)));
                return Ok(Arc::new(days.collect::<Int64Array>()));
            }
            let (x, y) = (times(&a[0])?, times(&a[1])?);
            let days = x.iter().zip(&y).map(|(x, y)| Some((x? - y?) as f64 / DAY_MICROS as f64));
            Ok(Arc::new(days.collect::<Float64Array>()))
        },
    )
}

/// A time so many days later; parts of a day count.
pub(super) fn add_days() -> Arc<ScalarUDF> {
    function(
        "add_days",
        |t| {
            arguments("add_days", t, 2..=2)?;
            Ok(if t[0] == DataType::Date32 && t[1].is_integer() { DataType::Date32 } else { TIME })
        },
        |a| {
            if *a[0].data_type() == DataType::Date32 && a[1].data_type().is_integer() {
                let n = cast(&a[1], &DataType::Int64)?;
                let d = a[0].as_primitive::<Date32Type>().iter().zip(n.as_primitive::<Int64Type>());
                let days = d.map(|(d, n)| i32::try_from(i64::from(d?).checked_add(n?)?).ok());
                return Ok(Arc::new(days.collect::<Date32Array>()));
            }
            let (t, n) = (times(&a[0])?, cast(&a[1], &DataType::Float64)?);
            let sum = t.iter().zip(n.as_primitive::<Float64Type>()).map(|(t, n)| {
                let micros = n? * DAY_MICROS as f64;
                // seconds are exact in a day's fraction, less is noise of the division that made it
                t?.checked_add((micros / 1e6).round() as i64 * 1_000_000)
            });
            Ok(Arc::new(sum.collect::<TimestampMicrosecondArray>()))
        },
    )
}

fn arguments(name: &str, t: &[DataType], count: std::ops::RangeInclusive<usize>) -> Result<()> {
    if count.contains(&t.len()) {
        return Ok(());
    }
    plan_err!("{name} takes {} to {} arguments, not {}", count.start(), count.end(), t.len())
}

/// As times, whatever they came as: dates, times, or text.
fn times(a: &ArrayRef) -> Result<TimestampMicrosecondArray> {
    Ok(cast(a, &TIME)?.as_primitive::<TimestampMicrosecondType>().clone())
}

fn civil(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|t| t.naive_utc())
}

fn each_time(a: &ArrayRef, f: impl Fn(NaiveDateTime) -> Option<NaiveDateTime>) -> Result<ArrayRef> {
    let out = times(a)?.iter().map(|t| civil(t?).and_then(&f).map(|t| t.and_utc().timestamp_micros())).collect();
    let out: TimestampMicrosecondArray = out;
    Ok(Arc::new(out))
}

/// The text of an argument that is the same in every row.
fn word(a: Option<&ArrayRef>) -> Result<Option<String>> {
    let Some(a) = a else { return Ok(None) };
    let text = cast(a, &DataType::Utf8View)?;
    let text = text.as_string_view();
    Ok((!text.is_empty() && text.is_valid(0)).then(|| text.value(0).to_lowercase()))
}

fn last_day_of(d: NaiveDate) -> NaiveDate {
    let first = d.with_day(1).unwrap_or(d);
    first.checked_add_months(Months::new(1)).and_then(|n| n.pred_opt()).unwrap_or(d)
}

/// `to_date('2025-03-01', 'yyyy-mm-dd')`.
fn to_date() -> Arc<ScalarUDF> {
    function(
        "to_date",
        |t| arguments("to_date", t, 1..=2).map(|()| TIME),
        |a| {
            if !matches!(a[0].data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
                return Ok(Arc::new(times(&a[0])?));
            }
            let pieces = format::pieces(&word(a.get(1))?.unwrap_or_else(|| "yyyy-mm-dd hh24:mi:ss".to_owned()))?;
            let text = cast(&a[0], &DataType::Utf8View)?;
            let mut out = TimestampMicrosecondArray::builder(text.len());
            for t in text.as_string_view() {
                match t.map(|t| format::read(t, &pieces)) {
                    Some(Some(time)) => out.append_value(time.and_utc().timestamp_micros()),
                    // the value itself may be a person's, and stays out of the message
                    Some(None) => return exec_err!("to_date: a text is no date of the given format"),
                    None => out.append_null(),
                }
            }
            Ok(Arc::new(out.finish()))
        },
    )
}

/// `to_char(begntime, 'yyyy-mm')`; numbers as they are.
fn to_char() -> Arc<ScalarUDF> {
    function(
        "to_char",
        |t| arguments("to_char", t, 1..=2).map(|()| DataType::Utf8View),
        |a| {
            if !a[0].data_type().is_temporal() {
                if a.len() > 1 {
                    return exec_err!("to_char: formats of numbers are not known here; use round() and cast()");
                }
                return Ok(cast(&a[0], &DataType::Utf8View)?);
            }
            let pieces = format::pieces(&word(a.get(1))?.unwrap_or_else(|| "yyyy-mm-dd".to_owned()))?;
            let mut out = StringViewBuilder::with_capacity(a[0].len());
            for t in &times(&a[0])? {
                out.append_option(t.and_then(civil).map(|t| format::write(t, &pieces)));
            }
            Ok(Arc::new(out.finish()))
        },
    )
}

/// `trunc` of a date (to a day, month, quarter, year, week) or of a number.
fn trunc() -> Arc<ScalarUDF> {
    function(
        "trunc",
        |t| {
            arguments("trunc", t, 1..=2)?;
            Ok(match &t[0] {
                t if t.is_temporal() => DataType::Date32,
                t if t.is_integer() => t.clone(),
                DataType::Decimal128(..) => t[0].clone(),
                DataType::Float32 | DataType::Float64 => DataType::Float64,
                other => return plan_err!("trunc takes a date or a number, not {other}"),
            })
        },
        |a| {
            if a[0].data_type().is_temporal() {
                return trunc_date(&a[0], word(a.get(1))?.as_deref());
            }
            let digits = match a.get(1) {
                Some(n) => cast(n, &DataType::Int64)?.as_primitive::<Int64Type>().iter().next().flatten().unwrap_or(0),
                None => 0,
            };
            Ok(match a[0].data_type() {
                DataType::Decimal128(p, s) => {
                    let drop = u32::try_from(i64::from(*s) - digits).unwrap_or(0);
                    let unit = 10_i128.checked_pow(drop).unwrap_or(i128::MAX);
                    let cut = a[0].as_primitive::<Decimal128Type>().iter().map(|v| v.map(|v| v - v % unit));
                    Arc::new(cut.collect::<Decimal128Array>().with_precision_and_scale(*p, *s)?)
                }
                DataType::Float32 | DataType::Float64 => {
                    let unit = 10_f64.powi(i32::try_from(digits).unwrap_or(0));
                    let x = cast(&a[0], &DataType::Float64)?;
                    let cut = x.as_primitive::<Float64Type>().iter().map(|v| v.map(|v| (v * unit).trunc() / unit));
                    Arc::new(cut.collect::<Float64Array>())
                }
                _ => Arc::clone(&a[0]),
            })
        },
    )
}

fn trunc_date(a: &ArrayRef, unit: Option<&str>) -> Result<ArrayRef> {
    let cut: fn(NaiveDate) -> Option<NaiveDate> = match unit.unwrap_or("dd") {
        "dd" | "ddd" | "j" => Some,
        "mm" | "month" | "mon" | "rm" => |d| d.with_day(1),
        "q" => |d| NaiveDate::from_ymd_opt(d.year(), d.month0() / 3 * 3 + 1, 1),
        "yyyy" | "yy" | "year" | "y" | "syyyy" => |d| NaiveDate::from_ymd_opt(d.year(), 1, 1),
        // the Monday of the week
        "iw" => |d| d.checked_sub_days(Days::new(u64::from(d.weekday().num_days_from_monday()))),
        // the Sunday of the week
        "d" | "day" | "dy" => |d| d.checked_sub_days(Days::new(u64::from(d.weekday().num_days_from_sunday()))),
        other => return exec_err!("trunc: the unit '{other}' is not known here; use date_trunc for hours and minutes"),
    };
    let epoch = NaiveDate::default();
    let times = times(a)?;
    let days = times.iter().map(|t| {
        let day = cut(civil(t?)?.date())?;
        i32::try_from((day - epoch).num_days()).ok()
    });
    Ok(Arc::new(days.collect::<Date32Array>()))
}

/// `months_between(a, b)`: whole where the days of the month agree or both are last days, else by days of 31.
fn months_between() -> Arc<ScalarUDF> {
    function(
        "months_between",
        |t| arguments("months_between", t, 2..=2).map(|()| DataType::Float64),
        |a| {
            let (x, y) = (times(&a[0])?, times(&a[1])?);
            let months = x.iter().zip(&y).map(|(x, y)| {
                let (x, y) = (civil(x?)?, civil(y?)?);
                let whole = (x.year() - y.year()) * 12 + x.month() as i32 - y.month() as i32;
                let last = |t: NaiveDateTime| last_day_of(t.date()) == t.date();
                if x.day() == y.day() || (last(x) && last(y)) {
                    return Some(f64::from(whole));
                }
                let seconds =
                    |t: NaiveDateTime| f64::from(t.day()) * 86_400.0 + f64::from(t.num_seconds_from_midnight());
                Some(f64::from(whole) + (seconds(x) - seconds(y)) / (31.0 * 86_400.0))
            });
            Ok(Arc::new(months.collect::<Float64Array>()))
        },
    )
}

/// `add_months(d, n)`: the last day of a month stays the last.
fn add_months() -> Arc<ScalarUDF> {
    function(
        "add_months",
        |t| {
            arguments("add_months", t, 2..=2)?;
            Ok(TIME)
        },
        |a| {
            let n = cast(&a[1], &DataType::Int64)?;
            let times = times(&a[0])?;
            let out = times.iter().zip(n.as_primitive::<Int64Type>()).map(|(t, n)| {
                let (t, n) = (civil(t?)?, i32::try_from(n?).ok()?);
                let moved = if n < 0 {
                    t.checked_sub_months(Months::new(n.unsigned_abs()))?
                } else {
                    t.checked_add_months(Months::new(n.unsigned_abs()))?
                };
                let moved = if last_day_of(t.date()) == t.date() {
                    last_day_of(moved.date()).and_time(moved.time())
                } else {
                    moved
                };
                Some(moved.and_utc().timestamp_micros())
            });
            Ok(Arc::new(out.collect::<TimestampMicrosecondArray>()))
        },
    )
}

fn last_day() -> Arc<ScalarUDF> {
    function(
        "last_day",
        |t| arguments("last_day", t, 1..=1).map(|()| TIME),
        |a| each_time(&a[0], |t| Some(last_day_of(t.date()).and_time(t.time()))),
    )
}

/// Makes the functions and operators known.
pub(crate) fn register(context: &SessionContext) -> Result<()> {
    for f in [to_date(), to_char(), trunc(), months_between(), add_months(), last_day(), days_between(), add_days()] {
        context.register_udf(Arc::unwrap_or_clone(f));
    }
    Ok(())
}

/// Oracle's table of one row.
pub(crate) fn dual() -> Result<Arc<dyn TableProvider>> {
    let schema = Arc::new(Schema::new(vec![Field::new("dummy", DataType::Utf8View, false)]));
    let row = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(StringViewArray::from(vec!["X"]))])?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![row]])?))
}
