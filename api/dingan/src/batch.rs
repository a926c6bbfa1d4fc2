//! `dingan adjudicate`: claims of a file priced and reviewed, person by person, on all cores.
//!
//! Reference data, persons and what was put into accounts come from the store; the events come from the file alone,
//! and what the store has settled counts for nothing. Nothing is settled: the store is only read. Which rows count, in
//! which order and in which version is said in [`together`] and, for users, in `docs/batch.md`.

mod together;

pub use together::{Later, Together};

use crate::import::bar;
use crate::serve::open_at;
use anyhow::Context;
use chrono::{NaiveDate, NaiveDateTime};
use dingan_connectors::file::{Claims, FileEvent};
use dingan_core::codes::*;
use dingan_core::decision::Decision;
use dingan_core::journal::Journal;
use dingan_core::money::Money;
use dingan_core::person::{Balances, CommitNo};
use dingan_http::agency::Agency;
use dingan_store::Location;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use together::{Decided, decide, of_others};

/// What became of one row of the file.
#[derive(Debug, Serialize)]
pub struct Row {
    /// `setl_id`.
    pub setl_id: SettlementId,
    /// `mdtrt_id`.
    pub mdtrt_id: VisitId,
    /// `psn_no`.
    pub psn_no: PersonNo,
    /// The decision, or
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// the settlement it reversed, or
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverses: Option<SettlementId>,
    /// It takes the place of an earlier row of the same number.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub corrects: bool,
    /// why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl Row {
    /// A row of which nothing is said yet.
    fn of(setl_id: SettlementId, mdtrt_id: VisitId, psn_no: PersonNo) -> Self {
        Self { setl_id, mdtrt_id, psn_no, decision: None, reverses: None, corrects: false, refused: None }
    }
}

/// Sums of a batch.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Claims decided.
    pub claims: usize,
    /// Reversals.
    pub reversals: usize,
    /// Rows refused.
    pub refused: usize,
    /// Settlements that a later row put right; they are counted and summed as they were and as they are.
    pub corrected: usize,
    /// Rows that stood again, letter for letter.
    pub repeated: usize,
    /// Rows left out because they became known later than asked for.
    pub not_yet_known: usize,
    /// Findings that only later facts show.
    pub later_findings: usize,
    /// Sum of the bills.
    pub total: Money,
    /// Paid by fund.
    pub funds: BTreeMap<String, Money>,
    /// Findings by rule.
    pub findings: BTreeMap<String, usize>,
    /// Seconds spent deciding.
    pub seconds: f64,
}

/// What a batch is to know.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    /// Up to when; none for everything there is.
    pub as_of: Option<AsOf>,
    /// Whether to look once more, in the end, at what lives then.
    pub look_back: bool,
}

/// Up to when something was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// A commit of the store, and the moment it was made.
    Commit(CommitNo),
    /// A moment; a day stands for its end.
    Moment(NaiveDateTime),
}

impl std::str::FromStr for AsOf {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        if let Ok(no) = s.parse::<CommitNo>() {
            return if no > 0 { Ok(Self::Commit(no)) } else { Err("a commit number begins with 1".to_owned()) };
        }
        let moment = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"].iter();
        let moment = moment.filter_map(|f| NaiveDateTime::parse_from_str(s, f).ok()).next();
        let end_of_day = || NaiveDate::parse_from_str(s, "%Y-%m-%d").ok()?.and_hms_opt(23, 59, 59);
        moment
            .or_else(end_of_day)
            .map(Self::Moment)
            .ok_or_else(|| "neither a commit number nor a time such as 2026-06-30 or 2026-06-30T12:00:00".to_owned())
    }
}

/// What a batch decided.
#[derive(Default)]
pub struct Batch {
    /// Rows in the order of persons, then of being known.
    pub rows: Vec<Row>,
    /// Rows that stood again.
    pub repeated: usize,
    /// Rows left out because they became known after `as_of`.
    pub not_yet_known: usize,
    /// What only later facts show.
    pub later: Vec<Later>,
}

/// Decides every event on what is known now.
pub async fn adjudicate_events(agency: &Agency, events: Vec<FileEvent>) -> anyhow::Result<Vec<Row>> {
    Ok(adjudicate_known(agency, events, Known::default()).await?.rows)
}

