//! Who, by whom, for what: diagnoses, operations, physicians, and who pays.

use super::super::life::{Charged, Life, ahead};
use super::super::scenes::{COLD, GALLSTONE, MAN, PNEUMONIA, STROKE, a_stay, stay, usual, visit};
use super::super::{ADULT, CHILD, ForWhom, Pattern, WOMAN, innocent, sly};
use dingan_core::claim::Approval;

const THYROID: &str = "E04.900 甲状腺肿";
/// An operation on the thyroid gland, and antibiotics.
const ON_THYROID: &str = "06.200";
const ANTIBIOTIC: &str = "XJ01ZA01";

/// Just past a first birthday when visited, and well before it.
const TODDLER: ForWhom = ForWhom { sex: None, age: (400, 700) };
const INFANT: ForWhom = ForWhom { sex: None, age: (60, 200) };

pub(super) fn patterns() -> Vec<Pattern> {
    let mut all = operations();
    all.extend(antibiotics());
    all.extend(person());
    all.extend(paid_by());
    all.extend(physicians());
    all
}

/// The settlement list of a stay with operations, all on the second day.
fn operated(l: &mut Life<'_>, stay: usize, codes: &[&str]) {
    let operations: Vec<_> = codes.iter().map(|code| l.operation(stay, code, 30)).collect();
    l.list(stay, |s| s.operations.extend(operations));
}

/// A stay with an operation fee on the second day.
fn surgery(l: &mut Life<'_>, diagnosis: &str) -> usize {
    let v = a_stay(l, diagnosis);
    l.charge(v, "ZO01", Charged { price: 900, after: 30, ..usual() });
    v
}

fn operations() -> Vec<Pattern> {
    vec![
        sly("DG2006", ADULT, |l| {
            // treatments and tests every day, but of an operation nothing
            let v = a_stay(l, GALLSTONE);
            operated(l, v, &["51.230"]);
            l.truth(v, "DG2006");
        }),
        sly("DG2006", ADULT, |l| {
            // the operation fee is charged, and taken back
            let v = a_stay(l, GALLSTONE);
            l.charge_and_refund(v, "ZO01", Charged { price: 900, after: 30, ..usual() });
            operated(l, v, &["51.230"]);
            l.truth(v, "DG2006");
        }),
        innocent("DG2006", ADULT, |l| {
            // a procedure that is no surgery is charged as treatment
            let v = a_stay(l, STROKE);
            operated(l, v, &["93.390"]);
        }),
        innocent("DG2006", ADULT, |l| {
            // the fee is charged twice and taken back once
            let v = surgery(l, GALLSTONE);
            l.charge_and_refund(v, "ZO01", Charged { price: 900, after: 31, ..usual() });
            operated(l, v, &["51.230"]);
        }),
        sly("DG2007", MAN, |l| {
            // a finer code, behind an operation anyone may have
            let v = surgery(l, GALLSTONE);
            operated(l, v, &["51.230", "68.411"]);
            l.truth(v, "DG2007");
        }),
        innocent("DG2007", MAN, |l| {
            // what only men have
            let v = surgery(l, "N40.x00 前列腺增生");
            operated(l, v, &["60.290"]);
        }),
        sly("DG2008", ADULT, |l| {
            // taken along behind an operation that fits
            let v = surgery(l, GALLSTONE);
            operated(l, v, &["51.230", "47.010"]);
            l.truth(v, "DG2008");
        }),
        sly("DG2008", ADULT, |l| {
            // a finer code, and a disease of the bowel next to it
            let v = surgery(l, "K63.900 肠疾患");
            operated(l, v, &["47.091"]);
            l.truth(v, "DG2008");
        }),
        innocent("DG2008", ADULT, |l| {
            // the code of an appendix taken out in passing
            let v = surgery(l, GALLSTONE);
            operated(l, v, &["51.230", "47.110"]);
        }),
        innocent("DG2008", ADULT, |l| {
            // two diseases, two operations
            let v = surgery(l, GALLSTONE);
            l.also(v, "K36.x00 慢性阑尾炎");
            l.charge(v, "ZO01", Charged { price: 400, after: 31, ..usual() });
            operated(l, v, &["51.230", "47.010"]);
        }),
    ]
}

