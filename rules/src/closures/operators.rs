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

/// A value of Rhai's own types.
enum Plain {
    Unit,
    Bool(bool),
    Number(Decimal),
    Text(ImmutableString),
}

impl Plain {
    /// Takes the value out; gives it back where it is another type.
    fn of(value: Dynamic) -> Result<Self, Dynamic> {
        if let Ok(n) = value.as_int() {
            return Ok(Self::Number(Decimal::from(n)));
        }
        if let Ok(b) = value.as_bool() {
            return Ok(Self::Bool(b));
        }
        if value.is_unit() {
            return Ok(Self::Unit);
        }
        if let Ok(d) = value.as_decimal() {
            return Ok(Self::Number(d));
        }
        if value.is_string() {
            return value.into_immutable_string().map(Self::Text).map_err(|_| Dynamic::UNIT);
        }
        Err(value)
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
            return self.whole(a, b);
        }
        let (a, b) = match (Plain::of(a), Plain::of(b)) {
            (Ok(a), Ok(b)) => (a, b),
            (a, b) => return self.registered(f, again(a), again(b)),
        };
        match (a, b) {
            (Plain::Number(a), Plain::Number(b)) => self.numbers(a, b),
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

    fn whole(&self, a: i64, b: i64) -> Outcome {
        if let Some(holds) = self.order(a.cmp(&b)) {
            return Ok(holds.into());
        }
        let result = match self.kind {
            Kind::Plus => a.checked_add(b),
            Kind::Minus => a.checked_sub(b),
            Kind::Times => a.checked_mul(b),
            _ => None,
        };
        result.map(Dynamic::from_int).ok_or(Halt::Leave)
    }

    fn numbers(&self, a: Decimal, b: Decimal) -> Outcome {
        if let Some(holds) = self.order(a.cmp(&b)) {
            return Ok(holds.into());
        }
        let result = match self.kind {
            Kind::Plus => a.checked_add(b),
            Kind::Minus => a.checked_sub(b),
            Kind::Times => a.checked_mul(b),
            _ => None,
        };
        result.map(Dynamic::from_decimal).ok_or(Halt::Leave)
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
        self.ours.as_ref().ok_or(Halt::Leave)?.call(f, vec![a, b])
    }
}

/// The value that was looked at.
fn again(value: Result<Plain, Dynamic>) -> Dynamic {
    match value {
        Err(value) => value,
        Ok(Plain::Unit) => Dynamic::UNIT,
        Ok(Plain::Bool(b)) => b.into(),
        Ok(Plain::Number(n)) => Dynamic::from_decimal(n),
        Ok(Plain::Text(t)) => t.into(),
    }
}
