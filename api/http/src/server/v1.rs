//! `/api/v1`: what other programs ask. Loopback only for now; accounts and keys come with them.

use super::App;
use crate::agency::PublishError;
use crate::inspect::{Problem, Question};
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use dingan_connectors::desk::{Caller, Desk, Refusal, RefusalKind};
use dingan_core::codes::{PersonNo, SettlementId};
use dingan_rules::{RulePage, RuleSource};
use serde_json::{Value, json};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/messages/{fixmedins_code}/{msgid}", get(fate))
        .route("/api/v1/persons/{psn_no}/proposals", get(proposals))
        .route("/api/v1/settlements/{setl_id}/explanation", get(explanation))
        .route("/api/v1/settlements/{setl_id}/why/{code}", get(why))
        .route("/api/v1/rules", post(publish))
        .route("/api/v1/ledger", get(ledger))
        .route("/api/v1/inspect", post(inspect))
}

fn problem(r: &Refusal) -> Response {
    let status = match r.kind {
        RefusalKind::Business => StatusCode::NOT_FOUND,
        RefusalKind::TryAgain => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(json!({"code": r.code, "title": r.message, "detail": r.hint}))).into_response()
}

/// What became of a message.
async fn fate(State(app): State<App>, Path((institution, msgid)): Path<(String, String)>) -> Response {
    let by = Caller {
        insured_at: Default::default(),
        institution: institution.into(),
        infno: String::new(),
        msgid: String::new(),
        input_hash: String::new(),
        operator: String::new(),
        now: (app.clock)(),
    };
    match app.agency.fate(&by, &msgid).await {
        Ok(list) => Json(Value::from(
            list.into_iter()
                .map(|m| {
                    json!({
                        "infno": m.infno,
                        "time": m.time.to_string(),
                        "state": if m.reply.is_some() { "committed" } else { "cancelled" },
                        "setl_id": m.settlement.map(|s| s.to_string()),
                        "reversed": m.reversed,
                        "output": m.reply.map(|r| r.output),
                    })
                })
                .collect::<Vec<_>>(),
        ))
        .into_response(),
        Err(r) => problem(&r),
    }
}

/// What every settlement of a person would be now, where it differs.
async fn proposals(State(app): State<App>, Path(psn_no): Path<String>) -> Response {
    match app.agency.proposals_now(&PersonNo::from(psn_no)).await {
        Ok(list) => Json(list).into_response(),
        Err(r) => problem(&r),
    }
}

/// The trace of a settlement.
async fn explanation(State(app): State<App>, Path(setl_id): Path<String>) -> Response {
    match app.agency.explain(&SettlementId::from(setl_id)).await {
        Ok((decision, policies)) => {
            let text = dingan_core::explain::explain(&decision, &policies, dingan_core::explain::Language::Chinese);
            Json(json!({
                "amounts": decision.priced.amounts,
                "steps": decision.priced.steps,
                "text": text,
            }))
            .into_response()
        }
        Err(r) => problem(&r),
    }
}

/// Why a rule said what it said of a settlement, and how near it came.
async fn why(State(app): State<App>, Path((setl_id, code)): Path<(String, String)>) -> Response {
    match app.agency.why(&SettlementId::from(setl_id), &code).await {
        Ok(why) => Json(why).into_response(),
        Err(r) => problem(&r),
    }
}

/// A rule's folder as one message.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Folder {
    path: String,
    toml: String,
    rhai: String,
    markdown: String,
}

/// Puts a rule in force, or says everything that is wrong with it and changes nothing.
async fn publish(State(app): State<App>, Json(folder): Json<Folder>) -> Response {
    let page = RulePage { path: folder.path.clone(), markdown: folder.markdown };
    let source = RuleSource { path: folder.path, toml: folder.toml, rhai: folder.rhai };
    match app.agency.publish_rule(source, page, (app.clock)()).await {
        Ok(bundle) => Json(json!({"bundle": bundle})).into_response(),
        Err(PublishError::Rule(problems)) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"code": "RULE_REFUSED", "problems": problems})))
                .into_response()
        }
        Err(e) => {
            tracing::error!(error = %e, "publish");
            let detail = e.to_string();
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"code": "BUNDLE_REFUSED", "detail": detail})))
                .into_response()
        }
    }
}

/// Totals of the ledger by group of accounts; they sum to zero.
async fn ledger(State(app): State<App>) -> Response {
    let totals = async {
        let mut snap = app.agency.store().snapshot().await?;
        Ok::<_, dingan_store::StoreError>((snap.ledger_totals().await?, snap.unbalanced().await?))
    };
    match totals.await {
        Ok((totals, unbalanced)) => {
            let sum: dingan_core::money::Money = totals.iter().map(|(_, m)| *m).sum();
            Json(json!({
                "balanced": sum.is_zero() && unbalanced.is_empty(),
                "sum": sum,
                "accounts": totals.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
            }))
            .into_response()
        }
        Err(e) => {
            tracing::error!(error = %e, "ledger");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// A query over the books; the rows are sent as they are worked out, and the query stops when nobody takes them.
async fn inspect(State(app): State<App>, Json(question): Json<Question>) -> Response {
    let Some(inspector) = &app.inspect else { return StatusCode::NOT_FOUND.into_response() };
    // callers have no names until they have keys; only loopback is served
    let mut rows = match inspector.ask(question, "loopback", (app.clock)()).await {
        Ok(rows) => rows,
        Err(p) => return unanswered(&p),
    };
    let headers = [("content-type", rows.content_type().to_owned()), ("dingan-as-of", rows.as_of().to_string())];
    // a query that fails before its first row can still say so with a status
    let first = match rows.next().await {
        Ok(bytes) => bytes,
        Err(p) => return unanswered(&p),
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

fn unanswered(p: &Problem) -> Response {
    let status = match p.code {
        "BUSY" => StatusCode::TOO_MANY_REQUESTS,
        "SOURCE" | "LOG" => StatusCode::SERVICE_UNAVAILABLE,
        "REFUSED" => StatusCode::FORBIDDEN,
        "MEMORY" | "TIME" | "ROWS" => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::BAD_REQUEST,
    };
    let place = p.place.map(|(line, column)| json!({"line": line, "column": column}));
    (status, Json(json!({"code": p.code, "title": p.message, "place": place, "detail": p.hint}))).into_response()
}