/// Antibiotics about an operation for which one day of them is enough.
fn antibiotics() -> Vec<Pattern> {
    fn given(l: &mut Life<'_>, stay: usize, doses: &[(i64, &str, &'static str)]) {
        for (after, item, order) in doses {
            l.charge(stay, item, Charged { after: *after, order, ..usual() });
        }
    }
    vec![
        sly("DG2011", ADULT, |l| {
            // every other day
            let v = surgery(l, THYROID);
            given(l, v, &[(29, ANTIBIOTIC, "R1"), (76, ANTIBIOTIC, "R2"), (124, ANTIBIOTIC, "R3")]);
            operated(l, v, &[ON_THYROID]);
            l.truth(v, "DG2011");
        }),
        sly("DG2011", ADULT, |l| {
            // another one for the days after the first
            let v = surgery(l, THYROID);
            given(l, v, &[(29, ANTIBIOTIC, "R1"), (56, "XJ01ZA02", "R2"), (80, "XJ01ZA02", "R2")]);
            operated(l, v, &[ON_THYROID]);
            l.truth(v, "DG2011");
        }),
        sly("DG2011", ADULT, |l| {
            // for days before the operation, and none after
            let v = a_stay(l, THYROID);
            l.charge(v, "ZO01", Charged { price: 900, after: 100, ..usual() });
            given(
                l,
                v,
                &[(6, ANTIBIOTIC, "R1"), (28, ANTIBIOTIC, "R1"), (52, ANTIBIOTIC, "R1"), (76, ANTIBIOTIC, "R1")],
            );
            let operation = l.operation(v, ON_THYROID, 100);
            l.list(v, |s| s.operations.push(operation));
            l.truth(v, "DG2011");
        }),
        innocent("DG2011", ADULT, |l| {
            // several doses, all about the operation; what was charged for later days is taken back
            let v = surgery(l, THYROID);
            given(l, v, &[(29, ANTIBIOTIC, "R1"), (33, ANTIBIOTIC, "R1"), (41, ANTIBIOTIC, "R1")]);
            for after in [78, 102] {
                l.charge_and_refund(v, ANTIBIOTIC, Charged { after, ..usual() });
            }
            operated(l, v, &[ON_THYROID]);
        }),
        innocent("DG2011", ADULT, |l| {
            // an infection beside the disease operated on
            let v = surgery(l, THYROID);
            l.also(v, "J15.900 细菌性肺炎");
            for d in 1..6 {
                l.charge(v, ANTIBIOTIC, Charged { after: d * 24, ..usual() });
            }
            operated(l, v, &[ON_THYROID]);
        }),
    ]
}

/// Who the person is.
fn person() -> Vec<Pattern> {
    vec![
        sly("DG2020", MAN, |l| {
            // second, in a stay for something else
            let v = a_stay(l, GALLSTONE);
            l.also(v, "N80.300 盆腔子宫内膜异位症");
            l.list(v, |_| ());
            l.truth(v, "DG2020");
        }),
        innocent("DG2020", MAN, |l| {
            // rare in men, but it is met
            let v = a_stay(l, "C50.900 乳腺恶性肿瘤");
            l.also(v, "N62.x00 男性乳房肥大");
            l.list(v, |_| ());
        }),
        sly("DG2021", ADULT, |l| {
            // second, in a stay for something else
            let v = a_stay(l, PNEUMONIA);
            l.also(v, "P07.100 低出生体重儿");
            l.list(v, |_| ());
            l.truth(v, "DG2021");
        }),
        sly("DG2021", TODDLER, |l| {
            // not by decades but by months
            let day = l.any_day();
            let v = l.visit("11", day, 2, "P07.300 早产儿");
            l.truth(v, "DG2021");
        }),
        sly("DG2021", CHILD, |l| {
            // a child, and second
            let v = visit(l, 2, COLD, "ZT01", usual());
            l.also(v, "P07.300 早产儿");
            l.truth(v, "DG2021");
        }),
        innocent("DG2021", INFANT, |l| {
            // months old, and still followed up for it
            let day = l.any_day();
            l.visit("11", day, 2, "P07.300 早产儿");
        }),
        sly("DG4011", MAN, |l| {
            // one item at each of two hospitals, as suits another
            let (first, days) = (l.any_day(), l.rng.between(2, 9));
            let a = l.visit("11", first, 0, COLD);
            l.charge(a, "K3018", usual());
            let b = l.visit("11", ahead(first, days), 1, COLD);
            l.charge(b, "L3018", usual());
            l.truth(a, "DG3018");
            l.truth(b, "DG3018");
            l.truth(b, "DG4011");
        }),
        sly("DG4011", MAN, |l| {
            // a service, a drug and a material, one of each, in a stay
            let v = stay(l, 0, PNEUMONIA, "K3018", usual());
            l.charge(v, "K3001", Charged { after: 50, ..usual() });
            l.charge(v, "K3024", Charged { after: 74, ..usual() });
            for rule in ["DG3001", "DG3018", "DG3024", "DG4011"] {
                l.truth(v, rule);
            }
        }),
        sly("DG4011", WOMAN, |l| {
            // a woman's card, a man's body
            let v = visit(l, 1, COLD, "K4011", usual());
            l.charge(v, "L4011", Charged { after: 2, ..usual() });
            l.truth(v, "DG3018");
            l.truth(v, "DG4011");
        }),
        innocent("DG4011", MAN, |l| {
            // the wrong card, found out and taken back
            let v = visit(l, 0, COLD, "ZT01", usual());
            for item in ["K3018", "L3018"] {
                l.charge_and_refund(v, item, usual());
            }
        }),
    ]
}

