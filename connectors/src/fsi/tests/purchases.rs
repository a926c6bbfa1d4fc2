//! Purchases at a pharmacy, benefit checks, visits, catalogue.

use super::desk::Asked;
use super::*;

#[test]
fn a_purchase_is_one_message() {
    let (fake, seen) = ask("2102", messages::of("2102"));
    let seen = seen.ok();
    assert_eq!(seen.at("/output/setlinfo/setl_id"), "S1");
    assert_eq!(seen.at("/output/detlcutinfo").as_array().unwrap().len(), 5);
    let Asked::Sell(asked) = fake.last() else { panic!() };
    assert_eq!((asked.lines.len(), asked.visit.visit.med_type.as_str()), (1, "41"));
    // the trial has no number
    let (_, seen) = ask("2101", messages::of("2101"));
    assert!(seen.ok().at("/output/setlinfo/setl_id").is_null());
    // and it is taken back like an outpatient bill
    let (_, seen) = ask("2103", messages::of("2103"));
    assert_eq!(seen.ok().at("/output/setlinfo/medfee_sumamt").to_string(), "-4225.54");
}

#[test]
fn checks_and_queries() {
    let (fake, seen) = ask("2001", messages::of("2001"));
    assert_eq!(seen.ok().at("/output/trtinfo/0/trt_enjymnt_flag"), "1");
    assert!(matches!(fake.last(), Asked::Register(_)));
    let (fake, seen) = ask("5201", messages::of("5201"));
    assert_eq!(seen.ok().at("/output/mdtrtinfo/0/ipt_days").to_string(), "3");
    assert!(matches!(fake.last(), Asked::Visits(q) if q.med_type.is_some()));
    let (fake, seen) = ask("1312", messages::of("1312"));
    assert_eq!(seen.ok().at("/output/data/0/chrgitm_lv"), "01");
    assert!(matches!(fake.last(), Asked::Catalogue(q) if q.size == 10 && q.page == 0));
    let (_, seen) = ask("1901", messages::of("1901"));
    assert_eq!(seen.ok().at("/output/list/3/label"), "跨省异地");
    let (_, seen) = ask("5301", messages::of("5301"));
    assert_eq!(seen.ok().at("/output/feedetail").as_array().unwrap().len(), 0);
}
