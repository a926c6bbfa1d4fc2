//! Errors of a query: what, where in the text, and what to do.

use datafusion::common::{DataFusionError, SchemaError};
use std::fmt;

/// Why a query was refused or stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectError {
    /// `REFUSED`, `SYNTAX`, `UNKNOWN_TABLE`, `UNKNOWN_COLUMN`, `UNKNOWN_FUNCTION`, `PLAN`, `RUN`, `TIME`, `MEMORY`,
    /// `ROWS`, `BUSY`, `UNKNOWN_NAME`, `PARAMETER`, `SOURCE`, `LOG`, `FORMAT`.
    pub code: &'static str,
    /// What went wrong.
    pub message: String,
    /// Line and column in the text, from 1.
    pub place: Option<(usize, usize)>,
    /// What to do, or the nearest name.
    pub hint: Option<String>,
}

impl fmt::Display for InspectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for InspectError {}

impl InspectError {
    /// What kind of error it is, for inspectors.
    pub fn in_chinese(&self) -> &'static str {
        match self.code {
            "REFUSED" => "只能查询（SELECT、WITH、EXPLAIN），该语句不予执行",
            "SYNTAX" => "语句写法有误",
            "UNKNOWN_TABLE" => "没有这个表（视图）",
            "UNKNOWN_COLUMN" => "没有这个字段，或几个表都有这个字段",
            "UNKNOWN_FUNCTION" => "没有这个函数",
            "PLAN" => "语句无法执行",
            "RUN" => "查询执行中出错",
            "TIME" => "查询超过规定用时，已中止",
            "MEMORY" => "查询占用内存过多，已中止",
            "ROWS" => "结果行数超过上限，已中止",
            "BUSY" => "正在进行的查询已满，请稍后再试",
            "UNKNOWN_NAME" => "没有这个稽查主题",
            "PARAMETER" => "稽查主题的参数有误",
            "SOURCE" => "暂时无法读取账目，请稍后再试",
            "LOG" => "查询未能登记，因此没有执行",
            "FORMAT" => "没有这种结果格式",
            _ => "查询未能完成",
        }
    }

    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place: None, hint: None }
    }

    pub(crate) fn source(e: impl fmt::Display) -> Self {
        Self::new("SOURCE", format!("the books could not be read: {e}"))
    }

    /// An error of parsing or planning, put where it belongs in the text.
    pub(crate) fn from_plan(e: &DataFusionError, sql: &str) -> Self {
        match root(e) {
            DataFusionError::SQL(p, _) => {
                let text = p.to_string();
                let text = text.trim_start_matches("sql parser error: ");
                // the parser ends its message with the place
                let (message, place) = match text.rsplit_once(" at Line: ") {
                    Some((message, place)) => {
                        let mut numbers = place.split(", Column: ").map(|n| n.trim().parse::<usize>().ok());
                        (message, numbers.next().flatten().zip(numbers.next().flatten()))
                    }
                    None => (text, None),
                };
                Self { place, ..Self::new("SYNTAX", message) }
            }
            DataFusionError::SchemaError(s, _) => match &**s {
                SchemaError::FieldNotFound { field, valid_fields } => {
                    let name = field.name();
                    let of = field.relation.as_ref().map(ToString::to_string);
                    let known = valid_fields
                        .iter()
                        .filter(|f| of.is_none() || f.relation.as_ref().map(ToString::to_string) == of)
                        .map(|f| f.name());
                    Self {
                        place: place_of(sql, name),
                        hint: nearest(name, known).map(|n| format!("did you mean `{n}`?")),
                        ..Self::new("UNKNOWN_COLUMN", format!("there is no column `{}` here", field.flat_name()))
                    }
                }
                SchemaError::AmbiguousReference { field } => Self {
                    place: place_of(sql, field.name()),
                    hint: Some("put the table's alias in front".to_owned()),
                    ..Self::new("UNKNOWN_COLUMN", format!("several tables here have a column `{}`", field.name()))
                },
                other => Self::new("PLAN", other.to_string()),
            },
            DataFusionError::Plan(text) => {
                if let Some(table) = text.strip_prefix("table '").and_then(|t| t.split('\'').next()) {
                    let name = table.rsplit('.').next().unwrap_or(table);
                    let views = crate::view::views();
                    return Self {
                        place: place_of(sql, name),
                        hint: nearest(name, views.iter().map(|v| v.name)).map(|n| format!("did you mean `{n}`?")),
                        ..Self::new("UNKNOWN_TABLE", format!("there is no table `{name}`"))
                    };
                }
                if let Some(rest) = text.strip_prefix("Invalid function '") {
                    let name = rest.split('\'').next().unwrap_or_default();
                    let hint = text.split("Did you mean '").nth(1).and_then(|h| h.split('\'').next());
                    return Self {
                        place: place_of(sql, name),
                        hint: hint.map(|h| format!("did you mean `{h}`?")),
                        ..Self::new("UNKNOWN_FUNCTION", format!("there is no function `{name}`"))
                    };
                }
                Self::new("PLAN", plain(text))
            }
            other => Self::new("PLAN", plain(&other.strip_backtrace())),
        }
    }

    /// An error while rows were being worked out.
    pub(crate) fn from_run(e: &DataFusionError) -> Self {
        match root(e) {
            DataFusionError::ResourcesExhausted(text) => {
                // what follows lists operators over many lines
                let what = first_line(text);
                let what = what.split(" with top memory consumers").next().unwrap_or_default();
                Self {
                    hint: Some("narrow the query by time, person or hospital".to_owned()),
                    ..Self::new("MEMORY", format!("the query needs more memory than it may use ({what})"))
                }
            }
            DataFusionError::External(e) => Self::source(e),
            other => Self::new("RUN", plain(&other.strip_backtrace())),
        }
    }

    /// Whether a plan that spills could still do it.
    pub(crate) fn exhausted(e: &DataFusionError) -> bool {
        matches!(root(e), DataFusionError::ResourcesExhausted(_))
    }
}

/// What the engine says, without where in the engine it said it and without signatures of its functions.
fn plain(text: &str) -> String {
    const LAYERS: [&str; 5] =
        ["Execution error: ", "Error during planning: ", "Arrow error: ", "Parser error: ", "External error: "];
    let mut text = first_line(text);
    for layer in LAYERS {
        text = text.replace(layer, "");
    }
    text.split(" No function matches").next().unwrap_or_default().to_owned()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The error below its wrappings.
fn root(e: &DataFusionError) -> &DataFusionError {
    match e {
        DataFusionError::Context(_, e) | DataFusionError::Diagnostic(_, e) => root(e),
        DataFusionError::Shared(e) => root(e),
        DataFusionError::Collection(list) => list.first().map_or(e, root),
        _ => e,
    }
}

/// Where a name stands in the text, as a word of its own; in text and comments it is not looked for.
fn place_of(sql: &str, name: &str) -> Option<(usize, usize)> {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().ok()?;
    tokens.iter().find_map(|t| match &t.token {
        Token::Word(w) if w.value.eq_ignore_ascii_case(name) => {
            Some((t.span.start.line as usize, t.span.start.column as usize))
        }
        _ => None,
    })
}

/// The known name closest to a wrong one, if it is close at all.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = name.to_lowercase();
    known
        .map(|k| (datafusion::common::utils::datafusion_strsim::levenshtein(&wrong, k), k))
        .min()
        .filter(|(distance, _)| *distance <= (wrong.chars().count() / 2).max(1))
        .map(|(_, k)| k)
}
