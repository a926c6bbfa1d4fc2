//! Migrations: forward only, and safe while an older server runs (migrations/README.md).

use crate::db::StoreError;
use crate::sql::{Conn, args, lock_not_there};
use std::time::Duration;

pub(crate) const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("../migrations/0001_first.sql")),
    (2, include_str!("../migrations/0002_review.sql")),
    (3, include_str!("../migrations/0003_inspection.sql")),
    (4, include_str!("../migrations/0004_mappings.sql")),
    (5, include_str!("../migrations/0005_by_time.sql")),
    (6, include_str!("../migrations/0006_access.sql")),
    (7, include_str!("../migrations/0007_clerk.sql")),
    (8, include_str!("../migrations/0008_corrections.sql")),
    (9, include_str!("../migrations/0009_history.sql")),
    (10, include_str!("../migrations/0010_lines.sql")),
];

/// Brings the schema up to what this program knows. A newer schema is left as it is: migrations only add; a store that is
/// written in a newer form is refused. Beside a new store, or an embedded one, no older server runs.
pub(crate) async fn migrate(c: &mut Conn) -> Result<(), StoreError> {
    c.lock_schema().await?;
    c.script("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)".to_owned()).await?;
    let have = c.rows("SELECT version FROM schema_version", args![]).await?;
    let have: Vec<i64> = have.iter().map(|r| r.int(0)).collect();
    if !have.is_empty() {
        check_form(c).await?;
    }
    for (version, text) in MIGRATIONS.iter().filter(|(v, _)| !have.contains(v)) {
        let text = c.schema(text);
        c.begin().await?;
        let done = async {
            c.script(text).await?;
            c.run("INSERT INTO schema_version (version) VALUES ($1)", args![*version]).await?;
            c.commit().await
        };
        if let Err(e) = done.await {
            let _ = c.rollback().await;
            return Err(e.into());
        }
        tracing::info!(version, "schema migrated");
    }
    if have.is_empty() || c.alone() {
        leave_older_behind(c, |_| ()).await?;
    }
    Ok(())
}

/// The migration that a program has to know to read what is written once older ones are left behind.
const FORM: i64 = 10;

/// How often it is tried to leave older servers behind while others read the lines: each takes a second, and a second
/// lies between two.
const TRIES: usize = 30;

/// From here on the books are written as only this version and later ones read them. The setting is read by every
/// writer with the books of its group, so it holds for all servers at once. An older program finds a table missing that
/// it needs for whatever it does with settled lines: it would settle a second time what it does not see settled.
///
/// `waits` hears how many tries are left, each time that others are in the way.
pub(crate) async fn leave_older_behind(c: &mut Conn, waits: impl Fn(usize)) -> Result<(), StoreError> {
    let done = c.rows("SELECT 1 FROM setting WHERE name = 'history' AND value = 'lines'", args![]).await?;
    if !done.is_empty() {
        return Ok(());
    }
    for left in (0..TRIES).rev() {
        match write_in_rows_of_settlements(c).await {
            // everybody waits for who holds the counter, so it is let go, and taken again
            Err(e) if lock_not_there(&e) => {
                waits(left);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            done => return Ok(done?),
        }
    }
    Err(StoreError::LinesInUse)
}

async fn write_in_rows_of_settlements(c: &mut Conn) -> Result<(), sqlx::Error> {
    c.begin().await?;
    let change = async {
        c.wait_little_for_locks().await?;
        // as long as the counter is held, no group of changes is under way
        c.run("UPDATE commit_counter SET no = no WHERE one = 1", args![]).await?;
        c.script("ALTER TABLE settlement_line RENAME TO old_settlement_line".to_owned()).await?;
        for (name, value) in [("history", "lines".to_owned()), ("needs", FORM.to_string())] {
            let sql = "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2";
            c.run(sql, args![name, value]).await?;
        }
        c.commit().await
    };
    if let Err(e) = change.await {
        let _ = c.rollback().await;
        return Err(e);
    }
    Ok(())
}

/// Refuses a store that is written in a form this program does not know.
async fn check_form(c: &mut Conn) -> Result<(), StoreError> {
    let needs = c.rows("SELECT value FROM setting WHERE name = 'needs'", args![]).await?;
    let needs = needs.first().map_or(Ok(0), |r| r.str(0).parse()).map_err(|e| StoreError::damaged("setting", e))?;
    let knows = MIGRATIONS.last().map_or(0, |(version, _)| *version);
    if needs > knows { Err(StoreError::TooNew { needs, knows }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The statements of a migration without comments, as each database reads them.
    fn statements(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        for mark in ["-- postgres:", "-- sqlite:"] {
            let ours = |l: &str| l.strip_prefix(mark).map(str::to_owned);
            let code = text.lines().map(|l| ours(l).unwrap_or_else(|| l.split("--").next().unwrap_or("").to_owned()));
            let code: Vec<String> = code.collect();
            out.extend(code.join(" ").split(';').map(|s| s.trim().to_uppercase()).filter(|s| !s.is_empty()));
        }
        out
    }

    fn only_adds(statement: &str) -> bool {
        let column = statement.starts_with("ALTER TABLE") && statement.contains(" ADD COLUMN ");
        let filled = !statement.contains("NOT NULL") || statement.contains(" DEFAULT ");
        let made =
            ["CREATE TABLE", "CREATE INDEX", "CREATE VIEW", "INSERT INTO"].iter().any(|s| statement.starts_with(s));
        made || (column && filled)
    }

    #[test]
    fn migrations_after_the_first_only_add() {
        for (version, text) in MIGRATIONS.iter().filter(|(v, _)| *v > 1) {
            for s in statements(text) {
                assert!(only_adds(&s), "migration {version} would disturb an older server: {s}");
            }
        }
        assert!(!only_adds("ALTER TABLE MESSAGE DROP COLUMN ANSWER"));
        assert!(!only_adds("ALTER TABLE MESSAGE ADD COLUMN X TEXT NOT NULL"));
        assert!(only_adds("ALTER TABLE MESSAGE ADD COLUMN X TEXT"));
    }

    #[test]
    fn migrations_are_in_order_and_know_two_types() {
        assert!(MIGRATIONS.is_sorted_by(|a, b| a.0 < b.0));
        for (version, text) in MIGRATIONS {
            for s in statements(text) {
                for other in ["BLOB", "INTEGER", "VARCHAR", "SERIAL", "AUTOINCREMENT", "TIMESTAMP"] {
                    assert!(!s.contains(other), "migration {version} uses {other}: {s}");
                }
            }
        }
    }
}
