//! What a script says that cannot be meant: amounts and days in arithmetic, comparisons of things of different kinds.
//!
//! Types are guessed from names: properties and parameters of one name have one type. What is not known is left alone,
//! so that a complaint is always right.

use crate::param::{Param, ParamKind};
use rhai::{AST, ASTNode, Expr, Position, Stmt};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Amount,
    Day,
    Number,
    Text,
    Bool,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Amount => "an amount",
            Self::Day => "a day",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Bool => "true or false",
        }
    }
}

/// Properties and methods that have one type wherever they stand.
fn of_name(name: &str) -> Option<Kind> {
    Some(match name {
        "amount" | "plus" | "minus" | "times" | "share" => Kind::Amount,
        "begin_day" | "end_day" | "last_day" | "first_day" | "death_day" | "birth" | "day" | "back" | "ahead" => {
            Kind::Day
        }
        "quantity" | "with_settled" | "stay_days" | "age" | "kinds" | "len" | "days_until" | "number" | "level"
        | "supply_days" => Kind::Number,
        "id" | "kind" | "insurance" | "institution" | "institution_name" | "department" | "discharge_way" | "item"
        | "name" | "diagnosis" | "sex" | "sex_name" | "drug_group" | "charge_type" | "list_type" | "word" | "names" => {
            Kind::Text
        }
        "is_stay" | "is_empty" | "payable" | "restricted" | "refused" | "take_home" | "open" | "trailing"
        | "is_zero" | "contains" | "knows" | "known" | "confirmed" | "code_in" | "same_category" | "exempted"
        | "diagnosed" => Kind::Bool,
        _ => return None,
    })
}

/// What is wrong, and where.
pub(crate) fn lint(ast: &AST, params: &BTreeMap<String, Param>) -> Vec<(Position, String)> {
    let mut variables: BTreeMap<String, Option<Kind>> = BTreeMap::new();
    let mut found = Vec::new();
    ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        match nodes.last() {
            Some(ASTNode::Stmt(Stmt::Var(v, ..))) => {
                let kind = kind_of(&v.1, params, &variables);
                // a name that stands for two kinds of thing is not known
                let known = variables.entry(v.0.name.to_string()).or_insert(kind);
                if *known != kind {
                    *known = None;
                }
            }
            Some(ASTNode::Stmt(Stmt::Assignment(a))) => {
                if let Expr::Variable(v, ..) = &a.1.lhs {
                    variables.insert(v.1.to_string(), None);
                }
            }
            // a call that stands as a statement of its own is no expression in the tree
            Some(ASTNode::Expr(Expr::FnCall(f, at)) | ASTNode::Stmt(Stmt::FnCall(f, at)))
                if f.is_operator_call() && f.args.len() == 2 =>
            {
                let kinds: Vec<Option<Kind>> = f.args.iter().map(|a| kind_of(a, params, &variables)).collect();
                found.extend(operator(&f.name, &kinds).map(|m| (*at, m)));
            }
            _ => {}
        }
        true
    });
    found
}

fn operator(name: &str, kinds: &[Option<Kind>]) -> Option<String> {
    let (a, b) = (kinds.first().copied().flatten(), kinds.get(1).copied().flatten());
    match name {
        "+" | "-" | "*" | "/" | "%" | "**" => {
            if (a, b) == (Some(Kind::Text), b) || b == Some(Kind::Text) {
                return None;
            }
            let bad = [a, b].into_iter().flatten().find(|k| matches!(k, Kind::Amount | Kind::Day))?;
            Some(match bad {
                Kind::Amount => format!(
                    "`{name}` on an amount; amounts have `plus`, `minus`, `times` and `share`, which round as the house does"
                ),
                _ => format!("`{name}` on a day; days have `back`, `ahead` and `days_until`"),
            })
        }
        "==" | "!=" | "<" | "<=" | ">" | ">=" => match (a, b) {
            (Some(a), Some(b)) if a != b => Some(format!("compares {} with {}", a.name(), b.name())),
            _ => None,
        },
        _ => None,
    }
}

fn kind_of(expr: &Expr, params: &BTreeMap<String, Param>, variables: &BTreeMap<String, Option<Kind>>) -> Option<Kind> {
    match expr {
        Expr::IntegerConstant(..) => Some(Kind::Number),
        Expr::StringConstant(..) | Expr::InterpolatedString(..) => Some(Kind::Text),
        Expr::BoolConstant(..) => Some(Kind::Bool),
        Expr::Variable(v, ..) => variables.get(v.1.as_str()).copied().flatten(),
        Expr::Dot(b, ..) => match (&b.lhs, &b.rhs) {
            (Expr::Variable(v, ..), Expr::Property(p, _)) if v.1 == "param" => {
                params.get(p.2.as_str()).and_then(|p| of_param(p.kind))
            }
            (_, Expr::Dot(..)) => kind_of(&b.rhs, params, variables),
            (_, Expr::Property(p, _)) => of_name(&p.2),
            (_, Expr::MethodCall(f, _)) => of_name(&f.name),
            _ => None,
        },
        Expr::Property(p, _) => of_name(&p.2),
        Expr::MethodCall(f, _) => of_name(&f.name),
        Expr::FnCall(f, _) if !f.is_operator_call() => of_name(&f.name),
        _ => None,
    }
}

fn of_param(kind: ParamKind) -> Option<Kind> {
    Some(match kind {
        ParamKind::Int | ParamKind::Decimal => Kind::Number,
        ParamKind::Money => Kind::Amount,
        ParamKind::Bool => Kind::Bool,
        ParamKind::Text => Kind::Text,
        ParamKind::Codes => return None,
    })
}
