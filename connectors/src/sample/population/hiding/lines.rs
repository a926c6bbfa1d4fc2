//! What may not be charged at this place, in this kind of visit, beside or without something else.

use super::super::life::{Charged, FIRST_LEVEL, ahead};
use super::super::scenes::{COLD, DIABETES, HYPERTENSION, PNEUMONIA, stay, usual, visit};
use super::super::{ADULT, Form, Pattern, WOMAN, innocent, sly};

pub(super) fn patterns() -> Vec<Pattern> {
    let mut all = by_place();
    all.extend(by_way());
    all.extend(for_diagnosis());
    all.extend(alone());
    all.extend(without_companion());
    all
}

/// Below the level of hospital an item is paid for at.
fn by_place() -> Vec<Pattern> {
    let mut all = Vec::new();
    for (rule, item) in [("DG1003", "K1003"), ("DG1026", "K1026")] {
        all.push(Pattern::new(rule, Form::Sly, ADULT, move |l| {
            // in a stay, among everything else
            let v = stay(l, FIRST_LEVEL, PNEUMONIA, item, Charged { after: 20, ..usual() });
            for (i, other) in ["ZD01", "ZD02", "ZD05"].into_iter().enumerate() {
                l.charge(v, other, Charged { after: 30 + i as i64, ..usual() });
            }
            l.truth(v, rule);
        }));
        all.push(Pattern::new(rule, Form::Sly, ADULT, move |l| {
            // charged twice and taken back once, at another hospital of the first level
            let v = visit(l, FIRST_LEVEL + 1, COLD, "ZD01", usual());
            l.charge_and_refund(v, item, usual());
            l.charge(v, item, Charged { after: 2, ..usual() });
            l.truth(v, rule);
        }));
        all.push(Pattern::new(rule, Form::Innocent, ADULT, move |l| {
            // taken back, and had from the county hospital on the day
            let v = visit(l, FIRST_LEVEL, COLD, "ZD01", usual());
            l.charge_and_refund(v, item, usual());
            let again = l.visit("11", l.day(v), 0, COLD);
            l.charge(again, item, usual());
            l.later(again, 6);
        }));
    }
    all
}

/// Outside of the kind of visit an item is paid for in.
fn by_way() -> Vec<Pattern> {
    let mut all = Vec::new();
    for (rule, item) in [("DG1015", "K1015"), ("DG1024", "K1024"), ("DG2012", "K2012")] {
        all.push(Pattern::new(rule, Form::Sly, ADULT, move |l| {
            // not on an ordinary visit but on one for a filed disease
            let day = l.any_day();
            let v = l.visit("14", day, 1, HYPERTENSION);
            l.charge(v, "ZD03", Charged { supply: Some(28), ..usual() });
            l.charge(v, item, usual());
            l.truth(v, rule);
        }));
        all.push(Pattern::new(rule, Form::Sly, ADULT, move |l| {
            // on a visit hours after discharge, when the stay had it too
            let day = l.any_day();
            let a = l.stay(day, 6, 0, PNEUMONIA, 0..0);
            l.charge(a, item, Charged { after: 50, ..usual() });
            let v = l.visit("11", ahead(day, 6), 0, PNEUMONIA);
            l.later(v, 8);
            l.charge(v, item, usual());
            l.truth(v, rule);
        }));
        all.push(Pattern::new(rule, Form::Innocent, ADULT, move |l| {
            // charged to the visit by mistake, taken back and charged to the stay
            let v = visit(l, 0, PNEUMONIA, "ZD01", usual());
            l.charge_and_refund(v, item, usual());
            let s = l.stay(ahead(l.day(v), 1), 6, 0, PNEUMONIA, 0..0);
            l.charge(s, item, Charged { after: 6, ..usual() });
        }));
    }
    all.extend([
        sly("DG3022", ADULT, |l| {
            // the department it is for was asked in, and used other things
            let v = stay(l, 0, PNEUMONIA, "ZT02", Charged { department: "1201", ..usual() });
            l.charge(v, "K3022", Charged { after: 27, ..usual() });
            l.truth(v, "DG3022");
        }),
        sly("DG3022", ADULT, |l| {
            // a department with the right figures in the wrong place
            let v = visit(l, 1, COLD, "K3022", Charged { department: "0312", ..usual() });
            l.truth(v, "DG3022");
        }),
        innocent("DG3022", ADULT, |l| {
            // used by the right department for a patient of another
            stay(l, 0, PNEUMONIA, "K3022", Charged { department: "1204", ..usual() });
        }),
    ]);
    all
}

