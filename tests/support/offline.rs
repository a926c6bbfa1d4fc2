//! The same events through the batch, over a store of its own: no message, no commit in between.

use super::check::Failures;
use super::online::Online;
use super::scenario::{Batch, Do, Scenario};
use anyhow::{Context, bail};
use dingan::batch::{Row, adjudicate_events};
use dingan_connectors::file::{Claims, FileEvent, write_event};
use dingan_core::codes::SettlementId;
use dingan_core::decision::{Amounts, Decision};
use dingan_core::money::Money;
use dingan_core::rebuild::Difference;
use dingan_http::agency::{Agency, PersonRows};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tokio::runtime::Runtime;

/// Imports what the scenario imports, all of it before the first claim: what the batch knows is what is
/// known at the end.
pub fn import(scenario: &Scenario, agency: &Agency, runtime: &Runtime) -> anyhow::Result<()> {
    for step in &scenario.steps {
        runtime.block_on(async {
            match step.what {
                Do::ImportPersons => agency.import_persons(scenario.persons(&step.files)?, step.at, |_| {}).await?,
                // what was filed by message is a row of the person like any other
                Do::File if step.refused.is_none() => {
                    let filed = step.filing.as_ref().context("no filing")?;
                    let known = agency.store().snapshot().await?.person(&step.person.as_str().into()).await?;
                    let mut person = known.context("no such person")?.person;
                    person.filings.push(filed.filing(step));
                    let rows = vec![PersonRows { person, own_balance: None, family_balance: None }];
                    agency.import_persons(rows, step.at, |_| {}).await?
                }
                Do::Unfile => {
                    let name = &step.filing.as_ref().context("no filing")?.name;
                    let made = scenario
                        .steps
                        .iter()
                        .find(|s| s.what == Do::File && s.filing.as_ref().is_some_and(|f| f.name == *name));
                    let made = made.and_then(|s| s.filing.as_ref().map(|f| f.filing(s))).context("never filed")?;
                    let known = agency.store().snapshot().await?.person(&step.person.as_str().into()).await?;
                    let mut person = known.context("no such person")?.person;
                    let day = step.at.date().pred_opt();
                    for f in &mut person.filings {
                        if (&f.kind, &f.disease, &f.area, f.begin)
                            == (&made.kind, &made.disease, &made.area, made.begin)
                        {
                            f.end = f.end.map_or(day, |e| day.map(|d| e.min(d)));
                        }
                    }
                    let rows = vec![PersonRows { person, own_balance: None, family_balance: None }];
                    agency.import_persons(rows, step.at, |_| {}).await?
                }
                Do::ImportPolicies => agency.import_policies(scenario.policies(&step.files)?, step.at).await?,
                Do::ImportCatalogue => agency.import_catalogue(scenario.catalogue(&step.files)?, step.at).await?,
                _ => return Ok(()),
            };
            anyhow::Ok(())
        })?;
    }
    Ok(())
}

/// Decides the events of the run over HTTP once more and compares.
pub fn compare(
    online: &Online<'_>,
    scenario: &Scenario,
    agency: &Agency,
    runtime: &Runtime,
    failures: &mut Failures,
) -> anyhow::Result<()> {
    failures.at(format!("{}, batch", scenario.name));
    let events = through_the_file(&online.events)?;
    let rows = runtime.block_on(adjudicate_events(agency, events))?;
    failures.same("rows of the batch", online.events.len(), rows.len());
    for row in &rows {
        if let Some(refused) = &row.refused {
            failures.say(format!("{} was refused: {refused}", row.setl_id));
        }
    }
    match scenario.batch {
        Batch::Same => same(online, &rows, runtime, failures),
        Batch::AsKnownNow => as_known_now(online, &rows, runtime, failures),
    }
}

/// Events written as a claims file and read again, as `dingan adjudicate` gets them.
fn through_the_file(events: &[FileEvent]) -> anyhow::Result<Vec<FileEvent>> {
    let mut text = Vec::new();
    for e in events {
        write_event(&mut text, e)?;
    }
    Claims::new("events.ndjson", text.as_slice()).map(|e| e.map_err(anyhow::Error::from)).collect()
}

