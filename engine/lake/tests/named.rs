//! Each investigation finds what was planted for it, and nothing else.

use crate::planted::{Bench, expect};
use dingan_lake::named;
use std::collections::BTreeMap;

/// Small books need small bounds.
const GIVEN: &[(&str, &[(&str, &str)])] = &[
    ("readmissions", &[("least", "1"), ("days", "15")]),
    ("chains", &[]),
    ("overlaps", &[]),
    ("occupancy", &[("from", "2025-05-01"), ("to", "2025-06-02")]),
    ("length-of-stay", &[("least", "3"), ("ratio", "1.5")]),
    ("outpatient-in-stay", &[]),
    ("together", &[]),
    ("frequent-visits", &[]),
    ("item-outliers", &[("visits", "3"), ("doctors", "5"), ("k", "3")]),
    ("water-levels", &[("least", "3")]),
    ("check-lines", &[]),
    ("check-ledger", &[]),
    ("check-identities", &[]),
];

#[test]
fn investigations_over_planted_rows() {
    let bench = Bench::standard();
    let names: Vec<&str> = named::shipped().iter().map(|i| i.name).collect();
    assert_eq!(names, GIVEN.iter().map(|(n, _)| *n).collect::<Vec<_>>());
    for (name, given) in GIVEN {
        let given: BTreeMap<String, String> = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let sql = named::sql(name, &given).unwrap();
        let got = bench.csv(&sql).unwrap_or_else(|e| panic!("{name}: {e}"));
        expect(&format!("named/{name}.csv"), &got);
        if name.starts_with("check-") {
            assert_eq!(got.lines().count(), 1, "{name} returns rows: {got}");
        }
    }
}
