//! 3101, 3102, 3103, 3301, 3302 and the visit transactions.

use super::desk::{Asked, finding};
use super::*;
use crate::desk::{ChangeKind, PrecheckAsk, Refusal};
use dingan_core::finding::{Stage, Undecided};
use dingan_core::money::Money;

fn patient(change: impl Fn(&mut Value)) -> Value {
    let mut input = messages::of("3101");
    change(&mut input["data"]["patient_dtos"][0]);
    input
}

#[track_caller]
fn asked(infno: &str, input: Value) -> (PrecheckAsk, String) {
    let (desk, seen) = ask(infno, input);
    let warning = seen.ok().text("warn_msg").to_owned();
    let Asked::Precheck(ask) = desk.last() else { panic!() };
    (*ask, warning)
}

#[test]
fn a_check_is_a_claim_with_history() {
    let (ask, _) = asked("3101", messages::of("3101"));
    assert_eq!(
        (ask.stages.as_slice(), ask.scene.as_str(), ask.rules.as_slice()),
        (&[Stage::Before][..], "5", &["GZ001".to_owned()][..])
    );
    let v = &ask.claim.visit;
    assert_eq!(
        (v.id.as_str(), v.person.as_str(), v.med_type.as_str(), v.insurance.as_str()),
        ("V1", "P1", "21", "310")
    );
    assert_eq!(v.main_diagnosis().unwrap().code.as_str(), "J18.900");
    assert_eq!(ask.claim.lines.len(), 2);
    let l = &ask.claim.lines[0];
    assert_eq!((l.no.as_str(), l.item.as_str(), l.amount), ("a", "A", Money::fen(2010)));
    assert_eq!(l.supply_days.unwrap().to_string(), "3");
    assert_eq!(asked("3102", messages::of("3102")).0.stages, [Stage::During]);

    let (ask, _) = asked(
        "3101",
        patient(|p| {
            let past = messages::encounter("V0", vec![messages::order("z", "0")]);
            p["fsi_encounter_dtos"].as_array_mut().unwrap().insert(0, past);
        }),
    );
    assert_eq!(ask.claim.visit.id.as_str(), "V1");
    assert_eq!((ask.visits.len(), ask.visits[0].id.as_str(), ask.visits[0].settled), (1, "V0", false));
    assert_eq!((ask.lines.len(), ask.lines[0].no.as_str(), ask.lines[0].visit.as_str()), (1, "z", "V0"));
}

#[test]
fn what_clients_send_differs() {
    let mut input = messages::of("3101");
    input["data"]["patient_dtos"] = input["data"]["patient_dtos"][0].take();
    input["data"]["rule_ids"] = json!("GZ001, GZ002");
    input["data"].as_object_mut().unwrap().remove("trig_scen");
    input["data"]["trigScen"] = json!("6,7");
    input["data"]["syscode"] = json!("HIS");
    let p = &mut input["data"]["patient_dtos"];
    p["curr_mdtrt_id"] = json!("");
    let e = &mut p["fsi_encounter_dtos"][0];
    e["dscg_date"] = Value::Null;
    e["med_type"] = json!("-");
    e["his_md_cnt"] = json!("1η2");
    e["medins_id"] = json!("H46902100009");
    let o = &mut e["fsi_order_dtos"][0];
    o["hilist_code"] = json!("-");
    o["hilist_lv"] = json!("1");
    o["selfpay_amt"] = json!("0.22599999");
    o["cnt"] = json!("2");
    e["fsi_order_dtos"][0]["extend_order_map"] = Value::Null;
    e["fsi_order_dtos"][1]["cnt"] = json!(-1);
    let (ask, warning) = asked("3102", input);
    assert_eq!((ask.rules.len(), ask.scene.as_str()), (2, "6,7"));
    assert_eq!((ask.claim.visit.end, ask.claim.visit.med_type.as_str()), (None, "21"));
    assert_eq!(ask.claim.visit.institution.as_str(), "H46902100001");
    assert_eq!(ask.claim.lines.len(), 1);
    assert!(ask.claim.lines[0].item.is_empty());
    for word in ["patient_dtos", "占位符", "1条数量不为正", "以报文头为准"] {
        assert!(warning.contains(word), "{word}: {warning}");
    }
}