/// By the diagnosis.
fn for_diagnosis() -> Vec<Pattern> {
    vec![
        sly("DG1014", ADULT, |l| {
            // among the drugs of the filed disease, charged twice and taken back once
            let day = l.any_day();
            let v = l.visit("14", day, 0, HYPERTENSION);
            for item in ["ZD01", "ZD02", "ZD03"] {
                l.charge(v, item, Charged { supply: Some(28), ..usual() });
            }
            l.charge_and_refund(v, "K1014", Charged { supply: Some(28), ..usual() });
            l.charge(v, "K1014", Charged { supply: Some(28), after: 2, ..usual() });
            l.truth(v, "DG1014");
        }),
        sly("DG1014", ADULT, |l| {
            // the drug's disease is put second: what is filed, and pays, is another
            let day = l.any_day();
            let v = l.visit("14", day, 1, HYPERTENSION);
            l.also(v, DIABETES);
            l.charge(v, "K1014", Charged { supply: Some(28), ..usual() });
            l.truth(v, "DG1014");
        }),
        innocent("DG1014", ADULT, |l| {
            // a complication of the drug's disease, beside another disease
            let day = l.any_day();
            let v = l.visit("14", day, 0, "E11.401 糖尿病周围神经病");
            l.also(v, HYPERTENSION);
            l.charge(v, "K1014", Charged { supply: Some(28), ..usual() });
        }),
        sly("DG3010", WOMAN, |l| {
            // the pregnancy second, a cold first
            let v = visit(l, 0, COLD, "K3010", usual());
            l.also(v, "O26.900 妊娠");
            l.truth(v, "DG3010");
        }),
        sly("DG3010", WOMAN, |l| {
            // not a word of the pregnancy here: another hospital looks after it, before and after
            let first = l.any_day();
            let days = l.rng.between(8, 20);
            l.visit("11", first, 2, "Z34.900 正常妊娠监督");
            let v = l.visit("11", ahead(first, days), 0, COLD);
            l.charge(v, "K3010", usual());
            l.visit("11", ahead(first, days + 14), 2, "Z34.900 正常妊娠监督");
            l.truth(v, "DG3010");
        }),
        sly("DG3010", WOMAN, |l| {
            // by the code of antenatal care instead of one of the pregnancy
            let v = visit(l, 1, "Z34.900 正常妊娠监督", "K3010", usual());
            l.truth(v, "DG3010");
        }),
        innocent("DG3010", WOMAN, |l| {
            // long after the child was born
            let first = l.any_day();
            l.stay(first, 3, 2, "O80.000 单胎顺产", 0..0);
            let v = l.visit("11", ahead(first, 200), 0, COLD);
            l.charge(v, "K3010", usual());
        }),
        innocent("DG3010", WOMAN, |l| {
            // about not becoming pregnant
            visit(l, 2, "Z30.500 避孕器具监督", "K3010", usual());
        }),
    ]
}

/// A herb that is not paid for by itself.
fn alone() -> Vec<Pattern> {
    vec![
        sly("DG1008", ADULT, |l| {
            // two herbs, each on a prescription of its own
            let v = visit(l, 0, COLD, "K1008", usual());
            l.charge(v, "ZH01", Charged { order: "R2", ..usual() });
            l.truth(v, "DG1008");
        }),
        sly("DG1008", ADULT, |l| {
            // the companion is taken back
            let v = visit(l, 1, COLD, "K1008", usual());
            l.charge_and_refund(v, "ZH01", usual());
            l.truth(v, "DG1008");
        }),
        sly("DG1008", ADULT, |l| {
            // two lines that are one herb, beside a drug that is none
            let v = visit(l, 0, COLD, "K1008", usual());
            l.charge(v, "K1008", Charged { after: 2, ..usual() });
            l.charge(v, "ZD01", usual());
            l.truth(v, "DG1008");
        }),
        innocent("DG1008", ADULT, |l| {
            // the rest of one prescription is charged hours later
            let v = visit(l, 0, COLD, "K1008", usual());
            l.charge(v, "ZH02", Charged { after: 3, ..usual() });
        }),
    ]
}

/// What is used only with another item, which is not there.
fn without_companion() -> Vec<Pattern> {
    let mut all = Vec::new();
    for (rule, item) in [("DG3004", "K3004"), ("DG3021", "K3021")] {
        all.push(Pattern::new(rule, Form::Sly, ADULT, move |l| {
            // the companion is charged, and taken back when all is over
            let v = visit(l, 0, COLD, item, usual());
            l.charge_and_refund(v, "ZT02", Charged { after: 2, ..usual() });
            l.truth(v, rule);
        }));
        all.push(Pattern::new(rule, Form::Sly, ADULT, move |l| {
            // in a stay full of other treatments
            let v = stay(l, 1, PNEUMONIA, item, Charged { after: 30, ..usual() });
            l.charge(v, item, Charged { after: 80, ..usual() });
            l.truth(v, rule);
        }));
        all.push(Pattern::new(rule, Form::Sly, ADULT, move |l| {
            // the companion belongs to a visit to another hospital weeks before
            let first = l.any_day();
            let days = l.rng.between(14, 28);
            let before = l.visit("11", first, 1, COLD);
            l.charge(before, "ZT02", usual());
            let v = l.visit("11", ahead(first, days), 0, COLD);
            l.charge(v, item, usual());
            l.truth(v, rule);
        }));
        all.push(Pattern::new(rule, Form::Innocent, ADULT, move |l| {
            // the companion comes a day later
            let v = stay(l, 0, PNEUMONIA, item, usual());
            l.charge(v, "ZT02", Charged { after: 49, ..usual() });
        }));
        all.push(Pattern::new(rule, Form::Innocent, ADULT, move |l| {
            // both charged, the companion twice and taken back once
            let v = visit(l, 0, COLD, item, usual());
            l.charge_and_refund(v, "ZT02", usual());
            l.charge(v, "ZT02", Charged { after: 2, ..usual() });
        }));
    }
    all
}
