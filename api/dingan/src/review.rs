//! `dingan review`: the rules over what is settled, on what is known now; makes a run.

use crate::import::bar;
use crate::serve::{now, open_at};
use dingan_store::Location;

/// Findings and settlements that are named one by one.
const NAMED: usize = 20;

/// The command.
pub async fn run(at: &Location) -> anyhow::Result<bool> {
    let agency = open_at(at).await?;
    let counts = agency.store().snapshot().await?.counts().await?;
    let progress = bar(counts.settlements.try_into().unwrap_or(0), "settlements");
    let done = agency.review(now(), |n| progress.set_position(n as u64)).await;
    progress.finish_and_clear();
    agency.store().clone().close().await;
    let report = done?;
    let count = |v: &str| report.verdicts.get(v).copied().unwrap_or(0);
    say!(
        "{} settlements reviewed{}",
        report.settlements,
        if report.run.is_empty() { String::new() } else { format!(", run {}", report.run) }
    );
    say!(
        "findings: {} new, {} confirmed, {} changed, {} withdrawn",
        count("new"),
        count("confirmed"),
        count("changed"),
        count("withdrawn")
    );
    for (missing, n) in &report.undecided {
        say!("not decidable: {n} for want of {missing}");
    }
    if report.failures > 0 {
        say!("{} runs of rules failed and want a person's look", report.failures);
    }
    for (settlement, reason) in report.unread.iter().take(NAMED) {
        eprintln!("settlement {settlement}: {reason}");
    }
    if report.unread.len() > NAMED {
        eprintln!("and {} settlements more", report.unread.len() - NAMED);
    }
    Ok(report.unread.is_empty())
}