#[test]
fn a_check_that_cannot_be_read() {
    let error = |change: fn(&mut Value)| {
        let (_, seen) = ask("3101", patient(change));
        let (code, path) = seen.error();
        format!("{code} {}", path.trim_start_matches("/input/data/patient_dtos/0"))
    };
    assert_eq!(error(|p| p["curr_mdtrt_id"] = json!("V7")), "CURRENT_VISIT_MISSING /curr_mdtrt_id");
    assert_eq!(error(|p| p["fsi_encounter_dtos"] = json!([])), "NODE_MISSING /fsi_encounter_dtos");
    assert_eq!(error(|p| p["brdy"] = json!("")), "FIELD_REQUIRED /brdy");
    assert_eq!(
        error(|p| p["fsi_encounter_dtos"][0]["fsi_order_dtos"][1]["rx_id"] = json!("a")),
        "LINE_DUPLICATE /fsi_encounter_dtos/0/fsi_order_dtos/1/rx_id"
    );
    assert_eq!(
        error(|p| p["fsi_encounter_dtos"][0]["fsi_order_dtos"][1]["pric"] = json!("x")),
        "NUMBER_MALFORMED /fsi_encounter_dtos/0/fsi_order_dtos/1/pric"
    );
}

#[test]
fn findings_become_results() {
    let mut desk = Fake::new();
    desk.findings = vec![
        finding("F1", &["a", "b"], &[("V0", "z")], 1001),
        finding("F2", &["b"], &[], 500),
        finding("F3", &[], &[], 2010),
    ];
    desk.undecided = vec![Undecided { rule: "GZ009".to_owned(), version: 1, missing: "出院诊断".to_owned() }];
    desk.failed = 2;
    let seen = send(&desk, &lenient(), &message("3102", messages::of("3102"))).ok();
    let rows = seen.at("/output/result").as_array().unwrap();
    // F2 touches only an order that is not under judgement
    assert_eq!(rows.iter().map(|r| r["jr_id"].as_str().unwrap()).collect::<Vec<_>>(), ["F1", "F3"]);
    let r = &rows[0];
    assert_eq!(
        (&r["rule_id"], &r["rule_name"], &r["vola_cont"]),
        (&json!("GZ001"), &json!("重复收费"), &json!("同日重复收费"))
    );
    assert_eq!(
        (r["vola_amt"].to_string(), &r["vola_amt_stas"], &r["sev_deg"]),
        ("10.01".into(), &json!("1"), &json!("1"))
    );
    assert_eq!(
        (&r["vola_evid"], &r["vola_bhvr_type"], &r["task_id"]),
        (&json!("次数：2"), &json!("2"), &json!("RUN1"))
    );
    let details = r["judge_result_detail_dtos"].as_array().unwrap();
    let shown: Vec<(&str, &str, String)> = details
        .iter()
        .map(|d| (d["rx_id"].as_str().unwrap(), d["vola_item_type"].as_str().unwrap(), d["vola_amt"].to_string()))
        .collect();
    assert_eq!(shown, [("a", "1", "5.01".into()), ("b", "1", "5.00".into()), ("z", "2", "0.00".into())]);
    assert_eq!(details[2]["mdtrt_id"], "V0");
    assert_eq!(
        (&rows[1]["vola_bhvr_type"], rows[1]["judge_result_detail_dtos"].as_array().unwrap().len()),
        (&json!("1"), 1)
    );
    let warning = seen.text("warn_msg");
    assert!(warning.contains("GZ009（缺出院诊断）") && warning.contains("2条规则执行失败"), "{warning}");

    let (_, clean) = ask("3101", messages::of("3101"));
    assert_eq!(clean.ok().at("/output"), &json!({"result": []}));
}

#[test]
fn every_person_of_a_message_is_checked() {
    let mut input = messages::of("3101");
    let mut second = input["data"]["patient_dtos"][0].clone();
    second["patn_id"] = json!("P2");
    input["data"]["patient_dtos"].as_array_mut().unwrap().push(second);
    let mut desk = Fake::new();
    desk.findings = vec![finding("F3", &[], &[], 2010)];
    let seen = send(&desk, &lenient(), &message("3101", input.clone())).ok();
    assert_eq!(desk.count(), 2);
    assert_eq!(
        (seen.at("/output/result/0/patn_id"), seen.at("/output/result/1/patn_id")),
        (&json!("P1"), &json!("P2"))
    );
    desk.refusal = Some(Refusal::new("NOT_INSURED", "未参保"));
    let seen = send(&desk, &lenient(), &message("3101", input));
    assert_eq!(seen.error(), ("NOT_INSURED", "/input/data/patient_dtos/0"));
}

