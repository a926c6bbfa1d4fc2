//! Clerk's work: paper claims and their reversal, proposals applied, deductions, and a second person's word on each.

use super::super::App;
use super::super::problem::ApiProblem;
use super::input::{Asked, Code, Codes, Input};
use super::people::ListQuery;
use super::{Answer, Page};
use crate::access::Who;
use crate::agency::{ClerkAnswer, ClerkJob, Correct, Deduct, PaperClaim, PaperReversal};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use dingan_connectors::desk::{Refusal, RefusalKind};
use dingan_core::money::Money;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What became of a request.
#[derive(Serialize)]
pub(crate) struct Became {
    id: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    funds: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settlement: Option<Value>,
}

fn became(id: String, answer: ClerkAnswer) -> (StatusCode, Json<Became>) {
    match answer {
        ClerkAnswer::Done(s) => {
            (StatusCode::OK, Json(Became { id, state: "settled", funds: None, settlement: Some(s) }))
        }
        ClerkAnswer::Waiting(funds) => {
            (StatusCode::ACCEPTED, Json(Became { id, state: "waiting", funds: Some(funds), settlement: None }))
        }
    }
}

/// A refusal, and on record where it was one of the second person.
async fn refused(app: &App, who: &Who, id: &str, r: Refusal) -> ApiProblem {
    let status = match (r.kind, r.code) {
        (RefusalKind::TryAgain, _) => StatusCode::SERVICE_UNAVAILABLE,
        (_, "SAME_PERSON") => StatusCode::FORBIDDEN,
        (_, "TASK_UNKNOWN" | "SETTLEMENT_UNKNOWN") => StatusCode::NOT_FOUND,
        (_, "INVOICE_SETTLED" | "MSGID_CONFLICT" | "TASK_DECIDED" | "TASK_REFUSED") => StatusCode::CONFLICT,
        (_, "ALREADY_REVERSED" | "NOT_PROPOSED" | "NOTHING_TO_CORRECT" | "PROPOSAL_MOVED") => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    if status == StatusCode::FORBIDDEN {
        let entry = app.agency.acting_as(&who.name).entry("refuse", id, json!({"why": r.code}));
        if let Err(e) = app.agency.record(entry, (app.clock)()).await {
            return ApiProblem::below(&e, "audit");
        }
    }
    let p = ApiProblem::new(status, r.code, r.message);
    if r.hint.is_empty() { p } else { p.detail(r.hint) }
}

type Done = Result<(StatusCode, Json<Became>), ApiProblem>;

async fn begin(app: App, who: Who, job: ClerkJob) -> Done {
    let id = job.id().to_owned();
    match app.agency.acting_as(&who.name).begin(job, (app.clock)()).await {
        Ok(answer) => Ok(became(id, answer)),
        Err(r) => Err(refused(&app, &who, &id, r).await),
    }
}

/// Settles a paper claim, or writes it down for a second person.
pub(super) async fn settle(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    Input(c): Input<PaperClaim>,
) -> Done {
    begin(app, who, ClerkJob::Claim(c)).await
}

/// Reverses a paper claim.
pub(super) async fn reverse(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    Input(r): Input<PaperReversal>,
) -> Done {
    begin(app, who, ClerkJob::Reversal(r)).await
}

/// Applies a proposal.
pub(super) async fn correct(State(app): State<App>, Extension(who): Extension<Who>, Input(c): Input<Correct>) -> Done {
    begin(app, who, ClerkJob::Correction(c)).await
}

/// Takes back from an institution.
pub(super) async fn deduct(State(app): State<App>, Extension(who): Extension<Who>, Input(d): Input<Deduct>) -> Done {
    begin(app, who, ClerkJob::Deduction(d)).await
}

/// A proposal nobody has applied.
#[derive(Serialize)]
pub(crate) struct Proposed {
    setl_id: String,
    psn_no: String,
    cause: String,
    funds_change: Money,
    settleable: bool,
}

/// A place in a list, as `next` of a page says it: a commit and an id.
pub(super) fn place(text: &str) -> Result<(i64, &str), ApiProblem> {
    let bad = || ApiProblem::bad("QUERY_REFUSED", "after is what `next` of the page before said");
    match text {
        "" => Ok((0, "")),
        text => text.split_once(':').and_then(|(no, id)| Some((no.parse().ok()?, id))).ok_or_else(bad),
    }
}

/// The last proposal for each living settlement that was not corrected since.
pub(super) async fn proposals(State(app): State<App>, Asked(q): Asked<ListQuery>) -> Answer<Page<Proposed>> {
    let limit = q.limit()?;
    let after = place(q.after())?;
    let rows = app.agency.store().snapshot().await?.open_proposals(after, i64::from(limit)).await?;
    let at = |p: &dingan_store::OpenProposal| format!("{}:{}", p.proposal.commit_no, p.proposal.difference.settlement);
    let next = rows.last().filter(|_| rows.len() == usize::from(limit)).map(at);
    let item = |p: dingan_store::OpenProposal| {
        let d = p.proposal.difference;
        Proposed {
            funds_change: d.funds_change(),
            setl_id: d.settlement.to_string(),
            psn_no: p.person.to_string(),
            cause: p.proposal.cause,
            settleable: d.now.is_some(),
        }
    };
    Ok(Json(Page { items: rows.into_iter().map(item).collect(), next }))
}

/// A request that waits.
#[derive(Serialize)]
pub(crate) struct Task {
    id: String,
    kind: String,
    made_at: String,
    made_by: String,
    psn_no: String,
    funds: Money,
}

/// Requests that wait for a second person.
pub(super) async fn tasks(State(app): State<App>, Asked(q): Asked<ListQuery>) -> Answer<Page<Task>> {
    let limit = q.limit()?;
    let mut snap = app.agency.store().snapshot().await?;
    let rows = snap.tasks("waiting", q.after(), i64::from(limit)).await?;
    let next = rows.last().filter(|_| rows.len() == usize::from(limit)).map(|t| t.id.clone());
    let task = |t: dingan_store::TaskRow| Task {
        id: t.id,
        kind: t.kind,
        made_at: t.made_at.to_string(),
        made_by: t.made_by,
        psn_no: t.person.to_string(),
        funds: t.amount,
    };
    Ok(Json(Page { items: rows.into_iter().map(task).collect(), next }))
}

/// A second person's word.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Word {
    approve: bool,
    #[serde(default)]
    reason: String,
}

/// A second person's word: settled, or given back.
pub(super) async fn decide(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    Codes(id): Codes<Code>,
    Input(word): Input<Word>,
) -> Done {
    let (agency, now, id) = (app.agency.acting_as(&who.name), (app.clock)(), id.0);
    let done = if word.approve {
        agency.approve(&id, now).await.map(|answer| became(id.clone(), answer))
    } else {
        let reason: String = word.reason.chars().take(200).collect();
        let no = Became { id: id.clone(), state: "refused", funds: None, settlement: None };
        agency.refuse(&id, &reason, now).await.map(|()| (StatusCode::OK, Json(no)))
    };
    match done {
        Ok(done) => Ok(done),
        Err(r) => Err(refused(&app, &who, &id, r).await),
    }
}
