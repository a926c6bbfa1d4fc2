//! Stories about conduct: stays, visits and purchases seen beside each other, and data that is wrong.

use super::life::{Charged, ahead};
use super::points::TEST;
use super::scenes::{
    CHEMO, COLD, GALLSTONE, HYPERTENSION, MAN, PNEUMONIA, STROKE, a_stay, two_stays, usual, visits, with_lists,
};
use super::{ADULT, NEWBORN, Pattern, WOMAN, innocent, plain, sly};
use dingan_core::claim::Approval;
use dingan_core::money::Money;

pub(super) fn patterns() -> Vec<Pattern> {
    let mut all = stays();
    all.extend(usage());
    all.extend(data());
    all.extend(lists());
    all
}

/// What is wrong with one stay, or with two beside each other.
fn stays() -> Vec<Pattern> {
    vec![
        plain("DG2002", ADULT, |l| {
            let gap = l.rng.between(1, 12);
            let (_, b) = two_stays(l, gap, (0, 0), (STROKE, STROKE));
            l.truth(b, "DG2002");
            l.truth(b, "DG4003");
            with_lists(l, false);
        }),
        sly("DG2002", ADULT, |l| {
            // another code of the same disease
            let gap = l.rng.between(1, 12);
            let (_, b) = two_stays(l, gap, (0, 0), (STROKE, "I63.801 腔隙性脑梗死"));
            l.truth(b, "DG2002");
            l.truth(b, "DG4003");
            with_lists(l, false);
        }),
        sly("DG2002", ADULT, |l| {
            // the same patient goes on under another disease, put first for the purpose
            let gap = l.rng.between(1, 5);
            let (_, b) = two_stays(l, gap, (0, 0), (STROKE, "I69.300 脑梗死后遗症"));
            l.truth(b, "DG2002");
            l.truth(b, "DG4003");
            with_lists(l, false);
        }),
        innocent("DG2002", ADULT, |l| {
            two_stays(l, 6, (0, 0), (CHEMO, CHEMO));
            with_lists(l, true);
        }),
        innocent("DG2002", ADULT, |l| {
            // something else altogether, and the return was planned
            two_stays(l, 6, (0, 0), (STROKE, GALLSTONE));
            with_lists(l, true);
        }),
        innocent("DG2002", ADULT, |l| {
            two_stays(l, 45, (0, 0), (STROKE, STROKE));
            with_lists(l, false);
        }),
        plain("DG4003", ADULT, |l| {
            let gap = l.rng.between(22, 30);
            let (_, b) = two_stays(l, gap, (0, 0), (STROKE, GALLSTONE));
            l.truth(b, "DG4003");
            with_lists(l, false);
        }),
        innocent("DG4003", ADULT, |l| {
            two_stays(l, 25, (0, 0), (STROKE, STROKE));
            with_lists(l, true);
        }),
        plain("DG4007", ADULT, |l| {
            let gap = l.rng.between(16, 19);
            let (_, b) = two_stays(l, gap, (0, 0), (STROKE, STROKE));
            l.truth(b, "DG4007");
            with_lists(l, true);
        }),
        plain("DG4006", ADULT, |l| {
            let first = l.any_day();
            l.stay(first, 5, 0, STROKE, 0..0);
            l.stay(ahead(first, 6), 4, 1, STROKE, 0..0);
            let c = l.stay(ahead(first, 11), 6, 0, STROKE, 0..0);
            l.truth(c, "DG4006");
            // the two at the first hospital are a split stay by themselves
            l.truth(c, "DG2002");
            with_lists(l, true);
        }),
        plain("DG4001", ADULT, |l| {
            let first = l.any_day();
            l.stay(first, 8, 0, STROKE, 0..0);
            let b = l.stay(ahead(first, 4), 7, 1, STROKE, 0..0);
            l.truth(b, "DG4001");
            with_lists(l, true);
        }),
        innocent("DG4001", ADULT, |l| {
            // handed over on the day
            let first = l.any_day();
            let a = l.stay(first, 5, 1, STROKE, 0..0);
            let b = l.stay(ahead(first, 5), 7, 0, STROKE, 0..0);
            l.refer(a, b);
            with_lists(l, true);
        }),
        plain("DG4002", ADULT, |l| {
            let first = l.any_day();
            l.stay(first, 8, 0, STROKE, 0..0);
            let v = l.visit("11", ahead(first, l.rng.clone().between(2, 6)), 1, COLD);
            // the bill comes after the stay was settled
            l.billed_late(v, 10);
            l.truth(v, "DG4002");
        }),
        innocent("DG4002", ADULT, |l| {
            let first = l.any_day();
            l.stay(first, 6, 0, STROKE, 0..0);
            let v = l.visit("11", ahead(first, 6), 1, COLD);
            l.billed_late(v, 10);
        }),
        plain("DG4004", ADULT, |l| {
            let first = l.any_day();
            let idle = l.rng.between(4, 8);
            let v = l.stay(first, 12, 0, STROKE, 2..2 + idle);
            l.truth(v, "DG4004");
        }),
        sly("DG4004", ADULT, |l| {
            // away from the second day on: nothing but bed and nursing to the end
            let first = l.any_day();
            let v = l.stay(first, 9, 0, STROKE, 1..9);
            l.truth(v, "DG4004");
            l.truth(v, "DG4009");
        }),
        innocent("DG4004", ADULT, |l| {
            // a week-end
            let first = l.any_day();
            l.stay(first, 10, 0, STROKE, 4..6);
        }),
        plain("DG4009", ADULT, |l| {
            let first = l.any_day();
            let v = l.stay(first, 14, 0, STROKE, 9..14);
            l.truth(v, "DG4009");
        }),
        plain("DG4010", ADULT, |l| {
            let first = l.any_day();
            let v = l.stay(first, 6, 0, STROKE, 0..0);
            let more = l.rng.between(2, 6);
            l.charge(v, "ZB01", Charged { quantity: more, price: 30, after: 70, ..usual() });
            l.truth(v, "DG4010");
        }),
        plain("DG4015", ADULT, |l| {
            let first = l.any_day();
            let days = l.rng.between(36, 60);
            let v = l.stay(first, days, 0, STROKE, 0..0);
            l.truth(v, "DG4015");
        }),
        innocent("DG4015", ADULT, |l| {
            let first = l.any_day();
            l.stay(first, 45, 0, "F20.900 精神分裂症", 0..0);
        }),
        innocent("DG4015", ADULT, |l| {
            let first = l.any_day();
            l.stay(first, 28, 0, STROKE, 0..0);
        }),
        plain("DG2019", ADULT, |l| {
            let first = l.any_day();
            let v = l.stay(first, 2, 0, "R42.x00 头晕", 0..2);
            for i in 0..8 {
                l.charge(v, TEST, Charged { price: 60, after: 3 + i, ..usual() });
            }
            l.truth(v, "DG2019");
        }),
        innocent("DG2019", ADULT, |l| {
            // as much of tests, in an emergency
            let first = l.any_day();
            let v = l.stay(first, 2, 0, "R42.x00 头晕", 0..2);
            for i in 0..8 {
                l.charge(v, TEST, Charged { price: 60, after: 3 + i, ..usual() });
            }
            l.list(v, |s| s.admission_way = "1".to_owned());
        }),
        innocent("DG2019", ADULT, |l| {
            let first = l.any_day();
            let v = l.stay(first, 2, 0, STROKE, 0..0);
            l.charge(v, "ZD02", Charged { price: 300, after: 6, ..usual() });
        }),
        plain("DG4012", ADULT, |l| {
            let first = l.any_day();
            let a = l.stay(first, 5, 0, STROKE, 0..0);
            l.edit(a, |c| c.visit.discharge_way = "5".to_owned());
            let v = l.visit("11", ahead(first, 20), 1, COLD);
            l.truth(v, "DG4012");
        }),
        innocent("DG4012", ADULT, |l| {
            let first = l.any_day();
            l.stay(first, 5, 0, STROKE, 0..0);
            l.visit("11", ahead(first, 20), 1, COLD);
        }),
        plain("DG4013", ADULT, |l| {
            let first = l.any_day();
            let v = l.stay(first, 9, 0, STROKE, 0..0);
            l.edit(v, |c| {
                c.visit.death = Some(ahead(first, 6));
                c.visit.discharge_way = "5".to_owned();
            });
            l.truth(v, "DG4013");
        }),
        innocent("DG4013", ADULT, |l| {
            let first = l.any_day();
            let v = l.stay(first, 9, 0, STROKE, 0..0);
            l.edit(v, |c| {
                c.visit.death = Some(ahead(first, 9));
                c.visit.discharge_way = "5".to_owned();
            });
        }),
        plain("DG2001", ADULT, |l| {
            let first = l.any_day();
            let v = l.stay(first, 6, 0, STROKE, 0..0);
            l.charge(v, TEST, Charged { after: 7 * 24, ..usual() });
            l.billed_late(v, 3);
            l.truth(v, "DG2001");
        }),
        plain("DG4014", ADULT, |l| {
            let first = l.any_day();
            let v = l.visit("11", first, 0, STROKE);
            l.charge(v, "002102ZI01", Charged { price: 200, ..usual() });
            l.stay(ahead(first, l.rng.clone().between(1, 2)), 6, 0, STROKE, 0..0);
            l.truth(v, "DG4014");
        }),
        innocent("DG4014", ADULT, |l| {
            let first = l.any_day();
            let v = l.visit("11", first, 1, STROKE);
            l.charge(v, "002102ZI01", Charged { price: 200, ..usual() });
            l.stay(ahead(first, 12), 6, 0, STROKE, 0..0);
        }),
        plain("DG4011", MAN, |l| {
            let day = l.any_day();
            let v = l.visit("11", day, 0, COLD);
            for item in ["K3018", "L3018"] {
                l.charge(v, item, usual());
            }
            l.truth(v, "DG4011");
            l.truth(v, "DG3018");
        }),
        innocent("DG4011", WOMAN, |l| {
            let day = l.any_day();
            let v = l.visit("11", day, 0, COLD);
            for item in ["K3018", "L3018"] {
                l.charge(v, item, usual());
            }
        }),
    ]
}

