//! Copies of an embedded store, taken while a server serves, and stores made of them.

use crate::db::{Location, Store, StoreError};
use crate::read::Snapshot;
use crate::sql::{Conn, Options, args};
use std::path::{Path, PathBuf};

/// Where an embedded store's file is.
pub(crate) fn file_of(at: &Location) -> Result<PathBuf, StoreError> {
    match at {
        Location::Folder(f) => Ok(f.join("dingan.db")),
        Location::File(f) => Ok(f.clone()),
        Location::Postgres(_) => Err(StoreError::NotEmbedded),
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> StoreError + '_ {
    move |reason| StoreError::File { path: path.display().to_string(), reason }
}

fn taken(path: &Path) -> StoreError {
    failed(path)(std::io::Error::new(std::io::ErrorKind::AlreadyExists, "is there already and is not written over"))
}

/// A name beside a file, for what is not whole yet.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Puts a file that is whole, and on disk, in its place.
fn put_in_place(part: &Path, file: &Path) -> Result<(), StoreError> {
    std::fs::File::open(part).and_then(|f| f.sync_all()).map_err(failed(part))?;
    std::fs::rename(part, file).map_err(failed(file))?;
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder).and_then(|f| f.sync_all()).map_err(failed(folder))
}

/// Copies an embedded store into a new file: all that was committed when it began, whoever serves it meanwhile.
/// A copy that breaks off leaves nothing under the name.
pub async fn backup(at: &Location, to: &Path) -> Result<(), StoreError> {
    let file = file_of(at)?;
    if !file.exists() {
        return Err(failed(&file)(std::io::ErrorKind::NotFound.into()));
    }
    if to.exists() {
        return Err(taken(to));
    }
    let part = beside(to);
    let _ = std::fs::remove_file(&part);
    let mut c = Options::sqlite(&file).read_only().connect().await?;
    // one read transaction: writers go on, and nothing of what they write is in it
    c.run("VACUUM INTO $1", args![part.display().to_string()]).await?;
    c.close().await;
    put_in_place(&part, to)
}

/// Makes an embedded store of a copy, in a place that has none, and checks it.
pub async fn restore(from: &Path, at: &Location) -> Result<(), StoreError> {
    let file = file_of(at)?;
    if file.exists() {
        return Err(taken(&file));
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
    }
    let part = beside(&file);
    std::fs::copy(from, &part).map_err(failed(from))?;
    let sound = async {
        let mut c = Options::sqlite(&part).connect().await?;
        let sound = sound(&mut c).await;
        c.close().await;
        sound
    };
    let sound = sound.await;
    for left in ["-wal", "-shm"] {
        let mut name = part.as_os_str().to_owned();
        name.push(left);
        let _ = std::fs::remove_file(PathBuf::from(name));
    }
    if let Err(e) = sound {
        let _ = std::fs::remove_file(&part);
        return Err(e);
    }
    put_in_place(&part, &file)
}

async fn sound(c: &mut Conn) -> Result<(), StoreError> {
    let said = c.rows("PRAGMA integrity_check", args![]).await?;
    match said.first().map(|r| r.text(0)) {
        Some(word) if word == "ok" => Ok(()),
        other => Err(StoreError::damaged("-", other.unwrap_or_default())),
    }
}

impl Store {
    /// What does not hold in the books: nothing, always. Settlements that do not sum to zero, accounts whose
    /// balance is not the sum of their entries, lines settled twice, messages that name what is not there.
    pub async fn discrepancies(&self) -> Result<Vec<String>, StoreError> {
        let mut snap: Snapshot = self.snapshot().await?;
        let mut out: Vec<String> = Vec::new();
        let checks: [(&str, &'static str); 6] = [
            ("does not sum to zero", "SELECT setl_id FROM ledger_entry GROUP BY setl_id HAVING sum(amount) <> 0"),
            (
                "account whose book is not the sum of its entries",
                "SELECT b.account FROM account_book b WHERE b.balance <> \
                 (SELECT sum(e.amount) FROM account_entry e WHERE e.account = b.account)",
            ),
            ("account that was overdrawn", "SELECT DISTINCT account FROM account_entry WHERE balance < 0"),
            (
                "message that names a settlement which is not there",
                "SELECT msgid FROM message m WHERE m.setl_id <> '' AND NOT EXISTS \
                 (SELECT 1 FROM settlement s WHERE s.setl_id = m.setl_id)",
            ),
            (
                "correction of a settlement that is not there",
                "SELECT corr_id FROM correction c WHERE NOT EXISTS \
                 (SELECT 1 FROM settlement s WHERE s.setl_id = c.setl_id)",
            ),
            (
                "row of a commit that is not in the log",
                "SELECT setl_id FROM settlement s WHERE NOT EXISTS \
                 (SELECT 1 FROM commit_log c WHERE c.commit_no = s.commit_no)",
            ),
        ];
        for (what, sql) in checks {
            out.extend(snap.lease.rows(sql, args![]).await?.iter().map(|r| format!("{}: {what}", r.text(0))));
        }
        out.extend(snap.settled_twice().await?.iter().map(|visit| format!("{visit}: bill settled twice")));
        Ok(out)
    }
}
