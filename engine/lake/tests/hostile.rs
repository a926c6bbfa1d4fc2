//! What may not be asked, and what is stopped; after each, the next query is answered.

use crate::planted::{Bench, Planted};
use dingan_core::look::{Condition, Key};
use dingan_lake::Limits;
use dingan_lake::output::Format;
use std::time::{Duration, Instant};

fn small() -> Limits {
    Limits { memory: 32 << 20, spill: 16 << 20, time: Duration::from_secs(3), rows: 5_000, ..Limits::default() }
}

#[test]
fn only_reading_is_allowed() {
    let bench = Bench::standard();
    for sql in [
        "DROP TABLE setl_d",
        "INSERT INTO setl_d SELECT * FROM setl_d",
        "UPDATE setl_d SET medfee_sumamt = 0",
        "DELETE FROM setl_d",
        "COPY (SELECT 1) TO '/tmp/refused.csv'",
        "COPY setl_d TO 'refused.parquet'",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "CREATE TABLE x AS SELECT 1",
        "CREATE VIEW x AS SELECT 1",
        "CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '/tmp'",
        "EXPLAIN ANALYZE INSERT INTO setl_d SELECT * FROM setl_d",
        "EXPLAIN COPY (SELECT 1) TO '/tmp/refused.csv'",
        "PREPARE p AS SELECT 1",
        "BEGIN",
        "SELECT 1; SELECT 2",
    ] {
        let e = bench.csv(sql).expect_err(sql);
        assert_eq!(e.code, "REFUSED", "{sql}: {e}");
    }
    for sql in [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM '/tmp/x.parquet'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_parquet('x')",
    ] {
        let e = bench.csv(sql).expect_err(sql);
        assert!(matches!(e.code, "UNKNOWN_TABLE" | "PLAN"), "{sql}: {e:?}");
    }
    // what was refused is on record as well
    let logged = bench.planted.logged.lock().unwrap();
    assert!(logged.iter().any(|l| l.sql == "DROP TABLE setl_d" && l.result == "REFUSED" && l.who == "test"));
}

#[test]
fn what_takes_too_much_is_stopped() {
    let mut planted = Planted::read();
    planted.times = 2_000;
    let bench = Bench::new(planted, small());
    let many_terms = format!("SELECT {}", vec!["1"; 30_000].join("+"));
    let deep = format!("SELECT {}1{}", "(".repeat(900), ")".repeat(900));
    for (sql, codes) in [
        (
            "SELECT count(*) FROM fee_list_d a, fee_list_d b, fee_list_d c WHERE a.pric + b.pric > c.cnt",
            &["TIME", "MEMORY", "RUN"][..],
        ),
        (
            "SELECT a.bkkp_sn FROM fee_list_d a CROSS JOIN fee_list_d b CROSS JOIN fee_list_d c",
            &["ROWS", "TIME", "MEMORY"],
        ),
        (
            "SELECT a.*, b.* FROM fee_list_d a CROSS JOIN setl_d b ORDER BY a.pric * b.medfee_sumamt, b.setl_id, a.bkkp_sn",
            &["MEMORY", "TIME"],
        ),
        ("SELECT sum(value) FROM generate_series(1, 100000000000)", &["TIME"]),
        ("SELECT * FROM fee_list_d", &["ROWS"]),
        (&many_terms, &["REFUSED"]),
        (&deep, &["SYNTAX", "PLAN", "REFUSED"]),
    ] {
        let began = Instant::now();
        let e = bench.csv(sql).expect_err(sql.get(..80).unwrap_or(sql));
        assert!(codes.contains(&e.code), "{}: {e:?}", sql.get(..80).unwrap_or(sql));
        assert!(began.elapsed() < Duration::from_secs(20), "{} took {:?}", e.code, began.elapsed());
        assert_eq!(bench.csv("SELECT count(*) AS n FROM setl_d WHERE refd_setl_flag = '0'").unwrap(), "n\n64\n");
    }
}

