//! The investigations over generated books, and the same rows as Parquet for a peer.
//!
//! `cargo bench --bench inspection` prints the time of each investigation; with `DINGAN_PARQUET=DIR` it first writes
//! the views there, with the SQL and the answers, and `benches/inspection.py DIR` runs the same SQL in DuckDB over the
//! same rows with two threads, compares the answers and prints the times beside each other.
//! `DINGAN_CLAIMS` sets the number of settlements (a million where not set).

use dingan_benches::books::Books;
use dingan_lake::output::{Format, Written};
use dingan_lake::{Asked, Inspector, Limits, named};
use std::collections::BTreeMap;
use std::path::Path;
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
    let inspector = Inspector::new(Arc::new(Books::new(claims)), limits)?;
    runtime.block_on(async {
        if let Some(folder) = &folder {
            parquet(&inspector, Path::new(folder)).await?;
        }
        println!("{claims} settlements");
        for i in named::shipped().iter().filter(|i| !i.name.starts_with("check-")) {
            let sql = named::sql(i.name, &BTreeMap::new())?;
            let mut times = Vec::new();
            let mut answer = Vec::new();
            for _ in 0..RUNS {
                let began = Instant::now();
                answer = ask(&inspector, sql.clone(), Format::Csv).await?;
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
