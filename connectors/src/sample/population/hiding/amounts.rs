//! How much, how long, how often, how dear.

use super::super::life::{Charged, FIRST_LEVEL, Life, ahead};
use super::super::scenes::{COLD, HYPERTENSION, PNEUMONIA, STROKE, stay, usual, visit, with_lists};
use super::super::{ADULT, Pattern, innocent, sly};
use dingan_core::money::Price;

pub(super) fn patterns() -> Vec<Pattern> {
    let mut all = prices();
    all.extend(courses());
    all.extend(prescriptions());
    all.extend(imaging());
    all
}

fn supply(days: i64) -> Charged {
    Charged { supply: Some(days), ..usual() }
}

/// A visit for a filed disease on which a drug is had.
fn refill(l: &mut Life<'_>, day: chrono::NaiveDate, place: usize, disease: &str, days: i64) -> usize {
    let v = l.visit("14", day, place, disease);
    l.charge(v, "ZD03", supply(days));
    v
}

fn prices() -> Vec<Pattern> {
    vec![
        sly("DG1016", ADULT, |l| {
            // a few fen above, once, among lines that keep the limit
            let v = stay(l, 0, PNEUMONIA, "K1016", usual());
            for d in 2..5 {
                l.charge(v, "K1016", Charged { after: d * 24 + 3, ..usual() });
            }
            let fen = l.rng.between(1, 60);
            l.last_line(v, |line| {
                line.price = Price::from_units(line.price.units() + fen * Price::ONE_UNITS / 100);
                line.amount = line.price.times(line.quantity);
            });
            l.truth(v, "DG1016");
        }),
        sly("DG1016", ADULT, |l| {
            // charged at the limit, taken back and charged above it
            let price = l.rng.between(11, 25);
            let v = visit(l, 1, COLD, "K1016", usual());
            l.charge_and_refund(v, "K1016", Charged { after: 2, ..usual() });
            l.charge(v, "K1016", Charged { after: 3, price, ..usual() });
            l.truth(v, "DG1016");
        }),
        innocent("DG1016", ADULT, |l| {
            // the other way round
            let v = visit(l, 1, COLD, "ZT01", usual());
            l.charge_and_refund(v, "K1016", Charged { price: 15, ..usual() });
            l.charge(v, "K1016", Charged { after: 2, ..usual() });
        }),
        sly("DG1017", ADULT, |l| {
            // the lesser operation stands first
            let v = stay(l, 0, PNEUMONIA, "L1017", Charged { price: 800, ..usual() });
            l.charge(v, "K1017", Charged { price: 1000, after: 28, ..usual() });
            l.truth(v, "DG1017");
        }),
        sly("DG1017", ADULT, |l| {
            // a discount in name
            let price = l.rng.between(700, 790);
            let v = stay(l, 1, PNEUMONIA, "K1017", Charged { price: 1000, ..usual() });
            l.charge(v, "L1017", Charged { price, after: 26, ..usual() });
            l.truth(v, "DG1017");
        }),
        sly("DG1017", ADULT, |l| {
            // one operation that midnight falls into
            let v = stay(l, 0, PNEUMONIA, "K1017", Charged { price: 1000, ..usual() });
            l.put(v, 1, 23 * 60 + 20);
            l.charge(v, "L1017", Charged { price: 800, ..usual() });
            let minutes = l.rng.between(2, 40);
            l.put(v, 2, minutes);
            l.truth(v, "DG1017");
        }),
        innocent("DG1017", ADULT, |l| {
            // in full by mistake, taken back and charged at half
            let v = stay(l, 0, PNEUMONIA, "K1017", Charged { price: 1000, ..usual() });
            l.charge_and_refund(v, "L1017", Charged { price: 800, after: 26, ..usual() });
            l.charge(v, "L1017", Charged { price: 400, after: 27, ..usual() });
        }),
    ]
}

