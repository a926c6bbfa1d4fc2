//! Field tables: what a node of a transaction holds, as data.
//!
//! Names, titles, types and requiredness are those of the published tables (spec Hunan V1.1.27,
//! chapter of each transaction); lengths are the published ones, or wider where those are known to
//! be too short for what is really sent. A province profile changes requiredness, lengths and codes.

/// How a field is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Money,
    Price,
    Quantity,
    Rate,
    Int,
    /// `yyyy-MM-dd HH:mm:ss`.
    Time,
    /// Published as a date, used as a time where one is sent.
    When,
    /// `yyyy-MM-dd`.
    Date,
    /// Text, or an object in its place; kept as text.
    Free,
    /// Number or text, as clients please; not used here.
    Spare,
}

/// Who asks for a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The work cannot be done without it; no profile can change that.
    Must,
    /// The published table requires it; a profile may follow (`require = "published"`).
    Want,
    /// Optional.
    May,
}

/// Type of a field: how it is read, its length, its code list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Type {
    kind: Kind,
    length: u16,
    codes: &'static [&'static str],
}

/// One row of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub name: &'static str,
    pub title: &'static str,
    pub kind: Kind,
    pub need: Need,
    /// Characters; of meaning for texts only.
    pub length: u16,
    /// Empty: any.
    pub codes: &'static [&'static str],
}

/// How often a node stands in its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// One object.
    One,
    /// A list; one object in its place is tolerated and named.
    Many,
    /// Object or list, both published somewhere.
    Either,
}

/// One node of a transaction.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its key; empty for `input` itself.
    pub node: &'static str,
    pub count: Count,
    /// Who asks for it; a list is there with at least one element.
    pub need: Need,
    pub fields: &'static [Field],
    /// Keys below it that hold further nodes.
    pub nested: &'static [&'static str],
}

impl Table {
    pub const fn one(node: &'static str, fields: &'static [Field]) -> Self {
        Self { node, count: Count::One, need: Need::Must, fields, nested: &[] }
    }
    pub const fn many(node: &'static str, fields: &'static [Field]) -> Self {
        Self { node, count: Count::Many, need: Need::Must, fields, nested: &[] }
    }
    pub const fn either(node: &'static str, fields: &'static [Field]) -> Self {
        Self { node, count: Count::Either, need: Need::Must, fields, nested: &[] }
    }
    pub const fn wanted(self) -> Self {
        Self { need: Need::Want, ..self }
    }
    pub const fn optional(self) -> Self {
        Self { need: Need::May, ..self }
    }
    pub const fn nested(self, nested: &'static [&'static str]) -> Self {
        Self { nested, ..self }
    }
}

pub(crate) const fn must(name: &'static str, title: &'static str, t: Type) -> Field {
    field(name, title, t, Need::Must)
}
pub(crate) const fn want(name: &'static str, title: &'static str, t: Type) -> Field {
    field(name, title, t, Need::Want)
}
pub(crate) const fn may(name: &'static str, title: &'static str, t: Type) -> Field {
    field(name, title, t, Need::May)
}
const fn field(name: &'static str, title: &'static str, t: Type, need: Need) -> Field {
    Field { name, title, kind: t.kind, need, length: t.length, codes: t.codes }
}

/// C n.
pub(crate) const fn text(length: u16) -> Type {
    Type { kind: Kind::Text, length, codes: &[] }
}
/// One of a closed list.
pub(crate) const fn code(codes: &'static [&'static str]) -> Type {
    Type { kind: Kind::Text, length: 6, codes }
}
const fn plain(kind: Kind) -> Type {
    Type { kind, length: 40, codes: &[] }
}
/// N 16,2.
pub(crate) const MONEY: Type = plain(Kind::Money);
/// N 16,6.
pub(crate) const PRICE: Type = plain(Kind::Price);
/// N 16,4.
pub(crate) const QUANTITY: Type = plain(Kind::Quantity);
/// N 5,4.
pub(crate) const RATE: Type = plain(Kind::Rate);
/// N n.
pub(crate) const INT: Type = plain(Kind::Int);
/// DT.
pub(crate) const TIME: Type = plain(Kind::Time);
/// D, with or without a time.
pub(crate) const WHEN: Type = plain(Kind::When);
/// D.
pub(crate) const DATE: Type = plain(Kind::Date);
/// A number that is not used here.
pub(crate) const SPARE: Type = plain(Kind::Spare);
/// C 4000 `exp_content`.
pub(crate) const FREE: Type = Type { kind: Kind::Free, length: 4_000, codes: &[] };

/// 0 否, 1 是.
pub(crate) const FLAG: &[&str] = &["0", "1"];
/// `acct_used_flag`.
pub(crate) const ACCT_USED: &[&str] = &["0", "1", "2"];
/// `psn_setlway`.
pub(crate) const SETLWAY: &[&str] = &["01", "02"];
/// `hosp_appr_flag`.
pub(crate) const APPROVAL: &[&str] = &["0", "1", "2"];
/// `gend`.
pub(crate) const SEX: &[&str] = &["0", "1", "2", "9"];
/// `warn_type`, `dspo_way`.
pub(crate) const ONE_TWO: &[&str] = &["1", "2"];

/// Whether two keys are the same but for case, `_` and `-`: `psn_No`, `trigScen`.
pub(crate) fn same_key(a: &str, b: &str) -> bool {
    let fold = |s: &'_ str| -> Vec<u8> {
        s.bytes().filter(|b| !matches!(b, b'_' | b'-')).map(|b| b.to_ascii_lowercase()).collect()
    };
    a.len().abs_diff(b.len()) <= 8 && fold(a) == fold(b)
}
