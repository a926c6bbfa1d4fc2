//! Stays beside each other, and what is charged to them.

use super::super::life::{Charged, FIRST_LEVEL, ahead};
use super::super::scenes::{
    CHEMO, GALLSTONE, HYPERTENSION, PNEUMONIA, STROKE, STROKE_TOO, a_stay, dead, two_stays, usual, with_lists,
};
use super::super::{ADULT, Pattern, innocent, sly};

pub(super) fn patterns() -> Vec<Pattern> {
    let mut all = again();
    all.extend(at_once());
    all.extend(charged_to_stay());
    all
}

/// In hospital again, too soon or just late enough.
fn again() -> Vec<Pattern> {
    vec![
        sly("DG4006", ADULT, |l| {
            // by way of a small hospital, under another code of the same disease (B1: readmission through another)
            let mut day = l.any_day();
            let mut last = 0;
            for (place, diagnosis) in [(0, STROKE), (FIRST_LEVEL, STROKE_TOO), (0, "I69.300 脑梗死后遗症")] {
                let days = l.rng.between(4, 6);
                last = l.stay(day, days, place, diagnosis, 0..0);
                day = ahead(day, days + l.rng.between(1, 3));
            }
            l.truth(last, "DG4006");
            l.truth(last, "DG2002");
            with_lists(l, true);
        }),
        sly("DG4006", ADULT, |l| {
            // by way of two
            let mut day = l.any_day();
            let mut last = 0;
            for place in [0, 1, 2, 0] {
                let days = l.rng.between(3, 4);
                last = l.stay(day, days, place, STROKE, 0..0);
                day = ahead(day, days + 1);
            }
            l.truth(last, "DG4006");
            l.truth(last, "DG2002");
            // the fourth stay within a month
            l.truth(last, "DG2018");
            with_lists(l, true);
        }),
        innocent("DG4006", ADULT, |l| {
            // referred up, and handed back to recover
            let mut day = l.any_day();
            let mut before = None;
            for (place, days) in [(FIRST_LEVEL, 3), (0, 6), (FIRST_LEVEL, 7)] {
                let v = l.stay(day, days, place, STROKE, 0..0);
                if let Some(before) = before {
                    l.refer(before, v);
                }
                (before, day) = (Some(v), ahead(day, days));
            }
            with_lists(l, true);
        }),
        sly("DG4007", ADULT, |l| {
            // another code of the same disease
            let gap = l.rng.between(16, 19);
            let (_, b) = two_stays(l, gap, (0, 0), (STROKE, STROKE_TOO));
            l.truth(b, "DG4007");
            with_lists(l, true);
        }),
        sly("DG4007", ADULT, |l| {
            // kept out as an outpatient, taken in as soon as the interval is over
            let gap = l.rng.between(16, 19);
            let (_, b) = two_stays(l, gap, (1, 1), (STROKE, STROKE));
            for days in [12, 6] {
                let v = l.visit("11", l.day(b) - chrono::TimeDelta::days(days), 1, STROKE);
                l.charge(v, "ZD02", usual());
                l.charge(v, "ZT01", usual());
            }
            l.truth(b, "DG4007");
            l.truth(b, "DG4003");
            with_lists(l, false);
        }),
        innocent("DG4007", ADULT, |l| {
            // another illness, and the return was planned
            let gap = l.rng.between(16, 19);
            two_stays(l, gap, (0, 0), (STROKE, GALLSTONE));
            with_lists(l, true);
        }),
        innocent("DG4007", ADULT, |l| {
            // a cycle of chemotherapy
            let gap = l.rng.between(16, 19);
            two_stays(l, gap, (0, 0), (CHEMO, CHEMO));
            with_lists(l, true);
        }),
        sly("DG4015", ADULT, |l| {
            // a disease that takes long, put second
            let (day, days) = (l.any_day(), l.rng.between(36, 60));
            let v = l.stay(day, days, 0, STROKE, 0..0);
            l.also(v, "F20.900 精神分裂症");
            l.truth(v, "DG4015");
        }),
        sly("DG4015", ADULT, |l| {
            // one long stay in two, discharged on paper
            let first = l.any_day();
            l.stay(first, 24, 0, STROKE, 0..0);
            let days = l.rng.between(22, 28);
            let b = l.stay(ahead(first, 25), days, 0, STROKE, 0..0);
            l.truth(b, "DG4015");
            l.truth(b, "DG2002");
            with_lists(l, true);
        }),
        innocent("DG4015", ADULT, |l| {
            // the disease that takes long, beside others
            let (day, days) = (l.any_day(), l.rng.between(36, 60));
            let v = l.stay(day, days, 0, "F20.000 偏执型精神分裂症", 0..0);
            l.also(v, HYPERTENSION);
        }),
    ]
}

