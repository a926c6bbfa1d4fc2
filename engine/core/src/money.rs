//! Exact numbers: money in whole fen, and the fixed-point rates, prices and quantities beside it.
//!
//! All four are integers with a fixed scale, so that the same facts give the same bytes on any
//! machine. Products are taken in 128 bits and rounded half away from zero, the one rounding of
//! the whole engine (benefits.md C2 "rounding"). The bounds below are enforced where a number
//! enters, so that no sum or product inside the engine can overflow.

use rust_decimal::Decimal;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

/// Why a text is not one of our numbers. Said with the field by whoever read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The text is not a decimal number.
    #[error("not a decimal number")]
    Malformed,
    /// More decimals than the field carries, and they are not zeros.
    #[error("more than {0} decimals")]
    TooManyDecimals(u32),
    /// Beyond the bound of the type.
    #[error("out of range")]
    OutOfRange,
}

/// Divides rounding half away from zero. `d` must not be zero; a zero gives zero.
#[inline]
fn div_half_up(n: i128, d: i128) -> i128 {
    if d == 0 {
        return 0;
    }
    // nearly every product fits 64 bits, whose division is many times as fast
    if let (Ok(n), Ok(d)) = (i64::try_from(n), i64::try_from(d))
        && d > 0
    {
        let (q, r) = (n / d, n % d);
        let away = r.unsigned_abs() >= d.unsigned_abs() - r.unsigned_abs();
        return i128::from(q) + i128::from(if away { n.signum() } else { 0 });
    }
    let q = n / d;
    let r = n % d;
    if 2 * r.abs() >= d.abs() { q + if (n < 0) == (d < 0) { 1 } else { -1 } } else { q }
}

/// A 128-bit intermediate back to 64; the input bounds make the clamp unreachable.
fn narrow(n: i128) -> i64 {
    i64::try_from(n).unwrap_or(if n < 0 { i64::MIN / 4 } else { i64::MAX / 4 })
}

macro_rules! fixed {
    ($(#[$doc:meta])* $name:ident, $scale:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(i64);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);
            /// Digits after the point.
            pub const SCALE: u32 = $scale;
            /// Units in one whole.
            pub const ONE_UNITS: i64 = 10_i64.pow($scale);
            /// The largest magnitude accepted from outside, in units.
            pub const MAX_UNITS: i64 = $max;

            /// From units of the smallest step.
            pub const fn from_units(units: i64) -> Self { Self(units) }
            /// In units of the smallest step.
            pub const fn units(self) -> i64 { self.0 }
            /// Whether it is zero.
            pub const fn is_zero(&self) -> bool { self.0 == 0 }
            /// Whether it is below zero.
            pub const fn is_negative(self) -> bool { self.0 < 0 }
            /// Without its sign.
            pub const fn abs(self) -> Self { Self(self.0.abs()) }

            /// From a decimal; surplus decimals must be zeros.
            pub fn from_decimal(d: Decimal) -> Result<Self, NumberError> {
                let d = d.normalize();
                if d.scale() > $scale { return Err(NumberError::TooManyDecimals($scale)); }
                Self::from_exact(d)
            }

            /// From a decimal, rounded half away from zero to the scale of the type.
            pub fn from_decimal_rounded(d: Decimal) -> Result<Self, NumberError> {
                Self::from_exact(d.round_dp_with_strategy($scale,
                    rust_decimal::RoundingStrategy::MidpointAwayFromZero).normalize())
            }

            fn from_exact(d: Decimal) -> Result<Self, NumberError> {
                let up = 10_i128.checked_pow($scale - d.scale()).ok_or(NumberError::OutOfRange)?;
                let units = d.mantissa().checked_mul(up).ok_or(NumberError::OutOfRange)?;
                if units.unsigned_abs() > Self::MAX_UNITS.unsigned_abs() as u128 {
                    return Err(NumberError::OutOfRange);
                }
                Ok(Self(narrow(units)))
            }

            /// As a decimal.
            pub fn to_decimal(self) -> Decimal { Decimal::new(self.0, $scale) }
        }

        impl FromStr for $name {
            type Err = NumberError;
            fn from_str(s: &str) -> Result<Self, NumberError> {
                let s = s.trim();
                // 40 characters hold every number in range; longer is noise, not precision
                if s.is_empty() || s.len() > 40 { return Err(NumberError::Malformed); }
                let d = Decimal::from_str_exact(s)
                    .or_else(|e| match e {
                        rust_decimal::Error::Underflow => Err(NumberError::TooManyDecimals($scale)),
                        rust_decimal::Error::ExceedsMaximumPossibleValue => Err(NumberError::OutOfRange),
                        _ => Decimal::from_scientific(s).map_err(|_| NumberError::Malformed),
                    })?;
                Self::from_decimal(d)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.digits().as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct V;
                impl Visitor<'_> for V {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "a decimal number in quotes with at most {} decimals, or a whole number", $scale)
                    }
                    fn visit_str<E: de::Error>(self, v: &str) -> Result<$name, E> {
                        v.parse().map_err(|e| E::custom(format_args!("`{v}`: {e}")))
                    }
                    fn visit_i64<E: de::Error>(self, v: i64) -> Result<$name, E> {
                        $name::from_decimal(Decimal::from(v)).map_err(|e| E::custom(format_args!("`{v}`: {e}")))
                    }
                    fn visit_u64<E: de::Error>(self, v: u64) -> Result<$name, E> {
                        $name::from_decimal(Decimal::from(v)).map_err(|e| E::custom(format_args!("`{v}`: {e}")))
                    }
                }
                d.deserialize_any(V)
            }
        }

        impl Add for $name { type Output = Self; fn add(self, o: Self) -> Self { Self(self.0 + o.0) } }
        impl Sub for $name { type Output = Self; fn sub(self, o: Self) -> Self { Self(self.0 - o.0) } }
        impl Neg for $name { type Output = Self; fn neg(self) -> Self { Self(-self.0) } }
        impl AddAssign for $name { fn add_assign(&mut self, o: Self) { self.0 += o.0 } }
        impl SubAssign for $name { fn sub_assign(&mut self, o: Self) { self.0 -= o.0 } }
        impl Sum for $name { fn sum<I: Iterator<Item = Self>>(i: I) -> Self { i.fold(Self::ZERO, |a, b| a + b) } }
    };
}

