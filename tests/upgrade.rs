//! The forms in which a settlement is written: its lines and what later claims see of them in rows of their own, as
//! servers of older versions read them, or in its own row. Whichever it is in, the same is read.

use crate::county::{Server, ago, outpatient, person, settle_input};
use crate::stay::Stay;

use chrono::NaiveDateTime;
use dingan_core::codes::VisitId;
use dingan_core::money::{Money, Quantity};
use dingan_core::person::Person;
use dingan_store::Store;
use serde_json::json;

impl Server {
    fn store(&self) -> &Store {
        self.agency().store()
    }

    /// Has settlements that were written in one form written in another: so that any older server reads them (`rows`),
    /// those of migration 9 (`settlement`), or only those of this version (`lines`).
    fn write_as(&self, before: &str, form: &str) {
        self.place.sql(&format!("UPDATE setting SET value = '{form}' WHERE name = 'history'"));
        let table = |form: &str| if form == "lines" { "old_settlement_line" } else { "settlement_line" };
        if table(before) != table(form) {
            self.place.sql(&format!("ALTER TABLE {} RENAME TO {}", table(before), table(form)));
        }
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
    server.write_as("lines", "rows");
    settle(&mixed, "B1", &["30.00", "12.50"]);
    server.write_as("rows", "lines");
    settle(&all, "B1", &["30.00", "12.50"]);
    let between = server.as_of();
    let (visit, last) = settle(&mixed, "B2", &["7.00"]);
    server.write_as("lines", "settlement");
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

#[test]
fn settled_lines_are_read_from_every_form() {
    let server = Server::start(60);
    let desk = server.desk();
    let mut stay = Stay::admit(&desk, person(&server.county, "310", 20, 1));
    // each part longer than a page of inspection, or shorter
    let parts = [("rows", 2100), ("settlement", 3), ("lines", 2300), ("lines", 2)];
    let mut made: Vec<(String, i64, Vec<String>)> = Vec::new();
    let mut before = "lines";
    for (form, count) in parts {
        server.write_as(before, form);
        before = form;
        let first = stay.next;
        if count < 10 {
            // taken away again, and their numbers used for other lines
            stay.lines(count);
            desk.ok(
                "2302",
                json!({"data": [{"mdtrt_id": stay.visit, "psn_no": stay.person.no, "feedetl_sn": "0000"}]}),
            );
            (stay.next, stay.unsettled) = (first, Money::ZERO);
        }
        stay.lines(count);
        let output = desk.ok("2304", stay.input("1"));
        stay.unsettled = Money::ZERO;
        let mut numbers: Vec<String> = (first..stay.next).map(|n| n.to_string()).collect();
        numbers.sort();
        made.push((output["setlinfo"]["setl_id"].as_str().unwrap().to_owned(), server.as_of(), numbers));
    }
    stay.lines(4);
    let open = server.as_of();
    let visit = VisitId::from(stay.visit.as_str());
    // settlements and their lines' numbers, the numbers of those that no settlement holds
    let read = |as_of: i64| {
        server.runtime.block_on(async {
            let mut snap = server.store().snapshot_at(as_of).await.unwrap();
            let state = snap.person(&stay.person.no).await.unwrap().unwrap();
            let file = snap.person_file(&state, &visit, ago(1)).await.unwrap();
            let held = file.settled_lines.iter().map(|l| (l.settlement.to_string(), l.line.no.to_string()));
            let open = snap.unsettled_lines(&visit).await.unwrap();
            (held.collect::<Vec<_>>(), open.iter().map(|l| l.line.no.to_string()).collect::<Vec<_>>())
        })
    };
    let held_by = |parts: &[(String, i64, Vec<String>)]| {
        let lines = |(id, _, numbers): &(String, i64, Vec<String>)| {
            numbers.iter().map(|n| (id.clone(), n.clone())).collect::<Vec<_>>()
        };
        parts.iter().flat_map(lines).collect::<Vec<_>>()
    };
    for (i, (id, at, numbers)) in made.iter().enumerate() {
        assert_eq!(read(*at), (held_by(&made[..=i]), Vec::new()), "as of part {i}");
        let lines = server.runtime.block_on(async {
            let mut snap = server.store().snapshot().await.unwrap();
            snap.lines_of_settlement(&id.as_str().into()).await.unwrap()
        });
        assert_eq!(&lines.iter().map(|l| l.line.no.to_string()).collect::<Vec<_>>(), numbers);
        let sql = format!("SELECT bkkp_sn FROM fee_list_d WHERE setl_id = '{id}' ORDER BY bkkp_sn");
        let seen = crate::inspect::rows(&server, &sql);
        assert_eq!(&seen.iter().map(|r| r["bkkp_sn"].as_str().unwrap().to_owned()).collect::<Vec<_>>(), numbers);
    }
    let last: Vec<String> = (stay.next - 4..stay.next).map(|n| n.to_string()).collect();
    assert_eq!(read(open), (held_by(&made), last.clone()));
    // over pages of either form, with what only the decision knows of each line
    let sql = format!(
        "SELECT count(*) AS n, count(DISTINCT bkkp_sn) AS lines, CAST(sum(det_item_fee_sumamt) AS VARCHAR) AS charged, \
         CAST(sum(fulamt_ownpay_amt + overlmt_selfpay + preselfpay_amt + inscp_amt) AS VARCHAR) AS split \
         FROM fee_list_d WHERE mdtrt_id = '{}'",
        stay.visit
    );
    let total = Money::fen(123).times_int(4405).to_string();
    let all = json!([{"n": 4405, "lines": 4405, "charged": total, "split": total}]);
    assert_eq!(json!(crate::inspect::rows(&server, &sql)), all);
    let seven = format!("SELECT bkkp_sn FROM fee_list_d WHERE mdtrt_id = '{}' LIMIT 7", stay.visit);
    assert_eq!(crate::inspect::rows(&server, &seven).len(), 7);
    // what is taken back is open again, of any form; who looks at the time before sees what was
    let mut back = last.len();
    for (i, (id, _, numbers)) in made.iter().enumerate().rev() {
        stay.reverse(&json!(id));
        back += numbers.len();
        let (held, open) = read(server.as_of());
        assert_eq!((held, open.len()), (held_by(&made[..i]), back));
    }
    assert_eq!(read(open), (held_by(&made), last));
    assert_eq!(server.runtime.block_on(server.store().discrepancies()).unwrap(), Vec::<String>::new());
    let replay = server.runtime.block_on(server.agency().replay(|_| {})).unwrap();
    assert!(replay.different.is_empty() && replay.equal == 4, "{replay:?}");
}
