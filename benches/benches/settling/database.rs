//! The PostgreSQL that is measured.

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
