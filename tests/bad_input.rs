//! Bad input: a clear answer with the field, nothing stored, no 5xx, no panic.

use crate::county::*;
use serde_json::{Value, json};

/// Everything the store holds that a message could change.
fn contents(server: &Server) -> (i64, dingan_store::Counts) {
    server.runtime.block_on(async {
        let mut snap = server.agency().store().snapshot().await.unwrap();
        (snap.as_of(), snap.counts().await.unwrap())
    })
}

fn post(server: &Server, body: &[u8]) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = format!("http://{}/fsi/api/x/callService", server.address());
    let mut r = agent.post(url).header("content-type", "application/json").send(body).unwrap();
    let status = r.status().as_u16();
    let text = r.body_mut().read_to_string().unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[test]
fn bodies_that_are_no_messages() {
    let server = Server::start(20);
    let before = contents(&server);
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let gbk: &[u8] = b"{\"infno\":\"1101\",\"opter_name\":\"\xd5\xc5\xc8\xfd\"}";
    for body in [
        b"".as_slice(),
        b"{",
        b"[]",
        b"null",
        b"\"text\"",
        b"{\"infno\":2207}",
        b"{\"infno\":\"9999\",\"msgid\":\"1\"}",
        b"{\"infno\":\"2207\"}",
        b"\xff\xfe\x00",
        gbk,
        deep.as_bytes(),
    ] {
        let (status, answer) = post(&server, body);
        assert!(status < 500, "{status} {answer}");
        assert_eq!(answer["infcode"].to_string(), "-1", "{answer}");
        refusal(&answer);
    }
    assert_eq!(contents(&server), before);
}

#[test]
fn bodies_that_are_too_large() {
    let server = Server::start(20);
    let before = contents(&server);
    let big = vec![b' '; 50 << 20];
    // the server answers before it has read all of it, which a client may also see as a broken pipe
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = format!("http://{}/fsi/api/x", server.address());
    if let Ok(mut r) = agent.post(url).send(&big[..]) {
        assert_eq!(r.status().as_u16(), 413);
        let answer: Value = serde_json::from_str(&r.body_mut().read_to_string().unwrap()).unwrap();
        assert_eq!(refusal(&answer).0, "BODY_TOO_LARGE");
    }

    // a million lines in one message, within the size
    let desk = server.desk();
    let mut message = desk.message("2301", json!({"feedetail": []}));
    message["input"]["feedetail"] = json!("@");
    let lines = vec!["{}"; 1_000_000].join(",");
    let body = message.to_string().replace("\"@\"", &format!("[{lines}]"));
    let (status, answer) = post(&server, body.as_bytes());
    assert!(status < 500);
    let (code, path) = refusal(&answer);
    assert_eq!(code, "LIST_TOO_LONG", "{path}");
    assert!(path.starts_with("/input/feedetail"), "{path}");
    assert_eq!(contents(&server), before);
}

