//! The stores that are measured: `DINGAN_BENCH_STORE` is `postgres`, `sqlite` or both.

use dingan_store::Location;
use dingan_test_postgres::{Postgres, found};

/// A PostgreSQL that has used log files at hand, as `docs/operations.md` advises and one that runs for a while has; a
/// new one would make them as they are needed, and whoever commits at that moment would wait for it.
pub fn postgres() -> Option<Postgres> {
    found().then(|| {
        let server = Postgres::start(&["min_wal_size=2GB"]);
        for _ in 0..64 {
            server.sql("postgres", "SELECT pg_logical_emit_message(false, 'bench', 'a log file')");
            server.sql("postgres", "SELECT pg_switch_wal()");
        }
        server.sql("postgres", "CHECKPOINT");
        server
    })
}

/// Measures each store that is asked for, on a new one.
pub fn each(measure: impl Fn(&str, &Location)) {
    let which = std::env::var("DINGAN_BENCH_STORE").unwrap_or_else(|_| "both".to_owned());
    if which != "sqlite" {
        match postgres() {
            Some(server) => measure("postgres", &Location::parse(&server.url(&server.database())).expect("a URL")),
            None => println!("postgres: not installed, not measured"),
        }
    }
    if which != "postgres" {
        let folder = tempfile::tempdir().expect("a folder");
        measure("sqlite", &Location::Folder(folder.path().to_path_buf()));
    }
}
