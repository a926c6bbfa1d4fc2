//! Queries as an agency's inspectors write them for Oracle or Greenplum, as text files with the rows expected.

use crate::planted::{Bench, expect, files, text};

#[test]
fn queries_of_an_agency() {
    let bench = Bench::standard();
    let all = files("agency", ".sql");
    assert!(all.len() >= 20, "{} queries", all.len());
    for name in all {
        let got = bench.csv(&text(&format!("agency/{name}.sql"))).unwrap_or_else(|e| panic!("{name}: {e}"));
        expect(&format!("agency/{name}.csv"), &got);
    }
}