fixed! {
    /// Yuan, kept in whole fen. Written with two decimals (`N16,2` of the interface). Accepted
    /// from outside up to 9,999,999,999.99.
    Money, 2, 999_999_999_999
}
fixed! {
    /// A share or ratio, six decimals (`N5,4` on the wire). Negative values are reductions in points.
    Rate, 6, 1_000_000_000
}
fixed! {
    /// A unit price in yuan, six decimals (`N16,6`). Accepted up to 999,999,999.999999.
    Price, 6, 999_999_999_999_999
}
fixed! {
    /// A quantity, four decimals (`N16,4`). Negative on refund lines.
    Quantity, 4, 999_999_999_999
}

impl Money {
    /// From whole fen.
    pub const fn fen(fen: i64) -> Self {
        Self(fen)
    }
    /// From whole yuan.
    pub const fn yuan(yuan: i64) -> Self {
        Self(yuan * 100)
    }
    /// This amount times a rate, rounded half away from zero to the fen.
    pub fn times(self, rate: Rate) -> Self {
        Self(narrow(div_half_up(i128::from(self.0) * i128::from(rate.0), i128::from(Rate::ONE_UNITS))))
    }
    /// This amount divided by a rate (the scope an outlay stands for), rounded half away from zero.
    /// Zero for a rate of zero.
    pub fn grossed_up(self, rate: Rate) -> Self {
        Self(narrow(div_half_up(i128::from(self.0) * i128::from(Rate::ONE_UNITS), i128::from(rate.0))))
    }
    /// `self × part ÷ whole`, rounded half away from zero; zero when `whole` is zero.
    pub fn share(self, part: Self, whole: Self) -> Self {
        Self(narrow(div_half_up(i128::from(self.0) * i128::from(part.0), i128::from(whole.0))))
    }
    /// `self ÷ whole` as a rate of four decimals (the precision of the wire); zero when `whole` is zero.
    pub fn ratio_to(self, whole: Self) -> Rate {
        let ten_thousandths = div_half_up(i128::from(self.0) * 10_000, i128::from(whole.0));
        Rate(narrow(ten_thousandths * 100))
    }
    /// Times a whole number (counted periods, units).
    pub fn times_int(self, n: i64) -> Self {
        Self(self.0 * n)
    }
    /// Not below zero.
    pub fn at_least_zero(self) -> Self {
        self.max(Self::ZERO)
    }
}

/// A number as it is written. Decisions hold hundreds of them, and formatting each through [`fmt`] was half of what
/// writing one down took.
struct Digits {
    /// Room for 19 digits, a sign, a point and zeros before it.
    text: [u8; 28],
    from: usize,
}

impl Digits {
    /// Of so many units with `scale` decimals, of which at least `least` are written.
    fn of(units: i64, scale: u32, least: u32) -> Self {
        let mut d = Self { text: [b'0'; 28], from: 28 };
        let mut left = units.unsigned_abs();
        let mut decimals = scale;
        while decimals > least && left.is_multiple_of(10) {
            left /= 10;
            decimals -= 1;
        }
        for _ in 0..decimals {
            d.put(left % 10);
            left /= 10;
        }
        if decimals > 0 {
            d.before(b'.');
        }
        loop {
            d.put(left % 10);
            left /= 10;
            if left == 0 {
                break;
            }
        }
        if units < 0 {
            d.before(b'-');
        }
        d
    }

    fn put(&mut self, digit: u64) {
        self.before(b'0' + digit as u8);
    }

