//! Errors of `/api/v1` as RFC 9457 problems.

use crate::access::{AccessError, Denied};
use crate::agency::AgencyError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dingan_connectors::desk::{Refusal, RefusalKind};
use serde::Serialize;
use serde_json::Value;

/// What went wrong, as `application/problem+json`.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct ApiProblem(Box<Told>);

#[derive(Debug, Serialize)]
struct Told {
    /// Names the kind of problem: `urn:dingan:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The HTTP status.
    status: u16,
    /// What went wrong.
    title: String,
    /// What kind of problem it is, in Chinese, where people read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    title_zh: Option<&'static str>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// A stable code.
    code: String,
    /// Where in a query: line and column.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Value>,
    /// Every problem of a rule or bundle that was refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Value>,
}

impl ApiProblem {
    pub(super) fn new(status: StatusCode, code: &str, title: impl Into<String>) -> Self {
        Self(Box::new(Told {
            kind: format!("urn:dingan:problem:{code}"),
            status: status.as_u16(),
            title: title.into(),
            title_zh: None,
            detail: None,
            code: code.to_owned(),
            place: None,
            problems: Vec::new(),
        }))
    }

    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    pub(super) fn chinese(mut self, title: &'static str) -> Self {
        self.0.title_zh = Some(title);
        self
    }

    pub(super) fn place(mut self, place: Option<(usize, usize)>) -> Self {
        self.0.place = place.map(|(line, column)| serde_json::json!({"line": line, "column": column}));
        self
    }

    pub(super) fn problems(mut self, problems: Vec<Value>) -> Self {
        self.0.problems = problems;
        self
    }

    /// The store or a bundle failed; the inside goes to the log.
    pub(super) fn below(e: &dyn std::fmt::Display, what: &str) -> Self {
        tracing::error!(error = %e, what, "request failed below the domain");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "TRY_AGAIN", "the store does not answer").detail("try again shortly")
    }

    pub(super) fn bad(code: &str, title: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, title)
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut r = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        match status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                r.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            StatusCode::UNAUTHORIZED => {
                r.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        r
    }
}

impl From<Refusal> for ApiProblem {
    fn from(r: Refusal) -> Self {
        let status = match r.kind {
            RefusalKind::Business => StatusCode::NOT_FOUND,
            RefusalKind::TryAgain => StatusCode::SERVICE_UNAVAILABLE,
        };
        let p = Self::new(status, r.code, r.message);
        if r.hint.is_empty() { p } else { p.detail(r.hint) }
    }
}

impl From<Denied> for ApiProblem {
    fn from(d: Denied) -> Self {
        let unknown = |code: &str, title: &str| Self::new(StatusCode::UNAUTHORIZED, code, title);
        match d {
            Denied::Nobody => unknown("NOT_SIGNED_IN", "the caller is not known")
                .detail("send `Authorization: Bearer` with a key, or with the token of POST /api/v1/session"),
            Denied::Unknown("LOGIN_REFUSED") => {
                unknown("LOGIN_REFUSED", "name or password is wrong, or the account is closed or locked")
                    .detail("after five wrong passwords an account is locked for 15 minutes")
            }
            Denied::Unknown("SESSION_OVER") => {
                unknown("SESSION_OVER", "the session is over").detail("sign in again: POST /api/v1/session")
            }
            Denied::Unknown(code) => {
                unknown(code, "the key is not known").detail("ask who looks after keys: dingan key list")
            }
            Denied::Signature(e) => unknown(e.code(), "the signature does not hold"),
            Denied::Right(right) => {
                Self::new(StatusCode::FORBIDDEN, "RIGHT", format!("this takes the right `{}`", right.word()))
                    .detail("the refusal is on record; roles are given by whoever looks after accounts")
            }
            Denied::NotOpen => {
                Self::new(StatusCode::FORBIDDEN, "NOT_OPEN", "this takes a known caller, and there is no account yet")
                    .detail("make the first one with `dingan user add`")
            }
            Denied::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "TRY_AGAIN", "too many sign in at once"),
            Denied::Unavailable(e) => Self::below(&e, "access"),
        }
    }
}

impl From<AccessError> for ApiProblem {
    fn from(e: AccessError) -> Self {
        match e {
            AccessError::Agency(e) => Self::below(&e, "access"),
            AccessError::Exists(_) => Self::new(StatusCode::CONFLICT, "EXISTS", e.to_string()),
            AccessError::Unknown(_) => Self::new(StatusCode::NOT_FOUND, "UNKNOWN", e.to_string()),
            e => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "REFUSED", e.to_string()),
        }
    }
}

impl From<AgencyError> for ApiProblem {
    fn from(e: AgencyError) -> Self {
        Self::below(&e, "agency")
    }
}

impl From<dingan_store::StoreError> for ApiProblem {
    fn from(e: dingan_store::StoreError) -> Self {
        Self::below(&e, "store")
    }
}