/// What adds up over visits.
fn usage() -> Vec<Pattern> {
    vec![
        plain("DG1013", ADULT, |l| {
            // three fills of seven days, one after the other
            let all = visits(l, 3, 7, Some(("K1013", 7)));
            if let Some(last) = all.last() {
                l.truth(*last, "DG1013");
            }
        }),
        innocent("DG1013", ADULT, |l| {
            visits(l, 2, 7, Some(("K1013", 7)));
        }),
        innocent("DG1013", ADULT, |l| {
            // two courses, months apart
            let first = l.any_day();
            for day in [0, 7, 120, 127] {
                let v = l.visit("11", ahead(first, day), 0, COLD);
                l.charge(v, "K1013", Charged { supply: Some(7), ..usual() });
            }
        }),
        plain("DG1025", ADULT, |l| {
            let first = l.any_day();
            let v = l.stay(first, 40, 0, STROKE, 0..0);
            for d in 0..35 {
                l.charge(v, "K1025", Charged { after: d * 24 + 6, ..usual() });
            }
            l.truth(v, "DG1025");
            l.truth(v, "DG4015");
        }),
        sly("DG1025", ADULT, |l| {
            // in two stays, and the return was planned
            let first = l.any_day();
            for (day, place) in [(0, 0), (20, 1)] {
                let v = l.stay(ahead(first, day), 19, place, STROKE, 0..0);
                for d in 0..18 {
                    l.charge(v, "K1025", Charged { after: d * 24 + 6, ..usual() });
                }
                if day == 20 {
                    l.truth(v, "DG1025");
                }
            }
            with_lists(l, true);
        }),
        innocent("DG1025", ADULT, |l| {
            let first = l.any_day();
            let v = l.stay(first, 25, 0, STROKE, 0..0);
            for d in 0..24 {
                l.charge(v, "K1025", Charged { after: d * 24 + 6, ..usual() });
            }
        }),
        plain("DG1031", ADULT, |l| {
            let every = l.rng.between(3, 12);
            let all = visits(l, 2, every, Some(("K1031", 1)));
            if let Some(last) = all.last() {
                l.truth(*last, "DG1031");
            }
        }),
        innocent("DG1031", ADULT, |l| {
            let every = l.rng.between(16, 30);
            visits(l, 2, every, Some(("K1031", 1)));
        }),
        plain("DG4016", ADULT, |l| {
            // far more than is used up, on a chronic filing
            let first = l.any_day();
            for i in 0..3 {
                let v = l.visit("14", ahead(first, i * 10), 0, HYPERTENSION);
                l.charge(v, "ZD03", Charged { supply: Some(60), ..usual() });
                if i > 0 {
                    l.truth(v, "DG4016");
                }
            }
        }),
        innocent("DG4016", ADULT, |l| {
            let first = l.any_day();
            for i in 0..4 {
                let v = l.visit("14", ahead(first, i * 28), 0, HYPERTENSION);
                l.charge(v, "ZD03", Charged { supply: Some(30), ..usual() });
            }
        }),
        plain("DG4018", ADULT, |l| {
            let first = l.any_day();
            for (day, place) in [(0, 0), (l.rng.clone().between(2, 5), 1)] {
                let v = l.visit("11", ahead(first, day), place, COLD);
                l.charge(v, "002103ZI02", Charged { price: 300, ..usual() });
                if day > 0 {
                    l.truth(v, "DG4018");
                }
            }
        }),
        innocent("DG4018", ADULT, |l| {
            let first = l.any_day();
            for day in [0, 30] {
                let v = l.visit("11", ahead(first, day), 0, COLD);
                l.charge(v, "002103ZI02", Charged { price: 300, ..usual() });
            }
        }),
        plain("DG2016", ADULT, |l| {
            let count = l.rng.between(20, 26);
            let all = visits(l, count, 1, None);
            for v in all.iter().skip(15) {
                l.truth(*v, "DG2016");
            }
        }),
        innocent("DG2016", ADULT, |l| {
            visits(l, 12, 2, None);
        }),
        innocent("DG2016", ADULT, |l| {
            // dialysis, three times a week
            let first = l.any_day();
            for i in 0..26 {
                l.visit("14", ahead(first, i), 0, "N18.001 尿毒症");
            }
        }),
        plain("DG2017", ADULT, |l| {
            let all = visits(l, 7, 3, Some(("ZD04", 3)));
            for v in all.iter().skip(4) {
                l.truth(*v, "DG2017");
            }
        }),
        sly("DG2017", ADULT, |l| {
            // the same from two hospitals in turn
            let all = visits(l, 8, 2, Some(("ZD06", 3)));
            for v in all.iter().skip(4) {
                l.truth(*v, "DG2017");
            }
        }),
        innocent("DG2017", ADULT, |l| {
            visits(l, 4, 8, Some(("ZD04", 7)));
        }),
        plain("DG2018", ADULT, |l| {
            let first = l.any_day();
            for (i, diagnosis) in [STROKE, GALLSTONE, PNEUMONIA, "N20.000 肾结石", "M51.200 腰痛"].iter().enumerate()
            {
                let v = l.stay(ahead(first, i as i64 * 15), 4, i % 3, diagnosis, 0..0);
                if i >= 3 {
                    l.truth(v, "DG2018");
                }
            }
            with_lists(l, true);
        }),
        innocent("DG2018", ADULT, |l| {
            let first = l.any_day();
            for i in 0..5 {
                l.stay(ahead(first, i * 15), 4, 0, CHEMO, 0..0);
            }
            with_lists(l, true);
        }),
        plain("DG2013", ADULT, |l| {
            let day = l.any_day();
            let v = l.visit("11", day, 0, COLD);
            for item in ["ZD01", "ZD02", "ZD03", "ZD04", "ZD05", "ZD06", "ZD07"] {
                l.charge(v, item, usual());
            }
            l.truth(v, "DG2013");
        }),
        innocent("DG2013", ADULT, |l| {
            // as many, on two prescriptions
            let day = l.any_day();
            let v = l.visit("11", day, 0, COLD);
            for (i, item) in ["ZD01", "ZD02", "ZD03", "ZD04", "ZD05", "ZD06", "ZD07"].into_iter().enumerate() {
                l.charge(v, item, Charged { order: if i < 4 { "R1" } else { "R2" }, ..usual() });
            }
        }),
    ]
}

