//! Makes cargo look at the rule folders: the macro that embeds them does not, so without this a
//! new folder would only be seen after some source file changed too.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    watch(Path::new("library"));
    watch(Path::new("policies"));
}

/// Every folder and file by name: a folder's own time says that something was added or removed, a
/// file's that it was edited.
fn watch(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
    let Ok(entries) = std::fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        watch(&entry.path());
    }
}
