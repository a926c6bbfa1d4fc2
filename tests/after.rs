//! After the settlement: lists (4101, 4104), the rules that waited for them, and reviews of what is settled.

use crate::county::*;
use crate::stay::Stay;
use dingan_core::codes::SettlementId;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A drug for one sex, and a person of the other.
fn mismatch(server: &Server) -> (dingan_core::person::Person, String) {
    let person = person(&server.county, "310", 30, 0);
    let other = if person.sex == dingan_core::codes::Sex::Male { "female" } else { "male" };
    let known = &server.county.reference.knowledge;
    let point = known.iter().find(|k| k.table == "drug-sex" && k.word == other);
    (person, point.expect("the sample has drugs for either sex").item.to_string())
}

/// Findings of a settlement by rule: their ids and where they stand.
fn findings(server: &Server, setl_id: &str) -> Vec<(String, String, String)> {
    let rows = server.runtime.block_on(async {
        let mut snap = server.agency().store().snapshot().await.unwrap();
        snap.findings(&SettlementId::from(setl_id)).await.unwrap()
    });
    rows.into_iter().map(|r| (r.finding.rule, r.finding.id, r.status)).collect()
}

fn of_rule(server: &Server, setl_id: &str, rule: &str) -> Vec<String> {
    findings(server, setl_id).into_iter().filter(|f| f.0 == rule).map(|f| f.2).collect()
}

fn list(stay: &Stay<'_, '_>, setl_id: &str, admitted: i64, diagnosis: &str) -> Value {
    json!({
        "setlinfo": {"psn_no": stay.person.no, "mdtrt_id": stay.visit, "setl_id": setl_id, "ntly": "156", "prfs": "90",
            "patn_rlts": "1", "coner_addr": "样例路1号", "coner_tel": "0", "adm_time": stamp(ago(admitted)),
            "dscg_time": stamp(ago(1)), "dscg_way": "1", "dscg_caty": "A03", "bill_code": "1", "bill_no": "1",
            "biz_sn": "1", "setl_begn_date": "", "setl_end_date": "", "medins_fill_dept": "病案室",
            "medins_fill_psn": "样例"},
        "diseinfo": [{"diag_type": "1", "diag_code": diagnosis, "diag_name": "样例", "adm_cond_type": "1",
            "maindiag_flag": "1"}]
    })
}

#[test]
fn a_list_runs_the_rules_that_waited_and_a_better_one_withdraws() {
    let server = Server::start(100);
    let desk = server.desk();
    let mut stay = Stay::admit(&desk, person(&server.county, "310", 30, 0));
    stay.lines(6);
    stay.discharge();
    let setl = desk.ok("2304", stay.input("0"))["setlinfo"]["setl_id"].as_str().unwrap().to_owned();
    let rule = "DG2003";
    assert!(of_rule(&server, &setl, rule).is_empty());

    // admitted on another day than registered: kept, sent back, and no fact
    let answer = desk.ok("4101", list(&stay, &setl, 24 * 13, "J18.900"));
    assert!(!answer["data"]["setl_list_id"].as_str().unwrap().is_empty(), "{answer}");
    let month = now_month();
    let asked = json!({"data": {"setl_ym": month, "setl_id": setl, "page_num": 1, "page_size": 10}});
    let verdict = desk.ok("4104", asked.clone());
    assert_eq!(verdict[0]["retn_flag"], json!("1"), "{verdict}");
    assert_eq!(verdict[0]["detailinfo"][0]["exam_data_fld"], json!("adm_time"), "{verdict}");
    assert!(of_rule(&server, &setl, rule).is_empty());

    // another main diagnosis than registered: the rule that waited for the list finds it
    let message = desk.message("4101A", list(&stay, &setl, 24 * 10, "I63.900"));
    let first = desk.exchange(&message);
    assert_eq!(first["infcode"], json!(0), "{first}");
    assert_eq!(desk.exchange(&message)["output"], first["output"], "the same message gets the same answer");
    assert_eq!(desk.ok("4104", asked.clone())[0]["retn_flag"], json!("0"));
    assert_eq!(of_rule(&server, &setl, rule), ["open"]);

    // a review of everything confirms it, and makes no second one
    let report = server.runtime.block_on(server.agency().review(dingan::serve::now(), |_| {})).unwrap();
    assert_eq!((report.settlements, report.unread.len()), (1, 0), "{report:?}");
    assert!(report.verdicts.get("confirmed").is_some_and(|n| *n >= 1), "{report:?}");
    assert_eq!((report.verdicts.get("new"), report.verdicts.get("withdrawn")), (None, None), "{report:?}");
    assert_eq!(of_rule(&server, &setl, rule), ["open"]);

    // the list put right: it is withdrawn, and stays in the books as such
    desk.ok("4101", list(&stay, &setl, 24 * 10, "J18.900"));
    assert_eq!(of_rule(&server, &setl, rule), ["withdrawn"]);

    // lists of what is not theirs, or was reversed
    let (code, _) = desk.refused("4101", list(&stay, "NOSUCH", 24 * 10, "J18.900"));
    assert_eq!(code, "SETTLEMENT_UNKNOWN");
    stay.reverse(&json!(setl));
    let (code, _) = desk.refused("4101", list(&stay, &setl, 24 * 10, "J18.900"));
    assert_eq!(code, "SETTLEMENT_REVERSED");
    let report = server.runtime.block_on(server.agency().review(dingan::serve::now(), |_| {})).unwrap();
    assert_eq!(report.settlements, 0, "what is reversed is not reviewed");
    server.assert_balanced();
}

