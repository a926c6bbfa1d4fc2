//! `dingan demo`: a sample county, a day of its claims through the real HTTP interface, a summary.

use crate::import::{bar, person_rows};
use crate::serve::{Running, check_address, now, open, profile, signals};
use anyhow::{Context, bail};
use chrono::{NaiveDateTime, TimeDelta};
use dingan_connectors::sample::{County, Encounter, client};
use dingan_core::bundle::Institution;
use dingan_core::money::Money;
use dingan_http::agency::Agency;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// Hospitals that send at the same time.
pub const CLIENTS: usize = 8;

/// What the demo was asked for.
pub struct Options {
    /// End after the summary.
    pub once: bool,
    /// Keep the store here.
    pub data: Option<PathBuf>,
    /// Encounters of the day.
    pub claims: u32,
    /// Persons of the county.
    pub persons: u32,
    /// Seed.
    pub seed: u64,
    /// Address of the server.
    pub listen: SocketAddr,
}

/// A folder that is taken away at the end unless it was named by the user.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn make(named: Option<PathBuf>) -> anyhow::Result<Self> {
        match named {
            Some(path) => {
                if path.join("dingan.db").exists() {
                    bail!("--data {}: holds a store already; the demo wants a new folder", path.display());
                }
                Ok(Self { path, temporary: false })
            }
            None => {
                let path = std::env::temp_dir().join(format!("dingan-demo-{}", std::process::id()));
                Ok(Self { path, temporary: true })
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Puts a county into a store: reference data as a bundle, persons as rows.
pub async fn settle_in(agency: &Agency, county: &County) -> anyhow::Result<()> {
    let mut contents = agency.live_contents().await?;
    contents.rows = county.reference.clone();
    agency.publish(contents, "sample county", now()).await?;
    let bar = bar(county.persons.len() as u64, "persons");
    agency.import_persons(person_rows(county.persons.clone()), now(), |n| bar.set_position(n as u64)).await?;
    bar.finish_and_clear();
    Ok(())
}

/// What a day of sending came to.
#[derive(Debug, Default, Clone)]
pub struct Day {
    /// Encounters settled.
    pub settled: u64,
    /// Encounters refused, by error code.
    pub refused: BTreeMap<String, u64>,
    /// Messages sent.
    pub messages: u64,
    /// Seconds.
    pub seconds: f64,
}

/// Sends messages of a day to a server, as several hospitals at once; those of one person in order.
pub fn send_day(address: SocketAddr, encounters: Vec<Encounter>, clients: usize) -> Day {
    let began = Instant::now();
    let progress = bar(encounters.len() as u64, "claims");
    let mut queues: Vec<Vec<Encounter>> = vec![Vec::new(); clients.max(1)];
    let count = queues.len();
    for e in encounters {
        let at = e.person.no.as_str().bytes().fold(0_usize, |h, b| h.wrapping_mul(31).wrapping_add(usize::from(b)));
        if let Some(q) = queues.get_mut(at % count) {
            q.push(e);
        }
    }
    let (number, messages, settled) = (AtomicU32::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let refused = std::sync::Mutex::new(BTreeMap::<String, u64>::new());
    std::thread::scope(|scope| {
        for queue in queues {
            let (number, messages, settled, refused, progress) = (&number, &messages, &settled, &refused, &progress);
            scope.spawn(move || {
                let hospital = Hospital::new(address);
                for e in queue {
                    let sent = client::run(&e, |infno, input| {
                        messages.fetch_add(1, Ordering::Relaxed);
                        let n = number.fetch_add(1, Ordering::Relaxed);
                        // four digits a second are soon used up: the time of the id moves on with them
                        let stamp = e.settled + TimeDelta::seconds(i64::from(n / 10_000));
                        let id = client::msgid(&e.institution, stamp, n);
                        hospital.send(client::envelope_for(&e, infno, &id, e.settled, input)).map(|(output, _)| output)
                    });
                    match sent {
                        Ok(_) => {
                            settled.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(err) => {
                            let code = match &err {
                                client::RunError::Send { infno, error } => format!("{infno} {error}"),
                                client::RunError::Output { .. } => err.to_string(),
                            };
                            if let Ok(mut r) = refused.lock() {
                                *r.entry(code).or_default() += 1;
                            }
                        }
                    }
                    progress.inc(1);
                }
            });
        }
    });
    progress.finish_and_clear();
    Day {
        settled: settled.into_inner(),
        refused: refused.into_inner().unwrap_or_default(),
        messages: messages.into_inner(),
        seconds: began.elapsed().as_secs_f64(),
    }
}

/// A hospital's side of the interface.
pub struct Hospital {
    agent: ureq::Agent,
    url: String,
}

impl Hospital {
    /// Talks to a server.
    pub fn new(address: SocketAddr) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            .build()
            .into();
        Self { agent, url: format!("http://{address}/fsi/api/rsfComIfsService/callService") }
    }

    /// Sends a message; gives `output` and `warn_msg`, or the error code.
    pub fn send(&self, message: Value) -> Result<(Value, String), String> {
        let answer = self.exchange(&message.to_string())?;
        let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let good = answer.get("infcode").is_some_and(|c| c.to_string().trim_matches('"') == "0");
        if good {
            Ok((answer.get("output").cloned().unwrap_or(Value::Null), text("warn_msg")))
        } else {
            Err(format!("{} {}", text("err_code"), text("err_path")).trim().to_owned())
        }
    }

    /// Sends bytes and reads the answer envelope.
    pub fn exchange(&self, body: &str) -> Result<Value, String> {
        let mut response = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .send(body)
            .map_err(|e| format!("NETWORK {e}"))?;
        let text =
            response.body_mut().with_config().limit(256 << 20).read_to_string().map_err(|e| format!("NETWORK {e}"))?;
        serde_json::from_str(&text).map_err(|e| format!("ANSWER {e}"))
    }

    /// A message with a header.
    pub fn message(institution: &Institution, infno: &str, msgid: &str, time: NaiveDateTime, input: Value) -> Value {
        client::envelope(institution, infno, msgid, time, input)
    }
}

/// The command.
pub async fn run(o: Options) -> anyhow::Result<bool> {
    check_address(o.listen)?;
    let folder = Folder::make(o.data.clone())?;
    let agency = open(&folder.path).await?;
    say!("county: {} persons (seed {}), store in {}", o.persons, o.seed, folder.path.display());
    let county = County::generate(o.seed, o.persons as usize);
    settle_in(&agency, &county).await?;

    let listener = match TcpListener::bind(o.listen).await {
        Ok(l) => l,
        Err(_) => TcpListener::bind((o.listen.ip(), 0)).await.context("no port is free")?,
    };
    let running = Running::start(agency, profile("default")?, listener, Arc::new(now)).await?;
    let address = running.address;
    // yesterday, so that every time of the day has passed
    let date = (now() - TimeDelta::days(1)).date();
    let encounters = county.day(date, o.claims as usize);
    let planted = encounters.iter().filter(|e| e.planted.is_some()).count();
    say!("sending {} claims of {date} to http://{address}/fsi/api as {CLIENTS} hospitals", encounters.len());
    let day = tokio::task::spawn_blocking(move || send_day(address, encounters, CLIENTS)).await?;
    let good = summary(running.agency(), &day, planted).await?;

    if !o.once {
        let stop = signals().context("cannot catch signals")?;
        say!("\nopen http://{address}/ — Ctrl-C ends");
        if !folder.temporary {
            say!("then: dingan replay --data {}", folder.path.display());
        }
        stop.await;
    }
    running.stop().await?;
    Ok(good)
}

/// Prints what the day came to; false where something is not as it must be.
async fn summary(agency: &Agency, day: &Day, planted: usize) -> anyhow::Result<bool> {
    let mut snap = agency.store().snapshot().await?;
    let counts = snap.counts().await?;
    let ledger = snap.ledger_totals().await?;
    let unbalanced = snap.unbalanced().await?;
    let findings = snap.findings_by_rule().await?;
    let live = agency.live().await?;

    say!(
        "\n{} claims settled in {:.1} s: {:.0} claims/s, {:.0} messages/s, each committed to disk before its answer",
        day.settled,
        day.seconds,
        day.settled as f64 / day.seconds,
        day.messages as f64 / day.seconds
    );
    for (code, n) in &day.refused {
        say!("  refused: {n} × {code}");
    }
    say!("\npaid (yuan)");
    for (account, amount) in ledger.iter().filter(|(a, _)| !a.starts_with("institution")) {
        say!("  {account:<28} {:>14}", amount.to_string());
    }
    let sum: Money = ledger.iter().map(|(_, m)| *m).sum();
    say!("  ledger: {}", if sum.is_zero() && unbalanced.is_empty() { "balanced" } else { "NOT BALANCED" });
    say!("\nfindings: {} ({planted} encounters had abuse planted)", counts.findings);
    for (code, n, charge) in &findings {
        let title = live.rules.rule(code).map_or("", |r| r.title.as_str());
        say!("  {code:<8} {n:>5}  {:>14}  {title}", charge.to_string());
    }
    Ok(unbalanced.is_empty() && sum.is_zero() && day.refused.is_empty())
}
