//! Asking a running server, as whoever holds the token.

use crate::cli::{AskArg, ServerArg};
use anyhow::Context;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::crypto::ring;
use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Body};

/// How long a server may take to begin its answer.
const ANSWER: Duration = Duration::from_secs(120);

/// Where systems keep the authorities they trust.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A server, and the token where there is one: a server that knows nobody asks for none.
#[derive(Debug, Clone)]
pub struct Remote {
    server: String,
    token: Option<String>,
    /// Whose certificates are trusted instead of the system's authorities.
    ca: Option<PathBuf>,
}

impl From<ServerArg> for Remote {
    fn from(at: ServerArg) -> Self {
        Self { server: at.server, token: at.token, ca: at.ca }
    }
}

impl AskArg {
    /// The server to ask instead of the store, where one is named.
    pub(crate) fn remote(self) -> Option<Remote> {
        self.server.map(|server| Remote { server, token: self.token, ca: self.ca })
    }
}

impl Remote {
    /// Asks for a path, or sends JSON to it. Any status is an answer.
    pub(crate) fn ask(&self, path: &str, body: Option<&Value>) -> anyhow::Result<Response<Body>> {
        let url = format!("{}{path}", self.server.trim_end_matches('/'));
        let mut config = Agent::config_builder().timeout_recv_response(Some(ANSWER)).http_status_as_error(false);
        if url.starts_with("https://") {
            config = config.tls_config(tls(self.ca.as_deref())?);
        }
        let agent: Agent = config.build().into();
        let bearer = self.token.as_ref().map(|t| format!("Bearer {t}"));
        let asked = match (body, bearer) {
            (Some(b), Some(t)) => {
                let request = agent.post(&url).header("content-type", "application/json");
                request.header("authorization", t).send(b.to_string())
            }
            (Some(b), None) => agent.post(&url).header("content-type", "application/json").send(b.to_string()),
            (None, Some(t)) => agent.get(&url).header("authorization", t).call(),
            (None, None) => agent.get(&url).call(),
        };
        asked.with_context(|| format!("cannot ask {url}"))
    }
}

/// HTTPS that trusts the certificates of a file, or the system's authorities.
fn tls(ca: Option<&Path>) -> anyhow::Result<TlsConfig> {
    let file =
        match ca {
            Some(file) => file,
            None => AUTHORITIES.iter().map(Path::new).find(|f| f.exists()).context(
                "this system keeps no list of trusted authorities where it is looked for; name one with --ca",
            )?,
        };
    let pem = std::fs::read(file).with_context(|| format!("--ca {}", file.display()))?;
    let mut roots: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(c) = item.with_context(|| format!("{} is not PEM", file.display()))? {
            roots.push(c);
        }
    }
    if roots.is_empty() {
        anyhow::bail!("{} holds no certificate (PEM)", file.display());
    }
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build())
}

/// A refusal as the server tells it (RFC 9457), in words.
pub(crate) fn refusal(text: &str) -> String {
    let Ok(problem) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    let word = |name: &str| problem[name].as_str().unwrap_or_default();
    let mut out = match word("title_zh") {
        "" => String::new(),
        chinese => format!("{chinese}\n"),
    };
    out += &format!("{}: {}", word("code"), word("title"));
    if let (Some(line), Some(column)) = (problem["place"]["line"].as_u64(), problem["place"]["column"].as_u64()) {
        out += &format!(" (line {line}, column {column})");
    }
    if !word("detail").is_empty() {
        out += &format!("; {}", word("detail"));
    }
    out
}
