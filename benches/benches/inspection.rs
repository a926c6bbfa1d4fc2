//! The investigations over generated books, and the same rows as Parquet for a peer.
//!
//! `DINGAN_BENCH_BOOKS=sqlite` or `postgres` writes the books into a store first and reads them from there, as `dingan
//! inspect` does; where not set, rows are made anew at every query, and that is part of the times: they say that the answers agree, and
//! bound what the engine costs, no more. `DINGAN_BENCH_DATA=DIR` keeps the embedded store there and takes it as it is the next time.
//!
//! `cargo bench --bench inspection` prints the time of each investigation; with `DINGAN_PARQUET=DIR` it first writes
//! the views there, with the SQL and the answers, and `benches/inspection.py DIR` runs the same SQL in DuckDB over the
//! same rows with two threads, compares the answers and prints the times beside each other.
//! `DINGAN_CLAIMS` sets the number of settlements (a million where not set).

use anyhow::Context;
use dingan::inspect::inspector;
use dingan::serve::open_at;
use dingan_benches::books::{Books, fill};
use dingan_lake::output::{Format, Written};
use dingan_lake::{Asked, Inspector, Limits, named};
use dingan_store::Location;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Runs of which the median counts.
const RUNS: usize = 5;

async fn ask(inspector: &Inspector, sql: String, format: Format) -> anyhow::Result<Vec<u8>> {
    let mut written =
        Written::new(inspector.ask(Asked { sql, who: "bench".into(), ..Asked::default() }).await?, format)?;
    let mut out = Vec::new();
    while let Some(bytes) = written.next().await? {
        out.extend(bytes);
    }
    Ok(out)
}

async fn parquet(inspector: &Inspector, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    for view in ["mdtrt_d", "setl_d", "fee_list_d"] {
        let bytes = ask(inspector, format!("SELECT * FROM {view}"), Format::Parquet).await?;
        std::fs::write(folder.join(format!("{view}.parquet")), bytes)?;
    }
    Ok(())
}

/// An inspector over a store with so many settlements.
async fn stored(at: &Location, claims: u64, limits: Limits) -> anyhow::Result<Inspector> {
    let agency = open_at(at).await?;
    let there = agency.store().snapshot().await?.counts().await?.settlements;
    if there == 0 {
        let began = Instant::now();
        let per_second = |n: u64| n as f64 / began.elapsed().as_secs_f64();
        fill(agency.store(), claims, |n| {
            if n.is_multiple_of(100_000) {
                println!("  {n} settlements written, {:.0}/s", per_second(n));
            }
        })
        .await?;
    }
    Ok(inspector(&agency, limits)?)
}

fn main() -> anyhow::Result<()> {
    // `cargo test` builds and starts benches too
    if !std::env::args().any(|a| a == "--bench") {
        return Ok(());
    }
    let claims = std::env::var("DINGAN_CLAIMS").ok().and_then(|c| c.parse().ok()).unwrap_or(1_000_000);
    let folder = std::env::var_os("DINGAN_PARQUET");
    let limits =
        Limits { memory: 2 << 30, time: Duration::from_secs(600), rows: u64::MAX, threads: 2, ..Limits::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    // a folder of our own is removed at the end
    let own = tempfile::tempdir()?;
    let which = std::env::var("DINGAN_BENCH_BOOKS").unwrap_or_else(|_| "generated".to_owned());
    runtime.block_on(async {
        let inspector = match which.as_str() {
            "generated" => Inspector::new(Arc::new(Books::new(claims)), limits)?,
            "sqlite" => {
                let kept = std::env::var_os("DINGAN_BENCH_DATA").map(PathBuf::from);
                stored(&Location::Folder(kept.unwrap_or_else(|| own.path().to_path_buf())), claims, limits).await?
            }
            "postgres" => {
                let server = dingan_test_postgres::shared().context("PostgreSQL is not installed")?;
                stored(&Location::parse(&server.url(&server.database()))?, claims, limits).await?
            }
            other => anyhow::bail!("DINGAN_BENCH_BOOKS={other}: generated, sqlite or postgres"),
        };
        let inspector = &inspector;
        if let Some(folder) = &folder {
            parquet(inspector, Path::new(folder)).await?;
        }
        println!("{claims} settlements, {which}");
        for i in named::shipped().iter().filter(|i| !i.name.starts_with("check-")) {
            let sql = named::sql(i.name, &BTreeMap::new())?;
            let mut times = Vec::new();
            let mut answer = Vec::new();
            for _ in 0..RUNS {
                let began = Instant::now();
                answer = ask(inspector, sql.clone(), Format::Csv).await?;
                times.push(began.elapsed());
            }
            times.sort();
            println!("{:<20} {:>8.3} s", i.name, times[RUNS / 2].as_secs_f64());
            if let Some(folder) = &folder {
                std::fs::write(Path::new(folder).join(format!("{}.sql", i.name)), &sql)?;
                std::fs::write(Path::new(folder).join(format!("{}.csv", i.name)), &answer)?;
                let seconds = format!("{}", times[RUNS / 2].as_secs_f64());
                std::fs::write(Path::new(folder).join(format!("{}.seconds", i.name)), seconds)?;
            }
        }
        Ok(())
    })
}
