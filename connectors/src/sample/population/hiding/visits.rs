//! About a stay: why it was, what came before and after. And how often.

use super::super::life::{Charged, FIRST_LEVEL, ahead};
use super::super::points::TEST;
use super::super::scenes::{CHEMO, COLD, GALLSTONE, HYPERTENSION, PNEUMONIA, STROKE, dead, usual, visits, with_lists};
use super::super::{ADULT, Pattern, innocent, sly};

pub(super) fn patterns() -> Vec<Pattern> {
    let mut all = before_and_after();
    all.extend(often());
    all
}

/// Admitted for little; tests before; visits after death.
fn before_and_after() -> Vec<Pattern> {
    vec![
        sly("DG2019", ADULT, |l| {
            // a check-up with a little treatment and a drug for show
            let day = l.any_day();
            let v = l.stay(day, 2, 0, "R42.x00 头晕", 0..2);
            for i in 0..4 {
                l.charge(v, TEST, Charged { price: 60, after: 3 + i, ..usual() });
            }
            l.charge(v, "002102ZI01", Charged { price: 220, after: 8, ..usual() });
            l.charge(v, "002103ZI02", Charged { price: 400, after: 26, ..usual() });
            l.charge(v, "ZT01", Charged { price: 20, after: 27, ..usual() });
            l.charge(v, "ZD02", Charged { price: 15, after: 28, ..usual() });
            l.truth(v, "DG2019");
        }),
        sly("DG2019", ADULT, |l| {
            // a disease of the outpatient list on a few drugs (B1: oral drugs only; uncomplicated URI, mild gastritis)
            let (day, days) = (l.any_day(), l.rng.between(3, 5));
            let diagnosis = if l.rng.percent(50) { COLD } else { "K29.500 慢性胃炎" };
            let v = l.stay(day, days, 0, diagnosis, 0..days);
            for d in 0..days {
                l.charge(v, "ZD02", Charged { price: 12, after: d * 24 + 4, ..usual() });
                l.charge(v, "ZD05", Charged { price: 9, after: d * 24 + 4, ..usual() });
            }
            l.charge(v, TEST, Charged { price: 40, after: 5, ..usual() });
            l.truth(v, "DG2019");
        }),
        innocent("DG2019", ADULT, |l| {
            // a day's surgery after many tests
            let day = l.any_day();
            let v = l.stay(day, 2, 0, GALLSTONE, 0..2);
            for i in 0..8 {
                l.charge(v, TEST, Charged { price: 60, after: 3 + i, ..usual() });
            }
            l.charge(v, "ZO01", Charged { price: 600, after: 26, ..usual() });
            let operation = l.operation(v, "51.230", 26);
            l.list(v, |s| s.operations.push(operation));
        }),
        sly("DG4014", ADULT, |l| {
            // on two visits, for a sign of the disease instead of the disease
            let first = l.any_day();
            for (day, item, price) in [(0, TEST, 120), (1, "002102ZI01", 200)] {
                let v = l.visit("11", ahead(first, day), 0, "R42.x00 头晕");
                l.charge(v, item, Charged { price, ..usual() });
                l.truth(v, "DG4014");
            }
            l.stay(ahead(first, 2), 6, 0, STROKE, 0..0);
        }),
        sly("DG4014", ADULT, |l| {
            // many small tests in the morning, admitted at noon
            let first = l.any_day();
            let v = l.visit("11", first, 0, STROKE);
            for i in 0..6 {
                let price = l.rng.between(20, 60);
                l.charge(v, TEST, Charged { price, after: i % 2, ..usual() });
            }
            l.later(v, -2);
            let s = l.stay(first, 6, 0, STROKE, 0..0);
            l.later(s, 5);
            l.truth(v, "DG4014");
        }),
        innocent("DG4014", ADULT, |l| {
            // for something else, before an emergency
            let (first, days) = (l.any_day(), l.rng.between(1, 2));
            let v = l.visit("11", first, 0, "M51.200 腰痛");
            l.charge(v, "002102ZI01", Charged { price: 200, ..usual() });
            let s = l.stay(ahead(first, days), 6, 0, "K35.900 急性阑尾炎", 0..0);
            l.list(s, |s| s.admission_way = "1".to_owned());
        }),
        innocent("DG4014", ADULT, |l| {
            // taken back and charged to the stay
            let (first, days) = (l.any_day(), l.rng.between(1, 2));
            let v = l.visit("11", first, 0, STROKE);
            l.charge_and_refund(v, "002102ZI01", Charged { price: 200, ..usual() });
            let s = l.stay(ahead(first, days), 6, 0, STROKE, 0..0);
            l.charge(s, "002102ZI01", Charged { price: 200, after: 3, ..usual() });
        }),
        sly("DG4012", ADULT, |l| {
            // the next day or the one after, for the drugs of a filed disease
            let (first, after) = (l.any_day(), l.rng.between(1, 2));
            let a = l.stay(first, 5, 0, STROKE, 0..0);
            l.edit(a, |c| c.visit.discharge_way = "5".to_owned());
            let v = l.visit("14", ahead(first, 5 + after), FIRST_LEVEL, HYPERTENSION);
            l.charge(v, "ZD03", Charged { supply: Some(28), ..usual() });
            l.truth(v, "DG4012");
        }),
        sly("DG4012", ADULT, |l| {
            // a whole stay elsewhere, long after
            let (first, after) = (l.any_day(), l.rng.between(40, 60));
            let a = l.stay(first, 5, 0, STROKE, 0..0);
            dead(l, a, 5);
            let v = l.stay(ahead(first, 5 + after), 6, 1, PNEUMONIA, 0..0);
            l.truth(v, "DG4012");
            with_lists(l, true);
        }),
        innocent("DG4012", ADULT, |l| {
            // before, and billed after
            let first = l.any_day();
            let v = l.visit("11", first, 1, COLD);
            l.billed_late(v, 30);
            let a = l.stay(ahead(first, 6), 5, 0, STROKE, 0..0);
            dead(l, a, 5);
        }),
    ]
}

