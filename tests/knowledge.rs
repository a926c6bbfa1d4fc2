//! The published lists through the program: imported twice, listed, confirmed. They lie beside the repository or above
//! it, and are not part of it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn dingan(args: &[&str], files: &[PathBuf]) -> (Output, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_dingan")).args(args).args(files).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    (out, text)
}

/// `shared/data`; none, loudly, where it is not there, which CI does not accept.
fn shared_data() -> Option<PathBuf> {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let found = here.ancestors().map(|a| a.join("shared/data")).find(|p| p.is_dir());
    if found.is_none() {
        assert!(std::env::var("CI").is_err(), "CI must have ../shared/data beside the repository");
        // to the handle itself, since what a passing test prints is captured
        std::io::stderr().write_all(b"SKIPPED: no ../shared/data beside the repository\n").unwrap();
    }
    found
}

fn published(shared: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = ["two-libraries/official", "two-libraries/points"]
        .iter()
        .flat_map(|f| std::fs::read_dir(shared.join(f)).unwrap())
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn published_lists_go_in_once_and_are_confirmed_by_a_person() {
    let Some(shared) = shared_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("store");
    let d = data.to_str().unwrap();
    let icd = shared.join("icd/diagnoses.dat");
    let import = ["import", "knowledge", "--data", d, "--icd", icd.to_str().unwrap(), "--strict"];
    let (first, said) = dingan(&import, &published(&shared));
    assert!(first.status.success(), "{said}");
    // 2,677 rows of the workbooks, 4 intervals said beside courses, 342 points of the JSON lists
    assert!(said.contains("points: 3023 new, 0 published anew, 0 known already"), "{said}");

    // twice, and backwards: nothing changes, not even the bundle
    let mut backwards = published(&shared);
    backwards.reverse();
    let (again, said) = dingan(&import, &backwards);
    assert!(again.status.success() && !said.contains("in force"), "{said}");
    assert!(said.contains("points: 0 new, 0 published anew, 3023 known already"), "{said}");

    // a damaged workbook beside a good one: told, and it harms nothing
    let good = std::fs::read(&published(&shared)[0]).unwrap();
    let cut = folder.path().join("cut.xlsx");
    std::fs::write(&cut, &good[..good.len() / 2]).unwrap();
    let (damaged, said) = dingan(&["import", "knowledge", "--data", d], &[cut, published(&shared)[1].clone()]);
    assert!(damaged.status.success() && said.contains("cut.xlsx: the file is damaged or cut short"), "{said}");
    assert!(said.contains("points: 0 new, 0 published anew"), "{said}");

    let unconfirmed = ["knowledge", "list", "--unconfirmed", "--data", d];
    let (_, before) = dingan(&unconfirmed, &[]);
    let id = before.lines().find(|l| l.contains("drug-indication")).and_then(|l| l.split(' ').next()).unwrap();
    let (no, said) = dingan(&["knowledge", "confirm", "KP-none", "--by", "t", "--data", d], &[]);
    assert_eq!(no.status.code(), Some(1), "{said}");
    let (yes, said) = dingan(&["knowledge", "confirm", id, "--by", "稽核员", "--ranges", "E11", "--data", d], &[]);
    assert!(yes.status.success(), "{said}");
    let (_, after) = dingan(&unconfirmed, &[]);
    assert!(before.contains(id) && !after.contains(id), "{after}");
    // importing once more leaves the person's word
    let (_, said) = dingan(&import, &published(&shared));
    assert!(said.contains("3023 known already"), "{said}");
}
