//! What is filed, and how care came about.

use super::desk::Asked;
use super::*;
use dingan_core::person::Filing;

fn filed(infno: &str, input: Value) -> Filing {
    let (fake, seen) = ask(infno, input);
    assert_eq!(seen.ok().at("/output/result/trt_dcla_detl_sn"), "F1");
    match fake.last() {
        Asked::File(new) => new.filing,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_transaction_files_its_own_kind() {
    let f = filed("2501", messages::of("2501"));
    assert_eq!((f.kind.as_str(), f.area.as_str(), f.institution.as_str()), ("06", "440100", "H44010000003"));
    // without a first day, that of the referral
    assert_eq!((f.begin.to_string(), f.end.unwrap().to_string()), ("2026-03-05".to_owned(), "2026-06-30".to_owned()));
    let f = filed("2503", messages::of("2503"));
    assert_eq!((f.kind.as_str(), f.disease.as_str()), ("01", "M01600"));
    let f = filed("2505", messages::of("2505"));
    assert_eq!((f.kind.as_str(), f.area.as_str()), ("08", "440100"));
    let f = filed("2507", messages::of("2507"));
    assert_eq!((f.kind.as_str(), f.third_party_share.to_string()), ("02", "0.3".to_owned()));
}

#[test]
fn what_a_transaction_needs_is_asked_for() {
    let mut input = messages::of("2503");
    input["data"]["opsp_dise_code"] = json!("");
    let (fake, seen) = ask("2503", input);
    assert_eq!(seen.at("/err_path"), "/input/data/opsp_dise_code");
    assert_eq!(fake.count(), 0);
    let mut input = messages::of("2505");
    input["data"]["enddate"] = json!("2026-01-01");
    let (_, seen) = ask("2505", input);
    assert_eq!(seen.at("/err_code"), "TIME_RANGE");
}

#[test]
fn taken_back_by_number() {
    let (fake, seen) = ask("2502", messages::of("2502"));
    seen.ok();
    assert!(matches!(fake.last(), Asked::Unfile(id) if id == "F1"));
}

#[test]
fn circumstances_stand_in_exp_content() {
    let mut input = messages::of("2401");
    input["mdtrtinfo"]["exp_content"] = json!(r#"{"IPT_TYPE":"2","TRUM_FLAG":"1","REL_TTP_FLAG":"0"}"#);
    input["mdtrtinfo"]["matn_type"] = json!("3");
    let (fake, seen) = ask("2401", input.clone());
    seen.ok();
    let Asked::Register(new) = fake.last() else { panic!() };
    let c = new.visit.circumstances;
    assert_eq!((c.emergency, c.injury, c.third_party, c.birth.as_str()), (true, true, false, "3"));
    // an injury without a word on third parties is refused
    input["mdtrtinfo"]["exp_content"] = json!({"TRUM_FLAG": 1});
    let (fake, seen) = ask("2401", input);
    assert_eq!(seen.at("/err_path"), "/input/mdtrtinfo/exp_content");
    assert_eq!(fake.count(), 0);
}
