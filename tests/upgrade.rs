//! The two forms in which the history of a settlement is written: rows, which a server of an older version reads, and
//! the settlement's own row. Whichever it is in, a decision reads the same.

use crate::county::{Server, ago, outpatient, person, settle_input};

use chrono::NaiveDateTime;
use dingan::serve::now;
use dingan_core::money::{Money, Quantity};
use dingan_core::person::Person;
use dingan_store::{Guard, Store, Write};
use serde_json::json;

impl Server {
    fn store(&self) -> &Store {
        self.agency().store()
    }

    /// Has settlements written so that older servers read them (`rows`), or not (`settlement`).
    fn write_history(&self, form: &str) {
        let settings = vec![("history".to_owned(), form.to_owned())];
        let write = move |_| Write { kind: "setting", at: now(), settings, ..Write::default() };
        self.runtime.block_on(self.store().commit(Guard::default(), Box::new(write))).unwrap();
    }

    fn as_of(&self) -> i64 {
        self.runtime.block_on(async { self.store().snapshot().await.unwrap().as_of() })
    }

    /// The past lines that a decision on a new visit would read.
    fn history(&self, p: &Person, as_of: i64, from: NaiveDateTime) -> Vec<(String, Quantity, Money)> {
        let file = self.runtime.block_on(async {
            let mut snap = self.store().snapshot_at(as_of).await.unwrap();
            let state = snap.person(&p.no).await.unwrap().unwrap();
            snap.person_file(&state, &"new".into(), from).await.unwrap()
        });
        let mut lines: Vec<_> = file.lines.iter().map(|l| (l.no.to_string(), l.quantity, l.amount)).collect();
        lines.sort();
        lines
    }
}

#[test]
fn history_is_read_from_either_form() {
    let server = Server::start(100);
    let desk = server.desk();
    let (all, mixed) = (person(&server.county, "390", 20, 1), person(&server.county, "390", 20, 2));
    let settle = |p: &Person, batch: &str, prices: &[&str]| {
        let (visit, total) = outpatient(&desk, p, batch, prices);
        let output = desk.ok("2207", settle_input(p, &visit, batch, total));
        (visit, output["setlinfo"]["setl_id"].as_str().unwrap().to_owned())
    };
    // one person's bills in rows, then in the settlement's, another's all in the settlement's
    server.write_history("rows");
    settle(&mixed, "B1", &["30.00", "12.50"]);
    server.write_history("settlement");
    settle(&all, "B1", &["30.00", "12.50"]);
    let between = server.as_of();
    let (visit, last) = settle(&mixed, "B2", &["7.00"]);
    settle(&all, "B2", &["7.00"]);

    let from = ago(30);
    let read = |p: &Person, as_of: i64| server.history(p, as_of, from);
    let end = server.as_of();
    assert_eq!(read(&mixed, end).len(), 3);
    assert_eq!(read(&mixed, end), read(&all, end));
    // as it was known before, and from a later day on
    assert_eq!(read(&mixed, between).len(), 2);
    assert_eq!(read(&mixed, between), read(&all, between));
    for p in [&mixed, &all] {
        assert!(server.history(p, end, ago(1)).is_empty());
    }
    // what is taken back is not seen any more, but by who looks at the time before
    desk.ok(
        "2208",
        json!({"data": {
            "setl_id": last, "mdtrt_id": visit, "psn_no": mixed.no
        }}),
    );
    assert_eq!(read(&mixed, server.as_of()), read(&all, between));
    assert_eq!(read(&mixed, end), read(&all, end));
    let replay = server.runtime.block_on(server.agency().replay(|_| {})).unwrap();
    assert!(replay.different.is_empty() && replay.equal >= 4, "{replay:?}");
}
