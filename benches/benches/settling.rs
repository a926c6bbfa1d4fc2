//! Settling online: 2207 of a bill with ten uploaded lines, over HTTP, each on disk before its answer.
//!
//! On PostgreSQL beside `pgbench -s 50 -c 16` (TPC-B-like, synchronous_commit on) on the same server in the same
//! run; embedded beside a bare synced insert into two tables of SQLite on the same disk. Sixteen connections, the
//! load generator on the same cores. Rounds alternate with the peer's; medians of five and their ratio. At half of
//! the maximum, messages are sent on a schedule and timed from when they were due, so that a queue counts.
//!
//! Not a criterion bench: a bill cannot be settled twice. `DINGAN_BENCH_ROUNDS`, `DINGAN_BENCH_BILLS` (a round),
//! `DINGAN_BENCH_STORE` (postgres, sqlite or both) change the size.

#[path = "settling/bills.rs"]
mod bills;
#[path = "settling/database.rs"]
mod database;
#[path = "settling/load.rs"]
mod load;
#[path = "settling/peers.rs"]
mod peers;
#[path = "settling/place.rs"]
mod place;
#[path = "settling/wire.rs"]
mod wire;

use bills::Bills;
use dingan_store::Location;
use load::{median, number, quantile, send};

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Connections that send at once, as pgbench's clients.
const CLIENTS: usize = 16;

/// Measures one store beside its peer; `peer` gives transactions a second. `rest` brings the database to where it is
/// after running for a while.
fn measure(name: &str, at: &Location, peer_name: &str, mut peer: impl FnMut(usize) -> f64, rest: impl Fn()) {
    let runtime = dingan::threads::runtime().expect("a runtime");
    let rounds = number("DINGAN_BENCH_ROUNDS", 5);
    let bills = number("DINGAN_BENCH_BILLS", 4000);
    let (county, running) = place::serve(&runtime, at);
    let mut days = Bills::new(running.address, &county, CLIENTS);
    let mut ready = |count: usize| days.open(count);
    // a first round brings statements, caches and the disk's files to where they are in a running system
    send(running.address, ready(bills / 4), CLIENTS, None);
    rest();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        theirs.push(peer(round));
        // a bill is settled minutes after its lines came, not after another program had the server's memory to itself
        let messages = ready(bills);
        let sent = send(running.address, messages, CLIENTS, None);
        println!(
            "  {name} round {round}: 2207 {:.0}/s, {peer_name} {:.0}/s, p50 {:.1} ms, p99 {:.1} ms at full load",
            sent.per_second,
            theirs.last().copied().unwrap_or_default(),
            quantile(&sent.times, 0.5),
            quantile(&sent.times, 0.99)
        );
        ours.push(sent.per_second);
    }
    let (o, t) = (median(ours), median(theirs));
    let messages = ready(bills);
    rest();
    let half = send(running.address, messages, CLIENTS, Some(o / 2.0));
    println!("{name}: 2207 with ten lines, {CLIENTS} connections, median of {rounds} rounds of {bills} bills");
    println!("  settlements/s        {o:>8.0}");
    println!("  {peer_name:<20} {t:>8.0}");
    println!("  ratio                {:>8.2}", o / t);
    println!(
        "  at half load         p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
        quantile(&half.times, 0.5),
        quantile(&half.times, 0.99),
        quantile(&half.times, 1.0)
    );
    runtime.block_on(running.stop()).expect("a clean stop");
}

fn main() {
    let which = std::env::var("DINGAN_BENCH_STORE").unwrap_or_else(|_| "both".to_owned());
    if which != "sqlite" {
        match database::postgres() {
            Some(server) => {
                let at = Location::parse(&server.url(&server.database())).expect("a URL");
                let pgbench = peers::Pgbench::new(&server);
                let rest = || drop(server.sql("postgres", "CHECKPOINT"));
                measure("postgres", &at, "pgbench -s 50 -c 16", |_| pgbench.run(), rest);
            }
            None => println!("postgres: not installed, not measured"),
        }
    }
    if which != "postgres" {
        let folder = tempfile::tempdir().expect("a folder");
        let at = Location::Folder(folder.path().to_path_buf());
        measure("sqlite", &at, "bare synced insert", |round| peers::bare_inserts(folder.path(), round), || ());
    }
}
