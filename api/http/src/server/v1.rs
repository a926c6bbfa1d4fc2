//! `/api/v1`: what other programs ask, described by `GET /api/v1/openapi.json`.
//!
//! A route is a row of [`table`]: path, method, what it needs, handler; a test holds table and document together, and
//! `.ci/api` asks a running server everything the document allows. Errors are RFC 9457 problems; lists that grow
//! come in pages.

mod cases;
mod clearing;
mod input;
mod manual;
mod people;
mod totals;

use super::App;
use super::guard::{Needs, behind};
use super::problem::ApiProblem;
use crate::access::Right;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, delete, get, patch, post};
use axum::{Json, Router};

/// The document. Written by hand: the crates that would make it of the handlers ask `indexmap` for features that
/// make the whole of DataFusion compile again.
const DOCUMENT: &str = include_str!("v1/openapi.json");

type Row = (&'static str, &'static str, Needs, MethodRouter<App>);

/// Every route but the document itself and the ways in, which need nothing.
fn table() -> Vec<Row> {
    use Needs::{Case, Known, Named, Right as R};
    vec![
        ("/api/v1/messages/{fixmedins_code}/{msgid}", "get", Case, get(cases::fate)),
        ("/api/v1/persons/{psn_no}/proposals", "get", Case, get(cases::proposals)),
        ("/api/v1/settlements/{setl_id}/explanation", "get", Case, get(cases::explanation)),
        ("/api/v1/settlements/{setl_id}/why/{code}", "get", Case, get(cases::why)),
        ("/api/v1/rules", "post", R(Right::PublishRules), post(cases::publish)),
        ("/api/v1/inspect", "post", R(Right::Inspect), post(cases::inspect)),
        ("/api/v1/ledger", "get", R(Right::ReadTotals), get(totals::ledger)),
        ("/api/v1/audit", "get", R(Right::ReadAudit), get(totals::audit)),
        ("/api/v1/manual/claims", "post", Named(Right::Settle), post(manual::settle)),
        ("/api/v1/manual/reversals", "post", Named(Right::Settle), post(manual::reverse)),
        ("/api/v1/manual/corrections", "post", Named(Right::Settle), post(manual::correct)),
        ("/api/v1/manual/deductions", "post", Named(Right::Settle), post(manual::deduct)),
        ("/api/v1/manual/proposals", "get", Case, get(manual::proposals)),
        ("/api/v1/clearing/{month}", "get", R(Right::ReadTotals), get(clearing::totals)),
        ("/api/v1/clearing/{month}/{from}/{to}", "get", Case, get(clearing::statement)),
        ("/api/v1/manual/tasks", "get", R(Right::Settle), get(manual::tasks)),
        ("/api/v1/manual/tasks/{id}", "post", Named(Right::Settle), post(manual::decide)),
        ("/api/v1/session", "get", Known, get(people::whoami)),
        ("/api/v1/session", "delete", Known, delete(people::sign_out)),
        ("/api/v1/accounts", "get", R(Right::ManageAccess), get(people::accounts)),
        ("/api/v1/accounts", "post", Named(Right::ManageAccess), post(people::add_account)),
        ("/api/v1/accounts/{name}", "patch", Named(Right::ManageAccess), patch(people::change_account)),
        ("/api/v1/keys", "get", R(Right::ManageAccess), get(people::keys)),
        ("/api/v1/keys", "post", Named(Right::ManageAccess), post(people::add_key)),
        ("/api/v1/keys/{id}", "delete", Named(Right::ManageAccess), delete(people::revoke_key)),
    ]
}

pub(super) fn routes(app: &App) -> Router<App> {
    let mut router = Router::new()
        .route("/api/v1/openapi.json", get(document))
        .route("/api/v1/session", post(people::sign_in))
        .route("/auth/oauth/token", post(people::client_token));
    for (path, _, needs, handler) in table() {
        router = router.route(path, behind(app, needs, handler));
    }
    router
}

async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}

/// A page of a list.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Page<T> {
    /// The rows.
    items: Vec<T>,
    /// What to send as `after` for the next page; none at the end.
    next: Option<String>,
}

type Answer<T> = Result<Json<T>, ApiProblem>;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn every_route_is_in_the_document_with_its_right_and_nothing_else() {
        let doc: Value = serde_json::from_str(DOCUMENT).unwrap();
        let mut described = Vec::new();
        for (path, item) in doc["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(operation["responses"].get("4XX").is_some(), "{method} {path}");
                described.push((path.clone(), method.clone(), operation["x-right"].clone()));
            }
        }
        let right = |needs: Needs| match needs {
            Needs::Right(r) | Needs::Named(r) => json!(r.word()),
            Needs::Case => json!(Right::ReadCases.word()),
            Needs::Known => Value::Null,
        };
        let mut routed: Vec<_> =
            table().into_iter().map(|(p, m, needs, _)| (p.to_owned(), m.to_owned(), right(needs))).collect();
        routed.push(("/api/v1/session".to_owned(), "post".to_owned(), Value::Null));
        let key = |r: &(String, String, Value)| (r.0.clone(), r.1.clone());
        described.sort_by_key(key);
        routed.sort_by_key(key);
        assert_eq!(described, routed);
    }
}
