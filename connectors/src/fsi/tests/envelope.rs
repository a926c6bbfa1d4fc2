//! The envelope: keys, codes, header, routing, retries.

use super::desk::Asked;
use super::*;
use crate::desk::Refusal;

#[test]
fn every_transaction_answers_and_reads_without_a_tolerance() {
    for (infno, input) in messages::all() {
        let (desk, seen) = ask(&infno, input);
        let seen = seen.ok();
        assert_eq!(seen.at("/infcode"), &json!(0), "{infno}");
        assert_eq!(seen.handled.infno, infno);
        // the code lists are the interface's own
        assert_eq!(desk.count(), usize::from(infno != "1901"), "{infno}");
        let warned = seen.text("warn_msg");
        for word in ["字符串", "未知字段", "时间", "列表", "占位符", "写法"] {
            assert!(!warned.contains(word), "{infno}: {warned}");
        }
    }
}

#[test]
fn keys_of_a_success() {
    let (_, seen) = ask("2404", messages::of("2404"));
    let seen = seen.ok();
    assert_eq!(seen.text("refmsg_time"), "20260305080706123");
    assert_eq!(seen.text("respond_time"), "20260305080706123");
    let reference = seen.text("inf_refmsgid");
    assert_eq!(reference.len(), 30);
    assert!(reference.starts_with("46000020260305080706"));
    assert_eq!(seen.text("err_msg"), "");
    assert_eq!(seen.at("/output"), &Value::Null);
    assert!(seen.body.get("err_code").is_none());
    let (_, other) = ask("2404", messages::of("2404"));
    assert_ne!(other.text("inf_refmsgid"), reference);
}

#[test]
fn bodies_that_are_no_message() {
    let table: [(&[u8], &str); 8] = [
        (b"", "JSON_MALFORMED"),
        (b"[]", "JSON_NOT_OBJECT"),
        (b"\"a\"", "JSON_NOT_OBJECT"),
        (b"{}", "FIELD_REQUIRED"),
        (b"{\"infno\":\"2207\"", "JSON_MALFORMED"),
        (b"{\"infno\":1e}", "JSON_MALFORMED"),
        (b"{\"psn_name\":\"\xd5\xc5\xc8\xfd\"}", "NOT_UTF8"),
        (b"{} {}", "JSON_MALFORMED"),
    ];
    for (body, code) in table {
        let seen = send_bytes(&Fake::new(), &lenient(), body);
        assert_eq!(seen.error().0, code);
        assert_eq!(seen.at("/infcode"), &json!(-1));
        assert_eq!(seen.handled.infno, "unknown");
        assert_eq!(seen.handled.code, Some(code));
        assert!(!seen.handled.retryable);
    }
    let gbk = send_bytes(&Fake::new(), &lenient(), b"{\"a\":\"\xd5\xc5\"}");
    assert!(gbk.text("err_hint").contains("GBK"));
}

#[test]
fn a_byte_order_mark_is_tolerated() {
    let body = format!("\u{feff}{}", message("2404", messages::of("2404")));
    assert!(send_bytes(&Fake::new(), &lenient(), body.as_bytes()).ok().text("warn_msg").contains("BOM"));
}

#[test]
fn the_header() {
    let desk = Fake::new();
    let without = |key: &str, infno: &str| {
        let mut m = message(infno, messages::of(infno));
        m.as_object_mut().unwrap().remove(key);
        send(&desk, &lenient(), &m)
    };
    assert_eq!(without("infno", "2404").error(), ("FIELD_REQUIRED", "/infno"));
    assert_eq!(without("fixmedins_code", "2404").error(), ("FIELD_REQUIRED", "/fixmedins_code"));
    assert_eq!(without("fixmedins_code", "2404").handled.infno, "2404");
    assert_eq!(without("msgid", "2404").error(), ("MSGID_MISSING", "/msgid"));
    assert_eq!(without("input", "2404").error(), ("INPUT_MISSING", "/input"));
    assert!(without("msgid", "1101").ok().text("warn_msg").contains("msgid"));
    assert!(without("opter", "2404").handled.ok);
    assert_eq!(desk.count(), 2);

    let desk = Fake::new();
    let mut odd = message("2404", messages::of("2404"));
    odd["inf_time"] = json!("gestern");
    odd["dev_safe_info"] = json!("");
    odd["encType"] = json!("SM4");
    odd["opter"] = json!(17);
    let seen = send(&desk, &lenient(), &odd).ok();
    assert!(seen.text("warn_msg").contains("/inf_time"));
    assert!(!seen.text("warn_msg").contains("encType"));
    let caller = desk.callers.lock().unwrap().last().unwrap().clone();
    assert_eq!((caller.operator.as_str(), caller.institution.as_str()), ("17", "H46902100001"));
    assert_eq!(caller.now, now());

    for time in ["2026-03-05T08:07:06", "20260305080706", "2026-03-05 08:07:06"] {
        odd["inf_time"] = json!(time);
        assert!(!send(&desk, &lenient(), &odd).ok().text("warn_msg").contains("未使用"), "{time}");
    }
}

#[test]
fn input_in_other_forms() {
    let with = |input: Value| send(&Fake::new(), &lenient(), &message("2404", input));
    let text = messages::of("2404").to_string();
    assert!(with(json!(text)).ok().text("warn_msg").contains("/input"));
    assert_eq!(with(json!("c2VjcmV0")).error(), ("INPUT_NOT_JSON", "/input"));
    assert_eq!(with(json!("")).error(), ("INPUT_MISSING", "/input"));
    assert_eq!(with(Value::Null).error(), ("INPUT_MISSING", "/input"));
    assert_eq!(with(json!([])).error(), ("INPUT_TYPE", "/input"));
    assert_eq!(with(json!("[1]")).error(), ("INPUT_TYPE", "/input"));
    assert_eq!(with(json!({})).error(), ("NODE_MISSING", "/input/data"));
    assert_eq!(with(json!({"data": []})).error(), ("NODE_MISSING", "/input/data"));
    assert_eq!(with(json!({"data": 1})).error(), ("FIELD_TYPE", "/input/data"));
}

