//! `dingan backup`, `dingan restore` and `dingan finish-upgrade`.

use anyhow::Context;
use dingan_store::{Location, Store};
use std::path::Path;

/// The command `backup`.
pub async fn backup(to: &Path, at: &Location) -> anyhow::Result<bool> {
    dingan_store::backup(at, to).await.with_context(|| format!("cannot copy {at}"))?;
    say!("{at} copied to {}", to.display());
    Ok(true)
}

/// The command `restore`: the books are checked before it says that it is done.
pub async fn restore(from: &Path, at: &Location) -> anyhow::Result<bool> {
    dingan_store::restore(from, at).await.with_context(|| format!("cannot restore {}", from.display()))?;
    let store = Store::open(at).await?;
    let wrong = store.discrepancies().await;
    store.close().await;
    let wrong = wrong?;
    for w in wrong.iter().take(20) {
        say!("  {w}");
    }
    say!("{} restored into {at}; {} things do not hold in its books", from.display(), wrong.len());
    if wrong.is_empty() {
        say!("`dingan replay` rebuilds its decisions");
    }
    Ok(wrong.is_empty())
}

/// The command `finish-upgrade`.
pub async fn finish_upgrade(at: &Location) -> anyhow::Result<bool> {
    let waits = |left| say!("other programs read the table of settled lines; waiting ({left} tries left)");
    let done = Store::finish_upgrade(at, waits).await.with_context(|| format!("cannot finish the upgrade of {at}"))?;
    if done {
        say!("{at} is written as this version writes it from now on; an older server can do nothing with lines on it");
    } else {
        say!("nothing to do: an embedded store is written as this version writes it since it was first opened");
    }
    Ok(true)
}
