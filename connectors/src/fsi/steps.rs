//! The trace in words: `setl_proc_info` of each row of `setldetail`.

use super::limits::{PROCESS_CHARS, cut};
use dingan_core::decision::{FundPayment, Priced, Step, StepKind};
use dingan_core::money::Money;

/// An operand of a step as an amount.
pub(crate) fn amount(step: &Step, name: &str) -> Option<Money> {
    operand(step, name)?.parse().ok()
}

/// An operand of a step as text.
pub(crate) fn operand(step: &Step, name: &str) -> Option<String> {
    step.operands.iter().find(|(n, _)| n == name).map(|(_, o)| o.to_string())
}

/// For each payment, the steps that led to it.
pub(crate) fn of_payments(priced: &Priced) -> Vec<String> {
    let groups = groups(&priced.steps);
    let several_years = priced.policies.len() > 1;
    let mut taken = vec![false; groups.len()];
    priced
        .payments
        .iter()
        .map(|p| {
            // a layer pays once in each benefit year, in the order of the years
            let free = |(i, g): &(usize, &Group<'_>)| !taken.get(*i).copied().unwrap_or(true) && g.is_of(p);
            let Some((i, group)) = groups.iter().enumerate().find(free) else { return String::new() };
            if let Some(t) = taken.get_mut(i) {
                *t = true;
            }
            let year = if several_years { format!("{}年度：", group.year) } else { String::new() };
            let words: Vec<String> = group.steps.iter().filter_map(|s| words(s)).collect();
            cut(&format!("{year}{}", words.join("；")), PROCESS_CHARS)
        })
        .collect()
}

/// The steps of one layer in one year, or one step that stands alone.
struct Group<'s> {
    key: &'s str,
    year: i32,
    steps: Vec<&'s Step>,
}

impl Group<'_> {
    /// Whether the payment came of these steps. A layer that had nothing to pay on made none.
    fn is_of(&self, p: &FundPayment) -> bool {
        let last = self.steps.last();
        let base = last.and_then(|s| amount(s, "base"));
        self.key == p.layer
            && last.is_none_or(|s| s.kind != StepKind::Layer || (base == Some(p.base) && s.result == p.amount))
    }
}

fn groups(steps: &[Step]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for step in steps {
        let key = match step.kind {
            StepKind::Quota => "quota",
            StepKind::Floor => "floor",
            StepKind::Account => "account",
            StepKind::Hospital => "hospital",
            _ if step.layer.is_empty() => continue,
            _ => step.layer.as_str(),
        };
        match groups.iter_mut().find(|g| g.key == key && g.year == step.year) {
            Some(g) => g.steps.push(step),
            None => groups.push(Group { key, year: step.year, steps: vec![step] }),
        }
    }
    groups
}

/// One step in words; nothing where it did nothing.
fn words(step: &Step) -> Option<String> {
    let o = |name: &str| operand(step, name).unwrap_or_default();
    let result = step.result;
    if result.is_zero() && step.kind != StepKind::Layer {
        return None;
    }
    Some(match step.kind {
        StepKind::Base => format!("基数{result}"),
        StepKind::Deductible => format!("起付标准{}，本次起付{result}", o("after_repeat")),
        StepKind::Threshold => format!("起付标准{}以下{result}不支付", o("threshold")),
        StepKind::Tier => format!("{}×{}={result}", o("scope"), o("ratio")),
        StepKind::Cap => format!("限额剩余{}，超限{result}不支付", o("left")),
        StepKind::Quota => format!("定额{}，支付{result}", o("quota")),
        StepKind::Floor => format!("保底{}×{}，补足{result}", o("of"), o("ratio")),
        StepKind::Layer => format!("支付{result}"),
        StepKind::Account => format!("可用范围{}，本人账户{}，共济账户{}", o("allowed"), o("own"), o("family")),
        StepKind::Hospital => format!("医院负担{result}"),
        StepKind::Pause => "参保暂停或待遇等待期，基金不支付".to_owned(),
        StepKind::LineSplit | StepKind::ExtraSelfPay | StepKind::ThirdParty | StepKind::Cash => return None,
    })
}
