//! Turns of phrase of other databases, put into words DataFusion knows, before anything is planned.

use chrono::NaiveDateTime;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::*;
use std::ops::ControlFlow;

/// Rewrites a statement; `now` is what `sysdate` means.
pub(crate) fn rewrite(mut statement: Statement, now: NaiveDateTime) -> Statement {
    let mut inner = &mut statement;
    while let Statement::Explain(e) = inner {
        inner = &mut e.statement;
    }
    if let Statement::Statement(sql) = inner {
        let names = crate::view::views().iter().map(|v| v.name).chain(["dual"]).collect();
        let _: ControlFlow<()> = sql.visit(&mut Rewriter { now, names });
    }
    statement
}

struct Rewriter {
    now: NaiveDateTime,
    names: Vec<&'static str>,
}

impl VisitorMut for Rewriter {
    type Break = ();

    /// `hidb.SETL_D`: the views have no owner here.
    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        if relation.0.len() > 1
            && let Some(last) = relation.0.last()
            && last.as_ident().is_some_and(|i| self.names.iter().any(|n| i.value.eq_ignore_ascii_case(n)))
        {
            relation.0 = vec![last.clone()];
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        minus(&mut query.body);
        // FETCH FIRST n ROWS ONLY
        if let Some(fetch) = query.fetch.take_if(|f| !f.with_ties && !f.percent)
            && let Some(n) = fetch.quantity
        {
            match &mut query.limit_clause {
                None => {
                    query.limit_clause =
                        Some(LimitClause::LimitOffset { limit: Some(n), offset: None, limit_by: vec![] });
                }
                Some(LimitClause::LimitOffset { limit, .. }) => *limit = Some(n),
                Some(LimitClause::OffsetCommaLimit { .. }) => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, e: &mut Expr) -> ControlFlow<()> {
        match e {
            Expr::Identifier(i) if i.quote_style.is_none() && is(i, &["sysdate", "systimestamp"]) => {
                *e = Expr::TypedString(TypedString {
                    data_type: DataType::Timestamp(None, TimezoneInfo::None),
                    value: Value::SingleQuotedString(self.now.format("%Y-%m-%d %H:%M:%S").to_string()).into(),
                    uses_odbc_syntax: false,
                });
            }
            Expr::Function(f) => {
                if let Some(i) = f.name.0.last().and_then(ObjectNamePart::as_ident) {
                    if is(i, &["listagg", "wm_concat"]) {
                        listagg(f);
                    } else if is(i, &["nvl", "ifnull"]) {
                        // the function of that name makes a float of an amount and a whole number
                        f.name = ObjectName::from(vec![Ident::new("coalesce")]);
                    } else if is(i, &["decode"])
                        && let Some(case) = decode(f)
                    {
                        *e = case;
                    } else if is(i, &["to_number"])
                        && let Some(number) = to_number(f)
                    {
                        *e = number;
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn is(i: &Ident, names: &[&str]) -> bool {
    names.iter().any(|n| i.value.eq_ignore_ascii_case(n))
}

/// `MINUS` is `EXCEPT`.
fn minus(body: &mut SetExpr) {
    if let SetExpr::SetOperation { op, left, right, .. } = body {
        if *op == SetOperator::Minus {
            *op = SetOperator::Except;
        }
        minus(left);
        minus(right);
    }
}

/// `listagg(x, ',') within group (order by y)` is `string_agg(x, ',' order by y)`.
fn listagg(f: &mut Function) {
    let FunctionArguments::List(list) = &mut f.args else { return };
    f.name = ObjectName::from(vec![Ident::new("string_agg")]);
    if list.args.len() == 1 {
        let comma = Value::SingleQuotedString(",".to_owned());
        list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(comma.into()))));
    }
    list.clauses.retain(|c| !matches!(c, FunctionArgumentClause::OnOverflow(_)));
    let order = std::mem::take(&mut f.within_group);
    if !order.is_empty() {
        list.clauses.push(FunctionArgumentClause::OrderBy(order));
    }
}

fn cast(e: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(e), data_type, array: false, format: None }
}

fn plain_arguments(f: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &f.args else { return None };
    list.args
        .iter()
        .map(|a| match a {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e.clone()),
            _ => None,
        })
        .collect()
}

/// `decode(x, a, b, …, z)` is `CASE WHEN x = a THEN b … ELSE z END`, where null equals null.
fn decode(f: &Function) -> Option<Expr> {
    let arguments = plain_arguments(f)?;
    let (subject, rest) = arguments.split_first()?;
    let pairs = rest.chunks_exact(2);
    let otherwise = pairs.remainder().first().cloned().map(Box::new);
    let conditions = pairs
        .map(|pair| {
            let null = matches!(&pair[0], Expr::Value(v) if v.value == Value::Null);
            let condition = if null {
                Expr::IsNull(Box::new(subject.clone()))
            } else {
                let (left, right) = (Box::new(subject.clone()), Box::new(pair[0].clone()));
                Expr::BinaryOp { left, op: BinaryOperator::Eq, right }
            };
            CaseWhen { condition, result: pair[1].clone() }
        })
        .collect::<Vec<_>>();
    if conditions.is_empty() {
        return None;
    }
    Some(Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions,
        else_result: otherwise,
    })
}

/// `to_number(x)` of a text.
fn to_number(f: &Function) -> Option<Expr> {
    let [x] = plain_arguments(f)?.try_into().ok()?;
    Some(cast(x, DataType::Decimal(ExactNumberInfo::PrecisionAndScale(30, 10))))
}
