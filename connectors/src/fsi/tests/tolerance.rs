//! What is read otherwise than written, and what is refused.

use super::desk::Asked;
use super::*;
use chrono::NaiveDate;
use dingan_core::claim::Approval;

fn lines(change: impl Fn(&mut Value)) -> (Fake, Seen) {
    let mut input = messages::of("2204");
    change(&mut input["feedetail"][1]);
    ask("2204", input)
}

/// The second line as the desk got it, with the warning.
#[track_caller]
fn line(change: impl Fn(&mut Value)) -> (dingan_core::claim::Line, String) {
    let (desk, seen) = lines(change);
    let warning = seen.ok().text("warn_msg").to_owned();
    let Asked::Lines(mut lines) = desk.last() else { panic!() };
    (lines.lines.remove(1), warning)
}

#[test]
fn each_tolerance_is_named_with_its_path() {
    let path = "/input/feedetail/1/";
    let (l, warning) = line(|l| l["cnt"] = json!("2.0000"));
    assert_eq!(l.quantity.to_string(), "2");
    assert!(warning.contains("数值以字符串传送") && warning.contains(&format!("{path}cnt")), "{warning}");

    let (l, warning) = line(|l| l["feedetl_sn"] = json!(570));
    assert_eq!(l.no.as_str(), "570");
    assert!(warning.contains("字符串以数值传送") && warning.contains(&format!("{path}feedetl_sn")));

    for (time, note) in [
        ("2026-03-05T10:11:12", "时间格式"),
        ("2026-03-05T10:11:12.345", "时间格式"),
        ("20260305101112", "时间格式"),
        ("2026/3/5 10:11:12", "时间格式"),
    ] {
        let (l, warning) = line(|l| l["fee_ocur_time"] = json!(time));
        assert_eq!(l.time, NaiveDate::from_ymd_opt(2026, 3, 5).unwrap().and_hms_opt(10, 11, 12).unwrap());
        assert!(warning.contains(note), "{warning}");
    }
    assert!(line(|l| l["fee_ocur_time"] = json!("2026-03-05")).1.contains("只有日期"));
    assert!(line(|l| l["fee_ocur_time"] = json!(20260305)).1.contains("以数值传送"));

    let (l, warning) = line(|l| l["bilg_dr_codg"] = json!("--"));
    assert!(l.practitioner.is_empty());
    assert!(warning.contains("占位符"));

    let (l, warning) = line(|l| l["rxno"] = Value::Null);
    assert_eq!((l.order_no.as_str(), warning.as_str()), ("", ""));

    let (l, warning) = line(|l| l["dscg_tkdrug_flag"] = json!(true));
    assert!(l.take_home && warning.contains("true/false"));
    let (l, warning) = line(|l| l["hosp_appr_flag"] = json!("01"));
    assert!(l.approval == Approval::Approved && warning.contains("代码写法"));

    let (_, warning) = line(|l| l["wardno"] = json!("x"));
    assert!(warning.contains("未知字段已忽略：wardno"), "{warning}");
    let (l, warning) = line(|l| {
        let n = l.as_object_mut().unwrap().remove("cnt").unwrap();
        l["Cnt"] = n;
    });
    assert!(l.quantity.to_string() == "2" && warning.contains("字段名写法") && warning.contains("/Cnt"));
}

#[test]
fn many_of_a_kind_are_counted() {
    let many: Vec<Value> = (1..=40)
        .map(|n| {
            let mut l = messages::line(&n.to_string());
            l["pric"] = json!("10.05");
            l["ward"] = json!(1);
            l
        })
        .collect();
    let (_, seen) = ask("2204", json!({"feedetail": many}));
    let warning = seen.ok().text("warn_msg").to_owned();
    assert!(warning.contains("/input/feedetail/4/pric等40处"), "{warning}");
    assert!(!warning.contains("/input/feedetail/5/pric"));
    assert_eq!(warning.matches("ward").count(), 1);
}

#[test]
fn shapes() {
    let (desk, seen) = ask("2204", json!({"feedetail": messages::line("1")}));
    assert!(seen.ok().text("warn_msg").contains("按单条读取：/input/feedetail"));
    assert!(matches!(desk.last(), Asked::Lines(l) if l.lines.len() == 1));

    let (_, seen) = ask("2404", json!({"data": [messages::of("2404")["data"]]}));
    assert!(seen.ok().text("warn_msg").contains("按列表首条读取"));
    let two = json!({"data": [{"mdtrt_id": "1", "psn_no": "1"}, {"mdtrt_id": "2", "psn_no": "1"}]});
    assert_eq!(ask("2404", two).1.error(), ("ONE_EXPECTED", "/input/data"));

    let (_, seen) = ask("2404", json!({"mdtrt_id": "V1", "psn_no": "P1"}));
    assert!(seen.ok().text("warn_msg").contains("缺少节点层"));
    let (_, seen) = ask("2404", json!({"Data": {"mdtrtId": "V1", "psn_No": "P1"}}));
    assert!(seen.ok().text("warn_msg").contains("字段名写法"));
    let (desk, seen) = ask("100001", json!({"data": {"psn_no": "P1", "setl_id": "S1"}}));
    assert!(seen.ok().text("warn_msg").contains("字段名写法"));
    assert!(matches!(desk.last(), Asked::Settlement(s, false) if s.as_str() == "S1"));

    let (desk, seen) = ask("2204", json!({"feedetail": [messages::line("1"), {}, null]}));
    assert!(seen.ok().text("warn_msg").contains("空元素"));
    assert!(matches!(desk.last(), Asked::Lines(l) if l.lines.len() == 1));
    let (_, seen) = ask("2404", json!({"data": {"mdtrt_id": "V1", "psn_no": "P1"}, "extra": 1}));
    assert!(seen.ok().text("warn_msg").contains("未知字段已忽略：extra"));
    assert_eq!(ask("2204", json!({"feedetail": [1]})).1.error(), ("FIELD_TYPE", "/input/feedetail/0"));
    assert_eq!(ask("2204", json!({"feedetail": [{}]})).1.error(), ("NODE_MISSING", "/input/feedetail"));
    assert_eq!(ask("2204", json!({"feedetail": "x"})).1.error(), ("FIELD_TYPE", "/input/feedetail"));
}

