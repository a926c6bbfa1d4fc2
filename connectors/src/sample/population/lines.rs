//! Stories about single lines: what may not be charged for this person, place, diagnosis or beside something else,
//! each with its innocent look-alike.

use super::life::{Charged, FIRST_LEVEL, Life, ahead};
use super::scenes::{COLD, HYPERTENSION, MAN, PNEUMONIA, met, stay, usual, visit};
use super::{ADULT, CHILD, Form, NEWBORN, OLD, Pattern, WOMAN, innocent, plain, sly};
use dingan_core::claim::Approval;

/// A line on a visit, guilty or not by who the person is.
macro_rules! by_person {
    ($rule:literal, $item:literal, $guilty:expr, $innocent:expr) => {
        [
            plain($rule, $guilty, |l| {
                let v = visit(l, 0, COLD, $item, usual());
                l.truth(v, $rule);
            }),
            sly($rule, $guilty, |l| {
                // among other lines, in a stay
                let v = stay(l, 1, PNEUMONIA, $item, Charged { after: 30, ..usual() });
                l.truth(v, $rule);
            }),
            innocent($rule, $innocent, |l| {
                visit(l, 0, COLD, $item, usual());
            }),
            // charged and taken back
            innocent($rule, $guilty, |l| {
                let v = visit(l, 0, COLD, "ZD01", usual());
                l.charge_and_refund(v, $item, usual());
            }),
        ]
    };
}

/// A line on a visit, guilty or not by the diagnosis; the first innocent one is known by its code, the second by name.
macro_rules! by_diagnosis {
    ($rule:literal, $item:literal, $guilty:literal, $innocent:literal, $by_name:literal) => {
        [
            plain($rule, ADULT, |l| {
                let v = visit(l, 0, $guilty, $item, usual());
                l.truth(v, $rule);
            }),
            sly($rule, ADULT, |l| {
                let v = stay(l, 1, $guilty, $item, Charged { after: 50, ..usual() });
                l.truth(v, $rule);
            }),
            innocent($rule, ADULT, |l| {
                visit(l, 0, $innocent, $item, usual());
            }),
            innocent($rule, ADULT, |l| {
                visit(l, 1, $by_name, $item, usual());
            }),
        ]
    };
}

/// A line the fund pays for under a condition that does not hold; innocent where the hospital did not ask for payment.
macro_rules! never_met {
    ($rule:literal, $item:literal, $($more:expr),*) => {
        [
            plain($rule, ADULT, |l| {
                let v = visit(l, 0, COLD, $item, met());
                l.truth(v, $rule);
            }),
            sly($rule, ADULT, |l| {
                let v = stay(l, 1, PNEUMONIA, $item, Charged { after: 20, ..met() });
                l.truth(v, $rule);
            }),
            innocent($rule, ADULT, |l| {
                visit(l, 0, COLD, $item, Charged { approval: Approval::Refused, ..usual() });
            }),
            $($more),*
        ]
    };
}

/// Two items of which one includes the other, together or on days of their own.
macro_rules! pairs {
    ($rule:literal, $main:literal, $part:literal) => {
        [
            plain($rule, ADULT, |l| {
                let v = visit(l, 0, COLD, $main, usual());
                l.charge(v, $part, Charged { after: 2, ..usual() });
                l.truth(v, $rule);
            }),
            sly($rule, ADULT, |l| {
                // the part before the main item, hours apart
                let v = stay(l, 0, PNEUMONIA, $part, Charged { after: 1, ..usual() });
                l.charge(v, $main, Charged { after: 30, ..usual() });
                l.truth(v, $rule);
            }),
            innocent($rule, ADULT, |l| {
                visit(l, 0, COLD, $main, usual());
                let day = l.any_day();
                let other = l.visit("11", ahead(day, 70), 0, COLD);
                l.charge(other, $part, usual());
            }),
        ]
    };
}

