//! Quality control of settlement lists: the list against itself, and against the stay and the settlement it is about.

use chrono::NaiveDate;
use dingan_connectors::desk::{ListSheet, QualityProblem};
use dingan_core::claim::Visit;
use dingan_core::codes::FundCode;
use dingan_core::money::{Money, Quantity};
use std::collections::{BTreeMap, BTreeSet};

/// What the list is held against.
pub(crate) struct Known<'a> {
    pub visit: &'a Visit,
    pub birth: NaiveDate,
    /// First and last day the settlement covers.
    pub days: (NaiveDate, NaiveDate),
    /// What each fund paid.
    pub payments: BTreeMap<FundCode, Money>,
}

/// Everything wrong with a list. What is serious sends it back.
pub(crate) fn check(sheet: &ListSheet, known: &Known<'_>) -> Vec<QualityProblem> {
    let mut q = Quality::default();
    diagnoses(sheet, &mut q);
    times(sheet, known, &mut q);
    operations(sheet, &mut q);
    care(sheet, &mut q);
    payments(sheet, known, &mut q);
    newborn(sheet, known, &mut q);
    q.0
}

#[derive(Default)]
struct Quality(Vec<QualityProblem>);

impl Quality {
    fn serious(&mut self, field: &str, text: &str, value: impl ToString) {
        self.add(field, text, value, true);
    }
    fn hint(&mut self, field: &str, text: &str, value: impl ToString) {
        self.add(field, text, value, false);
    }
    fn add(&mut self, field: &str, text: &str, value: impl ToString, serious: bool) {
        let (field, text, value) = (field.to_owned(), text.to_owned(), value.to_string());
        self.0.push(QualityProblem { field, text, serious, value });
    }
}

fn diagnoses(sheet: &ListSheet, q: &mut Quality) {
    let list = &sheet.list.diagnoses;
    if list.is_empty() {
        return q.serious("diag_code", "没有诊断：清单至少应有一条主要诊断", "");
    }
    let mains = list.iter().filter(|d| d.main).count();
    if mains != 1 {
        q.serious("maindiag_flag", "主要诊断应当且只能有一条", mains);
    }
    let mut seen = BTreeSet::new();
    for d in list {
        let code = d.code.as_str();
        if !well_formed(code) {
            q.serious("diag_code", "诊断代码不是医保版ICD-10的编码形式", code);
        } else if !seen.insert(code) {
            q.hint("diag_code", "同一诊断重复填写", code);
        }
        if d.main && code.starts_with(['V', 'W', 'X', 'Y']) {
            q.serious("diag_code", "损伤中毒的外部原因不能作主要诊断", code);
        }
    }
}

/// A letter, two digits, and a subdivision: `I63.900`, `E11.900x001`; codes of Chinese medicine begin otherwise.
fn well_formed(code: &str) -> bool {
    let mut c = code.chars();
    let head = c.next().is_some_and(|l| l.is_ascii_uppercase());
    head && c.next().is_some_and(|d| d.is_ascii_alphanumeric())
        && c.next().is_some_and(|d| d.is_ascii_digit())
        && c.all(|d| d.is_ascii_alphanumeric() || matches!(d, '.' | '+' | '*' | '/'))
}

fn times(sheet: &ListSheet, known: &Known<'_>, q: &mut Quality) {
    let (list, visit) = (&sheet.list, known.visit);
    if let (Some(adm), Some(dscg)) = (list.admitted, list.discharged)
        && dscg < adm
    {
        q.serious("dscg_time", "出院时间早于入院时间", dscg);
    }
    if let Some(adm) = list.admitted.filter(|t| t.date() != visit.begin.date()) {
        q.serious("adm_time", "入院时间与住院登记不一致", adm);
    }
    if let (Some(dscg), Some(end)) = (list.discharged, visit.end)
        && dscg.date() != end.date()
    {
        q.serious("dscg_time", "出院时间与出院登记不一致", dscg);
    }
    if visit.kind().is_stay() {
        if list.admitted.is_none() {
            q.serious("adm_time", "住院清单缺少入院时间", "");
        }
        if list.discharged.is_none() {
            q.serious("dscg_time", "住院清单缺少出院时间", "");
        }
    }
    match (sheet.begin, sheet.end) {
        (Some(b), Some(e)) if e < b => q.serious("setl_end_date", "结算结束日期早于结算开始日期", e),
        (Some(b), Some(e)) if (b, e) != known.days => {
            q.hint("setl_begn_date", "结算起止日期与结算记录不一致", format!("{b}~{e}"));
        }
        _ => {}
    }
    let way = &list.discharge_way;
    if !way.is_empty() && !visit.discharge_way.is_empty() && *way != visit.discharge_way {
        q.hint("dscg_way", "离院方式与出院登记不一致", way);
    }
    // 5: died
    if (way == "5") != visit.death.is_some() && !way.is_empty() && visit.end.is_some() {
        q.hint("dscg_way", "离院方式与死亡登记不一致", way);
    }
    if list.return_planned == Some(true) && sheet.return_purpose.trim().is_empty() {
        q.hint("days_rinp_pup_31", "有31天内再住院计划时应填写目的", "");
    }
}

