//! Review through the interface: a drug for women ordered for a man comes back with everything about it.

use crate::county::*;
use serde_json::{Value, json};

fn order(item: &str, name: &str, no: &str) -> Value {
    json!({
        "rx_id": no, "rxno": "RX1", "long_drord_flag": "0", "hilist_type": "101", "chrg_type": "09", "drord_bhvr": "0",
        "hilist_code": item, "hilist_name": name, "hilist_lv": "02", "hilist_pric": "20.00", "hosplist_code": item,
        "hosplist_name": name, "cnt": "1", "pric": "20.00", "sumamt": "20.00", "ownpay_amt": "0", "selfpay_amt": "0",
        "spec": "1", "spec_unt": "盒", "drord_begn_date": stamp(ago(1)), "drord_dept_codg": "A01",
        "drord_dept_name": "内科", "drord_dr_codg": "D4690260001", "drord_dr_name": "样例医师",
        "drord_dr_profttl": "234", "curr_drord_flag": "1"
    })
}

#[test]
fn a_drug_for_women_ordered_for_a_man() {
    let server = Server::start(100);
    let desk = server.desk();
    let women = server
        .county
        .reference
        .knowledge
        .iter()
        .find(|k| k.table == "drug-sex" && k.word == "female")
        .expect("the sample has a drug for women");
    let name = &server.county.reference.catalogue.items.iter().find(|i| i.code == women.item).unwrap().name;
    let i = &desk.institution;
    let diagnosis = json!({"dise_id": "1", "inout_dise_type": "1", "maindise_flag": "1", "dias_srt_no": "1",
        "dise_codg": "I10.x00", "dise_name": "高血压", "dise_date": stamp(ago(2))});
    let mut encounter = json!({
        "mdtrt_id": "MZ0001", "medins_id": i.code, "medins_name": i.name, "medins_admdvs": i.division,
        "medins_type": "A1", "medins_lv": "2", "adm_date": stamp(ago(2)), "dscg_date": stamp(ago(2)),
        "dscg_main_dise_codg": "I10.x00", "dscg_main_dise_name": "高血压", "dr_codg": "D1", "adm_dept_codg": "A01",
        "adm_dept_name": "内科", "dscg_dept_codg": "A01", "dscg_dept_name": "内科", "med_mdtrt_type": "1",
        "med_type": "11", "matn_stas": "0", "medfee_sumamt": "20.00", "ownpay_amt": "0", "selfpay_amt": "0"
    });
    for (k, v) in [("setl_totlnum", "0"), ("insutype", "390"), ("reim_flag", "0"), ("out_setl_flag", "0")] {
        encounter[k] = json!(v);
    }
    encounter["fsi_diagnose_dtos"] = json!([diagnosis]);
    encounter["fsi_order_dtos"] = json!([order(women.item.as_str(), name, "YZ001")]);
    let ask = |gend: &str| {
        let patient = json!({
            "patn_id": "NOTINTHEBOOKS", "patn_name": "样例", "gend": gend, "brdy": "1980-01-01", "poolarea": "460000",
            "curr_mdtrt_id": "MZ0001", "fsi_encounter_dtos": [encounter.clone()]
        });
        json!({"data": {"trig_scen": "2", "patient_dtos": [patient]}})
    };
    let result = desk.ok("3101", ask("1"))["result"].clone();
    let hits: Vec<&Value> = result.as_array().unwrap().iter().filter(|r| r["rule_id"] == json!("DG3001")).collect();
    assert_eq!(hits.len(), 1, "{result}");
    let hit = hits[0];
    assert_eq!(hit["rule_name"], json!("药品区分性别使用"));
    assert_eq!(hit["sev_deg"].to_string().trim_matches('"'), "2");
    assert!(!hit["vola_cont"].as_str().unwrap().is_empty());
    assert!(!hit["vola_evid"].as_str().unwrap().is_empty());
    assert_eq!(hit["judge_result_detail_dtos"][0]["rx_id"], json!("YZ001"));
    assert_eq!(money(hit, "vola_amt").to_string(), "20.00");

    // a woman is fine
    let clean = desk.ok("3101", ask("2"))["result"].clone();
    assert!(clean.as_array().unwrap().iter().all(|r| r["rule_id"] != json!("DG3001")), "{clean}");

    // feedback: going on needs a reason
    let jr_id = &hit["jr_id"];
    let without =
        json!({"data": {"warn_type": "1", "warns": [{"warn_rslt_id": jr_id, "dspo_way": "1", "dspo_way_rea": ""}]}});
    let (_, path) = desk.refused("3103", without);
    assert!(path.contains("dspo_way_rea"), "{path}");
    desk.ok(
        "3103",
        json!({"data": {"warn_type": "1", "warns": [{"warn_rslt_id": jr_id, "dspo_way": "2", "dspo_way_rea": ""}]}}),
    );
    let (code, _) = desk
        .refused("3103", json!({"data": {"warn_type": "1", "warns": [{"warn_rslt_id": "NOSUCH", "dspo_way": "2"}]}}));
    assert_eq!(code, "FINDING_UNKNOWN");
}
