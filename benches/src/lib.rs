//! The benches that need the whole program. `cargo bench -p dingan-benches --bench settling` asks what settling
//! online costs, beside a bare synced insert of two rows; `--bench inspection` what the investigations cost over a
//! million generated settlements, beside DuckDB (`inspection.py`). What a decision costs is asked in `decision/`, a
//! crate that builds without a store. Figures are of one core unless said; compare within one run only.

pub mod books;
