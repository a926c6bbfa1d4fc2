//! `dingan replay`: every stored decision rebuilt.

use crate::import::bar;
use crate::serve::open_at;
use dingan_store::Location;

/// The command.
pub async fn run(at: &Location) -> anyhow::Result<bool> {
    let agency = open_at(at).await?;
    let counts = agency.store().snapshot().await?.counts().await?;
    let bar = bar((counts.settlements + counts.reversed).unsigned_abs(), "replay");
    let report = agency.replay(|n| bar.set_position(n as u64)).await?;
    bar.finish_and_clear();
    let wrong = agency.store().discrepancies().await?;
    agency.store().clone().close().await;

    say!("{} decisions rebuilt byte for byte, {} differ", report.equal, report.different.len());
    if report.by_other_versions > 0 {
        say!("{} of the equal ones were decided by another version of this program", report.by_other_versions);
    }
    for d in report.different.iter().take(20) {
        say!("  {}: {}", d.settlement, d.reason);
    }
    for w in wrong.iter().take(20) {
        say!("  {w}");
    }
    if report.unbalanced.is_empty() && wrong.is_empty() {
        say!("the ledger balances");
    } else {
        say!("{} things do not hold in the books", wrong.len());
    }
    Ok(report.different.is_empty() && report.unbalanced.is_empty() && wrong.is_empty())
}
