//! Inspection over a server's own store: what is settled is seen, the checks find nothing, queries stop with
//! their caller, and each is on record.

use crate::county::*;
use chrono::TimeDelta;
use dingan::demo::send_day;
use dingan::serve::now;
use dingan_core::money::Money;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Asks over HTTP; status and text.
fn ask(server: &Server, question: &Value) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut r = agent
        .post(format!("http://{}/api/v1/inspect", server.address()))
        .header("content-type", "application/json")
        .send(question.to_string())
        .unwrap();
    (r.status().as_u16(), r.body_mut().read_to_string().unwrap())
}

pub fn rows(server: &Server, sql: &str) -> Vec<Value> {
    let (status, text) = ask(server, &json!({"sql": sql}));
    assert_eq!(status, 200, "{sql}: {text}");
    serde_json::from_str::<Value>(&text).unwrap().as_array().unwrap().clone()
}

pub fn named(server: &Server, name: &str) -> Vec<Value> {
    let (status, text) = ask(server, &json!({"named": name}));
    assert_eq!(status, 200, "{name}: {text}");
    serde_json::from_str::<Value>(&text).unwrap().as_array().unwrap().clone()
}

fn a_day(server: &Server, claims: usize) {
    let date = (now() - TimeDelta::days(1)).date();
    let day = send_day(server.address(), server.county.day(date, claims), 4);
    assert!(day.settled > 0);
}

pub fn assert_checks(server: &Server) {
    for check in ["check-lines", "check-ledger", "check-identities"] {
        assert_eq!(named(server, check), Vec::<Value>::new(), "{check}");
    }
}

#[test]
fn what_is_settled_now_is_seen_now() {
    let server = Server::start(200);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 0);
    let psn_no = p.no.as_str();
    let (visit, total) = outpatient(&desk, &p, "B1", &["100.00", "33.33"]);
    let settled = desk.ok("2207", settle_input(&p, &visit, "B1", total));
    let setl_id = settled["setlinfo"]["setl_id"].as_str().unwrap();

    let sql = format!("SELECT * FROM setl_d WHERE psn_no = '{psn_no}'");
    let seen = rows(&server, &sql);
    assert_eq!(seen.len(), 1);
    let seen = &seen[0];
    for (column, field) in [
        ("medfee_sumamt", "medfee_sumamt"),
        ("fund_pay_sumamt", "fund_pay_sumamt"),
        ("psn_pay", "psn_part_amt"),
        ("cash_payamt", "psn_cash_pay"),
        ("acct_pay", "acct_pay"),
        ("inscp_amt", "inscp_scp_amt"),
        ("hifp_pay", "hifp_pay"),
        ("ownpay_hosp_part", "hosp_part_amt"),
    ] {
        assert_eq!(money(seen, column), money(&settled["setlinfo"], field), "{column}");
    }
    assert_eq!((seen["setl_id"].as_str(), seen["med_type"].as_str()), (Some(setl_id), Some("11")));
    assert_eq!((seen["psn_name"].as_str(), seen["refd_setl_flag"].as_str()), (Some(p.name.as_str()), Some("0")));
    assert_eq!(seen["fixmedins_name"].as_str(), Some(desk.institution.name.as_str()));

    let lines = rows(&server, &format!("SELECT * FROM fee_list_d WHERE setl_id = '{setl_id}' ORDER BY bkkp_sn"));
    assert_eq!(lines.len(), 2);
    assert_eq!(lines.iter().map(|l| money(l, "det_item_fee_sumamt")).sum::<Money>(), total);
    assert_eq!(lines[0]["bilg_dr_name"].as_str(), Some("样例医师"), "fields kept as sent are columns too");
    assert_eq!(lines[0]["chrgitm_lv"].as_str(), Some("01"));
    let diagnoses =
        rows(&server, &format!("SELECT diag_code, maindiag_flag FROM setl_list_diag_d WHERE setl_id = '{setl_id}'"));
    assert_eq!(diagnoses, [json!({"diag_code": "I10.x00", "maindiag_flag": "1"})]);

    desk.ok("2208", json!({"data": {"psn_no": psn_no, "setl_id": setl_id, "mdtrt_id": visit}}));
    let pair = rows(
        &server,
        &format!(
            "SELECT init_setl_id, refd_setl_flag, medfee_sumamt FROM setl_d WHERE psn_no = '{psn_no}' ORDER BY medfee_sumamt"
        ),
    );
    assert_eq!(pair.len(), 2);
    assert_eq!(money(&pair[0], "medfee_sumamt"), -total);
    assert_eq!((pair[0]["init_setl_id"].as_str(), &pair[0]["refd_setl_flag"]), (Some(setl_id), &json!("1")));
    assert_eq!(pair[1]["refd_setl_flag"], json!("1"));
    assert_checks(&server);

    let (status, text) = ask(&server, &json!({"sql": "SELECT setl_ido FROM setl_d"}));
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &problem["code"], &problem["place"]["column"]), (400, &json!("UNKNOWN_COLUMN"), &json!(8)));
    assert!(problem["title_zh"].as_str().unwrap().contains("没有这个字段"), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("setl_id"), "the nearest name: {problem}");
}

