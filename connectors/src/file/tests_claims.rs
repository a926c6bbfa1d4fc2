//! Claims as NDJSON: what is accepted, and where a refused line points.

use super::*;
use dingan_core::claim::{AccountUse, Approval};
use dingan_core::money::{Money, Price, Quantity};
use serde_json::{Value, json};
use std::io::{self, BufReader, Read as _};

fn sample() -> Value {
    json!({
        "mdtrt_id": "M1", "setl_id": "S1", "psn_no": 123, "fixmedins_code": "H1", "insutype": "310",
        "med_type": "11", "begntime": "2025-03-01 08:00:00", "endtime": "", "dise_codg": null,
        "diseinfo": {"diag_code": "J06.900", "diag_name": "急性上呼吸道感染", "maindiag_flag": "1", "diag_srt_no": "1"},
        "setl_time": "2025-03-01T09:00:00", "acct_used_flag": "1", "mid_setl_flag": "0", "psn_setlway": "01",
        "feedetail": [
            {"feedetl_sn": "1", "fee_ocur_time": "20250301081500", "med_list_codg": "X1", "cnt": 2, "pric": 1.10,
             "det_item_fee_sumamt": 2.20, "prd_days": "7", "hosp_appr_flag": "1", "memo": "m"},
            {"feedetl_sn": "2", "init_feedetl_sn": "1", "fee_ocur_time": "2025-03-01", "med_list_codg": "X1", "cnt": "-1",
             "pric": "1.1", "det_item_fee_sumamt": "-1.10", "prd_days": 0}
        ]
    })
}

fn read(text: &str) -> Vec<Result<FileEvent, ClaimProblem>> {
    Claims::new("c.ndjson", text.as_bytes()).collect()
}

/// The sample with a value put in place, as the pointer and reason it is refused with.
fn refused(pointer: &str, value: Value) -> (String, String) {
    let mut claim = sample();
    match claim.pointer_mut(pointer) {
        Some(at) => *at = value,
        None => {
            claim.as_object_mut().unwrap().insert(pointer[1..].to_owned(), value);
        }
    }
    let problem = read(&claim.to_string()).remove(0).expect_err(pointer);
    assert_eq!((problem.file.as_str(), problem.line), ("c.ndjson", 1));
    (problem.pointer, problem.reason)
}

#[test]
fn numbers_and_texts_in_either_form() {
    let Ok(FileEvent::Claim { settlement, claim, .. }) = read(&sample().to_string()).remove(0) else { panic!() };
    assert_eq!((settlement.as_str(), claim.visit.person.as_str()), ("S1", "123"));
    assert_eq!(claim.request.account_use, AccountUse::Own);
    let [a, b] = claim.lines.as_slice() else { panic!() };
    assert_eq!((a.price, a.amount, a.quantity), (Price::from_units(1_100_000), Money::fen(220), Quantity::whole(2)));
    assert_eq!((a.approval, a.supply_days), (Approval::Approved, Some(Quantity::whole(7))));
    assert_eq!(serde_json::to_value(&a.more).unwrap(), json!({"memo": "m"}));
    assert_eq!(
        (b.refund_of.as_ref().map(|n| n.as_str()), b.amount, b.supply_days),
        (Some("1"), Money::fen(-110), None)
    );
    assert_eq!((claim.visit.end, claim.visit.diagnoses.len(), claim.visit.diagnoses[0].main), (None, 1, true));
}

#[test]
fn reversals_need_only_their_ids() {
    let line =
        r#"{"setl_id":"S9","init_setl_id":"S1","psn_no":"1","setl_time":"2025-03-02 08:00:00","refd_setl_flag":"1"}"#;
    let Ok(FileEvent::Reversal { settlement, of, .. }) = read(line).remove(0) else { panic!() };
    assert_eq!((settlement.as_str(), of.as_str()), ("S9", "S1"));
    assert_eq!(read(&line.replace("init_setl_id", "x"))[0].as_ref().unwrap_err().pointer, "/init_setl_id");
    // a linked correction is not a plain bill
    assert_eq!(refused("/init_setl_id", json!("S0")).0, "/init_setl_id");
}

