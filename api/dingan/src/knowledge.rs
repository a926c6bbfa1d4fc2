//! `dingan import knowledge` and `dingan knowledge`: what is published into the store, and a person's word on it.

use crate::import::may_go_in;
use crate::serve::{now, open_at};
use anyhow::{Context, bail};
use chrono::NaiveDate;
use dingan_connectors::file::{Diagnoses, KnowledgeReader, MAX_FILE_BYTES, MAX_ICD_BYTES, Read};
use dingan_core::knowledge::{KnowledgeRow, MergeReport};
use dingan_http::agency::{Agency, Confirmation, ImportReport};
use dingan_store::Location;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// What `import knowledge` is told beside the files.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct Options {
    /// Knowledge: a list of diagnoses (a code, a blank, a name on each line), by which free text is read.
    #[arg(long, value_name = "FILE", help_heading = "Knowledge")]
    pub icd: Option<PathBuf>,
    /// Knowledge: layouts of lists of one's own (TOML), instead of those the program carries.
    #[arg(long, value_name = "FILE", help_heading = "Knowledge")]
    pub layouts: Option<PathBuf>,
    /// Knowledge: number of the batch, where the file does not say.
    #[arg(long, value_name = "N", help_heading = "Knowledge")]
    pub batch: Option<u32>,
    /// Knowledge: day of publication, where the file does not say.
    #[arg(long, value_name = "DATE", help_heading = "Knowledge")]
    pub published: Option<NaiveDate>,
}

/// At most so many bytes of a file: enough to see that it is too large.
fn bounded(path: &Path, most: usize) -> anyhow::Result<Vec<u8>> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes)
}

fn text(path: &Path) -> anyhow::Result<String> {
    let bytes = bounded(path, MAX_ICD_BYTES)?;
    if bytes.len() > MAX_ICD_BYTES {
        bail!("{}: larger than {} MiB", path.display(), MAX_ICD_BYTES >> 20);
    }
    String::from_utf8(bytes).map_err(|_| anyhow::anyhow!("{}: not UTF-8", path.display()))
}

fn reader(o: &Options) -> anyhow::Result<KnowledgeReader> {
    let mut diagnoses = Diagnoses::built_in()?;
    if let Some(icd) = &o.icd {
        let taken = diagnoses.add_list(&text(icd)?);
        if taken == 0 {
            bail!("{}: no line has a code, a blank and a name", icd.display());
        }
        say!("{taken} names of diagnoses read");
    }
    let layouts = o.layouts.as_deref().map(text).transpose()?;
    Ok(KnowledgeReader::new(layouts.as_deref(), diagnoses)?.published(o.batch, o.published))
}

/// Reads the files and takes what they say into the live bundle; none where nothing of them may go in.
pub async fn import(
    agency: &Agency,
    files: &[PathBuf],
    strict: bool,
    o: &Options,
) -> anyhow::Result<Option<ImportReport>> {
    let reader = reader(o)?;
    let (mut rows, mut errors): (Vec<KnowledgeRow>, usize) = (Vec::new(), 0);
    for f in files {
        let Read { rows: read, problems } = reader.read(&f.display().to_string(), &bounded(f, MAX_FILE_BYTES)?);
        for p in &problems {
            eprintln!("{p}");
        }
        errors += problems.iter().filter(|p| !p.warning).count();
        say!("{}: {}", f.file_name().unwrap_or_default().to_string_lossy(), by_table(&read).join(", "));
        rows.extend(read);
    }
    if !may_go_in(errors, rows.len(), strict) {
        return Ok(None);
    }
    let (report, merged) = agency.import_knowledge(rows, now()).await?;
    let MergeReport { added, changed, unchanged, older, superseded } = merged;
    say!(
        "points: {added} new, {changed} published anew, {unchanged} known already, {older} older than what is known, \
         {superseded} superseded in all"
    );
    Ok(Some(report))
}

/// `table 12 points 34 codes`, for each table.
fn by_table(rows: &[KnowledgeRow]) -> Vec<String> {
    let mut tables: BTreeMap<&str, (usize, BTreeSet<&str>)> = BTreeMap::new();
    for r in rows {
        let t = tables.entry(&r.table).or_default();
        t.0 += 1;
        t.1.extend(r.items().chain([&r.other]).map(|i| i.as_str()).filter(|i| !i.is_empty()));
    }
    tables.into_iter().map(|(t, (points, codes))| format!("{t} {points} points {} codes", codes.len())).collect()
}

/// `dingan knowledge tables`: what each table holds.
pub async fn tables(at: &Location) -> anyhow::Result<bool> {
    let agency = open_at(at).await?;
    let rows = agency.knowledge().await;
    agency.store().clone().close().await;
    let live: Vec<KnowledgeRow> = rows?.into_iter().filter(|r| r.superseded_by.is_empty()).collect();
    for line in by_table(&live) {
        say!("{line}");
    }
    Ok(true)
}

/// `dingan knowledge list`: points, one a block, with what was read out of their text.
pub async fn list(at: &Location, table: Option<&str>, unconfirmed: bool) -> anyhow::Result<bool> {
    let agency = open_at(at).await?;
    let rows = agency.knowledge().await;
    agency.store().clone().close().await;
    let mut count = 0;
    for r in rows?.iter().filter(|r| r.superseded_by.is_empty()) {
        if (unconfirmed && r.confirmed) || table.is_some_and(|t| t != r.table) {
            continue;
        }
        count += 1;
        let mut said: Vec<String> = Vec::new();
        said.extend(r.number.map(|n| format!("number {n}")));
        said.extend(r.days.map(|d| format!("in {d} days")));
        said.extend((!r.word.is_empty()).then(|| format!("word {}", r.word)));
        said.extend((!r.ranges.is_empty()).then(|| format!("ranges {}", r.ranges.join(" "))));
        said.extend((!r.names.is_empty()).then(|| format!("names {}", r.names.join(" "))));
        say!("{}  {}  {}  {} items", r.key(), r.table, r.name, r.items().count());
        say!("    read: {}", if said.is_empty() { "nothing".to_owned() } else { said.join("; ") });
        if !r.note.is_empty() {
            say!("    note: {}", r.note);
        }
        if !r.text.is_empty() {
            say!("    text: {}", r.text);
        }
        say!("    from: batch {} {}", r.batch, r.source);
    }
    say!("{count} points");
    Ok(true)
}

/// `dingan knowledge confirm`.
pub async fn confirm(at: &Location, ids: &[String], word: &Confirmation) -> anyhow::Result<bool> {
    let agency = open_at(at).await?;
    let done = agency.confirm_knowledge(ids, word, now()).await;
    agency.store().clone().close().await;
    let unknown = done?;
    if !unknown.is_empty() {
        eprintln!("no such point: {}; nothing was confirmed", unknown.join(", "));
        return Ok(false);
    }
    say!("{} points confirmed", ids.len());
    Ok(true)
}