#[test]
fn a_days_books_hold_together_and_conditions_change_nothing_but_the_rows() {
    let server = Server::start(600);
    a_day(&server, 300);
    assert_checks(&server);
    let all = rows(&server, "SELECT setl_id, psn_no, mdtrt_id, fixmedins_code, setl_time FROM setl_d ORDER BY setl_id");
    assert!(all.len() > 200, "{}", all.len());
    let some = &all[all.len() / 2];
    let text = |k: &str| some[k].as_str().unwrap();
    // each condition twice: as the store sifts it, and hidden from it in an expression
    for (down, up) in [
        (format!("psn_no = '{}'", text("psn_no")), format!("concat(psn_no, '') = '{}'", text("psn_no"))),
        (
            format!("mdtrt_id IN ('{}', 'x')", text("mdtrt_id")),
            format!("concat(mdtrt_id, '') = '{}'", text("mdtrt_id")),
        ),
        (format!("setl_id = '{}'", text("setl_id")), format!("concat(setl_id, '') = '{}'", text("setl_id"))),
        (
            format!("fixmedins_code = '{}'", text("fixmedins_code")),
            format!("concat(fixmedins_code, '') = '{}'", text("fixmedins_code")),
        ),
        (
            format!("setl_time <= '{}'", text("setl_time")),
            format!(
                "concat(to_char(setl_time, 'yyyy-mm-dd hh24:mi:ss'), '') <= '{}'",
                text("setl_time").replace('T', " ")
            ),
        ),
    ] {
        for (view, order) in [("setl_d", "setl_id"), ("fee_list_d", "setl_id, bkkp_sn")] {
            if view == "fee_list_d" && down.starts_with("setl_time") {
                continue;
            }
            let of = |c: &str| rows(&server, &format!("SELECT * FROM {view} WHERE {c} ORDER BY {order}"));
            let sifted = of(&down);
            assert!(!sifted.is_empty(), "{view} {down}");
            assert_eq!(sifted, of(&up), "{view} {down}");
        }
    }
    assert_eq!(rows(&server, "SELECT setl_id FROM setl_d LIMIT 7").len(), 7);
    let columns = rows(
        &server,
        "SELECT count(*) AS n, count(*) FILTER (WHERE held = '1') AS held FROM held WHERE view_name = 'setl_d'",
    );
    assert_eq!(columns[0]["n"], json!(100));
}

#[test]
fn queries_are_refused_stopped_and_on_record() {
    let server = Server::start(600);
    a_day(&server, 200);
    let (status, text) = ask(&server, &json!({"sql": "DELETE FROM setl_d"}));
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, told["code"].as_str()), (403, Some("REFUSED")), "{text}");
    let (status, text) = ask(&server, &json!({"sql": "SELECT medfee FROM setl_d"}));
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &told["place"]), (400, &json!({"line": 1, "column": 8})), "{text}");
    let (status, _) = ask(&server, &json!({"named": "readmisions"}));
    assert_eq!(status, 400);
    // what fails before its first row says so with a status
    let sorted = "SELECT a.bkkp_sn FROM fee_list_d a, fee_list_d b, fee_list_d c ORDER BY a.pric * b.pric * c.pric";
    let (status, text) = ask(&server, &json!({"sql": sorted, "format": "csv"}));
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status, 422, "{text}");
    assert!(["MEMORY", "TIME"].contains(&told["code"].as_str().unwrap()), "{text}");

    // a caller that goes away takes its query along; what it did not read is far more than a connection holds
    let endless = "SELECT a.bkkp_sn AS x, b.* FROM fee_list_d a, fee_list_d b";
    let body = json!({"sql": endless, "format": "csv"}).to_string();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(
        stream,
        "POST /api/v1/inspect HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut first = [0; 4096];
    assert!(stream.read(&mut first).unwrap() > 0);
    drop(stream);
    let began = Instant::now();
    let record = || {
        server.runtime.block_on(async {
            let mut snap = server.agency().store().snapshot().await.unwrap();
            snap.inspections(100).await.unwrap()
        })
    };
    let ended = || record().into_iter().filter(|l| l.sql == endless).map(|l| l.result).collect::<Vec<_>>();
    while !ended().iter().any(|r| r == "cancelled") {
        assert!(began.elapsed() < Duration::from_secs(20), "still running: {:?}", ended());
        std::thread::sleep(Duration::from_millis(50));
    }
    let log = record();
    assert!(log.iter().any(|l| l.sql == "DELETE FROM setl_d" && l.result == "REFUSED" && l.who == "loopback"));
    assert!(log.iter().all(|l| l.sql_hash.len() == 64));
    assert_eq!(rows(&server, "SELECT 1 AS one"), [json!({"one": 1})]);
}