#[test]
fn routing_names_both_sides() {
    let desk = Fake::new();
    let path = |infno: &str, path: Option<&str>| {
        let body = message(infno, messages::of("2404")).to_string();
        let handled = block_on(handle(&desk, &lenient(), body.as_bytes(), path, now()));
        Seen { body: serde_json::from_slice(&handled.body).unwrap(), handled }
    };
    assert!(path("2404", Some("2404")).handled.ok);
    let mismatch = path("2404", Some("2202"));
    assert_eq!(mismatch.error(), ("INFNO_PATH_MISMATCH", "/infno"));
    assert!(mismatch.text("err_msg").contains("2404") && mismatch.text("err_msg").contains("2202"));
    let unknown = path("9999", None);
    assert_eq!(unknown.error(), ("INFNO_UNKNOWN", "/infno"));
    assert!(unknown.text("err_msg").contains("9999"));
    assert_eq!(unknown.handled.infno, "unknown");
    assert_eq!(path("张三", None).error(), ("INFNO_UNKNOWN", "/infno"));
    assert!(!path("张三", None).text("err_msg").contains("张三"));
    let body = block_on(handle(&desk, &lenient(), b"{", Some("2207"), now()));
    assert_eq!(body.infno, "2207");
}

#[test]
fn the_same_message_gets_the_same_answer() {
    let desk = Fake::new();
    let first = send(&desk, &lenient(), &message("2207", messages::of("2207"))).ok();
    let mut again = message("2207", messages::of("2207"));
    again["inf_time"] = json!("2026-03-05 09:00:00");
    again["input"]["data"]["medfee_sumamt"] = json!("4225.540");
    let second = send(&desk, &lenient(), &again).ok();
    assert_eq!(first.at("/output"), second.at("/output"));
    assert!(second.text("warn_msg").contains("重复报文"));
    assert_eq!(desk.count(), 1);

    again["input"]["data"]["medfee_sumamt"] = json!("4225.55");
    let conflict = send(&desk, &lenient(), &again);
    assert_eq!(conflict.error(), ("MSGID_CONFLICT", "/msgid"));
    assert_eq!(conflict.text("err_hint"), "请更换msgid");

    // a query is answered afresh
    for _ in 0..2 {
        assert!(
            !send(&desk, &lenient(), &message("2206", messages::of("2206"))).ok().text("warn_msg").contains("重复")
        );
    }
    assert_eq!(desk.count(), 3);
}

#[test]
fn refusals_point_at_their_place() {
    let mut desk = Fake::new();
    let mut refused = |infno: &str, r: Refusal| {
        desk.refusal = Some(r);
        let seen = send(&desk, &lenient(), &message(infno, messages::of(infno)));
        (seen.error().1.to_owned(), seen)
    };
    let no = || Refusal::new("NO", "不行");
    assert_eq!(refused("2204", no().at("pric").line(1)).0, "/input/feedetail/1/pric");
    assert_eq!(refused("2204", no().line(1)).0, "/input/feedetail/1");
    assert_eq!(refused("2204", no()).0, "/input/feedetail");
    assert_eq!(refused("2207", no().at("medfee_sumamt")).0, "/input/data/medfee_sumamt");
    assert_eq!(refused("2401", no().at("adm_bed")).0, "/input/mdtrtinfo/adm_bed");
    assert_eq!(refused("2401", no().at("diag_code").line(0)).0, "/input/diseinfo/0/diag_code");
    assert_eq!(refused("2207", no().at("fixmedins_code")).0, "/fixmedins_code");
    assert_eq!(refused("2207", no().at("nowhere")).0, "/input");
    assert_eq!(
        refused("3101", no().at("hilist_code").line(1)).0,
        "/input/data/patient_dtos/0/fsi_encounter_dtos/0/fsi_order_dtos/1/hilist_code"
    );
    // counted in the list as it was sent
    let mut input = messages::of("2204");
    input["feedetail"].as_array_mut().unwrap().insert(0, json!({}));
    let mut gaps = Fake::new();
    gaps.refusal = Some(no().at("cnt").line(1));
    assert_eq!(send(&gaps, &lenient(), &message("2204", input)).error().1, "/input/feedetail/2/cnt");
    let (_, seen) = refused("2207", Refusal::new("BUSY", "账户正忙").passing());
    assert!(seen.handled.retryable);
    assert_eq!(seen.handled.code, Some("BUSY"));
    let (_, long) = refused("2207", Refusal::new("NO", "长".repeat(500)));
    assert_eq!(long.text("err_msg").chars().count(), 200);
}

#[test]
fn a_desk_behind_a_pointer_will_do() {
    let desk: Box<dyn Desk> = Box::new(Fake::new());
    assert!(send_bytes(&*desk, &lenient(), message("2404", messages::of("2404")).to_string().as_bytes()).handled.ok);
}

/// The future is sent between threads by the server.
#[test]
fn the_future_can_move() {
    fn is_send<T: Send>(_: &T) {}
    let (desk, profile) = (Fake::new(), lenient());
    let desk: &dyn Desk = &desk;
    is_send(&handle(desk, &profile, b"{}", None, now()));
}

#[test]
fn operations_reach_the_desk() {
    let (desk, _) = ask("2405", messages::of("2405"));
    assert!(matches!(desk.last(), Asked::Change(c) if c.kind == crate::desk::ChangeKind::UndoDischarge));
}