/// Data that is wrong.
fn data() -> Vec<Pattern> {
    vec![
        plain("DG2004", ADULT, |l| {
            let day = l.any_day();
            let v = l.visit("11", day, 0, COLD);
            l.charge(v, "ZD01", Charged { price: 50, ..usual() });
            l.edit(v, |c| {
                if let Some(line) = c.lines.last_mut() {
                    line.amount += Money::fen(10_000);
                }
            });
            l.truth(v, "DG2004");
        }),
        sly("DG2004", ADULT, |l| {
            // sent twice
            let day = l.any_day();
            let v = l.visit("11", day, 0, COLD);
            l.charge(v, "ZT01", Charged { price: 50, ..usual() });
            l.edit(v, |c| {
                if let Some(line) = c.lines.last().cloned() {
                    c.lines.push(dingan_core::claim::Line { no: "99999".into(), ..line });
                }
            });
            l.truth(v, "DG2004");
        }),
        innocent("DG2004", ADULT, |l| {
            let day = l.any_day();
            let v = l.visit("11", day, 0, COLD);
            l.charge(v, "ZT01", Charged { price: 50, ..usual() });
            l.charge(v, "ZT01", Charged { price: 50, after: 2, ..usual() });
        }),
        plain("DG4017", ADULT, |l| {
            let day = l.any_day();
            let v = l.visit("11", day, 0, COLD);
            l.charge(v, "ZD01", Charged { approval: Approval::Refused, ..usual() });
            l.truth(v, "DG4017");
        }),
        plain("DG4020", ADULT, |l| {
            let day = l.any_day();
            let v = l.visit("11", day, 0, COLD);
            l.edit(v, |c| c.lines.iter_mut().for_each(|line| line.practitioner = "D000000000000".into()));
            l.truth(v, "DG4020");
        }),
        plain("DG4021", ADULT, |l| {
            let day = l.any_day();
            let v = l.visit("11", day, 0, COLD);
            l.charge(v, "ZT01", usual());
            l.edit(v, |c| c.lines.iter_mut().for_each(|line| line.practitioner = "".into()));
            l.truth(v, "DG4021");
        }),
        plain("DG2020", MAN, |l| {
            let day = l.any_day();
            let v = l.visit("11", day, 0, "N80.100 卵巢子宫内膜异位症");
            l.truth(v, "DG2020");
        }),
        innocent("DG2020", WOMAN, |l| {
            let day = l.any_day();
            l.visit("11", day, 0, "N80.100 卵巢子宫内膜异位症");
        }),
        plain("DG2021", ADULT, |l| {
            let day = l.any_day();
            let v = l.visit("11", day, 0, "P07.300 早产儿");
            l.truth(v, "DG2021");
        }),
        innocent("DG2021", NEWBORN, |l| {
            let day = l.any_day();
            l.visit("11", day, 0, "P07.300 早产儿");
        }),
        innocent("DG4017", ADULT, |l| {
            // approved, as it may be
            let day = l.any_day();
            let v = l.visit("11", day, 0, COLD);
            l.charge(v, "ZD01", usual());
            l.edit(v, |c| c.lines.iter_mut().for_each(|line| line.approval = Approval::Approved));
        }),
    ]
}