#[test]
fn every_refusal_names_its_field_and_stores_nothing() {
    let server = Server::start(100);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 0);
    let other = person(&server.county, "390", 20, 1);
    let (visit, total) = outpatient(&desk, &p, "B1", &["10.00"]);
    let item = plain_item(&server.county);
    let before = contents(&server);

    let good = line(&visit, p.no.as_str(), "B2", "101", &item, "2.50", "2", "5.00");
    let with = |field: &str, value: Value| {
        let mut l = good.clone();
        l[field] = value;
        json!({"feedetail": [good.clone(), l]})
    };
    let second = with("feedetl_sn", json!("102"));
    let change = |field: &str, value: Value| {
        let mut input = second.clone();
        input["feedetail"][1][field] = value;
        input
    };
    // (transaction, input, code, field)
    let cases: Vec<(&str, Value, &str, &str)> = vec![
        ("2204", change("det_item_fee_sumamt", json!("-5.00")), "", "/input/feedetail/1"),
        ("2204", change("cnt", json!("-2")), "NEGATIVE_LINE", "/input/feedetail/1/cnt"),
        ("2204", change("pric", json!("-2.5")), "", "/input/feedetail/1"),
        (
            "2204",
            change("det_item_fee_sumamt", json!("12345678901234567890.00")),
            "",
            "/input/feedetail/1/det_item_fee_sumamt",
        ),
        ("2204", change("pric", json!("1.2345678")), "", "/input/feedetail/1/pric"),
        ("2204", change("cnt", json!("两")), "", "/input/feedetail/1/cnt"),
        ("2204", change("med_list_codg", json!("XNOSUCHITEM")), "ITEM_UNKNOWN", "/input/feedetail/1/med_list_codg"),
        ("2204", change("det_item_fee_sumamt", json!("5.02")), "LINE_AMOUNT", "/input/feedetail/1/det_item_fee_sumamt"),
        (
            "2204",
            change("fee_ocur_time", json!("2020-01-01 00:00:00")),
            "FEE_TIME_OUTSIDE",
            "/input/feedetail/1/fee_ocur_time",
        ),
        ("2204", change("fee_ocur_time", json!("yesterday")), "", "/input/feedetail/1/fee_ocur_time"),
        ("2204", change("feedetl_sn", json!("101")), "LINE_DUPLICATE", "/input/feedetail/1/feedetl_sn"),
        ("2204", change("mdtrt_id", json!("0")), "", "/input/feedetail"),
        (
            "2207",
            settle_input(&p, &visit, "B1", total + dingan_core::money::Money::fen(1)),
            "TOTAL_MISMATCH",
            "/input/data/medfee_sumamt",
        ),
        ("2207", settle_input(&p, &visit, "NOSUCH", total), "NO_LINES", "/input/data/chrg_bchno"),
        ("2207", settle_input(&other, &visit, "B1", total), "PERSON_MISMATCH", "/input/data/psn_no"),
        ("2207", settle_input(&p, "46902610000000999999", "B1", total), "VISIT_UNKNOWN", "/input/data/mdtrt_id"),
        ("2304", settle_input(&p, &visit, "B1", total), "", "/input/data"),
        (
            "2208",
            json!({"data": {"psn_no": p.no, "setl_id": "1", "mdtrt_id": visit}}),
            "SETTLEMENT_UNKNOWN",
            "/input/data/setl_id",
        ),
        (
            "1101",
            json!({"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": "NOBODY", "psn_cert_type": "01", "certno": "NOBODY", "psn_name": ""}}),
            "PERSON_UNKNOWN",
            "/input/data/certno",
        ),
        ("2204", json!({"feedetail": []}), "", "/input/feedetail"),
        ("2204", json!({}), "", "/input"),
        (
            "2402",
            json!({"dscginfo": {"mdtrt_id": visit, "psn_no": p.no, "insutype": "390", "endtime": stamp(ago(1)), "dscg_dept_codg": "A", "dscg_dept_name": "A", "dscg_way": "1"}}),
            "",
            "/input",
        ),
    ];
    for (infno, input, code, field) in cases {
        let (c, f) = desk.refused(infno, input.clone());
        assert!(code.is_empty() || c == code, "{infno}: {c} at {f}, expected {code} at {field}");
        assert!(f.starts_with(field), "{infno}: {c} at {f}, expected {field}");
    }
    assert_eq!(contents(&server), before, "refused messages leave the store alone");

    // another institution's visit is as unknown as one that does not exist
    let foreign = server.county.reference.institutions.iter().find(|i| i.code != desk.institution.code).unwrap();
    let stranger = Desk::new(&server, foreign.clone());
    assert_eq!(stranger.refused("2207", settle_input(&p, &visit, "B1", total)).0, "VISIT_UNKNOWN");
    let mut nobody = desk.message("2206", settle_input(&p, &visit, "B1", total));
    nobody["fixmedins_code"] = json!("H00000000000");
    assert_eq!(refusal(&desk.exchange(&nobody)).0, "INSTITUTION_UNKNOWN");
    assert_eq!(contents(&server), before);

    // and the bill is still there to be settled
    assert_identities(&desk.ok("2207", settle_input(&p, &visit, "B1", total)));
}

#[test]
fn tolerances_are_named() {
    let server = Server::start(50);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 0);
    let mut message = desk.message(
        "1101",
        json!({"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": p.cert_no, "psn_cert_type": 1, "certno": p.cert_no,
            "psn_name": p.name, "nonsense": true}}),
    );
    message["inf_time"] = json!("2026-11-22T08:00:00");
    let answer = desk.exchange(&message);
    assert_eq!(answer["infcode"], json!(0), "{answer}");
    let warn = answer["warn_msg"].as_str().unwrap();
    assert!(warn.contains("inf_time"), "{warn}");
}

#[test]
fn provinces_differ_by_profile() {
    let server = Server::with_profile(50, "hunan");
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 0);
    // the full table of that province wants more of a message
    let answer = desk.exchange(&desk.message("1101", json!({"data": {"certno": p.cert_no}})));
    let (_, path) = refusal(&answer);
    assert!(path.starts_with("/input/data/"), "{path}");
}
