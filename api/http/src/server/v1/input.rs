//! What comes in over `/api/v1`, with problems where it cannot be read.

use super::super::problem::ApiProblem;
use axum::extract::{FromRequest, FromRequestParts, Json, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

/// Longest code in a path.
const CODE_MAX: usize = 100;

/// Largest body.
const BODY_MAX: usize = 2 * 1024 * 1024;

/// A body of JSON.
pub(super) struct Input<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Input<T> {
    type Rejection = ApiProblem;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiProblem> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, BODY_MAX).await.map_err(|_| {
            ApiProblem::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", "the body is larger than 2 MiB")
        })?;
        let request = Request::from_parts(parts, body.into());
        match Json::<T>::from_request(request, state).await {
            Ok(Json(v)) => Ok(Self(v)),
            Err(e) => Err(ApiProblem::new(e.status(), "BODY_REFUSED", e.body_text())),
        }
    }
}

/// The codes of a path.
pub(super) struct Codes<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Codes<T> {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiProblem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(v)) => Ok(Self(v)),
            Err(e) => Err(ApiProblem::bad("PATH_REFUSED", e.body_text())),
        }
    }
}

/// The part of an address after `?`.
pub(super) struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiProblem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(v)) => Ok(Self(v)),
            Err(e) => Err(ApiProblem::bad("QUERY_REFUSED", e.body_text())),
        }
    }
}

/// A code as both databases can look it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code(pub String);

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        if text.is_empty() || text.len() > CODE_MAX || text.chars().any(char::is_control) {
            return Err(D::Error::custom("a code has 1 to 100 bytes and no control characters"));
        }
        Ok(Self(text))
    }
}