fn stored(online: &Online<'_>, id: &SettlementId, runtime: &Runtime) -> anyhow::Result<Vec<u8>> {
    runtime.block_on(async {
        let mut snapshot = online.agency().store().snapshot().await?;
        let row = snapshot.settlement(id).await?.with_context(|| format!("no settlement {id}"))?;
        anyhow::Ok(row.decision)
    })
}

/// Our name of a settlement.
fn name<'o>(online: &'o Online<'_>, id: &SettlementId) -> &'o str {
    online.made.iter().find(|(_, m)| m.id == id.as_str()).map_or("?", |(name, _)| name)
}

/// Every decision is that of the run over HTTP, byte for byte.
fn same(online: &Online<'_>, rows: &[Row], runtime: &Runtime, failures: &mut Failures) -> anyhow::Result<()> {
    let decided: Vec<(&SettlementId, &Decision)> =
        rows.iter().filter_map(|r| r.decision.as_ref().map(|d| (&r.setl_id, d))).collect();
    failures.same("decisions of the batch", online.settled, decided.len());
    for (id, decision) in decided {
        let (ours, theirs) = (decision.to_bytes(), stored(online, id, runtime)?);
        if ours == theirs {
            continue;
        }
        let (ours, theirs): (Value, Value) = (serde_json::from_slice(&ours)?, serde_json::from_slice(&theirs)?);
        let mut parts = vec!["bundle", "policies", "amounts", "payments", "lines", "entries", "steps", "postings"];
        if !online.cancelled {
            // a cancelled registration is gone from the books, but a batch has seen the stay
            parts.extend(["findings", "undecided", "failures"]);
        }
        for part in parts {
            let place = format!("{} over HTTP and in the batch: {part}", name(online, id));
            leaves(&place, &theirs[part], &ours[part], failures);
        }
    }
    Ok(())
}

/// Every settlement that lives is what it was settled at or corrected to, or what the proposals say it would be now.
fn as_known_now(online: &Online<'_>, rows: &[Row], runtime: &Runtime, failures: &mut Failures) -> anyhow::Result<()> {
    let mut now: BTreeMap<SettlementId, Difference> = BTreeMap::new();
    let persons: BTreeSet<String> = rows.iter().map(|r| r.psn_no.to_string()).collect();
    for p in persons {
        now.extend(online.proposals_now(&p)?.into_iter().map(|d| (d.settlement.clone(), d)));
    }
    for made in online.made.values().filter(|m| !m.reversed) {
        let id = SettlementId::from(made.id.as_str());
        let settled: Decision = serde_json::from_slice(&stored(online, &id, runtime)?)?;
        let Some(row) = rows.iter().find(|r| r.setl_id == id).and_then(|r| r.decision.as_ref()) else {
            bail!("the batch has no decision of {}", name(online, &id));
        };
        let want = match now.get(&id) {
            Some(d) => d.now.context("a settlement that could not be settled now")?,
            None => online.corrected.get(&id).copied().unwrap_or(settled.priced.amounts),
        };
        let (want, got) = (without_accounts(want), without_accounts(row.priced.amounts));
        let place = format!("{} as known now and in the batch: amounts", name(online, &id));
        leaves(&place, &serde_json::to_value(want)?, &serde_json::to_value(got)?, failures);
    }
    Ok(())
}

/// Compares field by field, so that a difference is named and not searched for.
fn leaves(place: &str, expected: &Value, actual: &Value, failures: &mut Failures) {
    match (expected, actual) {
        (Value::Object(e), Value::Object(a)) => {
            let keys: BTreeSet<&String> = e.keys().chain(a.keys()).collect();
            for key in keys {
                leaves(&format!("{place}.{key}"), &expected[key], &actual[key], failures);
            }
        }
        (Value::Array(e), Value::Array(a)) if e.len() == a.len() => {
            for (i, (e, a)) in e.iter().zip(a).enumerate() {
                leaves(&format!("{place}.{i}"), e, a, failures);
            }
        }
        _ => failures.same(place, expected, actual),
    }
}

/// What was drawn on accounts stays drawn, so proposals do not speak of it.
fn without_accounts(a: Amounts) -> Amounts {
    Amounts { account: Money::ZERO, family_account: Money::ZERO, cash: Money::ZERO, balance: Money::ZERO, ..a }
}
