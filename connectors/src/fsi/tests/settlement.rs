//! What settlements and their lines look like.

use super::desk::{Asked, finding};
use super::*;
use crate::desk::{LineChoice, UndoAsk};
use dingan_core::claim::AccountUse;
use dingan_core::money::Money;
use std::sync::Arc;

fn money(v: &Value) -> Money {
    v.to_string().parse().unwrap_or_else(|e| panic!("{v}: {e}"))
}

/// I1–I5 of interface.md §3.2 on an answer, by its digits.
#[track_caller]
fn identities(output: &Value) {
    let info = &output["setlinfo"];
    let get = |names: [&str; 2]| names.iter().find_map(|n| info.get(*n)).map(money).unwrap();
    let m = |name: &str| get([name, name]);
    let (person, cash) = (get(["psn_part_amt", "psn_pay"]), get(["psn_cash_pay", "cash_payamt"]));
    assert_eq!(m("medfee_sumamt"), m("fund_pay_sumamt") + person + m("hosp_part_amt"), "I1");
    assert_eq!(person, m("acct_pay") + cash, "I2");
    let funds = ["hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "hifdm_pay", "maf_pay", "oth_pay"];
    assert_eq!(m("fund_pay_sumamt"), funds.iter().map(|f| m(f)).sum(), "I3");
    let parts = ["fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt"];
    assert_eq!(m("medfee_sumamt"), parts.iter().map(|f| m(f)).sum(), "I4");
    let rows: Money = output["setldetail"].as_array().unwrap().iter().map(|r| money(&r["fund_payamt"])).sum();
    assert_eq!(rows, m("fund_pay_sumamt") + m("acct_pay") + m("hosp_part_amt"), "I5");
}

#[test]
fn the_identities_hold_on_every_answer() {
    for infno in ["2206", "2207", "2208", "2303", "2304", "2305", "5203"] {
        let (_, seen) = ask(infno, messages::of(infno));
        let seen = seen.ok();
        identities(seen.at("/output"));
        let total = seen.at("/output/setlinfo/medfee_sumamt").to_string();
        assert_eq!(total, if matches!(infno, "2208" | "2305") { "-4225.54" } else { "4225.54" });
    }
    let (_, seen) = ask("5203", json!({"data": {"psn_no": "P1", "setl_id": "S2"}}));
    identities(seen.ok().at("/output"));
}

#[test]
fn a_settlement_in_full() {
    let (_, seen) = ask("2207", messages::of("2207"));
    let seen = seen.ok();
    let info = seen.at("/output/setlinfo");
    // written with two decimals, as digits
    assert!(info.to_string().contains("\"medfee_sumamt\":4225.54"));
    assert_eq!(info["acct_pay"].to_string(), "250.00");
    assert_eq!(info["hosp_part_amt"].to_string(), "60.00");
    assert_eq!(info["setl_id"], "S1");
    assert_eq!(info["setl_time"], "2026-03-04 12:00:00");
    assert_eq!(info["clr_way"], "1");
    assert_eq!(info["clr_type"], "21");
    assert_eq!(info["clr_optins"], "469021");
    assert_eq!(info["medins_setl_id"], "m");
    assert_eq!((&info["age"], &info["gend"], &info["brdy"]), (&json!(36), &json!("2"), &json!("1990-01-01")));
    let rows = seen.at("/output/setldetail").as_array().unwrap();
    let codes: Vec<&str> = rows.iter().map(|r| r["fund_pay_type"].as_str().unwrap()).collect();
    assert_eq!(codes, ["310100", "330100", "310200", "999996"]);
    assert_eq!(rows[0]["fund_pay_type_name"], "城镇职工基本医疗保险统筹基金");
    assert_eq!(rows[0]["crt_payb_lmt_amt"].to_string(), "2000.00");
    let words = rows[0]["setl_proc_info"].as_str().unwrap();
    assert!(words.contains("起付标准300.00，本次起付300.00"), "{words}");
    assert!(words.contains("1000.00×0.8=800.00") && words.ends_with("支付2000.00"), "{words}");
    assert!(rows[2]["setl_proc_info"].as_str().unwrap().contains("本人账户250.00"));
}

#[test]
fn previews_and_reversals_and_the_query_differ_where_they_must() {
    let (_, seen) = ask("2303", messages::of("2303"));
    let preview = seen.ok();
    let info = preview.at("/output/setlinfo");
    assert_eq!((&info["setl_id"], &info["setl_time"], &info["clr_way"]), (&Value::Null, &Value::Null, &Value::Null));
    assert!(preview.text("warn_msg").contains("预结算提示"));

    let (desk, seen) = ask("2208", messages::of("2208"));
    let reversal = seen.ok();
    let info = reversal.at("/output/setlinfo");
    assert_eq!(info["setl_id"], "S2");
    for field in ["hifdm_pay", "hosp_part_amt", "psn_part_amt"] {
        assert!(info[field].is_number(), "{field}");
    }
    assert_eq!(info["balc"].to_string(), "250.00");
    assert!(matches!(desk.last(), Asked::Reverse(r) if r.settlement.as_str() == "S1" && !r.stay));
    assert!(info.get("pdn_cash_pay").is_none());

    let (_, seen) = ask("5203", messages::of("5203"));
    let query = seen.ok();
    let info = query.at("/output/setlinfo");
    assert!(info.get("psn_part_amt").is_none() && info.get("psn_cash_pay").is_none());
    assert_eq!(info["psn_pay"].to_string(), query.at("/output/setlinfo/psn_pay").to_string());
    assert_eq!(
        (&info["refd_setl_flag"], &info["year"], &info["begndate"]),
        (&json!("0"), &json!("2026"), &json!("2026-03-01"))
    );
    let (_, seen) = ask("5203", json!({"data": {"psn_no": "P1", "setl_id": "S2", "mdtrt_id": "V1"}}));
    let seen = seen.ok();
    assert_eq!(
        (seen.at("/output/setlinfo/refd_setl_flag"), seen.at("/output/setlinfo/init_setl_id")),
        (&json!("1"), &json!("S1"))
    );
    let other = json!({"data": {"psn_no": "P1", "setl_id": "S1", "mdtrt_id": "V2"}});
    assert_eq!(ask("5203", other).1.error(), ("VISIT_MISMATCH", "/input/data/mdtrt_id"));
}

#[test]
fn what_a_settlement_asks_for() {
    let settle = |change: fn(&mut Value)| {
        let mut input = messages::of("2304");
        change(&mut input["data"]);
        let (desk, seen) = ask("2304", input);
        seen.ok();
        let Asked::Settle(ask) = desk.last() else { panic!() };
        ask
    };
    let plain = settle(|_| {});
    assert!(plain.stay && !plain.mid_stay && !plain.by_quota && plain.batch.is_none());
    assert_eq!((plain.account_use, plain.total), (AccountUse::Own, Money::fen(422554)));
    assert_eq!(plain.parts, None, "four zeros beside a total say nothing");
    assert!(settle(|d| d["mid_setl_flag"] = json!("1")).mid_stay);
    assert!(settle(|d| d["psn_setlway"] = json!("2")).by_quota);
    assert_eq!(settle(|d| d["acct_used_flag"] = json!("2")).account_use, AccountUse::Family);
    let parts = settle(|d| d["inscp_scp_amt"] = json!("4225.54")).parts.unwrap();
    assert_eq!(parts[3], Money::fen(422554));
    let (_, seen) = ask(
        "2207",
        json!({"data": {"psn_no": "P1", "mdtrt_id": "V1", "insutype": "310", "medfee_sumamt": 1, "med_type": "88"}}),
    );
    assert_eq!(seen.error(), ("CODE_UNKNOWN", "/input/data/med_type"));
}

#[test]
fn findings_are_named_only_where_the_profile_says_so() {
    let mut desk = Fake::new();
    let mut decision = (*desk.settled.decision).clone();
    decision.findings = (0..7).map(|i| finding(&format!("F{i}"), &["1"], &[], 100)).collect();
    desk.settled.decision = Arc::new(decision);
    let quiet = send(&desk, &lenient(), &message("2207", messages::of("2207"))).ok();
    assert!(!quiet.text("warn_msg").contains("GZ001"));
    let loud = Profile::from_toml("name='x'\ntitle='x'\nregion='460000'\nfindings_in_settlement=true").unwrap();
    for infno in ["2304", "2303"] {
        let warned = send(&desk, &loud, &message(infno, messages::of(infno))).ok();
        let text = warned.text("warn_msg");
        assert_eq!(text.matches("违规：同日重复收费（GZ001）").count(), 5, "{text}");
        assert!(text.contains("共7条"));
    }
}

#[test]
fn line_results() {
    let (_, seen) = ask("2301", messages::of("2301"));
    let seen = seen.ok();
    let rows = seen.at("/output/result").as_array().unwrap();
    assert_eq!(rows.len(), 5);
    for r in rows {
        let part = |n: &str| money(&r[n]);
        assert_eq!(
            part("det_item_fee_sumamt"),
            part("fulamt_ownpay_amt") + part("overlmt_amt") + part("preselfpay_amt") + part("inscp_scp_amt")
        );
    }
    assert_eq!(
        (rows[0]["pric_uplmt_amt"].to_string(), rows[3]["pric_uplmt_amt"].to_string()),
        ("999999".into(), "100".into())
    );
    assert_eq!((rows[1]["selfpay_prop"].to_string(), rows[1]["chrgitm_lv"].clone()), ("0.1".into(), json!("02")));
    assert_eq!(rows[2]["selfpay_prop"].to_string(), "1");
    assert!(rows[4]["memo"].as_str().unwrap().contains("不在医保目录内"));
    assert_eq!(rows[0]["memo"], "");

    let (desk, seen) = ask("5204", messages::of("5204"));
    let seen = seen.ok();
    let rows = seen.at("/output").as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["hilist_code"], &rows[0]["setl_id"]), (5, &json!("A"), &json!("S1")));
    assert!(matches!(desk.last(), Asked::Settlement(_, true)));
}

