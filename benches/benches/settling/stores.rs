//! The stores that are measured: `DINGAN_BENCH_STORE` is `postgres`, `sqlite` or both.

use crate::database::postgres;
use dingan_store::Location;

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
