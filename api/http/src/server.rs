//! The HTTP server: carries messages to the agency, shows health, metrics and a start page.

mod gate;
mod guard;
mod page;
mod problem;
mod signpost;
mod tls;
mod v1;

pub use tls::{Tls, TlsError};

use crate::access::{Access, Denied, Sender};
use crate::agency::{Agency, NOT_ITS_INSTITUTION};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use chrono::NaiveDateTime;
use dingan_connectors::fsi::{self, Profile};
use dingan_connectors::sign::d::Client;
use dingan_connectors::sign::{self, Claim, Family};
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
    /// Who may do what.
    pub access: Access,
    /// The interface's province profile.
    pub profile: Arc<Profile>,
    /// Local civil time.
    pub clock: Clock,
    /// Inspection, where the program has it.
    pub inspect: Option<Arc<dyn crate::inspect::Inspect>>,
}

/// The routes.
pub fn router(app: App) -> Router {
    use crate::access::Right;
    use guard::{Needs, behind};
    let totals = Needs::Right(Right::ReadTotals);
    Router::new()
        .route("/", behind(&app, totals, get(start)).layer(from_fn_with_state(app.clone(), strangers)))
        .route("/health", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/ready", get(ready))
        .route("/metrics", behind(&app, totals, get(metrics)))
        .route("/fsi/api", post(message_root))
        .route("/fsi/api/{*path}", post(message))
        // as family D has it
        .route("/mbs/fmi/fsi/api/{*path}", post(message))
        .layer(axum::Extension(Gate::default()))
        .merge(v1::routes(&app))
        .fallback(|| async {
            (StatusCode::NOT_FOUND, Json(json!({"error": "no such page; messages go to POST /fsi/api/…"})))
        })
        .with_state(app)
}

/// Serves until `stop` resolves, then finishes what is in flight.
pub async fn serve(
    listener: TcpListener,
    app: App,
    tls: Option<Tls>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    match tls {
        None => axum::serve(listener, router(app)).with_graceful_shutdown(stop).await,
        Some(tls) => axum::serve(tls.over(listener)?, router(app)).with_graceful_shutdown(stop).await,
    }
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
    let now = (app.clock)();
    let from = match sender(&app, &headers, now).await {
        Ok(from) => from,
        Err(denied) => {
            app.access.refused(None, &denied, "message", now).await;
            return turned_away(&app, &denied);
        }
    };
    take(&app, &path, from, body, began).await
}

/// Who sent a message, and the proof they give.
struct From {
    sender: Sender,
    claim: Option<Claim>,
}

async fn sender(app: &App, headers: &HeaderMap, now: NaiveDateTime) -> Result<From, Denied> {
    // as long as nobody is known, a hospital may sign or not
    let claim = if app.access.guarded().await? { guard::claim(headers)? } else { None };
    let sender = app.access.sender(claim.as_ref(), now).await?;
    Ok(From { sender, claim })
}

/// The refusal of a message whose sender is not let in.
fn turned_away(app: &App, denied: &Denied) -> Response {
    let unknown = StatusCode::UNAUTHORIZED;
    let (status, code, message, hint) = match denied {
        Denied::Nobody => (unknown, "NOT_SIGNED", "报文未签名".to_owned(), "请按接口规范在请求头中签名"),
        Denied::Signature(e) => (unknown, e.code(), e.message(), e.hint()),
        Denied::Right(_) | Denied::NotOpen => {
            (StatusCode::FORBIDDEN, "RIGHT", "该密钥无权发送医药机构报文".to_owned(), "请使用医药机构的密钥")
        }
        Denied::Unknown(code) => (unknown, *code, "密钥不存在、已停用或不正确".to_owned(), "请联系经办机构核对密钥"),
        Denied::Unavailable(_) | Denied::Busy => (
            StatusCode::SERVICE_UNAVAILABLE,
            "TRY_AGAIN",
            "系统暂时无法处理，本次请求未处理".to_owned(),
            "请稍后以相同报文重试",
        ),
    };
    app.agency.metrics().requests.with_label_values(&["unknown", code]).inc();
    let mut r = gateway(status, code, &message, hint);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        r.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    r
}

async fn take(app: &App, path: &str, from: From, body: Body, began: Instant) -> Response {
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
    let Opened { body: bytes, client, sealed } = match opened(app, &from, bytes).await {
        Ok(o) => o,
        Err(denied) => {
            app.access.refused(Some(&from.sender.who), &denied, "message", now).await;
            return turned_away(app, &denied);
        }
    };
    let who = &from.sender.who;
    let agency = app.agency.acting_as(&who.name).speaking_for(who.institution.clone());
    // family A signs the transaction's number, so it counts like that of a path
    let signed = match &from.claim {
        Some(Claim::A { name, .. }) => fsi::routes::find(name).map(|r| r.infno),
        _ => None,
    };
    let work = fsi::handle(&agency, &app.profile, &bytes, signed.or_else(|| fsi::infno_of_path(path)), now);
    let Ok(mut handled) = tokio::time::timeout(WORK_TIME, work).await else {
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

    let mut status = if handled.retryable { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    if handled.code == Some(NOT_ITS_INSTITUTION) {
        status = StatusCode::FORBIDDEN;
        app.access.refused(Some(who), &Denied::Unknown(NOT_ITS_INSTITUTION), "message", now).await;
    }
    if let Some(client) = client.filter(|_| sealed) {
        handled.body = client.seal(handled.body, app.access.own_key());
    }
    let mut response =
        (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], handled.body).into_response();
    if handled.retryable {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// A message whose sender is proved, in the clear.
struct Opened<'f> {
    body: Vec<u8>,
    /// The sender as a client of family D.
    client: Option<Client<'f>>,
    sealed: bool,
}

async fn opened<'f>(app: &App, from: &'f From, body: Bytes) -> Result<Opened<'f>, Denied> {
    app.access.prove(&from.sender, from.claim.as_ref(), &body).await?;
    let key = from.sender.keys.first().filter(|k| k.family == Family::D.word());
    let Some(key) = key else { return Ok(Opened { body: body.into(), client: None, sealed: false }) };
    let client = Client { id: &key.id, public_key: sign::public_key(&key.id, &key.public_key) };
    let (body, sealed) = client.open(&body)?;
    Ok(Opened { body, client: Some(client), sealed })
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

/// Who comes without a word is shown where to go, once the door is closed.
async fn strangers(State(app): State<App>, Query(q): Query<Lang>, request: Request, next: Next) -> Response {
    let silent = matches!(guard::claim(request.headers()), Ok(None));
    if silent && matches!(app.access.guarded().await, Ok(true)) {
        return Html(signpost::page(q.lang.as_deref() == Some("en"))).into_response();
    }
    next.run(request).await
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
