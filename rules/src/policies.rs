//! The benefit policies the program carries: `policies/*.toml`, found by folder.

use include_dir::{Dir, include_dir};

static POLICIES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/policies");

/// Every policy file: (name, text), in order of name.
pub fn embedded_policies() -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = POLICIES
        .files()
        .filter(|f| f.path().extension().is_some_and(|e| e == "toml"))
        .filter_map(|f| Some((f.path().file_name()?.to_string_lossy().into_owned(), f.contents_utf8()?.to_owned())))
        .collect();
    out.sort();
    out
}