#[test]
fn policy_items_are_the_trace() {
    let (_, seen) = ask("100001", messages::of("100001"));
    let seen = seen.ok();
    let rows = seen.at("/output").as_array().unwrap();
    let table: Vec<(&str, String, String)> = rows
        .iter()
        .map(|r| (r["polItemCode"].as_str().unwrap(), r["selfPayAmt"].to_string(), r["fundPayAmt"].to_string()))
        .collect();
    let row = |code, own: &str, fund: &str| (code, own.to_owned(), fund.to_owned());
    assert_eq!(
        table,
        [
            row("101", "65.54", "0.00"),
            row("102", "80.00", "0.00"),
            row("103", "60.00", "0.00"),
            row("S001", "300.00", "0.00"),
            row("C001", "200.00", "800.00"),
            row("C002", "133.33", "1200.00"),
            row("EC01", "1386.67", "0.00"),
            row("L001", "693.33", "693.34"),
            row("TA01", "250.00", "0.00"),
        ]
    );
    let c001 = rows.iter().find(|r| r["polItemCode"] == "C001").unwrap();
    assert_eq!(c001["polItemName"], "统筹一段");
    assert_eq!((c001["selfPayProp"].to_string(), c001["fundPayProp"].to_string()), ("0.2".into(), "0.8".into()));
    assert_eq!(c001["polItemPaySum"].to_string(), "1000.00");
    // what the funds paid is all there
    let paid: Money = rows.iter().map(|r| money(&r["fundPayAmt"])).sum();
    assert_eq!(paid, Fake::new().amounts().funds);
    let (_, seen) = ask("100001", json!({"psn_No": "P1", "setl_Id": "S2"}));
    let seen = seen.ok();
    let paid: Money = seen.at("/output").as_array().unwrap().iter().map(|r| money(&r["fundPayAmt"])).sum();
    assert_eq!(paid, -Fake::new().amounts().funds, "a reversal");
}

