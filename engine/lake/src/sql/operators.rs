//! Dates as numbers: `a - b` is days, `a + 1` is a day later.

use super::functions::{add_days, days_between};
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// Plans arithmetic with dates as Oracle does.
#[derive(Debug)]
pub(crate) struct DateArithmetic;

impl ExprPlanner for DateArithmetic {
    fn plan_binary_op(&self, e: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let comparison = match e.op {
            BinaryOperator::Plus | BinaryOperator::Minus => None,
            BinaryOperator::Lt => Some(Operator::Lt),
            BinaryOperator::LtEq => Some(Operator::LtEq),
            BinaryOperator::Gt => Some(Operator::Gt),
            BinaryOperator::GtEq => Some(Operator::GtEq),
            _ => return Ok(PlannerResult::Original(e)),
        };
        let (Ok(left), Ok(right)) = (e.left.get_type(schema), e.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(e));
        };
        let planned = match (&e.op, dated(&left), dated(&right)) {
            (BinaryOperator::Minus, true, true) => days_between().call(vec![e.left, e.right]),
            (BinaryOperator::Plus, true, false) if right.is_numeric() => add_days().call(vec![e.left, e.right]),
            (BinaryOperator::Plus, false, true) if left.is_numeric() => add_days().call(vec![e.right, e.left]),
            (BinaryOperator::Minus, true, false) if right.is_numeric() => {
                add_days().call(vec![e.left, lit(-1_i64) * e.right])
            }
            // `a - b <= interval '15 days'`, as Greenplum writes it: a <= b + interval
            _ => match (comparison, &e.left, &right) {
                (Some(op), Expr::ScalarFunction(f), DataType::Interval(_)) if f.func.name() == "days_between" => {
                    let ScalarFunction { args, .. } = f;
                    let [a, b] = args.as_slice() else { return Ok(PlannerResult::Original(e)) };
                    let until = b.clone() + e.right.clone();
                    Expr::BinaryExpr(BinaryExpr::new(Box::new(a.clone()), op, Box::new(until)))
                }
                _ => return Ok(PlannerResult::Original(e)),
            },
        };
        Ok(PlannerResult::Planned(planned))
    }
}

fn dated(t: &DataType) -> bool {
    matches!(t, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
}