fn operations(sheet: &ListSheet, q: &mut Quality) {
    let (list, day) = (&sheet.list, |t: chrono::NaiveDateTime| t.date());
    let mut seen = BTreeSet::new();
    for o in &list.operations {
        if !o.code.starts_with(|c: char| c.is_ascii_digit()) {
            q.serious("oprn_oprt_code", "手术操作代码不是医保版ICD-9-CM-3的编码形式", &o.code);
        }
        if !seen.insert((o.code.as_str(), o.begin)) {
            q.hint("oprn_oprt_code", "同一手术操作重复填写", &o.code);
        }
        if o.physician.is_empty() {
            q.hint("oper_dr_code", "手术操作缺少术者医师代码", &o.code);
        }
        let Some(at) = o.begin.map(day) else { continue };
        if list.admitted.map(day).is_some_and(|a| at < a) || list.discharged.map(day).is_some_and(|d| at > d) {
            q.serious("oprn_oprt_begntime", "手术操作时间不在住院期间内", at);
        }
    }
}

fn care(sheet: &ListSheet, q: &mut Quality) {
    let list = &sheet.list;
    if let (Some(days), Some(a), Some(d)) = (sheet.nursing_days, list.admitted, list.discharged) {
        // the days of admission and of discharge both count
        let stay = (d.date() - a.date()).num_days() + 1;
        if days > Quantity::whole(stay) {
            q.hint("lv1_nurscare_days", "各级护理天数之和超过住院天数", days);
        }
    }
    let mut times = sheet.intensive.clone();
    times.sort();
    let mut last_out = None;
    for (entered, left) in times {
        if left < entered {
            q.serious("scs_cutd_exit_time", "重症监护退出时间早于进入时间", left);
        }
        if list.admitted.is_some_and(|a| entered < a) || list.discharged.is_some_and(|d| left > d) {
            q.serious("scs_cutd_inpool_time", "重症监护时间不在住院期间内", entered);
        }
        if last_out.is_some_and(|o| entered < o) {
            q.hint("scs_cutd_inpool_time", "重症监护时间相互重叠", entered);
        }
        last_out = Some(left);
    }
}

fn payments(sheet: &ListSheet, known: &Known<'_>, q: &mut Quality) {
    if sheet.payments.is_empty() {
        return;
    }
    let mut stated: BTreeMap<&FundCode, Money> = BTreeMap::new();
    for (fund, amount) in &sheet.payments {
        *stated.entry(fund).or_default() += *amount;
    }
    for (&fund, amount) in &stated {
        let paid = known.payments.get(fund).copied().unwrap_or_default();
        if paid != *amount {
            q.serious("fund_payamt", "基金支付金额与结算结果不一致", format!("{fund} {amount}"));
        }
    }
    for (fund, paid) in &known.payments {
        if !paid.is_zero() && !stated.contains_key(fund) {
            q.serious("fund_pay_type", "缺少结算结果中的基金支付类型", fund);
        }
    }
}

