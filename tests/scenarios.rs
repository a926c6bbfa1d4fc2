//! Dated person-years: every folder of `tests/scenarios` is played through the national interface over
//! HTTP and through the batch, and replayed.
//!
//! The amounts expected are worked out by hand in the README of each folder. Nothing here computes a
//! benefit: the harness sends, compares, and checks identities. Adding a scenario is adding a folder.

#[path = "support/check.rs"]
mod check;
#[path = "support/messages.rs"]
mod messages;
#[path = "support/offline.rs"]
mod offline;
#[path = "support/online.rs"]
mod online;
#[path = "support/scenario.rs"]
mod scenario;
#[path = "support/wire.rs"]
mod wire;

use crate::store_of_a_test::Place;
use anyhow::Context;
use check::Failures;
use chrono::{NaiveDateTime, TimeDelta};
use dingan_connectors::file::{read_areas, read_institutions};
use dingan_core::codes::PersonNo;
use dingan_core::money::Money;
use dingan_core::person::{DatedIdentity, Filing};
use dingan_http::agency::{Agency, PersonRows, ReplayReport};
use dingan_store::{Location, Store};
use online::Online;
use scenario::{Scenario, catalogue_of, common, good};
use tokio::runtime::Runtime;

#[test]
fn every_person_year_comes_out_as_worked_out_by_hand() {
    let runtime = Runtime::new().expect("a runtime");
    let scenarios = Scenario::all().unwrap_or_else(|e| panic!("{e:#}"));
    assert!(!scenarios.is_empty(), "no scenario was found");
    let mut failures = Vec::new();
    for s in &scenarios {
        let mut found = Failures::default();
        if let Err(e) = run(s, &runtime, &mut found) {
            found.list.push(format!("{e:#}"));
        }
        failures.append(&mut found.list);
    }
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
}

/// One scenario, all three ways.
fn run(scenario: &Scenario, runtime: &Runtime, failures: &mut Failures) -> anyhow::Result<()> {
    let (http, batch) = (Place::new(), Place::new());
    let first = scenario.steps.first().context("no steps")?.at;
    let last = scenario.steps.last().map_or(first, |s| s.at);

    let agency = runtime.block_on(open(&http.at, first))?;
    let mut online = Online::start(scenario, agency, runtime)?;
    online.play(failures)?;

    let agency = runtime.block_on(open(&batch.at, first))?;
    offline::import(scenario, &agency, runtime)?;
    offline::compare(&online, scenario, &agency, runtime, failures)?;
    runtime.block_on(agency.store().clone().close());
    drop(agency);

    let settled = online.settled + online.corrections;
    failures.at(format!("{}, replay", scenario.name));
    let report = runtime.block_on(online.agency().replay(|_| {}))?;
    replayed(&report, settled, failures);
    let persons: Vec<PersonNo> = online.persons();
    online.stop()?;

    // the books are opened again, then facts and catalogue change: what was decided does not
    failures.at(format!("{}, replay after later imports", scenario.name));
    let report = runtime.block_on(async {
        let agency = Agency::open(Store::open(&http.at).await?, last).await?;
        change_everything(&agency, &persons, last + TimeDelta::days(30)).await?;
        let report = agency.replay(|_| {}).await?;
        agency.store().clone().close().await;
        anyhow::Ok(report)
    })?;
    replayed(&report, settled, failures);
    Ok(())
}

/// The catalogue all share: the tables of 460000, which hold for every pool without rows of its own, and those of
/// 440100.
const CATALOGUE: [&str; 6] =
    ["items.csv", "limits.csv", "ratios.csv", "items-440100.csv", "limits-440100.csv", "ratios-440100.csv"];

/// A new store with the reference data all scenarios share.
async fn open(place: &Location, at: NaiveDateTime) -> anyhow::Result<Agency> {
    let common = common();
    let agency = Agency::open(Store::open(place).await?, at).await?;
    agency.import_institutions(good(&common.join("institutions.csv"), read_institutions)?, at).await?;
    agency.import_areas(good(&common.join("areas.csv"), read_areas)?, at).await?;
    agency.import_catalogue(catalogue_of(&common, &CATALOGUE)?, at).await?;
    Ok(agency)
}

fn replayed(report: &ReplayReport, settled: usize, failures: &mut Failures) {
    for d in &report.different {
        failures.say(format!("{}: {}", d.settlement, d.reason));
    }
    failures.same("decisions equal", settled, report.equal);
    failures.same("settlements that do not balance", 0, report.unbalanced.len());
}

/// Later imports that would change every settlement, were it decided again: other classes, limits and
/// ratios, another kind of person, aid status and referrals from birth on, other balances.
async fn change_everything(agency: &Agency, persons: &[PersonNo], at: NaiveDateTime) -> anyhow::Result<()> {
    let folder = common().join("afterwards");
    agency.import_catalogue(catalogue_of(&folder, &["items.csv", "limits.csv", "ratios.csv"])?, at).await?;
    let mut rows = Vec::new();
    for no in persons {
        let known = agency.store().snapshot().await?.person(no).await?.context("a person is gone")?;
        let mut person = known.person;
        for r in &mut person.relations {
            r.person_type = "12".into();
            r.contribution_years = Some(1);
        }
        let begin = person.birth;
        person.identities.push(DatedIdentity { identity: "2304".into(), begin, end: None });
        person.filings.push(Filing { kind: "06".to_owned(), begin, ..Filing::default() });
        rows.push(PersonRows { person, own_balance: Some(Money::yuan(5000)), family_balance: None });
    }
    agency.import_persons(rows, at, |_| {}).await?;
    Ok(())
}
