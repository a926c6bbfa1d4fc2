//! `dingan import`: files into the store.

use crate::cli::Kind;
use crate::serve::{now, open_at};
use anyhow::Context;
use dingan_connectors::file::{self, CatalogueRow, Read};
use dingan_core::bundle::CatalogueRows;
use dingan_http::agency::{Agency, ImportReport, PersonRows};
use dingan_http::bundles::PolicySource;
use dingan_store::Location;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

/// A progress bar on a terminal, nothing in a pipe.
pub fn bar(length: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} {per_sec} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style).with_message(what)
}

/// Reads every file and says what was wrong; none where nothing may be imported.
fn read_all<T>(
    files: &[PathBuf],
    strict: bool,
    read: impl Fn(&str, BufReader<File>) -> Read<T>,
) -> anyhow::Result<Option<Vec<T>>> {
    let mut rows = Vec::new();
    let mut errors = 0;
    for f in files {
        let name = f.display().to_string();
        let open = File::open(f).with_context(|| format!("cannot open {name}"))?;
        let part = read(&name, BufReader::new(open));
        for p in &part.problems {
            eprintln!("{p}");
        }
        errors += part.problems.iter().filter(|p| !p.warning).count();
        rows.extend(part.rows);
    }
    Ok(may_go_in(errors, rows.len(), strict).then_some(rows))
}

/// Says what becomes of rows that were read beside problems; false where nothing goes in.
pub fn may_go_in(problems: usize, rows: usize, strict: bool) -> bool {
    match problems {
        0 => true,
        n if strict => {
            eprintln!("{n} problems; nothing was imported (--strict)");
            false
        }
        n if rows == 0 => {
            eprintln!("{n} problems and no good row; nothing was imported");
            false
        }
        n => {
            eprintln!("{n} problems; the good rows go in");
            true
        }
    }
}

/// Splits catalogue rows by kind.
pub fn catalogue(rows: Vec<CatalogueRow>) -> CatalogueRows {
    let mut out = CatalogueRows::default();
    for r in rows {
        match r {
            CatalogueRow::Item(i) => out.items.push(i),
            CatalogueRow::Limit(l) => out.limits.push(l),
            CatalogueRow::Ratio(r) => out.ratios.push(r),
        }
    }
    out
}

/// Persons as the agency takes them.
pub fn person_rows(rows: Vec<file::PersonImport>) -> Vec<PersonRows> {
    rows.into_iter()
        .map(|p| PersonRows { person: p.person, own_balance: p.own_balance, family_balance: p.family_balance })
        .collect()
}

/// The command.
pub async fn run(
    kind: Kind,
    files: &[PathBuf],
    at: &Location,
    strict: bool,
    options: &crate::knowledge::Options,
) -> anyhow::Result<bool> {
    let agency = open_at(at).await?;
    let report = into(&agency, kind, files, strict, options).await;
    agency.store().clone().close().await;
    let Some(report) = report? else { return Ok(false) };
    say_part!("imported {} rows", report.rows);
    if report.proposals > 0 {
        say_part!("; {} settlements would differ now and are listed as proposals", report.proposals);
    }
    say!("{}", report.bundle.map(|b| format!("; bundle {} is in force", &b[..12.min(b.len())])).unwrap_or_default());
    Ok(true)
}

/// Imports files of a kind; none where nothing of them may go in.
pub async fn into(
    agency: &Agency,
    kind: Kind,
    files: &[PathBuf],
    strict: bool,
    options: &crate::knowledge::Options,
) -> anyhow::Result<Option<ImportReport>> {
    let at = now();
    Ok(Some(match kind {
        Kind::Persons => {
            let Some(rows) = read_all(files, strict, file::read_persons)? else { return Ok(None) };
            let bar = bar(rows.len() as u64, "persons");
            let report = agency.import_persons(person_rows(rows), at, |n| bar.set_position(n as u64)).await?;
            bar.finish_and_clear();
            report
        }
        Kind::Institutions => {
            let Some(rows) = read_all(files, strict, file::read_institutions)? else { return Ok(None) };
            agency.import_institutions(rows, at).await?
        }
        Kind::Practitioners => {
            let Some(rows) = read_all(files, strict, file::read_practitioners)? else { return Ok(None) };
            agency.import_practitioners(rows, at).await?
        }
        Kind::Areas => {
            let Some(rows) = read_all(files, strict, file::read_areas)? else { return Ok(None) };
            agency.import_areas(rows, at).await?
        }
        Kind::Catalogue => {
            let Some(rows) = read_all(files, strict, file::read_catalogue)? else { return Ok(None) };
            agency.import_catalogue(catalogue(rows), at).await?
        }
        Kind::Knowledge => {
            let Some(report) = crate::knowledge::import(agency, files, strict, options).await? else { return Ok(None) };
            report
        }
        Kind::Policies => {
            if !crate::policy::check(files)? {
                return Ok(None);
            }
            let mut sources = Vec::new();
            for f in files {
                let text = std::fs::read_to_string(f).with_context(|| format!("cannot read {}", f.display()))?;
                let name = f.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                sources.push(PolicySource { name, text });
            }
            agency.import_policies(sources, at).await?
        }
    }))
}