/// What only the settlement list shows.
fn lists() -> Vec<Pattern> {
    vec![
        plain("DG2003", ADULT, |l| {
            let v = a_stay(l, STROKE);
            l.list(v, |s| s.admitted = s.admitted.map(|a| a - chrono::TimeDelta::days(2)));
            l.truth(v, "DG2003");
        }),
        sly("DG2003", ADULT, |l| {
            let v = a_stay(l, STROKE);
            l.list(v, |s| s.diagnoses.iter_mut().for_each(|d| d.code = "C34.900".into()));
            l.truth(v, "DG2003");
        }),
        innocent("DG2003", ADULT, |l| {
            let v = a_stay(l, STROKE);
            l.list(v, |_| ());
        }),
        plain("DG2006", ADULT, |l| {
            let day = l.any_day();
            let v = l.stay(day, 6, 0, STROKE, 0..6);
            // only bed and nursing and drugs
            for d in 0..6 {
                l.charge(v, "ZD02", Charged { after: d * 24 + 5, ..usual() });
            }
            let operation = l.operation(v, "99.001", 30);
            l.list(v, |s| s.operations.push(operation));
            l.truth(v, "DG2006");
        }),
        innocent("DG2006", ADULT, |l| {
            let v = a_stay(l, STROKE);
            l.charge(v, "ZO01", Charged { price: 900, after: 30, ..usual() });
            let operation = l.operation(v, "99.001", 30);
            l.list(v, |s| s.operations.push(operation));
        }),
        plain("DG2007", MAN, |l| {
            let v = a_stay(l, STROKE);
            l.charge(v, "ZO01", Charged { price: 900, after: 30, ..usual() });
            let operation = l.operation(v, "68.400", 30);
            l.list(v, |s| s.operations.push(operation));
            l.truth(v, "DG2007");
        }),
        innocent("DG2007", WOMAN, |l| {
            let v = a_stay(l, STROKE);
            l.charge(v, "ZO01", Charged { price: 900, after: 30, ..usual() });
            let operation = l.operation(v, "68.400", 30);
            l.list(v, |s| s.operations.push(operation));
        }),
        plain("DG2008", ADULT, |l| {
            let v = a_stay(l, STROKE);
            l.charge(v, "ZO01", Charged { price: 900, after: 30, ..usual() });
            let operation = l.operation(v, "47.010", 30);
            l.list(v, |s| s.operations.push(operation));
            l.truth(v, "DG2008");
        }),
        innocent("DG2008", ADULT, |l| {
            let v = a_stay(l, "K35.900 急性阑尾炎");
            l.charge(v, "ZO01", Charged { price: 900, after: 30, ..usual() });
            let operation = l.operation(v, "47.010", 30);
            l.list(v, |s| s.operations.push(operation));
        }),
        plain("DG2011", ADULT, |l| {
            let v = a_stay(l, "E04.900 甲状腺肿");
            l.charge(v, "ZO01", Charged { price: 900, after: 30, ..usual() });
            for d in 1..6 {
                l.charge(v, "XJ01ZA01", Charged { after: d * 24, ..usual() });
            }
            let operation = l.operation(v, "06.200", 30);
            l.list(v, |s| s.operations.push(operation));
            l.truth(v, "DG2011");
        }),
        innocent("DG2011", ADULT, |l| {
            let v = a_stay(l, "E04.900 甲状腺肿");
            l.charge(v, "ZO01", Charged { price: 900, after: 30, ..usual() });
            l.charge(v, "XJ01ZA01", Charged { after: 28, ..usual() });
            let operation = l.operation(v, "06.200", 30);
            l.list(v, |s| s.operations.push(operation));
        }),
        innocent("DG2011", ADULT, |l| {
            // an infection is treated, not prevented
            let v = a_stay(l, "K35.900 急性阑尾炎");
            l.charge(v, "ZO01", Charged { price: 900, after: 30, ..usual() });
            for d in 1..6 {
                l.charge(v, "XJ01ZA01", Charged { after: d * 24, ..usual() });
            }
            let operation = l.operation(v, "06.200", 30);
            l.list(v, |s| s.operations.push(operation));
        }),
    ]
}