#[test]
fn a_refused_line_points_to_the_field() {
    for (pointer, value) in [
        ("/psn_no", json!("")),
        ("/med_type", json!("88")),
        ("/begntime", json!("2025-02-30 08:00:00")),
        ("/endtime", json!("2025-02-01")),
        ("/acct_used_flag", json!("3")),
        ("/psn_setlway", json!("03")),
        ("/refd_setl_flag", json!(true)),
        ("/feedetail", json!([])),
        ("/feedetail/0", json!(5)),
        ("/feedetail/0/cnt", json!("two")),
        ("/feedetail/0/pric", json!(-1)),
        ("/feedetail/0/pric", json!(0.1234567)),
        ("/feedetail/0/det_item_fee_sumamt", json!(1.005)),
        ("/feedetail/0/med_list_codg", json!("X 1")),
        ("/feedetail/1/feedetl_sn", json!("1")),
        ("/feedetail/1/prd_days", json!(-1)),
        ("/feedetail/0/hosp_appr_flag", json!("9")),
        ("/diseinfo", json!("J06")),
        ("/ttp_pay_prop", json!("1.5")),
    ] {
        assert_eq!(refused(pointer, value).0, pointer);
    }
    assert_eq!(
        refused(
            "/diseinfo",
            json!([{"diag_code": "J06.900", "diag_srt_no": 1}, {"diag_code": "J1", "diag_srt_no": 1}])
        )
        .0,
        "/diseinfo/1/diag_srt_no"
    );
    // neither the value nor the text around a syntax error is repeated
    assert!(!refused("/psn_no", json!("张三 1")).1.contains("张三"));
    assert!(!read("{\"psn_no\": 张三}")[0].as_ref().unwrap_err().to_string().contains("张三"));
}

#[test]
fn a_bad_line_does_not_stop_the_file() {
    let good = sample().to_string();
    let text = format!("\u{feff}{good}\r\n\n[1]\n{{\"setl_id\":\n{good}");
    let lines: Vec<u64> = read(&text).iter().filter_map(|r| r.as_ref().err()).map(|p| p.line).collect();
    assert_eq!((read(&text).len(), lines), (4, vec![3, 4]));
    let mut bytes = good.clone().into_bytes();
    bytes.extend(b"\n\xD1\xF9\n");
    assert!(Claims::new("c", bytes.as_slice()).nth(1).unwrap().is_err());
}

#[test]
fn a_line_that_is_too_long_is_passed_over_without_being_kept() {
    let good = sample().to_string();
    let text = format!("{good}\n{}\n{good}\n{}", "x".repeat(5000), "y".repeat(5000));
    // a small buffer of the source, so that passing over takes several reads
    let source = BufReader::with_capacity(64, text.as_bytes());
    let mut claims = Claims::new("c", source).with_max(good.len());
    let got: Vec<_> = claims.by_ref().map(|r| r.map_err(|p| (p.line, p.reason))).collect();
    assert!(got[0].is_ok() && got[2].is_ok() && got.len() == 4);
    assert!(matches!(&got[1], Err((2, reason)) if reason.contains("longer than")));
    assert!(matches!(&got[3], Err((4, _))));
}

#[test]
fn a_read_error_is_told_once() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::ConnectionReset))
        }
    }
    let good = sample().to_string() + "\n";
    let mut claims = Claims::new("c", BufReader::new(good.as_bytes().chain(Broken)));
    assert!(claims.next().unwrap().is_ok());
    assert_eq!(claims.next().unwrap().unwrap_err().line, 2);
    assert!(claims.next().is_none());
}

/// One line of a file must not end the program, nor keep the others from being read.
#[test]
fn a_key_of_the_parsers_own_is_a_problem_of_its_line() {
    let text = "{\"a\":{\"\\u0024serde_json::private::RawValue\":\"[[[[\"}}\n[]\n";
    let got = read(text);
    assert_eq!(got.len(), 2);
    assert!(got[0].as_ref().unwrap_err().to_string().contains("may not be used"), "{:?}", got[0]);
}
