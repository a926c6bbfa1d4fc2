//! Settling online: encounters through HTTP, each change on disk before its answer, beside a bare
//! synced insert of two rows into SQLite on the same disk in the same run.
//!
//! Not a criterion bench: a day cannot be sent twice to one store. Medians of five days.

use dingan::demo::{CLIENTS, send_day, settle_in};
use dingan::serve::{Running, now, open, profile};
use dingan_connectors::sample::County;
use std::sync::Arc;

use tokio::net::TcpListener;

const RUNS: usize = 5;
const CLAIMS: usize = 300;

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v.get(v.len() / 2).copied().unwrap_or_default()
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let county = County::generate(1, 3000);
    let running = runtime.block_on(async {
        let agency = open(folder.path()).await.expect("a store");
        settle_in(&agency, &county).await.expect("the county");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Running::start(agency, profile("default").expect("a profile"), listener, Arc::new(now)).await.expect("a server")
    });
    let (mut claims, mut messages, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        let date = (now() - chrono::TimeDelta::days(30 - run as i64)).date();
        let day = send_day(running.address, county.day(date, CLAIMS), CLIENTS);
        claims.push(day.settled as f64 / day.seconds);
        messages.push(day.messages as f64 / day.seconds);
        bare.push(bare_inserts(folder.path(), run));
    }
    let (c, m, b) = (median(claims), median(messages), median(bare));
    println!("settling online, {CLIENTS} clients, {CLAIMS} claims a run, median of {RUNS} runs");
    println!("  claims/s            {c:>8.0}   (a visit is 5 messages, a stay 5 and its lines)");
    println!("  messages/s          {m:>8.0}");
    println!("  bare synced inserts {b:>8.0}   one client, two rows a transaction");
    println!("  messages ÷ bare     {:>8.2}", m / b);
    runtime.block_on(running.stop()).expect("a clean stop");
}

/// Transactions a second of two inserts with a full sync each, one after the other.
fn bare_inserts(folder: &std::path::Path, run: usize) -> f64 {
    const COUNT: u32 = 300;
    let script = format!(
        "import sqlite3,time\n\
         c=sqlite3.connect('{}',isolation_level=None)\n\
         c.execute('pragma journal_mode=wal'); c.execute('pragma synchronous=full')\n\
         c.execute('create table a(x)'); c.execute('create table b(x)')\n\
         t=time.time()\n\
         for i in range({COUNT}):\n\
         \x20 c.execute('begin'); c.execute('insert into a values(?)',(i,)); c.execute('insert into b values(?)',(i,)); c.execute('commit')\n\
         print({COUNT}/(time.time()-t))",
        folder.join(format!("bare{run}.db")).display()
    );
    let out = std::process::Command::new("python3").args(["-c", &script]).output().expect("python3");
    String::from_utf8_lossy(&out.stdout).trim().parse().unwrap_or_default()
}