/// A newborn's age in days and weight, where the person was at most 28 days old.
fn newborn(sheet: &ListSheet, known: &Known<'_>, q: &mut Quality) {
    let age = (known.visit.begin.date() - known.birth).num_days();
    match (sheet.age_days, (0..=28).contains(&age)) {
        (None, true) => q.hint("age_days", "新生儿缺少天龄", ""),
        (Some(stated), true) if stated != age => q.serious("age_days", "新生儿天龄与出生日期不一致", stated),
        (Some(stated), false) if stated > 0 && age > 365 => q.serious("age_days", "患者不是新生儿", stated),
        _ => {}
    }
    let sound = Quantity::whole(100)..=Quantity::whole(9_999);
    if let Some(weight) = sheet.birth_weight.filter(|w| !w.is_zero() && !sound.contains(w)) {
        q.serious("nwb_bir_wt", "新生儿出生体重不在100至9999克之间", weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDateTime;
    use dingan_core::claim::{Diagnosis, Operation, SettlementList};
    use dingan_core::money::Rate;

    fn day(d: u32) -> NaiveDateTime {
        NaiveDate::from_ymd_opt(2026, 3, d).unwrap().and_hms_opt(8, 0, 0).unwrap()
    }

    fn visit() -> Visit {
        Visit {
            id: "V1".into(),
            person: "P1".into(),
            institution: "H1".into(),
            insurance: "310".into(),
            med_type: "21".into(),
            begin: day(1),
            end: Some(day(9)),
            disease: "".into(),
            diagnoses: Vec::new(),
            department: Default::default(),
            bed: Default::default(),
            discharge_way: "1".into(),
            death: None,
            referred_from: None,
            third_party_share: Rate::ZERO,
            circumstances: Default::default(),
            insured_at: Default::default(),
        }
    }

    fn sound() -> ListSheet {
        let diagnosis = |code: &str, main, order| Diagnosis {
            code: code.into(),
            name: "x".into(),
            main,
            order,
            at_discharge: true,
        };
        let operation =
            Operation { code: "33.2400".into(), name: "x".into(), begin: Some(day(3)), physician: "D1".into() };
        ListSheet {
            list: SettlementList {
                admitted: Some(day(1)),
                discharged: Some(day(9)),
                discharge_way: "1".into(),
                diagnoses: vec![diagnosis("J18.900", true, 1), diagnosis("E11.900x001", false, 2)],
                operations: vec![operation],
                ..SettlementList::default()
            },
            begin: Some(day(1).date()),
            end: Some(day(9).date()),
            payments: vec![("310100".into(), Money::fen(100))],
            nursing_days: Some(Quantity::whole(9)),
            intensive: vec![(day(2), day(4))],
            ..ListSheet::default()
        }
    }

    /// The fields found wrong, those that send the list back marked.
    fn wrong(change: impl Fn(&mut ListSheet)) -> Vec<String> {
        let (mut sheet, visit) = (sound(), visit());
        change(&mut sheet);
        let payments = [("310100".into(), Money::fen(100))].into();
        let birth = NaiveDate::from_ymd_opt(1970, 6, 1).unwrap();
        let known = Known { visit: &visit, birth, days: (day(1).date(), day(9).date()), payments };
        check(&sheet, &known).into_iter().map(|p| format!("{}{}", p.field, if p.serious { "!" } else { "" })).collect()
    }

    #[test]
    fn each_fault_is_told_and_a_sound_list_passes() {
        assert_eq!(wrong(|_| {}), Vec::<String>::new());
        assert_eq!(wrong(|s| s.list.diagnoses.clear()), ["diag_code!"]);
        assert_eq!(wrong(|s| s.list.diagnoses[1].main = true), ["maindiag_flag!"]);
        assert_eq!(wrong(|s| s.list.diagnoses[1].code = "x".into()), ["diag_code!"]);
        assert_eq!(wrong(|s| s.list.diagnoses[1].code = "J18.900".into()), ["diag_code"]);
        assert_eq!(wrong(|s| s.list.diagnoses[0].code = "W19.x00".into()), ["diag_code!"]);
        assert_eq!(wrong(|s| s.list.admitted = Some(day(2))), ["adm_time!", "lv1_nurscare_days"]);
        assert_eq!(wrong(|s| s.list.discharged = None), ["dscg_time!"]);
        assert_eq!(wrong(|s| s.end = Some(day(8).date())), ["setl_begn_date"]);
        assert_eq!(wrong(|s| s.list.discharge_way = "2".into()), ["dscg_way"]);
        assert_eq!(wrong(|s| s.list.return_planned = Some(true)), ["days_rinp_pup_31"]);
        assert_eq!(wrong(|s| s.list.operations[0].begin = Some(day(10))), ["oprn_oprt_begntime!"]);
        assert_eq!(wrong(|s| s.list.operations[0].physician = "".into()), ["oper_dr_code"]);
        assert_eq!(wrong(|s| s.nursing_days = Some(Quantity::whole(10))), ["lv1_nurscare_days"]);
        assert_eq!(wrong(|s| s.intensive.push((day(3), day(5)))), ["scs_cutd_inpool_time"]);
        assert_eq!(wrong(|s| s.intensive = vec![(day(4), day(2))]), ["scs_cutd_exit_time!"]);
        assert_eq!(wrong(|s| s.payments[0].1 = Money::fen(99)), ["fund_payamt!"]);
        assert_eq!(wrong(|s| s.payments[0].0 = "390100".into()), ["fund_payamt!", "fund_pay_type!"]);
        assert_eq!(wrong(|s| s.age_days = Some(3)), ["age_days!"]);
        assert_eq!(wrong(|s| s.birth_weight = Some(Quantity::whole(50))), ["nwb_bir_wt!"]);
    }
}
