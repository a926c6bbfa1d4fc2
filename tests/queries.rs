//! Queries over a real store: what was filed, registered and settled, the catalogue and the code lists.

use crate::county::*;
use crate::stay::Stay;
use serde_json::{Value, json};

fn list<'v>(output: &'v Value, node: &str) -> &'v Vec<Value> {
    output[node].as_array().unwrap_or_else(|| panic!("no list {node} in {output}"))
}

#[test]
fn the_catalogue_in_pages() {
    let server = Server::start(20);
    let desk = server.desk();
    let catalogue = &server.county.reference.catalogue;
    let item = &catalogue.items[0];
    let of = |code: &str, page: i64, size: i64| json!({"data": {"hilist_code": code, "page_num": page, "page_size": size, "query_date": stamp(ago(0))}});
    let found = desk.ok("1312", of(item.code.as_str(), 1, 10));
    assert_eq!(list(&found, "data")[0]["hilist_name"], json!(item.name));
    assert_eq!(list(&found, "data")[0]["chrgitm_lv"], json!(item.class.code()));
    // page by page, every row once
    let mut codes = Vec::new();
    for page in 1.. {
        let found = desk.ok("1312", of("", page, 7));
        codes.extend(list(&found, "data").iter().map(|r| r["hilist_code"].as_str().unwrap().to_owned()));
        if found["lastPage"] == json!(true) {
            assert_eq!(found["recordCounts"].to_string(), codes.len().to_string());
            break;
        }
    }
    let count = codes.len();
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), count);
    let limit = &catalogue.limits[0];
    let limits = desk.ok("1318", of(limit.code.as_str(), 1, 10));
    assert!(
        list(&limits, "data").iter().any(|r| money(r, "hilist_pric_uplmt_amt").to_string()
            == limit.limit.to_string().parse::<dingan_core::money::Money>().unwrap().to_string()),
        "{limits}"
    );
    let ratio = &catalogue.ratios[0];
    let ratios = desk.ok("1319", of(ratio.code.as_str(), 1, 10));
    assert_eq!(list(&ratios, "data")[0]["hilist_code"], json!(ratio.code));
    assert_eq!(list(&desk.ok("1312", of("NOSUCH", 1, 10)), "data").len(), 0);

    let codes = desk.ok("1901", json!({"data": {"type": "biz_appy_type"}}));
    assert!(list(&codes, "list").iter().any(|r| r["value"] == json!("06") && r["label"] == json!("转诊转院登记")));
}

#[test]
fn what_was_filed_is_listed_until_it_is_taken_back() {
    let server = Server::start(200);
    let desk = server.desk();
    let p = person(&server.county, "310", 30, 0);
    let (psn_no, today) = (p.no.as_str(), stamp(ago(0)).get(..10).unwrap().to_owned());
    let id = |output: Value| output["result"]["trt_dcla_detl_sn"].as_str().unwrap().to_owned();
    let diseases = || list(&desk.ok("5301", json!({"data": {"psn_no": psn_no}})), "feedetail").clone();
    let referrals = || desk.ok("5304", json!({"data": {"psn_no": psn_no}})).as_array().unwrap().clone();
    let had = (diseases().len(), referrals().len());

    let chronic = id(desk.ok(
        "2503",
        json!({"data": {"psn_no": psn_no, "insutype": "310", "opsp_dise_code": "M01600", "opsp_dise_name": "糖尿病",
            "begndate": today}}),
    ));
    assert!(
        diseases().iter().any(|d| d["trt_dcla_detl_sn"] == json!(chronic) && d["opsp_dise_code"] == json!("M01600"))
    );
    let referral = id(desk.ok(
        "2501",
        json!({"refmedin": {"psn_no": psn_no, "insutype": "310", "mdtrtarea_admdvs": "440100", "refl_date": today,
            "reflin_medins_no": "H44010000003"}}),
    ));
    let listed = referrals();
    let mine = listed.iter().find(|r| r["trt_dcla_detl_sn"] == json!(referral)).unwrap();
    assert_eq!((&mine["mdtrtarea_admdvs"], &mine["psn_name"]), (&json!("440100"), &json!(p.name)));
    let residence = id(desk.ok(
        "2505",
        json!({"data": {"psn_no": psn_no, "biz_appy_type": "08", "begndate": today, "mdtrtarea_admdvs": "440100"}}),
    ));

    // the number of another kind takes nothing back
    let back = |infno: &str, id: &str| json!({"data": {"trt_dcla_detl_sn": id, "psn_no": psn_no, "memo": infno}});
    assert_eq!(desk.refused("2502", back("2502", &chronic)).0, "FILING_UNKNOWN");
    assert_eq!(desk.refused("2504", back("2504", &referral)).0, "FILING_UNKNOWN");
    desk.ok("2504", back("2504", &chronic));
    desk.ok("2502", back("2502", &referral));
    desk.ok("2506", back("2506", &residence));
    assert_eq!((diseases().len(), referrals().len()), had, "filed and taken back on one day, they never began");
    assert_eq!(desk.refused("2506", back("2506", &residence)).0, "FILING_UNKNOWN");
}

