//! The HTTP server: carries messages to the agency, shows health, metrics and a start page.

mod gate;
mod page;
mod v1;

use crate::agency::Agency;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use chrono::NaiveDateTime;
use dingan_connectors::fsi::{self, Profile};
use gate::Gate;
use serde::Deserialize;
use serde_json::json;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// Largest body of a message.
pub const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// A message must be here within this time.
const BODY_TIME: Duration = Duration::from_secs(30);

/// A message must be answered within this time of being here.
const WORK_TIME: Duration = Duration::from_secs(90);

/// Where the time of a message comes from: an input, so that tests can set it.
pub type Clock = Arc<dyn Fn() -> NaiveDateTime + Send + Sync>;

/// What the handlers share.
#[derive(Clone)]
pub struct App {
    /// The agency.
    pub agency: Agency,
    /// The interface's province profile.
    pub profile: Arc<Profile>,
    /// Local civil time.
    pub clock: Clock,
    /// Inspection, where the program has it.
    pub inspect: Option<Arc<dyn crate::inspect::Inspect>>,
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/", get(start))
        .route("/health", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/fsi/api", post(message_root))
        .route("/fsi/api/{*path}", post(message))
        .layer(axum::Extension(Gate::default()))
        .merge(v1::routes())
        .fallback(|| async {
            (StatusCode::NOT_FOUND, Json(json!({"error": "no such page; messages go to POST /fsi/api/…"})))
        })
        .with_state(app)
}

/// Serves until `stop` resolves, then finishes what is in flight.
pub async fn serve(
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(app)).with_graceful_shutdown(stop).await
}

async fn message_root(state: State<App>, gate: Extension<Gate>, headers: HeaderMap, body: Body) -> Response {
    message(state, gate, Path(String::new()), headers, body).await
}

async fn message(
    State(app): State<App>,
    Extension(gate): Extension<Gate>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let began = Instant::now();
    let _counted = app.agency.metrics().enter();
    let stated = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let Some(_room) = gate.enter(stated) else {
        app.agency.metrics().requests.with_label_values(&["unknown", "TOO_MANY_REQUESTS"]).inc();
        let mut r = gateway(
            StatusCode::SERVICE_UNAVAILABLE,
            "TOO_MANY_REQUESTS",
            "系统当前请求过多，本次请求未处理",
            "请稍后以相同报文重试",
        );
        r.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return r;
    };
    take(&app, &path, body, began).await
}

async fn take(app: &App, path: &str, body: Body, began: Instant) -> Response {
    let bytes = match tokio::time::timeout(BODY_TIME, to_bytes(body, BODY_LIMIT)).await {
        Ok(Ok(b)) => b,
        Ok(Err(_)) => {
            app.agency.metrics().requests.with_label_values(&["unknown", "BODY_TOO_LARGE"]).inc();
            let limit = BODY_LIMIT / 1024 / 1024;
            return gateway(
                StatusCode::PAYLOAD_TOO_LARGE,
                "BODY_TOO_LARGE",
                &format!("报文超过{limit}MB上限或传输中断，未处理"),
                "请分批上传费用明细",
            );
        }
        Err(_) => {
            app.agency.metrics().requests.with_label_values(&["unknown", "BODY_TOO_SLOW"]).inc();
            return gateway(
                StatusCode::REQUEST_TIMEOUT,
                "BODY_TOO_SLOW",
                "报文未在30秒内传完，未处理",
                "请检查网络后原样重发",
            );
        }
    };
    let now = (app.clock)();
    let work = fsi::handle(&app.agency, &app.profile, &bytes, fsi::infno_of_path(path), now);
    let Ok(handled) = tokio::time::timeout(WORK_TIME, work).await else {
        app.agency.metrics().requests.with_label_values(&["unknown", "TOO_SLOW"]).inc();
        let mut r = gateway(
            StatusCode::SERVICE_UNAVAILABLE,
            "TOO_SLOW",
            "系统未能及时处理，结果未知",
            "请以相同的msgid和input重发，已处理的将得到原结果",
        );
        r.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        return r;
    };
    let seconds = began.elapsed().as_secs_f64();
    let infno: &str = handled.infno.as_ref();
    let result = if handled.ok { "ok" } else { handled.code.unwrap_or("error") };
    app.agency.metrics().requests.with_label_values(&[infno, result]).inc();
    app.agency.metrics().latency.with_label_values(&[infno]).observe(seconds);
    tracing::info!(infno, result, ms = (seconds * 1000.0) as u64, bytes = bytes.len(), "message");

    let status = if handled.retryable { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let mut response =
        (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], handled.body).into_response();
    if handled.retryable {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// An answer before the envelope could be read (interface.md §1.2, reduced body).
fn gateway(status: StatusCode, code: &str, message: &str, hint: &str) -> Response {
    let body = json!({
        "type": "error", "infcode": -1, "err_msg": message, "err_code": code, "err_path": "", "err_hint": hint
    });
    (status, Json(body)).into_response()
}

async fn ready(State(app): State<App>) -> Response {
    let state = async {
        app.agency.store().ready().await?;
        app.agency.live().await
    };
    match state.await {
        Ok(r) => Json(json!({"status": "ready", "bundle": r.hash})).into_response(),
        Err(e) => {
            tracing::warn!(error = %e, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "not ready"}))).into_response()
        }
    }
}

async fn metrics(State(app): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.agency.metrics().text())
}

/// `?lang=en` switches the start page.
#[derive(Deserialize)]
struct Lang {
    lang: Option<String>,
}

async fn start(State(app): State<App>, Query(q): Query<Lang>) -> Response {
    match page::start(&app, q.lang.as_deref() == Some("en")).await {
        Ok(html) => Html(html).into_response(),
        Err(e) => {
            tracing::error!(error = %e, "start page");
            (StatusCode::SERVICE_UNAVAILABLE, "暂时不可用 / not available").into_response()
        }
    }
}
