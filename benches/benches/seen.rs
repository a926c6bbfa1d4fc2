//! How soon an inspector sees what is settled, and what looking costs those who settle.
//!
//! Bills come in at a steady rate (200 a second) over HTTP, timed from when they were due. First alone; then with an
//! inspector who asks again and again, as soon as the last answer is there, for the settlements of the last seconds,
//! and another who runs the investigations one after the other. A settlement counts as seen at the end of the first
//! answer that has it; the time runs from when its hospital had the answer. Prints the times to be seen, and the
//! p99 of settling with and without inspectors, rounds in turn.
//!
//! `DINGAN_BENCH_STORE` (postgres, sqlite or both), `DINGAN_BENCH_RATE`, `DINGAN_BENCH_ROUNDS`, `DINGAN_BENCH_SECONDS`
//! (a round) and `DINGAN_BENCH_INSPECTORS` (1: only the first; 2) change the size.

#[path = "settling/bills.rs"]
mod bills;
#[path = "settling/database.rs"]
mod database;
#[path = "settling/load.rs"]
mod load;
#[path = "settling/place.rs"]
mod place;
#[path = "settling/stores.rs"]
mod stores;
#[path = "settling/wire.rs"]
mod wire;

use chrono::{NaiveDateTime, TimeDelta};
use dingan::serve::now;
use dingan_lake::named;
use dingan_store::Location;
use load::{median, number, quantile, send, send_and_hear};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLIENTS: usize = 16;

/// How far back the inspector looks.
const BACK: TimeDelta = TimeDelta::seconds(5);

/// A settlement's id and when its hospital had the answer.
type Acknowledged = Mutex<Vec<(String, Instant)>>;

fn note(acknowledged: &Acknowledged, answer: &[u8]) {
    let at = Instant::now();
    let answer: Value = serde_json::from_slice(answer).expect("an answer");
    let id = answer["output"]["setlinfo"]["setl_id"].as_str().expect("a settlement").to_owned();
    acknowledged.lock().unwrap().push((id, at));
}

/// Asks; none: the server has no place for the query now.
fn ask(address: SocketAddr, question: &Value) -> Option<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut r = agent
        .post(format!("http://{address}/api/v1/inspect"))
        .header("content-type", "application/json")
        .send(question.to_string())
        .expect("asked");
    let text = r.body_mut().with_config().limit(1 << 30).read_to_string().expect("an answer");
    match r.status().as_u16() {
        200 => Some(text),
        429 => None,
        s => panic!("{s}: {text}"),
    }
}

/// What an inspector saw: when each settlement was first in an answer, and how long each answer took.
#[derive(Default)]
struct Seen {
    at: HashMap<String, Instant>,
    took: Vec<Duration>,
}

fn watch(address: SocketAddr, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    // once more after the last settlement
    let mut last = false;
    while !last {
        last = stop.load(Ordering::Relaxed);
        let since: NaiveDateTime = now() - BACK;
        let sql = format!("SELECT setl_id, medfee_sumamt FROM setl_d WHERE setl_time >= timestamp '{since}'");
        let began = Instant::now();
        let Some(text) = ask(address, &json!({"sql": sql, "format": "json"})) else { continue };
        let at = Instant::now();
        seen.took.push(at - began);
        for row in serde_json::from_str::<Vec<Value>>(&text).unwrap() {
            seen.at.entry(row["setl_id"].as_str().unwrap().to_owned()).or_insert(at);
        }
    }
    seen
}

fn investigate(address: SocketAddr, stop: &AtomicBool) -> usize {
    let shipped = named::shipped();
    let mut answered = 0;
    for name in shipped.iter().map(|i| i.name).cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        answered += usize::from(ask(address, &json!({"named": name, "format": "csv"})).is_some());
    }
    answered
}

fn measure(name: &str, at: &Location) {
    let runtime = dingan::threads::runtime().expect("a runtime");
    let inspectors = number("DINGAN_BENCH_INSPECTORS", 2);
    let (rate, rounds) = (number("DINGAN_BENCH_RATE", 200) as f64, number("DINGAN_BENCH_ROUNDS", 3));
    let bills = (rate * number("DINGAN_BENCH_SECONDS", 15) as f64) as usize;
    let (county, running) = place::serve(&runtime, at);
    let address = running.address;
    let mut days = bills::Bills::new(address, &county, CLIENTS);
    let mut ready = |count: usize| days.open(count);
    // books to look into, and statements and caches as in a running system
    let most = send(address, ready(bills), CLIENTS, None).per_second;
    println!("  {name}: at most {most:.0} settlements/s");
    let (mut alone, mut watched, mut seen_after, mut took) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let quiet = send(address, ready(bills), CLIENTS, Some(rate)).times;
        let messages = ready(bills);
        let acknowledged = Acknowledged::default();
        let stop = AtomicBool::new(false);
        let (busy, seen, investigations) = std::thread::scope(|scope| {
            let watching = scope.spawn(|| watch(address, &stop));
            let investigating = scope.spawn(|| if inspectors > 1 { investigate(address, &stop) } else { 0 });
            let busy =
                send_and_hear(address, messages, CLIENTS, Some(rate), |answer| note(&acknowledged, answer)).times;
            stop.store(true, Ordering::Relaxed);
            (busy, watching.join().unwrap(), investigating.join().unwrap())
        });
        let acknowledged: BTreeMap<String, Instant> = acknowledged.into_inner().unwrap().into_iter().collect();
        for (id, at) in &acknowledged {
            let first = seen.at.get(id).unwrap_or_else(|| panic!("settlement {id} was never seen"));
            seen_after.push(first.saturating_duration_since(*at));
        }
        println!(
            "  {name} round {round}: p99 {:.1} ms alone, {:.1} ms with inspectors ({} answers, {investigations} investigations)",
            quantile(&quiet, 0.99),
            quantile(&busy, 0.99),
            seen.took.len()
        );
        alone.push(quantile(&quiet, 0.99));
        watched.push(quantile(&busy, 0.99));
        took.extend(seen.took);
    }
    seen_after.sort();
    took.sort();
    let (a, w) = (median(alone), median(watched));
    println!("{name}: {rate:.0} settlements/s, median of {rounds} rounds of {bills} bills");
    println!("  p99 of settling      {a:.1} ms alone, {w:.1} ms with inspectors, ratio {:.2}", w / a);
    let (p50, p99, longest) = (quantile(&seen_after, 0.5), quantile(&seen_after, 0.99), quantile(&seen_after, 1.0));
    println!("  seen after           p50 {p50:.0} ms, p99 {p99:.0} ms, longest {longest:.0} ms");
    println!("  the query takes      p50 {:.0} ms, longest {:.0} ms", quantile(&took, 0.5), quantile(&took, 1.0));
    runtime.block_on(running.stop()).expect("a clean stop");
}

fn main() {
    // `cargo test` builds and starts benches too
    if !std::env::args().any(|a| a == "--bench") {
        return;
    }
    stores::each(measure);
}