/// How often.
fn often() -> Vec<Pattern> {
    vec![
        sly("DG2016", ADULT, |l| {
            // four hospitals, another ill each time
            const ILLS: [&str; 5] = [COLD, "K29.500 慢性胃炎", "M51.200 腰痛", "L30.900 湿疹", HYPERTENSION];
            let (first, count) = (l.any_day(), l.rng.between(20, 26));
            for i in 0..count {
                let place = l.rng.pick(&[0, 1, 2, FIRST_LEVEL]).copied().unwrap_or_default();
                let ill = l.rng.pick(&ILLS).copied().unwrap_or(COLD);
                let v = l.visit("11", ahead(first, i), place, ill);
                l.charge(v, "ZT01", usual());
                if i >= 15 {
                    l.truth(v, "DG2016");
                }
            }
        }),
        sly("DG2016", ADULT, |l| {
            // half of them under a filed disease
            let (first, count) = (l.any_day(), l.rng.between(20, 26));
            for i in 0..count {
                let (kind, ill) = if i % 2 == 0 { ("11", COLD) } else { ("14", HYPERTENSION) };
                let v = l.visit(kind, ahead(first, i), (i % 2) as usize, ill);
                if i >= 15 {
                    l.truth(v, "DG2016");
                }
            }
        }),
        innocent("DG2016", ADULT, |l| {
            // radiotherapy on every day of the week but two
            let first = l.any_day();
            for i in (0..28).filter(|i| i % 7 < 5) {
                let v = l.visit("14", ahead(first, i), 0, "Z51.003 恶性肿瘤放射治疗");
                l.charge(v, "ZT02", Charged { price: 100, ..usual() });
            }
        }),
        innocent("DG2016", ADULT, |l| {
            // two rounds of visits, months apart
            visits(l, 10, 1, None);
            let again = ahead(l.day(0), 80);
            for i in 0..10 {
                l.visit("11", ahead(again, i), 0, COLD);
            }
        }),
        sly("DG2018", ADULT, |l| {
            // a few days at each of five hospitals, another disease each time
            let mut day = l.any_day();
            let ills = [STROKE, GALLSTONE, PNEUMONIA, "N20.000 肾结石", "M51.200 腰痛"];
            for (i, (place, ill)) in [FIRST_LEVEL, 0, 1, FIRST_LEVEL + 1, 2].into_iter().zip(ills).enumerate() {
                let days = l.rng.between(3, 5);
                let v = l.stay(day, days, place, ill, 0..0);
                if i >= 3 {
                    l.truth(v, "DG2018");
                }
                day = ahead(day, days + l.rng.between(6, 10));
            }
            with_lists(l, true);
        }),
        sly("DG2018", ADULT, |l| {
            // what excuses coming back is put second each time
            let first = l.any_day();
            for (i, ill) in [STROKE, GALLSTONE, PNEUMONIA, "N20.000 肾结石", "M51.200 腰痛"].into_iter().enumerate()
            {
                let v = l.stay(ahead(first, i as i64 * 15), 4, i % 3, ill, 0..0);
                l.also(v, CHEMO);
                if i >= 3 {
                    l.truth(v, "DG2018");
                }
            }
            with_lists(l, true);
        }),
        innocent("DG2018", ADULT, |l| {
            // one illness, handed on from hospital to hospital
            let mut day = l.any_day();
            let mut before = None;
            for (place, days) in [(FIRST_LEVEL, 3), (1, 5), (0, 8), (3, 14)] {
                let v = l.stay(day, days, place, STROKE, 0..0);
                if let Some(before) = before {
                    l.refer(before, v);
                }
                (before, day) = (Some(v), ahead(day, days));
            }
            with_lists(l, true);
        }),
    ]
}
