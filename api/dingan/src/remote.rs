//! Asking a running server, as whoever holds the token.

use crate::cli::{AskArg, ServerArg};
use anyhow::Context;
use serde_json::Value;
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body};

/// How long a server may take to begin its answer.
const ANSWER: Duration = Duration::from_secs(120);

/// A server, and the token where there is one: a server that knows nobody asks for none.
#[derive(Debug, Clone)]
pub struct Remote {
    server: String,
    token: Option<String>,
}

impl From<ServerArg> for Remote {
    fn from(at: ServerArg) -> Self {
        Self { server: at.server, token: Some(at.token) }
    }
}

impl AskArg {
    /// The server to ask instead of the store, where one is named.
    pub(crate) fn remote(self) -> Option<Remote> {
        self.server.map(|server| Remote { server, token: self.token })
    }
}

impl Remote {
    /// Asks for a path, or sends JSON to it. Any status is an answer.
    pub(crate) fn ask(&self, path: &str, body: Option<&Value>) -> anyhow::Result<Response<Body>> {
        let url = format!("{}{path}", self.server.trim_end_matches('/'));
        let config = Agent::config_builder().timeout_recv_response(Some(ANSWER)).http_status_as_error(false);
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

/// A refusal as the server tells it (RFC 9457), in words.
pub(crate) fn refusal(text: &str) -> String {
    let Ok(problem) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    let word = |name: &str| problem[name].as_str().unwrap_or_default();
    let mut out = format!("{}: {}", word("code"), word("title"));
    if let (Some(line), Some(column)) = (problem["place"]["line"].as_u64(), problem["place"]["column"].as_u64()) {
        out += &format!(" (line {line}, column {column})");
    }
    if !word("detail").is_empty() {
        out += &format!("; {}", word("detail"));
    }
    out
}
