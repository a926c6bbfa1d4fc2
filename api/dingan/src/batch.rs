//! `dingan adjudicate`: claims of a file priced and reviewed, person by person, on all cores.
//!
//! Reference data, persons and balances come from the store; the events come from the file alone.
//! Nothing is settled: the store is only read.

use crate::import::bar;
use crate::serve::open_at;
use anyhow::Context;
use chrono::NaiveDateTime;
use dingan_connectors::file::{Claims, FileEvent};
use dingan_core::adjudicate::adjudicate;
use dingan_core::claim::{Claim, Visit};
use dingan_core::codes::*;
use dingan_core::decision::Decision;
use dingan_core::finding::Stage;
use dingan_core::journal::Journal;
use dingan_core::money::Money;
use dingan_core::person::Balances;
use dingan_core::resolve::resolve;
use dingan_http::agency::Agency;
use dingan_http::bundles::Runtime;
use dingan_store::Location;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

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
    /// why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
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
    /// Sum of the bills.
    pub total: Money,
    /// Paid by fund.
    pub funds: BTreeMap<String, Money>,
    /// Findings by rule.
    pub findings: BTreeMap<String, usize>,
    /// Seconds spent deciding.
    pub seconds: f64,
}

/// Persons whose events are decided together: one person, or all who share a family account.
#[derive(Default)]
pub struct Together(BTreeMap<PersonNo, Journal>);

impl Together {
    /// Takes a person in.
    pub fn add(&mut self, journal: Journal) {
        self.0.insert(journal.person.no.clone(), journal);
    }

    /// Makes a visit of one of them known before it is settled.
    pub fn know(&mut self, visit: Visit) {
        if let Some(j) = self.0.get_mut(&visit.person) {
            j.know(visit);
        }
    }

    /// Decides the next event.
    pub fn decide(&mut self, event: FileEvent, runtime: &Runtime) -> Row {
        let row = match event {
            FileEvent::Claim { settlement, claim } => claim_row(settlement, claim, &mut self.0, runtime),
            FileEvent::Reversal { settlement, of, person, .. } => {
                let done = self.0.get_mut(&person).is_some_and(|j| j.reverse(&of));
                Row {
                    setl_id: settlement,
                    mdtrt_id: VisitId::default(),
                    psn_no: person,
                    decision: None,
                    refused: (!done).then(|| format!("init_setl_id {of} is not a settlement that lives")),
                    reverses: Some(of),
                }
            }
        };
        share_family_account(&row.psn_no, &mut self.0);
        row
    }
}

/// Decides events of one group of persons in the order (`setl_time`, `setl_id`).
fn decide(mut events: Vec<FileEvent>, mut persons: Together, runtime: &Runtime) -> Vec<Row> {
    events.sort_by(|a, b| order(a).cmp(&order(b)));
    events.into_iter().map(|e| persons.decide(e, runtime)).collect()
}

/// The order in which events are decided: by time, then by number.
fn order(e: &FileEvent) -> (NaiveDateTime, &SettlementId) {
    match e {
        FileEvent::Claim { settlement, claim } => (claim.request.time, settlement),
        FileEvent::Reversal { settlement, time, .. } => (*time, settlement),
    }
}

fn person_of(e: &FileEvent) -> &PersonNo {
    match e {
        FileEvent::Claim { claim, .. } => &claim.visit.person,
        FileEvent::Reversal { person, .. } => person,
    }
}

/// A group shares one family account: what one member drew is gone for the others too.
fn share_family_account(moved: &PersonNo, journals: &mut BTreeMap<PersonNo, Journal>) {
    let Some(balance) = journals.get(moved).filter(|j| j.person.family_account.is_some()).map(|j| j.balances.family)
    else {
        return;
    };
    for j in journals.values_mut().filter(|j| j.person.family_account.is_some()) {
        j.balances.family = balance;
    }
}