#[test]
fn feedback() {
    let (desk, seen) = ask("3103", messages::of("3103"));
    seen.ok();
    assert!(matches!(desk.last(), Asked::Feedback(true, f) if f[0].finding == "F1" && f[0].way == "2"));
    let went_on = json!({"data": {"warn_type": "2", "warns": {"warn_rslt_id": "F1", "dspo_way": "1"}}});
    let (desk, seen) = ask("3103", went_on.clone());
    let seen = seen.ok();
    assert!(seen.text("warn_msg").contains("dspo_way_rea") && seen.text("warn_msg").contains("按单条读取"));
    assert!(matches!(desk.last(), Asked::Feedback(false, _)));
    let hunan = Profile::shipped("hunan").unwrap();
    let seen = send(&Fake::new(), &hunan, &message("3103", went_on));
    assert_eq!(seen.error(), ("FIELD_REQUIRED", "/input/data/warns/dspo_way_rea"));
}

#[test]
fn visits() {
    let (desk, seen) = ask("2201", messages::of("2201"));
    let seen = seen.ok();
    assert_eq!(
        seen.at("/output/data"),
        &json!({"mdtrt_id": "V9", "psn_no": "P1", "ipt_otp_no": "O1", "exp_content": ""})
    );
    assert!(
        matches!(desk.last(), Asked::Register(n) if n.visit.med_type.as_str() == "11" && n.visit.department == "D1")
    );

    let (desk, seen) = ask("2401", messages::of("2401"));
    assert_eq!(seen.ok().at("/output/result/mdtrt_id"), "V9");
    let Asked::Register(new) = desk.last() else { panic!() };
    assert_eq!((new.visit.bed.as_str(), new.case_no.as_str(), new.cert_no.as_str()), ("12", "Z1", "1"));
    assert!(new.visit.diagnoses[0].main && !new.visit.diagnoses[0].at_discharge);

    let mut bare = messages::of("2401");
    bare.as_object_mut().unwrap().remove("diseinfo");
    let (desk, seen) = ask("2401", bare);
    seen.ok();
    assert!(matches!(desk.last(), Asked::Register(n) if n.visit.diagnoses[0].code.as_str() == "J18.900"));

    let (desk, _) = ask("2402", messages::of("2402"));
    let Asked::Change(c) = desk.last() else { panic!() };
    assert_eq!((c.kind, c.end.is_some(), c.discharge_way.as_deref()), (ChangeKind::Discharge, true, Some("1")));
    assert!(c.diagnoses[0].at_discharge);

    let (desk, _) = ask("2403", messages::of("2403"));
    let Asked::Change(c) = desk.last() else { panic!() };
    assert_eq!(
        (c.kind, c.bed.as_deref(), c.third_party_share.unwrap().to_string()),
        (ChangeKind::Stay, Some("13"), "0.25".into())
    );

    let (desk, _) = ask("2202", messages::of("2202"));
    assert!(matches!(desk.last(), Asked::Cancel(_, false)));
}

#[test]
fn diagnoses() {
    let with = |change: fn(&mut Value)| {
        let mut input = messages::of("2203");
        let mut second = input["diseinfo"][0].clone();
        second["diag_srt_no"] = json!("2");
        input["diseinfo"].as_array_mut().unwrap().push(second);
        change(&mut input["diseinfo"]);
        ask("2203", input)
    };
    let (desk, seen) = with(|d| d[1]["vali_flag"] = json!("0"));
    seen.ok();
    assert!(matches!(desk.last(), Asked::Change(c) if c.diagnoses.len() == 1 && c.voided == [2]));
    let (desk, _) = with(|d| {
        d[0]["maindiag_flag"] = json!("0");
        d[1]["maindiag_flag"] = json!("");
    });
    assert!(matches!(desk.last(), Asked::Change(c) if c.diagnoses[0].main && !c.diagnoses[1].main));
    let (_, seen) = with(|d| d[1]["diag_srt_no"] = json!(1));
    assert_eq!(seen.error(), ("DIAGNOSIS_DUPLICATE", "/input/diseinfo/1/diag_srt_no"));
    let (_, seen) = with(|d| d[1]["diag_srt_no"] = json!(1.5));
    assert_eq!(seen.error(), ("NUMBER_DECIMALS", "/input/diseinfo/1/diag_srt_no"));
    let mut share = messages::of("2403");
    share["adminfo"]["ttp_pay_prop"] = json!(1.5);
    assert_eq!(ask("2403", share).1.error(), ("NUMBER_RANGE", "/input/adminfo/ttp_pay_prop"));
}

