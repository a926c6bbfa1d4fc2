//! What was decided and why; rules put in force; questions to the books.

use super::super::App;
use super::super::problem::ApiProblem;
use super::Answer;
use super::input::{Code, Codes, Input};
use crate::access::Who;
use crate::agency::PublishError;
use crate::inspect::{Problem, Question};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use dingan_connectors::desk::{Caller, Desk};
use dingan_core::codes::{PersonNo, SettlementId};
use dingan_core::explain::{Language, explain};
use dingan_rules::{RulePage, RuleSource};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// What became of a message.
#[derive(Debug, Serialize)]
pub(crate) struct Fate {
    /// The transaction.
    infno: String,
    /// When it was answered, or cancelled in advance.
    time: String,
    /// `committed` or `cancelled`.
    state: &'static str,
    /// The settlement it made.
    setl_id: Option<String>,
    /// Whether that was reversed since.
    reversed: bool,
    /// The output it was answered with.
    output: Option<Box<RawValue>>,
}

/// What became of a message.
pub(super) async fn fate(
    State(app): State<App>,
    Codes((institution, msgid)): Codes<(Code, Code)>,
) -> Answer<Vec<Fate>> {
    let by = Caller {
        insured_at: Default::default(),
        institution: institution.0.into(),
        infno: String::new(),
        msgid: String::new(),
        input_hash: String::new(),
        operator: String::new(),
        now: (app.clock)(),
    };
    let list = app.agency.fate(&by, &msgid.0).await?;
    let fate = |m: dingan_connectors::desk::MessageFate| Fate {
        infno: m.infno,
        time: m.time.to_string(),
        state: if m.reply.is_some() { "committed" } else { "cancelled" },
        setl_id: m.settlement.map(|s| s.to_string()),
        reversed: m.reversed,
        output: m.reply.map(|r| r.output),
    };
    Ok(Json(list.into_iter().map(fate).collect()))
}

/// What every settlement of a person would be now, where it differs.
pub(super) async fn proposals(State(app): State<App>, Codes(psn_no): Codes<Code>) -> Answer<Value> {
    Ok(Json(json!(app.agency.proposals_now(&PersonNo::from(psn_no.0)).await?)))
}

/// How a settlement came about.
#[derive(Debug, Serialize)]
pub(crate) struct Explanation {
    /// The amounts.
    amounts: Value,
    /// The steps, each with its clause, operands and result.
    steps: Value,
    /// The same in words.
    text: String,
}

/// The trace of a settlement.
pub(super) async fn explanation(State(app): State<App>, Codes(setl_id): Codes<Code>) -> Answer<Explanation> {
    let (decision, policies) = app.agency.explain(&SettlementId::from(setl_id.0)).await?;
    Ok(Json(Explanation {
        amounts: json!(decision.priced.amounts),
        steps: json!(decision.priced.steps),
        text: explain(&decision, &policies, Language::Chinese),
    }))
}

/// Why a rule said what it said of a settlement, and how near it came.
pub(super) async fn why(State(app): State<App>, Codes((setl_id, code)): Codes<(Code, Code)>) -> Answer<Value> {
    Ok(Json(json!(app.agency.why(&SettlementId::from(setl_id.0), &code.0).await?)))
}

/// A rule's folder as one message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Folder {
    /// Name of the folder.
    path: String,
    /// `rule.toml`.
    toml: String,
    /// `rule.rhai`.
    rhai: String,
    /// `rule.md`.
    markdown: String,
}

/// What was put in force.
#[derive(Serialize)]
pub(crate) struct Published {
    /// The bundle's hash.
    bundle: String,
}

/// Puts a rule in force, or says everything that is wrong with it and changes nothing.
pub(super) async fn publish(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    Input(folder): Input<Folder>,
) -> Answer<Published> {
    let page = RulePage { path: folder.path.clone(), markdown: folder.markdown };
    let source = RuleSource { path: folder.path, toml: folder.toml, rhai: folder.rhai };
    let refused = |code: &str, title: &str| ApiProblem::new(StatusCode::UNPROCESSABLE_ENTITY, code, title);
    match app.agency.acting_as(&who.name).publish_rule(source, page, (app.clock)()).await {
        Ok(bundle) => Ok(Json(Published { bundle })),
        Err(PublishError::Rule(problems)) => {
            let problems = problems.into_iter().map(|p| json!(p)).collect();
            Err(refused("RULE_REFUSED", "the rule is not put in force").problems(problems))
        }
        Err(e) => {
            tracing::error!(error = %e, "publish");
            Err(refused("BUNDLE_REFUSED", "the library is not put in force with it").detail(e.to_string()))
        }
    }
}

/// A query over the books; the rows are sent as they are worked out, and the query stops when nobody takes them.
pub(super) async fn inspect(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    Input(question): Input<Question>,
) -> Response {
    let Some(inspector) = &app.inspect else {
        return ApiProblem::new(StatusCode::NOT_FOUND, "NOT_HERE", "this server answers no questions").into_response();
    };
    // what could not be put on record is not asked
    if question.sql.contains('\0') || question.named.len() > 100 || question.named.contains('\0') {
        return ApiProblem::bad("QUERY", "the query holds a NUL character, or the name is none").into_response();
    }
    let mut rows = match inspector.ask(question, &who.name, (app.clock)()).await {
        Ok(rows) => rows,
        Err(p) => return unanswered(p).into_response(),
    };
    let headers = [("content-type", rows.content_type().to_owned()), ("dingan-as-of", rows.as_of().to_string())];
    // a query that fails before its first row can still say so with a status
    let first = match rows.next().await {
        Ok(bytes) => bytes,
        Err(p) => return unanswered(p).into_response(),
    };
    let body = futures::stream::try_unfold((first, rows), |(first, mut rows)| async move {
        let next = match first {
            Some(bytes) => Ok(Some(bytes)),
            None => rows.next().await,
        };
        match next {
            Ok(bytes) => Ok(bytes.map(|b| (Bytes::from(b), (None, rows)))),
            // the status is sent already: the connection breaks off, so that nobody takes this for the end
            Err(p) => Err(std::io::Error::other(p.message)),
        }
    });
    (headers, Body::from_stream(body)).into_response()
}

fn unanswered(p: Problem) -> ApiProblem {
    let status = match p.code {
        "BUSY" => StatusCode::TOO_MANY_REQUESTS,
        "SOURCE" | "LOG" => StatusCode::SERVICE_UNAVAILABLE,
        "REFUSED" => StatusCode::FORBIDDEN,
        "MEMORY" | "TIME" | "ROWS" => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::BAD_REQUEST,
    };
    let problem = ApiProblem::new(status, p.code, p.message).chinese(p.chinese).place(p.place);
    match p.hint {
        Some(hint) => problem.detail(hint),
        None => problem,
    }
}