#[test]
fn errors_say_where_and_what_was_meant() {
    let bench = Bench::standard();
    let e = bench.csv("SELECT setl_id,\n  medfee_sumant FROM setl_d").unwrap_err();
    assert_eq!(
        (e.code, e.place, e.hint.as_deref()),
        ("UNKNOWN_COLUMN", Some((2, 3)), Some("did you mean `medfee_sumamt`?"))
    );
    let e = bench.csv("SELECT 1 FROM stel_d").unwrap_err();
    assert_eq!((e.code, e.place, e.hint.as_deref()), ("UNKNOWN_TABLE", Some((1, 15)), Some("did you mean `setl_d`?")));
    let e = bench.csv("SELECT month_between(begntime, endtime) FROM mdtrt_d").unwrap_err();
    assert_eq!(
        (e.code, e.place, e.hint.as_deref()),
        ("UNKNOWN_FUNCTION", Some((1, 8)), Some("did you mean `months_between`?"))
    );
    let e = bench.csv("SELECT setl_id FROM setl_d WHERE setl_time > 'abc'").unwrap_err();
    assert!(e.message.starts_with("Error parsing timestamp from 'abc'"), "{e:?}");
    let e = bench.csv("SELECT nvl2(1) FROM dual").unwrap_err();
    assert!(
        e.message.contains("nvl2 function requires 3 arguments, got 1") && !e.message.contains("Candidate"),
        "{e:?}"
    );
    let e = bench.csv("SELECT setl_id FORM setl_d").unwrap_err();
    assert_eq!(e.code, "SYNTAX");
    assert!(e.place.is_some());
}

#[test]
fn every_format_holds_the_same_rows() {
    let bench = Bench::standard();
    let sql = "SELECT setl_id, setl_time, begndate, medfee_sumamt, psn_name FROM setl_d WHERE psn_no = 'P01' ORDER BY setl_id";
    let csv = bench.csv(sql).unwrap();
    assert_eq!(csv.lines().next(), Some("setl_id,setl_time,begndate,medfee_sumamt,psn_name"));
    assert_eq!(csv.lines().nth(1), Some("SV001,2025-01-10 09:00:00,2025-01-02,325.00,样例P01"));
    let json: serde_json::Value = serde_json::from_slice(&bench.answer(sql, Format::Json).unwrap()).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 3);
    assert_eq!(json[0]["medfee_sumamt"].to_string().trim_matches('"'), "325.00");
    let table = String::from_utf8(bench.answer(sql, Format::Table).unwrap()).unwrap();
    assert!(table.ends_with("(3 rows)\n"), "{table}");
    let xlsx = bench.answer(sql, Format::Xlsx).unwrap();
    assert_eq!(xlsx.get(..2), Some(&b"PK"[..]));
    let parquet = bench.answer(sql, Format::Parquet).unwrap();
    assert_eq!((parquet.get(..4), parquet.get(parquet.len() - 4..)), (Some(&b"PAR1"[..]), Some(&b"PAR1"[..])));
    // without rows there are still columns
    assert_eq!(bench.csv("SELECT setl_id FROM setl_d WHERE psn_no = 'nobody'").unwrap(), "setl_id\n");
    assert_eq!(bench.answer("SELECT setl_id FROM setl_d WHERE psn_no = 'nobody'", Format::Json).unwrap(), b"[]");
}

#[test]
fn conditions_columns_and_limits_go_down() {
    let bench = Bench::standard();
    let asked = |sql: &str| {
        bench.planted.wanted.lock().unwrap().clear();
        bench.csv(sql).unwrap();
        bench.planted.wanted.lock().unwrap().first().cloned().unwrap()
    };
    let w = asked("SELECT setl_id FROM setl_d WHERE psn_no = 'P01' LIMIT 2");
    assert_eq!(w.conditions, [Condition::In(Key::Person, vec!["P01".into()])]);
    assert_eq!((w.limit, w.parts.person, w.parts.visit), (Some(2), false, false));
    let w = asked("SELECT psn_name, med_type FROM setl_d WHERE psn_no IN ('P01', 'P02') OR psn_no = 'P03'");
    assert_eq!(w.conditions, [Condition::In(Key::Person, ["P01", "P02", "P03"].map(String::from).to_vec())]);
    assert!(w.parts.person && w.parts.visit);
    let w = asked(
        "SELECT setl_id FROM setl_d WHERE setl_time >= to_date('2025-05-01', 'yyyy-mm-dd') AND setl_time < DATE '2025-06-01'",
    );
    assert_eq!(w.conditions.len(), 2, "{:?}", w.conditions);
    // a condition the source cannot sift stays with the query
    let w = asked("SELECT setl_id FROM setl_d WHERE fixmedins_code = 'H1' LIMIT 2");
    assert_eq!((w.conditions.len(), w.limit), (0, None));
}