#[test]
fn lines_are_voided_by_batch_number_or_altogether() {
    let void = |infno: &str, data: Value| {
        let (desk, seen) = ask(infno, json!({"data": data}));
        seen.ok();
        let Asked::Void(visit, stay, choice) = desk.last() else { panic!() };
        assert_eq!(visit.as_str(), "V1");
        (stay, format!("{choice:?}"))
    };
    let row = |k: &str, v: &str| json!({"mdtrt_id": "V1", "psn_no": "P1", k: v});
    assert_eq!(void("2205", row("chrg_bchno", "0000")), (false, format!("{:?}", LineChoice::All)));
    assert_eq!(void("2205", row("chrg_bchno", "B1")), (false, format!("{:?}", LineChoice::Batch("B1".to_owned()))));
    assert_eq!(void("2302", row("feedetl_sn", "0000")), (true, format!("{:?}", LineChoice::All)));
    let both = json!([row("feedetl_sn", "1"), row("feedetl_sn", "2")]);
    assert_eq!(void("2302", both), (true, format!("{:?}", LineChoice::Numbers(vec!["1".into(), "2".into()]))));
    assert_eq!(
        ask("2205", json!({"data": row("feedetl_sn", "1")})).1.error(),
        ("FIELD_REQUIRED", "/input/data/chrg_bchno")
    );
    let mixed = json!({"data": [row("feedetl_sn", "1"), {"mdtrt_id": "V2", "psn_no": "P1", "feedetl_sn": "2"}]});
    assert_eq!(ask("2302", mixed).1.error(), ("MIXED_VISITS", "/input/data/1/mdtrt_id"));
}

#[test]
fn undo_is_for_lost_calls_of_listed_kinds() {
    let (desk, seen) = ask("2601", messages::of("2601"));
    seen.ok();
    assert!(matches!(desk.last(), Asked::Undo(UndoAsk { infno, msgid, .. }) if infno == "2207" && msgid == "lost"));
    for (infno, allowed) in [("2207A", true), ("2204", false), ("1101", false), ("nix", false)] {
        let (_, seen) = ask("2601", json!({"data": {"psn_no": "P1", "omsgid": "m", "oinfno": infno}}));
        assert_eq!(seen.handled.ok, allowed, "{infno}");
        if !allowed {
            assert_eq!(seen.error(), ("UNDO_NOT_ALLOWED", "/input/data/oinfno"));
        }
    }
    let (desk, seen) = ask("D2601", messages::of("D2601"));
    let seen = seen.ok();
    assert!(matches!(desk.last(), Asked::Fate(m) if m == "lost"));
    assert_eq!(
        seen.at("/output/data"),
        &json!([{"infno": "2207", "time": "2026-03-05 08:07:06", "done": "1", "setl_id": "S1", "reversed": "1"}])
    );
    let (_, seen) = ask("D2601", json!({"data": {"omsgid": "never"}}));
    let seen = seen.ok();
    assert_eq!(seen.at("/output/data"), &json!([]));
    assert!(seen.text("warn_msg").contains("未收到"));
}