/// What adds up over days.
fn courses() -> Vec<Pattern> {
    vec![
        sly("DG1013", ADULT, |l| {
            // uneven fills, a few days without between them
            let mut day = l.any_day();
            for (place, days) in [(0, 7), (0, 6), (1, 5)] {
                let v = l.visit("11", day, place, COLD);
                l.charge(v, "K1013", supply(days));
                let pause = l.rng.between(1, 3);
                day = ahead(day, days + pause);
                if place == 1 {
                    l.truth(v, "DG1013");
                }
            }
        }),
        sly("DG1013", ADULT, |l| {
            // ten days of it in a stay, and seven more to go on with
            let first = l.any_day();
            let s = l.stay(first, 11, 0, PNEUMONIA, 0..0);
            for d in 0..10 {
                l.charge(s, "K1013", Charged { after: d * 24 + 6, ..usual() });
            }
            let v = l.visit("11", ahead(first, 12), 0, PNEUMONIA);
            l.charge(v, "K1013", supply(7));
            l.truth(v, "DG1013");
        }),
        innocent("DG1013", ADULT, |l| {
            // two fills, the second charged twice and taken back once
            let first = l.any_day();
            let a = l.visit("11", first, 0, COLD);
            l.charge(a, "K1013", supply(7));
            let b = l.visit("11", ahead(first, 7), 0, COLD);
            l.charge_and_refund(b, "K1013", supply(7));
            l.charge(b, "K1013", Charged { after: 2, ..supply(7) });
        }),
        sly("DG1031", ADULT, |l| {
            // once at a visit, once in a stay
            let (first, days) = (l.any_day(), l.rng.between(4, 12));
            let a = l.visit("11", first, 1, COLD);
            l.charge(a, "K1031", usual());
            let b = l.stay(ahead(first, days), 5, 0, PNEUMONIA, 0..0);
            l.charge(b, "K1031", Charged { after: 6, ..usual() });
            l.truth(b, "DG1031");
        }),
        sly("DG1031", ADULT, |l| {
            // at both ends of one stay
            let day = l.any_day();
            let v = l.stay(day, 12, 0, PNEUMONIA, 0..0);
            for d in [0, 10] {
                l.charge(v, "K1031", Charged { after: d * 24 + 6, ..usual() });
            }
            l.truth(v, "DG1031");
        }),
        innocent("DG1031", ADULT, |l| {
            // the first was taken back
            let (first, days) = (l.any_day(), l.rng.between(3, 10));
            let a = l.visit("11", first, 0, COLD);
            l.charge_and_refund(a, "K1031", usual());
            let b = l.visit("11", ahead(first, days), 0, COLD);
            l.charge(b, "K1031", usual());
        }),
        sly("DG4016", ADULT, |l| {
            // three hospitals in one week, none of which sees the others
            let mut day = l.any_day();
            for (i, place) in [1, 0, FIRST_LEVEL].into_iter().enumerate() {
                let v = refill(l, day, place, HYPERTENSION, 60);
                if i > 0 {
                    l.truth(v, "DG4016");
                }
                day = ahead(day, l.rng.between(2, 3));
            }
        }),
        sly("DG4016", ADULT, |l| {
            // for another disease each time, among other drugs
            let mut day = l.any_day();
            for (i, disease) in [HYPERTENSION, "I25.103 冠心病", "I50.900 心力衰竭"].into_iter().enumerate() {
                let v = refill(l, day, 0, disease, 60);
                for item in ["ZD01", "ZD02"].into_iter().skip(i % 2) {
                    l.charge(v, item, supply(5));
                }
                if i > 0 {
                    l.truth(v, "DG4016");
                }
                day = ahead(day, l.rng.between(6, 10));
            }
        }),
        innocent("DG4016", ADULT, |l| {
            // taken back, and had a few days later
            let first = l.any_day();
            for i in 0..3 {
                let v = l.visit("14", ahead(first, i * 5), 0, HYPERTENSION);
                match i {
                    2 => l.charge(v, "ZD03", supply(60)),
                    _ => l.charge_and_refund(v, "ZD03", supply(60)),
                }
            }
        }),
    ]
}