    fn before(&mut self, byte: u8) {
        self.from = self.from.saturating_sub(1);
        if let Some(place) = self.text.get_mut(self.from) {
            *place = byte;
        }
    }

    fn as_str(&self) -> &str {
        self.text.get(self.from..).and_then(|t| std::str::from_utf8(t).ok()).unwrap_or_default()
    }
}

macro_rules! written {
    ($($name:ident with at least $least:literal),*) => {$(
        impl $name {
            fn digits(self) -> Digits {
                Digits::of(self.0, Self::SCALE, $least)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.digits().as_str())
            }
        }
    )*};
}

// money with its fen, the others without trailing zeros: `0.85`, `3`, `0.333335`
written! { Money with at least 2, Rate with at least 0, Price with at least 0, Quantity with at least 0 }

impl Rate {
    /// One, the whole.
    pub const ONE: Self = Self(1_000_000);
    /// Product of two rates, rounded half away from zero to six decimals.
    pub fn times(self, o: Self) -> Self {
        Self(narrow(div_half_up(i128::from(self.0) * i128::from(o.0), i128::from(Self::ONE_UNITS))))
    }
    /// Times a whole number.
    pub fn times_int(self, n: i64) -> Self {
        Self(self.0 * n)
    }
}

impl Price {
    /// Price × quantity, rounded half away from zero to the fen: the amount of a line (I7).
    pub fn times(self, q: Quantity) -> Money {
        Money(narrow(div_half_up(
            i128::from(self.0) * i128::from(q.0),
            100_000_000, // scale 6 + 4, less the two decimals of money
        )))
    }
}

impl Quantity {
    /// From a whole number of units.
    pub const fn whole(n: i64) -> Self {
        Self(n * Self::ONE_UNITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rounds_half_away_from_zero() {
        let m = |s: &str| s.parse::<Money>().unwrap();
        let r = |s: &str| s.parse::<Rate>().unwrap();
        assert_eq!(m("4.52").times(r("0.05")), m("0.23"));
        assert_eq!(m("-4.50").times(r("0.05")), m("-0.23"));
        assert_eq!(m("65000").grossed_up(r("0.91")), m("71428.57"));
        assert_eq!("0.333335".parse::<Price>().unwrap().times(Quantity::whole(3)), m("1.00"));
    }

    proptest! {
        #[test]
        fn narrow_and_wide_division_round_alike(n in any::<i64>(), d in 1..=i64::MAX, small in -1_000i64..1_000) {
            // times 2^60 hardly anything fits 64 bits any more, and the quotient stays what it was
            let wide = |n: i64, d: i64| div_half_up(i128::from(n) << 60, i128::from(d) << 60);
            prop_assert_eq!(div_half_up(n.into(), d.into()), wide(n, d));
            prop_assert_eq!(div_half_up(small.into(), (d % 100 + 1).into()), wide(small, d % 100 + 1));
        }
    }

    #[test]
    fn refuses_what_it_cannot_hold() {
        assert_eq!("1.005".parse::<Money>(), Err(NumberError::TooManyDecimals(2)));
        assert_eq!("1.50000".parse::<Money>(), Ok(Money::fen(150)));
        assert_eq!("12345678901234567890".parse::<Money>(), Err(NumberError::OutOfRange));
        assert_eq!("一百".parse::<Money>(), Err(NumberError::Malformed));
        assert_eq!("".parse::<Money>(), Err(NumberError::Malformed));
        assert_eq!("1e2".parse::<Money>(), Ok(Money::yuan(100)));
    }

    proptest! {
        #[test]
        fn written_as_decimals_are(n in any::<i64>(), few in -2_000i64..2_000) {
            for n in [n, few, few * 10_000, i64::MIN, i64::MAX] {
                let plain = |scale| Decimal::new(n, scale).normalize().to_string();
                prop_assert_eq!(Rate(n).to_string(), plain(6));
                prop_assert_eq!(Quantity(n).to_string(), plain(4));
                prop_assert_eq!(Money(n).to_string(), Decimal::new(n, 2).to_string());
                prop_assert_eq!(serde_json::to_string(&Money(n)).unwrap(), format!("\"{}\"", Money(n)));
            }
        }

        #[test]
        fn text_and_back(n in -Money::MAX_UNITS..=Money::MAX_UNITS) {
            let m = Money::from_units(n);
            prop_assert_eq!(m.to_string().parse::<Money>().unwrap(), m);
        }

        #[test]
        fn a_share_is_monotone(a in 0..10_000_000i64, b in 0..10_000_000i64, r in 0..=1_000_000i64) {
            let (lo, hi) = (Money::fen(a.min(b)), Money::fen(a.max(b)));
            let r = Rate::from_units(r);
            prop_assert!(lo.times(r) <= hi.times(r));
            prop_assert!(hi.times(r) - lo.times(r) <= hi - lo);
        }
    }
}