fn now_month() -> String {
    dingan::serve::now().format("%Y%m").to_string()
}

#[test]
fn orders_are_checked_on_what_the_books_know_and_the_settlement_says_the_same() {
    let server = Server::start(100);
    let desk = server.desk();
    let (person, drug) = mismatch(&server);
    let mut stay = Stay::admit(&desk, person);
    stay.lines(2);
    let mut bad = line(&stay.visit, stay.person.no.as_str(), "", "77", &drug, "20", "1", "20");
    bad["fee_ocur_time"] = json!(stamp(ago(48)));
    bad["med_type"] = json!("21");
    desk.ok("2301", json!({"feedetail": [bad]}));
    stay.unsettled += dingan_core::money::Money::fen(2000);

    // the request knows less, and says wrongly when the stay began; it adds one order and an operation
    let order = |no: &str, current: &str| {
        json!({"rx_id": no, "rxno": "RX", "hilist_code": drug, "hosplist_code": drug, "cnt": "1", "pric": "20.00",
            "sumamt": "20.00", "drord_begn_date": stamp(ago(24)), "drord_dr_codg": "D1", "curr_drord_flag": current})
    };
    let encounter = json!({
        "mdtrt_id": stay.visit, "medins_id": desk.institution.code, "adm_date": stamp(ago(24 * 400)), "med_type": "21",
        "insutype": stay.person.relations.last().unwrap().insurance, "setl_totlnum": "0",
        "fsi_diagnose_dtos": [{"dise_codg": "I10.x00", "dise_name": "样例", "maindise_flag": "1", "dias_srt_no": "1"}],
        "fsi_order_dtos": [order("77", "0"), order("ORDER1", "0")],
        "fsi_operation_dtos": [{"setl_list_oprn_id": "1", "oprn_code": "47.0100", "oprn_name": "样例",
            "main_oprn_flag": "1", "oprn_date": stamp(ago(24))}]
    });
    let ask = |infno: &str, scene: &str| {
        let patient = json!({"patn_id": stay.person.no, "patn_name": "样例", "gend": stay.person.sex.code(),
            "brdy": stay.person.birth.to_string(), "curr_mdtrt_id": stay.visit, "fsi_encounter_dtos": [encounter]});
        let result = desk.ok(infno, json!({"data": {"trig_scen": scene, "patient_dtos": [patient]}}))["result"].clone();
        let of_lines = |r: &Value| {
            let detail = r["judge_result_detail_dtos"].as_array().unwrap();
            detail
                .iter()
                .filter(|d| d["vola_item_type"] == json!("1"))
                .map(|d| d["rx_id"].to_string())
                .collect::<String>()
        };
        let rows = result.as_array().unwrap().iter();
        rows.map(|r| (r["jr_id"].as_str().unwrap().to_owned(), (r["rule_id"].to_string(), of_lines(r))))
            .collect::<BTreeMap<_, _>>()
    };
    let checked = ask("3102", "9");
    // the scene decides the stage, whatever the transaction
    assert_eq!(ask("3101", "9"), checked);
    let drugs: Vec<&str> = checked.values().filter(|r| r.0.contains("DG3001")).map(|r| r.1.as_str()).collect();
    assert_eq!(drugs.len(), 2, "{checked:?}");
    assert!(drugs.contains(&"\"77\"") && drugs.contains(&"\"ORDER1\""), "{checked:?}");

    stay.discharge();
    let setl = desk.ok("2304", stay.input("0"))["setlinfo"]["setl_id"].as_str().unwrap().to_owned();
    let settled: Vec<String> = findings(&server, &setl).into_iter().map(|f| f.1).collect();
    let (id, _) = checked.iter().find(|(_, r)| r.0.contains("DG3001") && r.1 == "\"77\"").unwrap();
    assert!(settled.contains(id), "{id}: {checked:?} against {:?}", findings(&server, &setl));

    // a check after the settlement: the line is history of the stay and is not judged again
    let after = ask("3102", "9");
    let of_77 = after.values().filter(|r| r.0.contains("DG3001") && r.1.contains("77")).count();
    assert_eq!(of_77, 0, "{after:?}");
}