fn prescriptions() -> Vec<Pattern> {
    vec![
        sly("DG2013", ADULT, |l| {
            // one prescription, charged in two goes
            let day = l.any_day();
            let v = l.visit("11", day, 0, COLD);
            for (i, item) in ["ZD01", "ZD02", "ZD03", "ZD04", "ZD05", "ZD06"].into_iter().enumerate() {
                l.charge(v, item, Charged { after: if i < 3 { 1 } else { 5 }, ..usual() });
            }
            l.truth(v, "DG2013");
        }),
        sly("DG2013", ADULT, |l| {
            // one of seven taken back, on a visit for a filed disease with tests and treatment
            let day = l.any_day();
            let v = l.visit("14", day, 1, HYPERTENSION);
            for item in ["ZD01", "ZD02", "ZD03", "ZD04", "ZD05", "ZD06"] {
                l.charge(v, item, supply(14));
            }
            l.charge_and_refund(v, "ZD07", supply(14));
            for item in ["ZL01", "ZT01", "ZT02"] {
                l.charge(v, item, usual());
            }
            l.truth(v, "DG2013");
        }),
        innocent("DG2013", ADULT, |l| {
            // two of seven taken back
            let day = l.any_day();
            let v = l.visit("11", day, 0, COLD);
            for item in ["ZD01", "ZD02", "ZD03", "ZD04", "ZD05"] {
                l.charge(v, item, usual());
            }
            for item in ["ZD06", "ZD07"] {
                l.charge_and_refund(v, item, usual());
            }
        }),
        innocent("DG2013", ADULT, |l| {
            // a decoction is of many herbs
            let day = l.any_day();
            let v = l.visit("11", day, 1, COLD);
            for item in ["ZH01", "ZH02", "ZH03", "ZH04", "ZH05", "ZH06", "ZH07", "ZH08"] {
                l.charge(v, item, Charged { quantity: 30, price: 1, ..usual() });
            }
        }),
        sly("DG3006", ADULT, |l| {
            // on two prescriptions of one visit
            let day = l.any_day();
            let v = l.visit("14", day, 0, HYPERTENSION);
            let days = l.rng.between(8, 14);
            l.charge(v, "K3006", supply(days));
            l.charge(v, "K3006", Charged { order: "R2", after: 2, ..supply(days) });
            l.truth(v, "DG3006");
        }),
        sly("DG3006", ADULT, |l| {
            // from two hospitals on one day
            let day = l.any_day();
            let days = l.rng.between(10, 14);
            let first = l.visit("14", day, 0, HYPERTENSION);
            l.charge(first, "K3006", supply(days));
            let second = l.visit("14", day, 1, HYPERTENSION);
            l.charge(second, "K3006", supply(days));
            l.later(second, 6);
            l.truth(second, "DG3006");
        }),
        innocent("DG3006", ADULT, |l| {
            // the next fill when the first is used up
            let first = l.any_day();
            for day in [0, 14, 28] {
                let v = l.visit("14", ahead(first, day), 0, HYPERTENSION);
                l.charge(v, "K3006", supply(14));
            }
        }),
        sly("DG3014", ADULT, |l| {
            // each line keeps the limit, the two together do not
            let v = visit(l, 0, COLD, "ZH01", usual());
            for after in [1, 2] {
                let quantity = l.rng.between(18, 28);
                l.charge(v, "K3014", Charged { quantity, price: 1, after, ..supply(3) });
            }
            l.truth(v, "DG3014");
        }),
        sly("DG3014", ADULT, |l| {
            // on two prescriptions, each with a companion
            let day = l.any_day();
            let v = l.visit("11", day, 1, COLD);
            for (order, companion) in [("R1", "ZH01"), ("R2", "ZH02")] {
                let quantity = l.rng.between(18, 28);
                l.charge(v, "K3014", Charged { quantity, price: 1, order, ..supply(3) });
                l.charge(v, companion, Charged { order, ..usual() });
            }
            l.truth(v, "DG3014");
        }),
        innocent("DG3014", ADULT, |l| {
            // much, for many days
            let v = visit(l, 0, COLD, "K3014", Charged { quantity: 65, price: 1, ..supply(7) });
            l.charge(v, "ZH01", supply(7));
        }),
        innocent("DG3014", ADULT, |l| {
            // too much by mistake, taken back
            let v = visit(l, 0, COLD, "ZH01", usual());
            l.charge_and_refund(v, "K3014", Charged { quantity: 90, price: 1, ..supply(3) });
            l.charge(v, "K3014", Charged { quantity: 30, price: 1, after: 2, ..supply(3) });
        }),
    ]
}