#[test]
fn the_last_of_repeated_keys_counts() {
    let body = message("2404", json!({"data": {"mdtrt_id": "V1", "psn_no": "P1"}})).to_string();
    let body = body.replace("\"mdtrt_id\":\"V1\"", "\"mdtrt_id\":\"V0\",\"mdtrt_id\":\"V1\"");
    let desk = Fake::new();
    let seen = send_bytes(&desk, &lenient(), body.as_bytes()).ok();
    assert!(seen.text("warn_msg").contains("字段重复，取最后一个：/input/data/mdtrt_id"));
    assert!(matches!(desk.last(), Asked::Cancel(v, true) if v.as_str() == "V1"));
}

#[test]
fn every_problem_is_gathered() {
    let mut input = messages::of("2204");
    input["feedetail"][0]["pric"] = json!("abc");
    input["feedetail"][0]["det_item_fee_sumamt"] = json!(20.105);
    input["feedetail"][1]["med_list_codg"] = json!("");
    input["feedetail"][1]["cnt"] = json!(99999999999999i64);
    input["feedetail"][1]["fee_ocur_time"] = json!("2026-03-05T08:00:00Z");
    input["feedetail"][1]["rxno"] = json!("x".repeat(31));
    input["feedetail"][1]["memo"] = json!("a\u{0}b");
    input["feedetail"][1]["hosp_appr_flag"] = json!("7");
    input["feedetail"][1]["bilg_dr_codg"] = json!({"a": 1});
    let (desk, seen) = ask("2204", input);
    assert_eq!(desk.count(), 0);
    assert!(seen.text("err_msg").contains("共9处"), "{}", seen.text("err_msg"));
    let mut errors = seen.errors();
    errors.sort();
    let at = |n: usize, f: &str| format!("/input/feedetail/{n}/{f}");
    let mut want = vec![
        ("NUMBER_MALFORMED".to_owned(), at(0, "pric")),
        ("NUMBER_DECIMALS".to_owned(), at(0, "det_item_fee_sumamt")),
        ("FIELD_REQUIRED".to_owned(), at(1, "med_list_codg")),
        ("NUMBER_RANGE".to_owned(), at(1, "cnt")),
        ("TIME_ZONE".to_owned(), at(1, "fee_ocur_time")),
        ("FIELD_TOO_LONG".to_owned(), at(1, "rxno")),
        ("TEXT_CHARACTER".to_owned(), at(1, "memo")),
        ("CODE_UNKNOWN".to_owned(), at(1, "hosp_appr_flag")),
        ("FIELD_TYPE".to_owned(), at(1, "bilg_dr_codg")),
    ];
    want.sort();
    assert_eq!(errors, want);
}

#[test]
fn lines_that_cannot_be() {
    let error = |change: fn(&mut Value)| {
        let seen = lines(change).1;
        let (code, path) = seen.error();
        format!("{code} {path}")
    };
    assert_eq!(error(|l| l["feedetl_sn"] = json!("1")), "LINE_DUPLICATE /input/feedetail/1/feedetl_sn");
    assert_eq!(error(|l| l["mdtrt_id"] = json!("V2")), "MIXED_VISITS /input/feedetail/1/mdtrt_id");
    assert_eq!(error(|l| l["pric"] = json!(-1)), "NUMBER_RANGE /input/feedetail/1/pric");
    assert_eq!(error(|l| l["feedetl_sn"] = json!("0000")), "CODE_UNKNOWN /input/feedetail/1/feedetl_sn");
    assert_eq!(error(|l| l["chrg_bchno"] = json!("")), "FIELD_REQUIRED /input/feedetail/1/chrg_bchno");
}

#[test]
fn no_message_repeats_personal_data() {
    let mut input = messages::of("2401");
    let (name, cert) = ("欧阳某某".repeat(30), "460001199001010011".repeat(5));
    input["mdtrtinfo"]["certno"] = json!(cert);
    input["mdtrtinfo"]["coner_name"] = json!(name);
    input["mdtrtinfo"]["begntime"] = json!("460001199001010011");
    input["mdtrtinfo"]["med_type"] = json!("46000");
    input["mdtrtinfo"]["欧阳"] = json!(1);
    let (_, seen) = ask("2401", input);
    assert!(seen.errors().len() >= 4);
    let body = seen.body.to_string();
    assert!(!body.contains("欧阳") && !body.contains("460001199001010011") && !body.contains("46000\""), "{body}");
}

#[test]
fn further_fields_of_a_line_are_kept_and_given_back() {
    let (l, _) = line(|l| {
        l["memo"] = json!("备注");
        l["exp_content"] = json!({"a": 1});
    });
    let more = l.more.unwrap();
    assert_eq!(more.fields()["memo"], "备注");
    assert_eq!(more.fields()["used_frqu_dscr"], "tid");
    assert_eq!(more.fields()["exp_content"], "{\"a\":1}");
    assert!(more.fields().get("pric").is_none() && more.fields().get("psn_no").is_none());
    assert_eq!(l.supply_days.unwrap().to_string(), "3");
}
