//! The sequences of a day: outpatient, stay, mid-stay settlement, reversal, with every identity asserted.

use crate::county::*;
use crate::stay::Stay;
use dingan_core::money::Money;
use serde_json::{Value, json};

/// The accumulators of a person as 5206 shows them.
fn accumulators(desk: &Desk<'_>, psn_no: &str) -> Value {
    let mut list = desk.ok("5206", json!({"data": {"psn_no": psn_no, "cum_ym": ""}}))["cuminfo"].clone();
    if let Some(l) = list.as_array_mut() {
        l.sort_by_key(|r| r["cum_type_code"].to_string());
    }
    list
}

#[test]
fn a_line_named_twice_is_taken_away_once() {
    let server = Server::start(200);
    let desk = server.desk();
    let mut stay = Stay::admit(&desk, person(&server.county, "390", 20, 0));
    stay.lines(3);
    let take = |numbers: [Value; 2]| {
        let row = |n: Value| json!({"mdtrt_id": stay.visit, "psn_no": stay.person.no, "feedetl_sn": n});
        desk.exchange(&desk.message("2302", json!({"data": numbers.map(row)})))
    };
    let warned = |answer: &Value, words: &str| {
        assert_eq!(answer["infcode"].to_string(), "0", "{answer}");
        assert!(answer["warn_msg"].as_str().unwrap().contains(words), "{answer}");
    };
    warned(&take([json!("1"), json!(1)]), "已撤销1条");
    warned(&take([json!("0000"), json!("0000")]), "已撤销2条");
}

#[test]
fn an_outpatient_visit_from_sign_in_to_reversal() {
    let server = Server::start(200);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 0);
    let psn_no = p.no.as_str();

    let sign = desk.ok("9001", json!({"signIn": {"opter_no": "OP1", "mac": "00", "ip": "127.0.0.1"}}));
    assert!(sign["signinoutb"]["sign_no"].as_str().is_some_and(|s| !s.is_empty()));
    let found = desk.ok(
        "1101",
        json!({"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": p.cert_no, "psn_cert_type": "01",
            "certno": p.cert_no, "psn_name": p.name}}),
    );
    assert_eq!(found["baseinfo"]["psn_no"], json!(psn_no));

    let before = accumulators(&desk, psn_no);
    let (visit, total) = outpatient(&desk, &p, "B1", &["100.00", "33.33"]);
    let trial = desk.ok("2206", settle_input(&p, &visit, "B1", total));
    assert_identities(&trial);
    assert!(trial["setlinfo"]["setl_id"].is_null());
    let settled = desk.ok("2207", settle_input(&p, &visit, "B1", total));
    assert_identities(&settled);
    for (k, v) in trial["setlinfo"].as_object().unwrap() {
        if !["setl_id", "setl_time", "clr_way", "medins_setl_id"].contains(&k.as_str()) {
            assert_eq!(*v, settled["setlinfo"][k], "2206 and 2207 differ in {k}");
        }
    }
    server.assert_balanced();
    assert_ne!(accumulators(&desk, psn_no), before);

    let setl_id = settled["setlinfo"]["setl_id"].clone();
    let asked = json!({"data": {"psn_no": psn_no, "setl_id": setl_id, "mdtrt_id": visit}});
    let shown = desk.ok("5203", asked.clone());
    assert_eq!(money(&shown["setlinfo"], "psn_pay"), money(&settled["setlinfo"], "psn_part_amt"));
    assert_eq!(money(&shown["setlinfo"], "cash_payamt"), money(&settled["setlinfo"], "psn_cash_pay"));

    let reversed = desk.ok("2208", asked);
    assert_identities(&reversed);
    for f in ["medfee_sumamt", "fund_pay_sumamt", "psn_part_amt", "hosp_part_amt", "psn_cash_pay", "inscp_scp_amt"] {
        assert_eq!(money(&reversed["setlinfo"], f), -money(&settled["setlinfo"], f), "{f}");
    }
    server.assert_balanced();
    assert_eq!(accumulators(&desk, psn_no), before, "what a reversal frees is exactly what was added");
    desk.ok("9002", json!({"signOut": {"sign_no": sign["signinoutb"]["sign_no"], "opter_no": "OP1"}}));
}

#[test]
fn a_stay_with_a_mid_stay_settlement_and_its_reversal() {
    let server = Server::start(200);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 1);
    let before = accumulators(&desk, p.no.as_str());
    let mut stay = Stay::admit(&desk, p.clone());
    stay.lines(700);

    // the daily trial on the open stay
    let trial = desk.ok("2303", stay.input("0"));
    assert_identities(&trial);
    // an open stay cannot be settled for good
    assert_eq!(desk.refused("2304", stay.input("0")).0, "NOT_DISCHARGED");

    let mid = desk.ok("2304", stay.input("1"));
    assert_identities(&mid);
    server.assert_balanced();
    stay.unsettled = Money::ZERO;
    stay.lines(300);
    stay.discharge();
    assert_identities(&desk.ok("2303", stay.input("0")));
    let last = desk.ok("2304", stay.input("0"));
    assert_identities(&last);
    server.assert_balanced();
    assert!(!money(&mid["setlinfo"], "act_pay_dedc").is_zero());
    assert!(money(&last["setlinfo"], "act_pay_dedc").is_zero(), "one deductible for the stay");

    // parts are reversed newest first
    let (mid_id, last_id) = (&mid["setlinfo"]["setl_id"], &last["setlinfo"]["setl_id"]);
    let too_early = json!({"data": {"psn_no": p.no, "setl_id": mid_id, "mdtrt_id": stay.visit}});
    assert_eq!(desk.refused("2305", too_early).0, "NEWER_PART");
    for id in [last_id, mid_id] {
        let reversed = stay.reverse(id);
        assert_identities(&reversed);
        server.assert_balanced();
    }
    assert_eq!(accumulators(&desk, p.no.as_str()), before);
}

#[test]
fn a_stay_of_twenty_thousand_lines_takes_linear_time() {
    let server = Server::start(200);
    let desk = server.desk();
    let mut seconds = Vec::new();
    for (nth, count) in [(2, 2_000), (3, 20_000)] {
        let mut stay = Stay::admit(&desk, person(&server.county, "390", 20, nth));
        let began = std::time::Instant::now();
        stay.lines(count);
        stay.discharge();
        let trial = desk.ok("2303", stay.input("0"));
        assert_identities(&trial);
        let settled = desk.ok("2304", stay.input("0"));
        assert_eq!(settled["setlinfo"]["fund_pay_sumamt"], trial["setlinfo"]["fund_pay_sumamt"]);
        seconds.push(began.elapsed().as_secs_f64());
    }
    server.assert_balanced();
    // reported, not asserted: a shared machine is no clock
    eprintln!(
        "2,000 lines {:.2} s, 20,000 lines {:.2} s: ratio {:.1}",
        seconds[0],
        seconds[1],
        seconds[1] / seconds[0]
    );
}