/// The same examination again.
fn imaging() -> Vec<Pattern> {
    const MR: &str = "002103ZI02";
    fn dear() -> Charged {
        Charged { price: 300, ..usual() }
    }
    vec![
        sly("DG4018", ADULT, |l| {
            // at a visit, and again in a stay elsewhere
            let (first, days) = (l.any_day(), l.rng.between(4, 5));
            let a = l.visit("11", first, 1, COLD);
            l.charge(a, MR, dear());
            let b = l.stay(ahead(first, days), 6, 0, PNEUMONIA, 0..0);
            l.charge(b, MR, Charged { after: 5, ..dear() });
            l.truth(b, "DG4018");
        }),
        sly("DG4018", ADULT, |l| {
            // another code of the same kind of examination
            let (first, days) = (l.any_day(), l.rng.between(2, 5));
            let a = l.visit("11", first, 0, COLD);
            l.charge(a, MR, dear());
            let b = l.visit("11", ahead(first, days), 1, COLD);
            l.charge(b, "002103ZI03", dear());
            l.truth(b, "DG4018");
        }),
        sly("DG4018", ADULT, |l| {
            // twice in one stay
            let day = l.any_day();
            let v = l.stay(day, 8, 0, STROKE, 0..0);
            for d in [0, 4] {
                l.charge(v, MR, Charged { after: d * 24 + 5, ..dear() });
            }
            l.truth(v, "DG4018");
        }),
        innocent("DG4018", ADULT, |l| {
            // two kinds of examination
            let first = l.any_day();
            for (day, item) in [(0, "002102ZI01"), (3, MR)] {
                let v = l.visit("11", ahead(first, day), 0, COLD);
                l.charge(v, item, dear());
            }
        }),
        innocent("DG4018", ADULT, |l| {
            // one and the same, charged again because the first was taken back
            let first = l.any_day();
            let a = l.visit("11", first, 0, COLD);
            l.charge_and_refund(a, MR, dear());
            let b = l.visit("11", ahead(first, 3), 0, COLD);
            l.charge(b, MR, dear());
        }),
        innocent("DG4018", ADULT, |l| {
            // before an operation and after it
            let day = l.any_day();
            let v = l.stay(day, 9, 0, STROKE, 0..0);
            l.charge(v, "002102ZI01", Charged { after: 5, ..dear() });
            l.charge(v, "ZO01", Charged { price: 900, after: 52, ..usual() });
            l.charge(v, "002102ZI01", Charged { after: 101, ..dear() });
            let operation = l.operation(v, "01.240", 52);
            l.list(v, |s| s.operations.push(operation));
        }),
        innocent("DG4018", ADULT, |l| {
            // far apart, in two stays whose return was planned
            let first = l.any_day();
            for day in [0, 40] {
                let v = l.stay(ahead(first, day), 5, 0, STROKE, 0..0);
                l.charge(v, MR, Charged { after: 5, ..dear() });
            }
            with_lists(l, true);
        }),
    ]
}