pub(super) fn patterns() -> Vec<Pattern> {
    let mut all: Vec<Pattern> = Vec::new();
    let obstetric = |rule| {
        innocent(rule, WOMAN, |l| {
            visit(l, 0, "O80.000 单胎顺产", "K1006", met());
            visit_later(l, "O80.000 单胎顺产", "K1019");
        })
    };
    // by who the person is
    all.extend(by_person!("DG1010", "K1010", ADULT, NEWBORN));
    all.extend(by_person!("DG1020", "K1020", ADULT, NEWBORN));
    all.extend(by_person!("DG1032", "K1032", ADULT, NEWBORN));
    all.extend(by_person!("DG1011", "K1011", ADULT, CHILD));
    all.extend(by_person!("DG1021", "K1021", ADULT, CHILD));
    all.extend(by_person!("DG1033", "K1033", ADULT, CHILD));
    all.extend(by_person!("DG3002", "K3002", ADULT, CHILD));
    all.extend(by_person!("DG3017", "K3017", ADULT, NEWBORN));
    all.extend(by_person!("DG3005", "K3005", CHILD, ADULT));
    all.extend(by_person!("DG3009", "K3009", OLD, ADULT));
    all.extend(by_person!("DG1029", "K1029", ADULT, OLD));
    all.extend(by_person!("DG3001", "K3001", MAN, WOMAN));
    all.extend(by_person!("DG3018", "K3018", MAN, WOMAN));
    all.extend(by_person!("DG3024", "K3024", MAN, WOMAN));
    // by the diagnosis
    all.extend(by_diagnosis!("DG1012", "K1012", "J18.900 肺炎", "I63.900 脑血管病", "Z99.900 脑梗死恢复期"));
    all.extend(by_diagnosis!("DG1022", "K1022", "J18.900 肺炎", "M51.200 腰痛", "Z99.900 颈椎病"));
    all.extend(by_diagnosis!("DG3007", "K3007", "M17.900 膝关节病", "J15.900 感染", "Z99.900 新生儿肺炎"));
    all.extend(by_diagnosis!("DG3015", "K3015", "J06.900 感冒", "I20.000 心绞痛", "Z99.900 胸痛待查"));
    all.extend(by_diagnosis!("DG3016", "K3016", "J06.900 感冒", "M17.900 关节病", "Z99.900 膝扭伤"));
    all.extend(by_diagnosis!("DG3020", "K3020", "J06.900 感冒", "G81.900 瘫痪", "Z99.900 偏瘫"));
    all.extend(by_diagnosis!("DG3025", "K3025", "J18.900 肺炎", "I25.103 心脏病", "Z99.900 冠心病"));
    all.extend(by_diagnosis!("DG3008", "K3008", "N18.900 肾病", "J06.900 感冒", "J18.900 肺炎"));
    all.extend(by_diagnosis!("DG3019", "K3019", "Z95.000 植入物", "J06.900 感冒", "J18.900 肺炎"));
    // conditions of payment
    all.extend(never_met!("DG1005", "K1005",));
    all.extend(never_met!("DG1018", "K1018",));
    all.extend(never_met!("DG1006", "K1006", obstetric("DG1006")));
    all.extend(never_met!("DG1019", "K1019", obstetric("DG1019")));
    all.extend(never_met!("DG1007", "K1007",));
    all.extend(never_met!(
        "DG1023",
        "K1023",
        innocent("DG1023", ADULT, |l| {
            visit(l, 0, COLD, "K1023", Charged { department: "1204", ..met() });
        })
    ));
    // by the place
    for (rule, item) in [("DG1003", "K1003"), ("DG1026", "K1026")] {
        all.push(Pattern::new(rule, Form::Plain, ADULT, move |l| {
            let v = visit(l, FIRST_LEVEL, COLD, item, usual());
            l.truth(v, rule);
        }));
        all.push(Pattern::new(rule, Form::Innocent, ADULT, move |l| {
            visit(l, 1, COLD, item, usual());
        }));
    }
    for (rule, item) in [("DG1015", "K1015"), ("DG1024", "K1024")] {
        all.push(Pattern::new(rule, Form::Plain, ADULT, move |l| {
            let v = visit(l, 1, COLD, item, usual());
            l.truth(v, rule);
        }));
        all.push(Pattern::new(rule, Form::Innocent, ADULT, move |l| {
            stay(l, 1, PNEUMONIA, item, usual());
        }));
    }
    all.push(plain("DG3022", ADULT, |l| {
        let v = visit(l, 0, COLD, "K3022", usual());
        l.truth(v, "DG3022");
    }));
    all.push(innocent("DG3022", ADULT, |l| {
        visit(l, 0, COLD, "K3022", Charged { department: "1201", ..usual() });
    }));
    all.push(plain("DG2012", ADULT, |l| {
        let v = visit(l, 0, PNEUMONIA, "K2012", usual());
        l.truth(v, "DG2012");
    }));
    all.push(innocent("DG2012", ADULT, |l| {
        stay(l, 0, PNEUMONIA, "K2012", usual());
    }));
    all.push(plain("DG1014", ADULT, |l| {
        let day = l.any_day();
        let v = l.visit("14", day, 0, HYPERTENSION);
        l.charge(v, "K1014", Charged { supply: Some(28), ..usual() });
        l.truth(v, "DG1014");
    }));
    all.push(innocent("DG1014", ADULT, |l| {
        let day = l.any_day();
        let v = l.visit("14", day, 0, "E11.900 糖尿病");
        l.charge(v, "K1014", Charged { supply: Some(28), ..usual() });
    }));
    // prices and amounts
    all.push(plain("DG1016", ADULT, |l| {
        let price = 10 + l.rng.between(1, 30);
        let v = visit(l, 0, COLD, "K1016", Charged { price, ..usual() });
        l.truth(v, "DG1016");
    }));
    all.push(innocent("DG1016", ADULT, |l| {
        visit(l, 0, COLD, "K1016", Charged { price: 10, quantity: 3, ..usual() });
    }));
    for (rule, item) in [("DG1028", "K1028"), ("DG1034", "K1034")] {
        all.push(Pattern::new(rule, Form::Plain, ADULT, move |l| {
            let price = l.rng.between(1001, 3000);
            let v = visit(l, 0, COLD, item, Charged { price, ..usual() });
            l.truth(v, rule);
        }));
        all.push(Pattern::new(rule, Form::Sly, ADULT, move |l| {
            // in portions
            let v = stay(l, 0, PNEUMONIA, item, Charged { price: 600, ..usual() });
            l.charge(v, item, Charged { price: 600, after: 60, ..usual() });
            l.truth(v, rule);
        }));
        all.push(Pattern::new(rule, Form::Innocent, ADULT, move |l| {
            visit(l, 0, COLD, item, Charged { price: 500, quantity: 2, ..usual() });
        }));
    }
    all.push(plain("DG1017", ADULT, |l| {
        let v = stay(l, 0, PNEUMONIA, "K1017", Charged { price: 1000, ..usual() });
        l.charge(v, "L1017", Charged { price: 800, after: 26, ..usual() });
        l.truth(v, "DG1017");
    }));
    all.push(innocent("DG1017", ADULT, |l| {
        let v = stay(l, 0, PNEUMONIA, "K1017", Charged { price: 1000, ..usual() });
        l.charge(v, "L1017", Charged { price: 400, after: 26, ..usual() });
    }));
    all.push(innocent("DG1017", ADULT, |l| {
        // days apart
        let v = stay(l, 0, PNEUMONIA, "K1017", Charged { price: 1000, ..usual() });
        l.charge(v, "L1017", Charged { price: 800, after: 26 + 48, ..usual() });
    }));
    // beside something else
    all.extend(pairs!("DG1001", "K1001", "L1001"));
    all.extend(pairs!("DG1027", "K1027", "L1027"));
    all.extend(pairs!("DG1030", "K1030", "L1030"));
    all.push(innocent("DG1001", ADULT, |l| {
        // within the hour only, and hours apart
        let v = visit(l, 0, COLD, "M1001", usual());
        l.charge(v, "N1001", Charged { after: 5, ..usual() });
    }));
    for (rule, item) in [("DG3004", "K3004"), ("DG3021", "K3021")] {
        all.push(Pattern::new(rule, Form::Plain, ADULT, move |l| {
            let v = visit(l, 0, COLD, item, usual());
            l.truth(v, rule);
        }));
        all.push(Pattern::new(rule, Form::Innocent, ADULT, move |l| {
            let v = visit(l, 0, COLD, item, usual());
            l.charge(v, "ZT02", usual());
        }));
    }
    for (rule, a, b) in [("DG3011", "K3011", "L3011"), ("DG3012", "K3012", "L3012")] {
        all.push(Pattern::new(rule, Form::Plain, ADULT, move |l| {
            let v = visit(l, 0, COLD, a, usual());
            l.charge(v, b, usual());
            l.truth(v, rule);
        }));
        all.push(Pattern::new(rule, Form::Sly, ADULT, move |l| {
            // on two prescriptions of one day
            let v = visit(l, 0, COLD, b, usual());
            l.charge(v, a, Charged { order: "R2", after: 3, ..usual() });
            l.truth(v, rule);
        }));
        all.push(Pattern::new(rule, Form::Innocent, ADULT, move |l| {
            let v = stay(l, 0, PNEUMONIA, a, usual());
            l.charge(v, b, Charged { after: 80, ..usual() });
        }));
    }
    all.push(plain("DG3003", ADULT, |l| {
        let v = visit(l, 0, COLD, "K3003", usual());
        l.charge(v, "L3003", usual());
        l.truth(v, "DG3003");
    }));
    all.push(sly("DG3003", ADULT, |l| {
        // from two physicians' visits on one day
        let day = l.any_day();
        let first = l.visit("11", day, 0, COLD);
        l.charge(first, "K3003", usual());
        let second = l.visit("11", day, 1, COLD);
        l.charge(second, "L3003", usual());
        l.later(second, 6);
        l.truth(second, "DG3003");
    }));
    all.push(innocent("DG3003", ADULT, |l| {
        let v = visit(l, 0, COLD, "K3003", usual());
        l.charge(v, "M3003", usual());
    }));
    all.push(plain("DG1008", ADULT, |l| {
        let v = visit(l, 0, COLD, "K1008", usual());
        l.truth(v, "DG1008");
    }));
    all.push(innocent("DG1008", ADULT, |l| {
        let v = visit(l, 0, COLD, "K1008", usual());
        l.charge(v, "ZH01", usual());
    }));
    all.push(plain("DG3010", WOMAN, |l| {
        let v = visit(l, 0, "O26.900 妊娠", "K3010", usual());
        l.truth(v, "DG3010");
    }));
    all.push(innocent("DG3010", WOMAN, |l| {
        visit(l, 0, COLD, "K3010", usual());
    }));
    // how much, how long
    all.push(plain("DG1002", ADULT, |l| {
        let v = visit(l, 0, COLD, "K1002", Charged { quantity: 2, ..usual() });
        l.truth(v, "DG1002");
    }));
    all.push(sly("DG1002", ADULT, |l| {
        // once at each of two visits of one day
        let day = l.any_day();
        let first = l.visit("11", day, 0, COLD);
        l.charge(first, "K1002", usual());
        let second = l.visit("11", day, 0, COLD);
        l.charge(second, "K1002", usual());
        l.later(second, 6);
        l.truth(second, "DG1002");
    }));
    all.push(innocent("DG1002", ADULT, |l| {
        let v = stay(l, 0, PNEUMONIA, "K1002", usual());
        l.charge(v, "K1002", Charged { after: 49, ..usual() });
    }));
    all.push(plain("DG1004", ADULT, |l| {
        let supply = Some(l.rng.between(10, 40));
        let v = visit(l, 0, COLD, "ZD01", Charged { supply, ..usual() });
        l.truth(v, "DG1004");
    }));
    all.push(sly("DG1004", ADULT, |l| {
        // ten days on two lines
        let v = visit(l, 0, COLD, "ZD01", Charged { supply: Some(5), ..usual() });
        l.charge(v, "ZD01", Charged { supply: Some(5), after: 2, ..usual() });
        l.truth(v, "DG1004");
    }));
    all.push(innocent("DG1004", ADULT, |l| {
        visit(l, 0, COLD, "ZD01", Charged { supply: Some(7), ..usual() });
    }));
    all.push(innocent("DG1004", ADULT, |l| {
        let day = l.any_day();
        let v = l.visit("14", day, 0, HYPERTENSION);
        l.charge(v, "ZD01", Charged { supply: Some(28), ..usual() });
    }));
    all.push(plain("DG3006", ADULT, |l| {
        let day = l.any_day();
        let v = l.visit("14", day, 0, HYPERTENSION);
        l.charge(v, "K3006", Charged { supply: Some(20), ..usual() });
        l.truth(v, "DG3006");
    }));
    all.push(innocent("DG3006", ADULT, |l| {
        let day = l.any_day();
        let v = l.visit("14", day, 0, HYPERTENSION);
        l.charge(v, "K3006", Charged { supply: Some(14), ..usual() });
    }));
    all.push(plain("DG3014", ADULT, |l| {
        let v = visit(l, 0, COLD, "K3014", Charged { quantity: 90, supply: Some(3), price: 1, ..usual() });
        l.charge(v, "ZH01", usual());
        l.truth(v, "DG3014");
    }));
    all.push(innocent("DG3014", ADULT, |l| {
        let v = visit(l, 0, COLD, "K3014", Charged { quantity: 30, supply: Some(3), price: 1, ..usual() });
        l.charge(v, "ZH01", usual());
    }));
    all.push(plain("DG3023", ADULT, |l| {
        let quantity = l.rng.between(3, 8);
        let v = visit(l, 0, COLD, "K3023", Charged { quantity, ..usual() });
        l.truth(v, "DG3023");
    }));
    all.push(sly("DG3023", ADULT, |l| {
        let v = stay(l, 0, PNEUMONIA, "K3023", usual());
        l.charge(v, "K3023", Charged { after: 40, quantity: 2, ..usual() });
        l.truth(v, "DG3023");
    }));
    all.push(innocent("DG3023", ADULT, |l| {
        visit(l, 0, COLD, "K3023", Charged { quantity: 2, ..usual() });
    }));
    all
}

/// A visit of the same woman some days later.
fn visit_later(l: &mut Life<'_>, diagnosis: &str, item: &str) {
    let day = ahead(l.any_day(), 70);
    let v = l.visit("11", day, 0, diagnosis);
    l.charge(v, item, met());
}
