//! What differs between provinces.

use super::*;

fn with(more: &str) -> Profile {
    Profile::from_toml(&format!("name='x'\ntitle='x'\nregion='420000'\n{more}")).unwrap()
}

#[test]
fn the_form_of_answers() {
    let undo = message("2404", messages::of("2404"));
    let output = |p: &Profile| send(&Fake::new(), p, &undo).ok().body.get("output").cloned();
    assert_eq!(output(&with("")), Some(Value::Null));
    assert_eq!(output(&with("empty_output='object'")), Some(json!({})));
    assert_eq!(output(&with("empty_output='text'")), Some(json!("")));
    assert_eq!(output(&with("empty_output='absent'")), None);
    let seen = send(&Fake::new(), &with("infcode_type='string'\nsuccess_msg='success'"), &undo);
    assert_eq!((seen.at("/infcode"), seen.text("err_msg")), (&json!("0"), "success"));
    assert!(seen.text("inf_refmsgid").starts_with("420000"));
    let seen = send_bytes(&Fake::new(), &with("infcode_type='string'"), b"{");
    assert_eq!(seen.at("/infcode"), &json!("-1"));
    let seen = send(&Fake::new(), &with("pdn_cash_pay=true"), &message("2208", messages::of("2208"))).ok();
    assert_eq!(seen.at("/output/setlinfo/pdn_cash_pay"), seen.at("/output/setlinfo/psn_cash_pay"));
    let seen = send(&Fake::new(), &with("clr_type={'21'='99927'}"), &message("2304", messages::of("2304"))).ok();
    assert_eq!(seen.at("/output/setlinfo/clr_type"), "99927");
    let mut noisy = undo.clone();
    noisy["input"]["data"]["psn_no"] = json!(1);
    assert_eq!(send(&Fake::new(), &with("warn_tolerances=false"), &noisy).ok().text("warn_msg"), "");
}

#[test]
fn hunan_requires_what_it_publishes() {
    let hunan = Profile::shipped("hunan").unwrap();
    for (infno, input) in messages::all() {
        let seen = send(&Fake::new(), &hunan, &message(&infno, input));
        assert!(seen.handled.ok, "{infno}: {}", seen.body);
    }
    let error = |infno: &str, node: &str, field: &str| {
        let mut input = messages::of(infno);
        input.pointer_mut(node).unwrap().as_object_mut().unwrap().remove(field);
        let m = message(infno, input);
        assert!(send(&Fake::new(), &lenient(), &m).handled.ok, "{infno} {field} is not needed");
        let seen = send(&Fake::new(), &hunan, &m);
        let (code, path) = seen.error();
        format!("{code} {path}")
    };
    assert_eq!(error("2207", "/data", "psn_cert_type"), "FIELD_REQUIRED /input/data/psn_cert_type");
    assert_eq!(error("2207", "/data", "inscp_scp_amt"), "FIELD_REQUIRED /input/data/inscp_scp_amt");
    assert_eq!(error("2206", "/data", "psn_type"), "FIELD_REQUIRED /input/data/psn_type");
    assert_eq!(error("2303", "/data", "mid_setl_flag"), "FIELD_REQUIRED /input/data/mid_setl_flag");
    assert_eq!(error("9001", "/signIn", "mac"), "FIELD_REQUIRED /input/signIn/mac");
    assert_eq!(error("2402", "/dscginfo", "dscg_dept_codg"), "FIELD_REQUIRED /input/dscginfo/dscg_dept_codg");
    assert_eq!(error("2204", "/feedetail/0", "rx_circ_flag"), "FIELD_REQUIRED /input/feedetail/0/rx_circ_flag");
    assert_eq!(error("2401", "", "diseinfo"), "NODE_MISSING /input/diseinfo");
    let mut header = message("2404", messages::of("2404"));
    header.as_object_mut().unwrap().remove("infver");
    assert_eq!(send(&Fake::new(), &hunan, &header).error(), ("FIELD_REQUIRED", "/infver"));
}

#[test]
fn fields_can_be_changed() {
    let m = message("2207", messages::of("2207"));
    let error = |more: &str| {
        let seen = send(&Fake::new(), &with(more), &m);
        let (code, path) = seen.error();
        format!("{code} {path}")
    };
    assert_eq!(error("[transaction.2207.field.invono]\nrequired=true"), "FIELD_REQUIRED /input/data/invono");
    assert_eq!(error("[transaction.2207.field.psn_no]\nlength=1"), "FIELD_TOO_LONG /input/data/psn_no");
    assert_eq!(error("[transaction.2207.field.insutype]\ncodes=['390']"), "CODE_UNKNOWN /input/data/insutype");
    // only there
    let other = message("2206", messages::of("2206"));
    assert!(send(&Fake::new(), &with("[transaction.2207.field.invono]\nrequired=true"), &other).handled.ok);
    // a variant follows its base
    let variant = message("2207A", messages::of("2207"));
    let seen = send(&Fake::new(), &with("[transaction.2207.field.invono]\nrequired=true"), &variant);
    assert_eq!(seen.error().0, "FIELD_REQUIRED");
}