/// Decides what was known, by the persons, accounts and rules of that time.
pub async fn adjudicate_known(agency: &Agency, mut events: Vec<FileEvent>, known: Known) -> anyhow::Result<Batch> {
    let mut snap = agency.store().snapshot().await?;
    let mut batch = Batch::default();
    let runtime = match known.as_of {
        None => agency.live().await?,
        Some(as_of) => {
            let (commit, moment) = match as_of {
                AsOf::Commit(no) => snap.commit(no).await?.with_context(|| format!("the books have no commit {no}"))?,
                AsOf::Moment(at) => {
                    let last = snap.commit_by(at).await?;
                    let (no, _) = last.with_context(|| format!("the books begin after {at}; give a later time"))?;
                    (no, at)
                }
            };
            snap.go_to(commit);
            let before = events.len();
            events.retain(|e| e.known() <= moment);
            batch.not_yet_known = before - events.len();
            let hash = snap.bundle_then().await?;
            let hash = hash.with_context(|| format!("no rules were in force at commit {commit}"))?;
            agency.bundle(&hash).await?
        }
    };
    batch.rows = of_others(&mut events);
    let mut by_person: BTreeMap<PersonNo, Vec<FileEvent>> = BTreeMap::new();
    for e in events {
        by_person.entry(e.person().clone()).or_default().push(e);
    }
    // persons who share a family account are decided together, in order of time
    let mut groups: BTreeMap<String, (Vec<FileEvent>, Together)> = BTreeMap::new();
    for (no, events) in by_person {
        let state = snap.person(&no).await?;
        let key = state
            .as_ref()
            .and_then(|s| s.family.as_ref())
            .map_or_else(|| format!("person/{no}"), |f| f.account.clone());
        let group = groups.entry(key).or_default();
        group.0.extend(events);
        if let Some(s) = state {
            // what is settled in the store is not settled for the file, whose rows draw on the accounts themselves
            let mut balances = Balances { own: s.own.balance, family: Money::ZERO };
            balances.own -= snap.moved_by_settlements(&s.own.account).await?;
            if let Some(family) = &s.family {
                balances.family = family.balance - snap.moved_by_settlements(&family.account).await?;
            }
            group.1.add(Journal::new(s.person, balances));
        }
    }
    drop(snap);
    let decided = tokio::task::spawn_blocking(move || -> Vec<Decided> {
        groups
            .into_par_iter()
            .map(|(_, (events, persons))| decide(events, persons, &runtime, known.look_back))
            .collect()
    });
    for d in decided.await? {
        batch.rows.extend(d.rows);
        batch.repeated += d.repeated;
        batch.later.extend(d.later);
    }
    Ok(batch)
}

/// The command.
pub async fn run(input: &Path, out: &Path, known: Known, at: &Location) -> anyhow::Result<bool> {
    let agency = open_at(at).await?;
    let name = input.display().to_string();
    let file = File::open(input).with_context(|| format!("cannot open {name}"))?;
    let mut events = Vec::new();
    let mut bad = 0_usize;
    let reading = bar(0, "reading");
    for e in Claims::new(&name, BufReader::new(file)) {
        match e {
            Ok(e) => events.push(e),
            Err(p) => {
                eprintln!("{p}");
                bad += 1;
            }
        }
        reading.inc(1);
    }
    reading.finish_and_clear();

    let began = std::time::Instant::now();
    let batch = adjudicate_known(&agency, events, known).await?;
    let mut summary = summed(&batch);
    summary.refused += bad;
    summary.seconds = began.elapsed().as_secs_f64();
    agency.store().clone().close().await;
    write(out, &batch, &summary)?;
    let more = [
        (summary.corrected, "corrected"),
        (summary.repeated, "repeated"),
        (summary.not_yet_known, "not yet known"),
        (summary.later_findings, "later findings"),
    ];
    let more: String = more.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!(", {n} {what}")).collect();
    say!(
        "{} claims, {} reversals, {} refused{more}; {:.0} claims/s; decisions in {}",
        summary.claims,
        summary.reversals,
        summary.refused,
        summary.claims as f64 / summary.seconds.max(1e-9),
        out.display()
    );
    Ok(summary.refused == 0)
}

fn summed(batch: &Batch) -> Summary {
    let (repeated, not_yet_known, later_findings) = (batch.repeated, batch.not_yet_known, batch.later.len());
    let mut s = Summary { repeated, not_yet_known, later_findings, ..Summary::default() };
    for r in &batch.rows {
        s.corrected += usize::from(r.corrects && r.refused.is_none());
        if r.refused.is_some() {
            s.refused += 1;
        } else if r.reverses.is_some() {
            s.reversals += 1;
        }
        let Some(d) = &r.decision else { continue };
        s.claims += 1;
        s.total += d.priced.amounts.total;
        for p in &d.priced.payments {
            *s.funds.entry(p.fund_pay_type.to_string()).or_default() += p.amount;
        }
        for f in &d.findings {
            *s.findings.entry(f.rule.clone()).or_default() += 1;
        }
    }
    s
}

fn write(out: &Path, batch: &Batch, summary: &Summary) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let create = |name: &str| -> anyhow::Result<BufWriter<File>> {
        let path = out.join(name);
        Ok(BufWriter::new(File::create(&path).with_context(|| format!("cannot write {}", path.display()))?))
    };
    let (mut decisions, mut findings, mut refused) =
        (create("decisions.ndjson")?, create("findings.ndjson")?, create("refused.ndjson")?);
    for r in &batch.rows {
        let to = if r.refused.is_some() { &mut refused } else { &mut decisions };
        serde_json::to_writer(&mut *to, r)?;
        to.write_all(b"\n")?;
        for f in r.decision.iter().flat_map(|d| &d.findings) {
            let row =
                serde_json::json!({"setl_id": r.setl_id, "mdtrt_id": r.mdtrt_id, "psn_no": r.psn_no, "finding": f});
            serde_json::to_writer(&mut findings, &row)?;
            findings.write_all(b"\n")?;
        }
    }
    // an empty one too: what an earlier run left there would pass for this one's
    let mut later = create("later.ndjson")?;
    for l in &batch.later {
        serde_json::to_writer(&mut later, l)?;
        later.write_all(b"\n")?;
    }
    let mut sums = create("summary.json")?;
    serde_json::to_writer_pretty(&mut sums, summary)?;
    for mut f in [decisions, findings, refused, later, sums] {
        f.flush()?;
    }
    Ok(())
}