/// The person pays for what the fund should.
fn paid_by() -> Vec<Pattern> {
    fn refused() -> Charged {
        Charged { approval: Approval::Refused, ..usual() }
    }
    vec![
        sly("DG4017", ADULT, |l| {
            // charged to the fund, taken back, and charged to the person
            let v = visit(l, 0, COLD, "ZD01", usual());
            l.charge_and_refund(v, "ZD02", Charged { price: 40, ..usual() });
            l.charge(v, "ZD02", Charged { price: 40, after: 2, ..refused() });
            l.truth(v, "DG4017");
        }),
        sly("DG4017", ADULT, |l| {
            // one line of many in a stay
            let v = stay(l, 1, PNEUMONIA, "ZT02", refused());
            l.truth(v, "DG4017");
        }),
        sly("DG4017", ADULT, |l| {
            // the condition of payment is met, and the hospital says it is not
            let v = visit(l, 0, COLD, "K1023", Charged { department: "1204", ..refused() });
            l.truth(v, "DG4017");
        }),
        innocent("DG4017", ADULT, |l| {
            // charged to the person by mistake, taken back and charged to the fund
            let v = visit(l, 0, COLD, "ZD01", usual());
            l.charge_and_refund(v, "ZD02", Charged { price: 40, ..refused() });
            l.charge(v, "ZD02", Charged { price: 40, after: 2, ..usual() });
        }),
    ]
}

/// Who ordered it. The physicians are those of the sample county.
fn physicians() -> Vec<Pattern> {
    /// Of the second hospital.
    const ELSEWHERE: &str = "D469026000009";
    /// Left the first hospital at the end of 2024.
    const LEFT: &str = "D469026000007";
    /// At the first hospital beside the one who orders everything else.
    const COLLEAGUE: &str = "D469026000002";
    vec![
        sly("DG4020", ADULT, |l| {
            // a physician, but of another hospital, on one line of many
            let v = stay(l, 0, PNEUMONIA, "ZT02", usual());
            l.last_line(v, |line| line.practitioner = ELSEWHERE.into());
            l.truth(v, "DG4020");
        }),
        sly("DG4020", ADULT, |l| {
            // one who has left
            let v = visit(l, 0, COLD, "ZD01", usual());
            l.charge(v, "ZT01", Charged { after: 2, ..usual() });
            l.last_line(v, |line| line.practitioner = LEFT.into());
            l.truth(v, "DG4020");
        }),
        innocent("DG4020", ADULT, |l| {
            // a colleague of the same hospital
            let v = stay(l, 0, PNEUMONIA, "ZT02", usual());
            l.last_line(v, |line| line.practitioner = COLLEAGUE.into());
        }),
        innocent("DG4020", ADULT, |l| {
            // at home where the visit is, a stranger where the last one was
            let first = l.any_day();
            l.visit("11", first, 0, COLD);
            let v = l.visit("11", ahead(first, 9), 1, COLD);
            l.charge(v, "ZT01", usual());
            l.last_line(v, |line| line.practitioner = ELSEWHERE.into());
        }),
        sly("DG4021", ADULT, |l| {
            // missing on one line of a long stay
            let v = stay(l, 0, PNEUMONIA, "ZT02", usual());
            l.last_line(v, |line| line.practitioner = "".into());
            l.truth(v, "DG4021");
        }),
        sly("DG4021", ADULT, |l| {
            // charged with it, taken back, and charged without
            let v = visit(l, 1, COLD, "ZD01", usual());
            l.charge_and_refund(v, "ZT01", usual());
            l.charge(v, "ZT01", Charged { after: 2, ..usual() });
            l.last_line(v, |line| line.practitioner = "".into());
            l.truth(v, "DG4021");
        }),
        innocent("DG4021", ADULT, |l| {
            // left out, found out, taken back and charged with it
            let v = visit(l, 0, COLD, "ZD01", usual());
            l.charge_and_refund(v, "ZT01", usual());
            l.edit(v, |c| {
                let late_found = c.lines.iter_mut().filter(|line| line.item.as_str() == "ZT01");
                late_found.for_each(|line| line.practitioner = "".into());
            });
            l.charge(v, "ZT01", Charged { after: 2, ..usual() });
        }),
    ]
}