/// In two places at the same time.
fn at_once() -> Vec<Pattern> {
    vec![
        sly("DG4001", ADULT, |l| {
            // a short stay inside a long one, billed when the long one is over
            let first = l.any_day();
            l.stay(first, 14, 0, STROKE, 0..0);
            let b = l.stay(ahead(first, 5), 4, FIRST_LEVEL, PNEUMONIA, 0..0);
            l.billed_late(b, 12);
            l.truth(b, "DG4001");
            with_lists(l, true);
        }),
        sly("DG4001", ADULT, |l| {
            // a referral by its papers, but the bed was kept for days
            let (first, kept) = (l.any_day(), l.rng.between(1, 3));
            let a = l.stay(first, 8, 1, STROKE, 0..0);
            let b = l.stay(ahead(first, 8 - kept), 7, 0, STROKE, 0..0);
            l.refer(a, b);
            l.truth(b, "DG4001");
            with_lists(l, true);
        }),
        innocent("DG4001", ADULT, |l| {
            // discharged from one, taken ill and admitted to the other on the day
            let first = l.any_day();
            l.stay(first, 6, 0, STROKE, 0..0);
            l.stay(ahead(first, 6), 5, 1, PNEUMONIA, 0..0);
            with_lists(l, true);
        }),
        sly("DG4002", ADULT, |l| {
            // the filed disease's drugs, fetched from a small hospital
            let (first, day) = (l.any_day(), l.rng.between(2, 7));
            l.stay(first, 9, 0, STROKE, 0..0);
            let v = l.visit("14", ahead(first, day), FIRST_LEVEL, HYPERTENSION);
            l.charge(v, "ZD03", Charged { supply: Some(28), ..usual() });
            l.billed_late(v, 12);
            l.truth(v, "DG4002");
        }),
        sly("DG4002", ADULT, |l| {
            // as an outpatient of the very hospital, on the first day inside or the last
            let first = l.any_day();
            let day = if l.rng.percent(50) { 1 } else { 6 };
            l.stay(first, 7, 0, STROKE, 0..0);
            let v = l.visit("11", ahead(first, day), 0, STROKE);
            l.charge(v, "ZD02", usual());
            l.billed_late(v, 10);
            l.truth(v, "DG4002");
        }),
        innocent("DG4002", ADULT, |l| {
            // the visit from which one is admitted
            let first = l.any_day();
            let v = l.visit("11", first, 0, STROKE);
            l.later(v, -2);
            let s = l.stay(first, 6, 0, STROKE, 0..0);
            l.later(s, 5);
        }),
    ]
}

/// Charged to a stay, but not of it.
fn charged_to_stay() -> Vec<Pattern> {
    vec![
        sly("DG2001", ADULT, |l| {
            // minutes after the midnight that follows discharge
            let v = a_stay(l, STROKE);
            l.charge(v, "ZT01", usual());
            let minutes = l.rng.between(2, 40);
            l.put(v, 7, minutes);
            l.billed_late(v, 3);
            l.truth(v, "DG2001");
        }),
        sly("DG2001", ADULT, |l| {
            // days before admission, among much else
            let v = a_stay(l, STROKE);
            for item in ["ZD01", "ZD02", "ZD05", "ZT02"] {
                l.charge(v, item, Charged { after: 30, ..usual() });
            }
            l.charge(v, "ZT01", usual());
            let days = l.rng.between(1, 3);
            l.put(v, -days, 10 * 60);
            l.truth(v, "DG2001");
        }),
        innocent("DG2001", ADULT, |l| {
            // booked in the evening of the day of discharge
            let v = a_stay(l, STROKE);
            l.charge(v, "ZD02", usual());
            l.put(v, 6, 19 * 60);
            l.billed_late(v, 1);
        }),
        sly("DG4010", ADULT, |l| {
            // one bed more on some of the days, each on a line of its own
            let v = a_stay(l, STROKE);
            let more = l.rng.between(3, 5);
            for d in 0..more {
                l.charge(v, "ZB01", Charged { price: 30, after: d * 24 + 7, order: "", ..usual() });
            }
            l.truth(v, "DG4010");
        }),
        sly("DG4010", ADULT, |l| {
            // a bed of another kind beside the first
            let v = a_stay(l, STROKE);
            let more = l.rng.between(3, 5);
            for d in 1..=more {
                l.charge(v, "ZB02", Charged { price: 60, after: d * 24 + 2, order: "", ..usual() });
            }
            l.truth(v, "DG4010");
        }),
        innocent("DG4010", ADULT, |l| {
            // moved to a bed of another kind
            let v = a_stay(l, STROKE);
            let moved = ahead(l.day(v), 3);
            l.edit(v, |c| {
                let late = c.lines.iter_mut().filter(|line| line.item.as_str() == "ZB01" && line.time.date() >= moved);
                late.for_each(|line| line.item = "ZB02".into());
            });
        }),
        innocent("DG4010", ADULT, |l| {
            // as many again by mistake, taken back
            let v = a_stay(l, STROKE);
            l.charge_and_refund(v, "ZB01", Charged { quantity: 6, price: 30, after: 70, order: "", ..usual() });
        }),
        sly("DG4013", ADULT, |l| {
            // the day after only
            let first = l.any_day();
            let v = l.stay(first, 9, 0, STROKE, 0..0);
            dead(l, v, 7);
            l.truth(v, "DG4013");
        }),
        sly("DG4013", ADULT, |l| {
            // a single drug, a day or two later
            let first = l.any_day();
            let v = l.stay(first, 9, 0, STROKE, 0..0);
            dead(l, v, 6);
            l.edit(v, |c| c.lines.retain(|line| line.time.date() <= ahead(first, 6)));
            l.charge(v, "ZD02", Charged { price: 80, ..usual() });
            let day = l.rng.between(7, 8);
            l.put(v, day, 11 * 60);
            l.truth(v, "DG4013");
        }),
        innocent("DG4013", ADULT, |l| {
            // the last lines are of the day of death, the papers of the day after
            let first = l.any_day();
            let v = l.stay(first, 9, 0, STROKE, 0..0);
            dead(l, v, 8);
        }),
    ]
}
