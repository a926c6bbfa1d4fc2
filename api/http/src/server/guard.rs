//! Every route of `/api/v1` stands behind a right; there is no other way to add one.

use super::App;
use super::problem::ApiProblem;
use crate::access::{Access, Denied, Right, Who};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use chrono::NaiveDateTime;
use dingan_connectors::sign::{self, Claim, SignError};

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// A right.
    Right(Right),
    /// A right, and that the look is put on record: it shows what concerns a person.
    Case,
    /// Only to be known.
    Known,
    /// A right that nobody has as long as nobody is known.
    Named(Right),
}

#[derive(Clone)]
struct Guard {
    app: App,
    needs: Needs,
}

/// A route behind what it needs; its handlers find the caller as an extension.
pub(super) fn behind(app: &App, needs: Needs, routes: MethodRouter<App>) -> MethodRouter<App> {
    routes.layer(from_fn_with_state(Guard { app: app.clone(), needs }, guard))
}

/// What headers claim.
pub(super) fn claim(headers: &HeaderMap) -> Result<Option<Claim>, SignError> {
    sign::claim(|name| headers.get(name).and_then(|v| v.to_str().ok()))
}

async fn guard(State(g): State<Guard>, mut request: Request, next: Next) -> Response {
    let now = (g.app.clock)();
    let what = format!("{} {}", request.method(), request.uri().path());
    match admit(&g.app.access, g.needs, request.headers(), &what, now).await {
        Ok(who) => {
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        Err(denied) => ApiProblem::from(denied).into_response(),
    }
}

async fn admit(
    access: &Access,
    needs: Needs,
    headers: &HeaderMap,
    what: &str,
    now: NaiveDateTime,
) -> Result<Who, Denied> {
    let who = match claim(headers) {
        Ok(c) => access.caller(c.as_ref(), now).await,
        Err(e) => match access.guarded().await {
            Ok(false) => access.caller(None, now).await,
            Ok(true) => Err(Denied::Signature(e)),
            Err(denied) => Err(denied),
        },
    };
    let who = match who {
        Ok(who) => who,
        Err(denied) => {
            access.refused(None, &denied, what, now).await;
            return Err(denied);
        }
    };
    let denied = match needs {
        Needs::Right(r) | Needs::Named(r) if !who.may(r) => Some(Denied::Right(r)),
        Needs::Case if !who.may(Right::ReadCases) => Some(Denied::Right(Right::ReadCases)),
        Needs::Named(_) if who.anyone => Some(Denied::NotOpen),
        _ => None,
    };
    if let Some(denied) = denied {
        access.refused(Some(&who), &denied, what, now).await;
        return Err(denied);
    }
    if needs == Needs::Case {
        access.reads(&who, what, now).await?;
    }
    Ok(who)
}
