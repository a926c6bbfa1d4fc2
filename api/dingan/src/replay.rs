//! `dingan replay`: every stored decision rebuilt.

use crate::import::bar;
use crate::serve::open;
use std::path::Path;

/// The command.
pub async fn run(data: &Path) -> anyhow::Result<bool> {
    let agency = open(data).await?;
    let counts = agency.store().snapshot().await?.counts().await?;
    let bar = bar((counts.settlements + counts.reversed).unsigned_abs(), "replay");
    let report = agency.replay(|n| bar.set_position(n as u64)).await?;
    bar.finish_and_clear();
    agency.store().clone().close().await;

    say!("{} decisions rebuilt byte for byte, {} differ", report.equal, report.different.len());
    if report.by_other_versions > 0 {
        say!("{} of the equal ones were decided by another version of this program", report.by_other_versions);
    }
    for d in report.different.iter().take(20) {
        say!("  {}: {}", d.settlement, d.reason);
    }
    if report.unbalanced.is_empty() {
        say!("the ledger balances");
    } else {
        say!("{} settlements do not balance", report.unbalanced.len());
    }
    Ok(report.different.is_empty() && report.unbalanced.is_empty())
}
