//! Fairness: how the answers of all other hospitals slow down while one sends a hundred times its share.
//!
//! The others settle bills (2207, ten lines, each on disk before its answer) on a schedule, at a quarter of what the
//! server settles at most, and are timed from when each was due. Then the same again while one hospital sends trials
//! (2206, a whole decision each) over 64 connections, a hundred times as many a second as is its share of that load, or
//! as fast as its connections take them. Rounds alternate; the ratio is that of the median p99. The load generators run
//! on the same cores. `DINGAN_BENCH_ROUNDS`, `DINGAN_BENCH_BILLS` and `DINGAN_BENCH_STORE` as in `settling`.

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

use bills::Bills;
use dingan_store::Location;
use load::{median, number, quantile, send};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use wire::Connection;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Connections of the others.
const CLIENTS: usize = 16;

/// Connections of the one.
const GREEDY: usize = 64;

/// How often its share the one sends.
const TIMES: f64 = 100.0;

fn institution(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request);
    let after = text.split("\"fixmedins_code\":\"").nth(1).unwrap_or_default();
    after.split('"').next().unwrap_or_default().to_owned()
}

/// Sends what one hospital sends until told to stop; gives (answered, turned away) a second.
fn greedy(address: SocketAddr, requests: &[Vec<u8>], rate: f64, stop: &AtomicBool) -> (f64, f64) {
    let (next, done, refused) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..GREEDY {
            scope.spawn(|| {
                let mut connection = Connection::open(address);
                while !stop.load(Ordering::Relaxed) {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let due = began + Duration::from_secs_f64(i as f64 / rate);
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    let Some(request) = requests.get(i % requests.len().max(1)) else { return };
                    let answer = connection.exchange(request);
                    let count = if wire::is_ok(&answer) { &done } else { &refused };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    (done.into_inner() as f64 / seconds, refused.into_inner() as f64 / seconds)
}

fn measure(name: &str, at: &Location) {
    let runtime = dingan::threads::runtime().expect("a runtime");
    let (rounds, bills) = (number("DINGAN_BENCH_ROUNDS", 5), number("DINGAN_BENCH_BILLS", 4000));
    let (county, running) = place::serve(&runtime, at);
    let mut days = Bills::new(running.address, &county, CLIENTS);
    let mut ready = |count: usize| days.open(count);
    send(running.address, ready(bills / 4), CLIENTS, None);
    let most = send(running.address, ready(bills), CLIENTS, None).per_second;
    let all = ready(bills);
    let codes: std::collections::BTreeSet<String> = all.iter().map(|r| institution(r)).collect();
    let one = codes.first().cloned().unwrap_or_default();
    let trials: Vec<Vec<u8>> = all
        .iter()
        .filter(|r| institution(r) == one)
        // the same input asks for the trial where the transaction is 2206
        .map(|r| String::from_utf8_lossy(r).replace("\"infno\":\"2207\"", "\"infno\":\"2206\"").into_bytes())
        .collect();
    let rate = most / 4.0;
    let much = TIMES * rate / codes.len() as f64;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let others = |all: Vec<Vec<u8>>| all.into_iter().filter(|r| institution(r) != one).collect::<Vec<_>>();
        let quiet = send(running.address, others(ready(bills)), CLIENTS, Some(rate));
        let messages = others(ready(bills));
        let stop = AtomicBool::new(false);
        let (loud, (done, refused)) = std::thread::scope(|scope| {
            let sending = scope.spawn(|| greedy(running.address, &trials, much, &stop));
            let loud = send(running.address, messages, CLIENTS, Some(rate));
            stop.store(true, Ordering::Relaxed);
            (loud, sending.join().expect("the one that sends too much"))
        });
        let (a, b) = (quantile(&quiet.times, 0.99), quantile(&loud.times, 0.99));
        println!(
            "  {name} round {round}: p99 {a:.1} ms alone, {b:.1} ms beside it (p50 {:.1}, {:.1}); it: {done:.0}/s answered, \
             {refused:.0}/s turned away",
            quantile(&quiet.times, 0.5),
            quantile(&loud.times, 0.5)
        );
        alone.push(a);
        beside.push(b);
    }
    let (a, b) = (median(alone), median(beside));
    println!(
        "{name}: {} hospitals settle {rate:.0}/s in all (most: {most:.0}/s), one asks for {much:.0}/s",
        codes.len() - 1
    );
    println!("  p99 of the others    {a:>8.1} ms alone, {b:.1} ms beside it, ratio {:.2}", b / a);
    runtime.block_on(running.stop()).expect("a clean stop");
}

fn main() {
    stores::each(measure);
}
