//! Operators: those of Rhai's own types done here, those of ours through the function they are registered with.

use super::calls::{Callable, Functions};
use super::{Frame, Halt, Outcome};
use rhai::{Dynamic, ImmutableString};
use rust_decimal::Decimal;
use std::cmp::Ordering;
use std::sync::Arc;

/// Longest text the operators put together; the interpreter has a limit of its own for longer ones.
const MAX_TEXT: usize = 8 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Plus,
    Minus,
    Times,
    Not,
}

/// An operator of scripts.
pub(crate) struct Operator {
    kind: Kind,
    ours: Option<Arc<Callable>>,
}

/// A condition; what is no truth value is an error for the interpreter to report.
pub(crate) fn truth(value: &Dynamic) -> Result<bool, Halt> {
    value.as_bool().map_err(|_| Halt::Leave)
}

/// `+`, `-` and `*` of a type of numbers.
type Reckon<N> = [fn(N, N) -> Option<N>; 3];

/// A value of Rhai's own types.
enum Plain {
    Unit,
    Bool(bool),
    Number(Decimal),
    Text(ImmutableString),
}

impl Plain {
    /// Nothing where the value is of another type.
    fn of(value: &Dynamic) -> Option<Self> {
        if let Ok(n) = value.as_int() {
            Some(Self::Number(Decimal::from(n)))
        } else if let Ok(b) = value.as_bool() {
            Some(Self::Bool(b))
        } else if value.is_unit() {
            Some(Self::Unit)
        } else if let Ok(d) = value.as_decimal() {
            Some(Self::Number(d))
        } else {
            value.read_lock::<ImmutableString>().map(|t| Self::Text(t.clone()))
        }
    }
}

impl Operator {
    pub fn new(syntax: &str, functions: &Functions) -> Option<Self> {
        let kind = match syntax {
            "==" => Kind::Equal,
            "!=" => Kind::NotEqual,
            "<" => Kind::Less,
            "<=" => Kind::LessOrEqual,
            ">" => Kind::Greater,
            ">=" => Kind::GreaterOrEqual,
            "+" => Kind::Plus,
            "-" => Kind::Minus,
            "*" => Kind::Times,
            "!" => Kind::Not,
            // division of whole numbers is whole, of decimals not: left to the interpreter
            _ => return None,
        };
        Some(Self { kind, ours: functions.callable(syntax, 2) })
    }

    /// `!a`, `-a`.
    pub fn alone(&self, a: Dynamic) -> Outcome {
        match self.kind {
            Kind::Not => Ok((!truth(&a)?).into()),
            Kind::Minus => match (a.as_int(), a.as_decimal()) {
                (Ok(n), _) => n.checked_neg().map(Dynamic::from_int).ok_or(Halt::Leave),
                (_, Ok(d)) => Ok(Dynamic::from_decimal(-d)),
                _ => Err(Halt::Leave),
            },
            _ => Err(Halt::Leave),
        }
    }

    pub fn apply(&self, f: &Frame<'_>, a: Dynamic, b: Dynamic) -> Outcome {
        if let (Ok(a), Ok(b)) = (a.as_int(), b.as_int()) {
            return self.numbers(a, b, [i64::checked_add, i64::checked_sub, i64::checked_mul], Dynamic::from_int);
        }
        let (Some(plain_a), Some(plain_b)) = (Plain::of(&a), Plain::of(&b)) else { return self.registered(f, a, b) };
        match (plain_a, plain_b) {
            (Plain::Number(a), Plain::Number(b)) => {
                let reckon: Reckon<Decimal> = [Decimal::checked_add, Decimal::checked_sub, Decimal::checked_mul];
                self.numbers(a, b, reckon, Dynamic::from_decimal)
            }
            (Plain::Text(a), Plain::Text(b)) => self.texts(a, &b),
            (Plain::Bool(a), Plain::Bool(b)) => self.equality(a == b),
            (Plain::Unit, Plain::Unit) => self.equality(true),
            // nothing, and anything that is something
            (Plain::Unit, _) | (_, Plain::Unit) => self.equality(false),
            _ => Err(Halt::Leave),
        }
    }

    fn equality(&self, equal: bool) -> Outcome {
        match self.kind {
            Kind::Equal => Ok(equal.into()),
            Kind::NotEqual => Ok((!equal).into()),
            _ => Err(Halt::Leave),
        }
    }

    fn order(&self, order: Ordering) -> Option<bool> {
        Some(match self.kind {
            Kind::Equal => order.is_eq(),
            Kind::NotEqual => order.is_ne(),
            Kind::Less => order.is_lt(),
            Kind::LessOrEqual => order.is_le(),
            Kind::Greater => order.is_gt(),
            Kind::GreaterOrEqual => order.is_ge(),
            _ => return None,
        })
    }

    /// Two numbers of one type: compared, or reckoned with; out of range is an error for the interpreter to report.
    fn numbers<N: Ord + Copy>(&self, a: N, b: N, reckon: Reckon<N>, value: impl Fn(N) -> Dynamic) -> Outcome {
        if let Some(holds) = self.order(a.cmp(&b)) {
            return Ok(holds.into());
        }
        let [plus, minus, times] = reckon;
        let result = match self.kind {
            Kind::Plus => plus(a, b),
            Kind::Minus => minus(a, b),
            Kind::Times => times(a, b),
            _ => None,
        };
        result.map(value).ok_or(Halt::Leave)
    }

    fn texts(&self, a: ImmutableString, b: &ImmutableString) -> Outcome {
        if let Some(holds) = self.order(a.as_str().cmp(b.as_str())) {
            return Ok(holds.into());
        }
        if self.kind != Kind::Plus || a.len() + b.len() > MAX_TEXT {
            return Err(Halt::Leave);
        }
        Ok((a + b.as_str()).into())
    }

    /// An operator of our own types.
    fn registered(&self, f: &Frame<'_>, a: Dynamic, b: Dynamic) -> Outcome {
        self.ours.as_ref().ok_or(Halt::Leave)?.call(f, &mut [a, b])
    }
}
