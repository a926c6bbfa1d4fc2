//! How a line that was split is shown: `result` of 2204 and 2301, the rows of 5204.

use super::value::{self, flag, money, price, quantity, rate};
use crate::desk::LineResult;
use dingan_core::decision::{LineSplit, SplitReason};
use dingan_core::money::Price;
use serde_json::{Map, Value};

/// `pric_uplmt_amt` where an item has no limit.
const NO_LIMIT: Price = Price::from_units(999_999 * Price::ONE_UNITS);

/// The fields that both have.
pub(crate) fn common(line: &LineResult) -> Map<String, Value> {
    let (l, s, item) = (&line.line, &line.split, line.item.as_deref());
    value::map([
        ("feedetl_sn", value::text(l.no.as_str())),
        ("det_item_fee_sumamt", money(s.amount)),
        ("cnt", quantity(l.quantity)),
        ("pric", price(l.price)),
        ("pric_uplmt_amt", price(s.limit.unwrap_or(NO_LIMIT))),
        ("selfpay_prop", rate(s.self_pay)),
        ("fulamt_ownpay_amt", money(s.ownpay)),
        ("overlmt_amt", money(s.overlimit)),
        ("preselfpay_amt", money(s.preselfpay)),
        ("inscp_scp_amt", money(s.in_scope)),
        ("chrgitm_lv", value::text(s.class.code())),
        // 14 其他费 for what the catalogue does not have
        ("med_chrgitm_type", value::text(item.map_or("14", |i| i.charge_type.as_str()))),
        ("lmt_used_flag", flag(item.is_some_and(|i| i.restricted))),
        ("bas_medn_flag", value::text("")),
        ("hi_nego_drug_flag", value::text("")),
        ("chld_medc_flag", value::text("")),
        ("list_sp_item_flag", value::text("")),
        ("drt_reim_flag", value::text("")),
        ("memo", value::text(memo(s))),
        ("exp_content", value::text("")),
    ])
}

/// A row of `result`.
pub(crate) fn result(line: &LineResult) -> Value {
    Value::Object(common(line))
}

/// Why the line is not in scope, where that is not plain from its class.
fn memo(s: &LineSplit) -> &'static str {
    match s.reason {
        None => "",
        Some(SplitReason::Unlisted) => "费用发生日该项目不在医保目录内，全额自费",
        Some(SplitReason::NotApproved) => "限制使用项目未经医院审批(hosp_appr_flag)，全额自费",
        Some(SplitReason::Refused) => "医院审批不通过，全额自费",
        Some(SplitReason::AboveCap) => "超过该项目每日或每次住院的限量，超出部分自费",
    }
}