#[test]
fn persons_accumulators_and_sessions() {
    let (desk, seen) = ask("1101", messages::of("1101"));
    let seen = seen.ok();
    assert!(matches!(desk.last(), Asked::Person(q) if q.cert_no == "460001199001010011" && q.name == "张某某"));
    assert_eq!(seen.at("/output/baseinfo/age"), &json!(36));
    assert_eq!(seen.at("/output/insuinfo/0/balc").to_string(), "123.45");
    assert_eq!(seen.at("/output/idetinfo"), &json!([]));
    assert_eq!(ask("1101", json!({"data": {"psn_name": "某"}})).1.error(), ("FIELD_REQUIRED", "/input/data/certno"));
    let (desk, _) = ask("1101", json!({"data": {"mdtrt_cert_no": "card1"}}));
    assert!(matches!(desk.last(), Asked::Person(q) if q.cert_no == "card1"));

    let (desk, seen) = ask("5206", json!({"data": {"psn_no": "P1", "cum_ym": "2026-03"}}));
    assert_eq!(
        seen.ok().at("/output/cuminfo/0").to_string(),
        r#"{"cum":1500.00,"cum_type_code":"pool","cum_ym":"202603","insutype":"310","year":"2026"}"#
    );
    assert!(matches!(desk.last(), Asked::Accumulators(m) if m == "202603"));
    assert_eq!(ask("5206", json!({"data": {"psn_no": "P1", "cum_ym": "March"}})).1.error().0, "TIME_MALFORMED");

    let mut m = message("9001", messages::of("9001"));
    m["opter"] = json!("");
    let desk = Fake::new();
    let seen = send(&desk, &lenient(), &m).ok();
    assert_eq!(seen.at("/output/signinoutb/sign_no"), "N1");
    assert!(matches!(desk.last(), Asked::SignIn(o) if o == "op1"));
    let (desk, seen) = ask("9002", messages::of("9002"));
    assert!(matches!(desk.last(), Asked::SignOut(no) if no == "N1"));
    assert_eq!(seen.ok().at("/output/sign_time"), "2026-03-05 08:07:06");
}

#[test]
fn a_settlement_list_as_facts_and_its_verdict() {
    let (desk, seen) = ask("4101A", messages::of("4101"));
    assert_eq!(seen.ok().at("/output/data/setl_list_id"), &json!("000000001"));
    let Asked::List(kept) = desk.last() else { panic!() };
    let (sheet, list) = (&kept.sheet, &kept.sheet.list);
    assert_eq!((list.diagnoses.len(), list.operations.len(), list.return_planned), (2, 1, Some(true)));
    assert!(list.diagnoses[0].main && list.operations[0].code == "33.2400" && list.operations[0].begin.is_some());
    assert_eq!(sheet.nursing_days.unwrap().to_string(), "3.5");
    assert_eq!(sheet.payments[0].1, Money::fen(10000));
    assert_eq!(kept.document, messages::of("4101"), "kept as it was sent");

    let (desk, seen) = ask("4104", messages::of("4104"));
    let seen = seen.ok();
    let Asked::Verdicts(query) = desk.last() else { panic!() };
    assert_eq!((query.month.as_str(), query.page, query.size), ("202603", 1, 10));
    let v = seen.at("/output/0");
    // the worst of its problems, and that it goes back
    assert_eq!((&v["err_lv"], &v["retn_flag"], &v["qltctrl_rslt"]), (&json!("1"), &json!("1"), &json!("2")), "{v}");
    assert_eq!(v["detailinfo"][0]["retn_flag"], "0");
}

#[test]
fn mappings() {
    let (desk, seen) = ask("3301", messages::of("3301"));
    seen.ok();
    let Asked::Map(mapped) = desk.last() else { panic!() };
    assert_eq!((mapped[0].hospital_item.as_str(), mapped[0].item.as_str()), ("OWN1", "X1"));
    assert_eq!(mapped[0].document["spec"], "10mg");
    let (desk, seen) = ask("3302", messages::of("3302"));
    seen.ok();
    assert!(matches!(desk.last(), Asked::Unmap(which) if which.hospital_item == "OWN1"));
}