#[test]
fn visits_and_what_pays_for_them() {
    let server = Server::start(200);
    let desk = server.desk();
    let p = person(&server.county, "310", 30, 0);
    let psn_no = p.no.as_str();
    let stay = Stay::admit(&desk, p.clone());
    let of = |visit: &str| json!({"data": {"psn_no": psn_no, "mdtrt_id": visit, "med_type": "21"}});
    let seen = desk.ok("5201", of(&stay.visit));
    let row = &list(&seen, "mdtrtinfo")[0];
    assert_eq!(
        (&row["psn_name"], &row["adm_bed"], row["inhosp_stas"].as_str()),
        (&json!(p.name), &json!("01"), Some("1"))
    );
    // moved to another bed and department
    desk.ok(
        "2403",
        json!({"adminfo": {"mdtrt_id": stay.visit, "psn_no": psn_no, "begntime": stamp(ago(240)), "mdtrt_cert_type": "02",
            "med_type": "21", "ipt_otp_no": "ZY1", "atddr_no": "D4690260001", "chfpdr_name": "样例医师",
            "adm_diag_dscr": "肺炎", "adm_dept_codg": "B02", "adm_dept_name": "外科", "adm_bed": "13",
            "dscg_maindiag_code": "J18.900", "dscg_maindiag_name": "肺炎"},
            "diseinfo": [{"mdtrt_id": stay.visit, "psn_no": psn_no, "diag_type": "1", "maindiag_flag": "1",
            "diag_srt_no": 1, "diag_code": "J18.900", "diag_name": "肺炎", "diag_dept": "A01",
            "dise_dor_no": "D4690260001", "dise_dor_name": "样例医师", "diag_time": stamp(ago(240)), "vali_flag": "1"}]}),
    );
    let seen = desk.ok("5201", of(&stay.visit));
    let row = &list(&seen, "mdtrtinfo")[0];
    assert_eq!((&row["adm_bed"], &row["adm_dept_codg"]), (&json!("13"), &json!("B02")));
    assert_eq!(list(&desk.ok("5201", of("V-NOSUCH")), "mdtrtinfo").len(), 0);

    let pays = |insutype: &str, at: &str| {
        let ask = json!({"data": {"psn_no": psn_no, "insutype": insutype, "med_type": "21", "begntime": at,
            "fixmedins_code": desk.institution.code}});
        list(&desk.ok("2001", ask), "trtinfo").clone()
    };
    let now = stamp(ago(0));
    assert!(
        pays("310", &now).iter().any(|r| r["fund_pay_type"] == json!("310100") && r["trt_enjymnt_flag"] == json!("1"))
    );
    // before anybody was insured
    assert!(pays("310", "1990-01-01 00:00:00").iter().all(|r| r["trt_enjymnt_flag"] == json!("0")));
}

#[test]
fn the_policy_steps_of_a_settlement_and_a_purchase_taken_back() {
    let server = Server::start(200);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 0);
    let (visit, total) = outpatient(&desk, &p, "B1", &["100.00", "33.33"]);
    let settled = desk.ok("2207", settle_input(&p, &visit, "B1", total));
    let setl_id = &settled["setlinfo"]["setl_id"];
    let steps = desk.ok("100001", json!({"setl_Id": setl_id, "psn_No": p.no, "mdtrt_Id": visit}));
    assert!(!steps.as_array().unwrap().is_empty(), "{steps}");

    // a purchase is taken back by its own transaction; this profile lets 2601 not do it
    let pharmacy = server.county.reference.institutions.iter().find(|i| i.kind == "2").unwrap().clone();
    let shop = Desk::new(&server, pharmacy);
    let item = server.county.reference.catalogue.items.iter().find(|i| i.list_type == "101" && !i.restricted).unwrap();
    let sale = shop.message(
        "2102",
        json!({
            "druginfo": {"psn_no": p.no, "mdtrt_cert_type": "02", "mdtrt_cert_no": p.cert_no, "psn_cert_type": "01",
                "certno": p.cert_no, "psn_type": "11", "psn_name": p.name, "begntime": stamp(ago(1)),
                "medfee_sumamt": "10.00", "insutype": "390", "acct_used_flag": "0", "med_type": "41", "invono": "N1"},
            "drugdetail": [{"feedetl_sn": "1", "rx_circ_flag": "0", "fee_ocur_time": stamp(ago(1)),
                "med_list_codg": item.code, "medins_list_codg": "OWN1", "det_item_fee_sumamt": "10.00", "cnt": "1",
                "pric": "10.00"}]
        }),
    );
    let sold = shop.exchange(&sale);
    assert_eq!(sold["infcode"].to_string(), "0", "{sold}");
    let undo = json!({"data": {"psn_no": p.no, "omsgid": sale["msgid"], "oinfno": "2102"}});
    assert_eq!(shop.refused("2601", undo).0, "UNDO_NOT_ALLOWED");
    let info = &sold["output"]["setlinfo"];
    let back = json!({"data": {"psn_no": p.no, "setl_id": info["setl_id"], "mdtrt_id": info["mdtrt_id"]}});
    shop.ok("2103", back.clone());
    assert!(!shop.refused("2103", back).0.is_empty(), "taken back once");
    server.assert_balanced();
}
