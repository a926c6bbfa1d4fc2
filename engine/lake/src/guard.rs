//! What may be asked: one query, or the plan of one. Everything else is refused before it is planned, and
//! once more as a plan, since a query may hide a change.

use crate::error::InspectError;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as Sql;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// Longest text of a query.
const LONGEST: usize = 256 * 1024;

/// How deep expressions may nest.
const DEEPEST: usize = 200;

/// Words and signs of a text, values and commas not counted.
const MOST_WORDS: usize = 20_000;

/// Operators of a text: `1+1+1+…` nests without brackets, and planning takes their number squared.
const MOST_OPERATORS: usize = 1_000;

/// Reads a text that may be asked.
pub(crate) fn parse(sql: &str) -> Result<Statement, InspectError> {
    if sql.len() > LONGEST {
        let message = format!("the text has {} bytes, at most {LONGEST} are read", sql.len());
        return Err(InspectError::new("REFUSED", message));
    }
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().unwrap_or_default();
    let (words, operators) = tokens.iter().fold((0, 0), |(w, o), t| match t {
        Token::Whitespace(_) | Token::Comma | Token::Number(..) | Token::SingleQuotedString(_) => (w, o),
        t => (w + 1, o + usize::from(nests(t))),
    });
    if words > MOST_WORDS || operators > MOST_OPERATORS {
        let message = format!(
            "the text has {words} words and {operators} operators, at most {MOST_WORDS} and {MOST_OPERATORS} are read"
        );
        let mut e = InspectError::new("REFUSED", message);
        e.hint = Some("compare with a list, IN (…), instead of many ORs".to_owned());
        return Err(e);
    }
    let mut statements = DFParserBuilder::new(sql)
        .with_dialect(&GenericDialect {})
        .with_recursion_limit(DEEPEST)
        .build()
        .and_then(|mut p| p.parse_statements())
        .map_err(|e| InspectError::from_plan(&e, sql))?;
    let one = statements.pop_front().ok_or_else(|| InspectError::new("SYNTAX", "the text holds no query"))?;
    if !statements.is_empty() {
        return Err(InspectError::new("REFUSED", "one query at a time; the text holds several statements"));
    }
    allow(&one)?;
    Ok(one)
}

/// Whether the token chains what is left of it to what is right of it.
fn nests(t: &Token) -> bool {
    match t {
        Token::Word(w) => matches!(
            w.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::UNION
                | Keyword::EXCEPT
                | Keyword::INTERSECT
                | Keyword::MINUS
        ),
        Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod | Token::StringConcat | Token::LParen => true,
        _ => false,
    }
}

fn allow(s: &Statement) -> Result<(), InspectError> {
    match s {
        Statement::Statement(sql) => match &**sql {
            Sql::Query(_) => Ok(()),
            other => Err(refused(&other.to_string())),
        },
        Statement::Explain(e) => allow(&e.statement),
        other => Err(refused(&other.to_string())),
    }
}

fn refused(statement: &str) -> InspectError {
    let word = statement.split_whitespace().next().unwrap_or_default().to_uppercase();
    let mut e = InspectError::new("REFUSED", format!("{word} is refused: inspection only reads"));
    e.hint = Some("ask with SELECT, WITH or EXPLAIN".to_owned());
    e
}

/// The plan changes nothing, writes nothing and sets nothing.
pub(crate) fn verify(plan: &LogicalPlan) -> Result<(), InspectError> {
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(plan)
        .map_err(|_| refused("A change"))
}