fn claim_row(
    settlement: SettlementId,
    claim: Claim,
    journals: &mut BTreeMap<PersonNo, Journal>,
    runtime: &Runtime,
) -> Row {
    let mut row = Row {
        setl_id: settlement.clone(),
        mdtrt_id: claim.visit.id.clone(),
        psn_no: claim.visit.person.clone(),
        decision: None,
        reverses: None,
        refused: None,
    };
    let Some(journal) = journals.get_mut(&claim.visit.person) else {
        row.refused = Some("psn_no is not in the store; import persons first".to_owned());
        return row;
    };
    let file = journal.file(&claim.visit.id, claim.visit.begin);
    match resolve(claim, file, &runtime.bundle) {
        Ok(facts) => {
            let facts = Arc::new(facts);
            let decision = adjudicate(&facts, &runtime.rules, Stage::During);
            if decision.gives_back() {
                row.refused = Some("NEGATIVE_BILL: refunds exceed charges; reverse the earlier part".to_owned());
                return row;
            }
            journal.settle(settlement, &facts, &decision.priced);
            row.decision = Some(decision);
        }
        Err(e) => row.refused = Some(format!("{}: {e}", e.code())),
    }
    row
}

/// Decides every event; rows come in the order of persons, then of time.
pub async fn adjudicate_events(agency: &Agency, events: Vec<FileEvent>) -> anyhow::Result<Vec<Row>> {
    let runtime = agency.live().await?;
    let mut by_person: BTreeMap<PersonNo, Vec<FileEvent>> = BTreeMap::new();
    for e in events {
        by_person.entry(person_of(&e).clone()).or_default().push(e);
    }
    // persons who share a family account are decided together, in order of time
    let mut groups: BTreeMap<String, (Vec<FileEvent>, Together)> = BTreeMap::new();
    let mut snap = agency.store().snapshot().await?;
    for (no, events) in by_person {
        let state = snap.person(&no).await?;
        let key = state
            .as_ref()
            .and_then(|s| s.family.as_ref())
            .map_or_else(|| format!("person/{no}"), |f| f.account.clone());
        let group = groups.entry(key).or_default();
        group.0.extend(events);
        if let Some(s) = state {
            let balances = Balances { own: s.own.balance, family: s.family.map(|f| f.balance).unwrap_or_default() };
            group.1.add(Journal::new(s.person, balances));
        }
    }
    drop(snap);
    let work = move || -> Vec<Row> {
        groups
            .into_par_iter()
            .map(|(_, (events, persons))| decide(events, persons, &runtime))
            .collect::<Vec<_>>()
            .into_iter()
            .flatten()
            .collect()
    };
    Ok(tokio::task::spawn_blocking(work).await?)
}

/// The command.
pub async fn run(input: &Path, out: &Path, at: &Location) -> anyhow::Result<bool> {
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
    let rows = adjudicate_events(&agency, events).await?;
    let mut summary = summed(&rows);
    summary.refused += bad;
    summary.seconds = began.elapsed().as_secs_f64();
    agency.store().clone().close().await;
    write(out, &rows, &summary)?;
    say!(
        "{} claims, {} reversals, {} refused; {:.0} claims/s; decisions in {}",
        summary.claims,
        summary.reversals,
        summary.refused,
        summary.claims as f64 / summary.seconds.max(1e-9),
        out.display()
    );
    Ok(summary.refused == 0)
}

fn summed(rows: &[Row]) -> Summary {
    let mut s = Summary::default();
    for r in rows {
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

fn write(out: &Path, rows: &[Row], summary: &Summary) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let create = |name: &str| -> anyhow::Result<BufWriter<File>> {
        let path = out.join(name);
        Ok(BufWriter::new(File::create(&path).with_context(|| format!("cannot write {}", path.display()))?))
    };
    let (mut decisions, mut findings, mut refused) =
        (create("decisions.ndjson")?, create("findings.ndjson")?, create("refused.ndjson")?);
    for r in rows {
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
    serde_json::to_writer_pretty(create("summary.json")?, summary)?;
    for mut f in [decisions, findings, refused] {
        f.flush()?;
    }
    Ok(())
}
