//! `setlinfo` and `setldetail`: a settlement as every transaction about one shows it.
//!
//! The identities I1–I5 hold on what is written here, in reversals too: `psn_part_amt`,
//! `hosp_part_amt` and `hifdm_pay` are always there, and `setldetail` lists accounts and the
//! hospital's part beside the funds, so that its rows add up to fund + account + hospital.

use super::names::{self, ClrTypes};
use super::profile::Profile;
use super::steps;
use super::value::{self, day, flag, int, moment, money, object, rate};
use crate::desk::Settled;
use dingan_core::codes::SettlementId;
use dingan_core::decision::Amounts;
use dingan_core::money::Money;
use dingan_core::policy::Place;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Where a settlement is shown.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    kind: Kind,
    clr_types: Arc<ClrTypes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// 2206, 2303: nothing is stored yet.
    Preview,
    /// 2207, 2304.
    Settlement,
    /// 2208, 2305; with `pdn_cash_pay` where asked.
    Reversal { pdn: bool },
    /// 5203.
    Query,
}

impl Form {
    pub fn preview(p: &Profile) -> Self {
        Self::of(Kind::Preview, p)
    }
    pub fn settlement(p: &Profile) -> Self {
        Self::of(Kind::Settlement, p)
    }
    pub fn reversal(p: &Profile, pdn: bool) -> Self {
        Self::of(Kind::Reversal { pdn }, p)
    }
    pub fn query(p: &Profile) -> Self {
        Self::of(Kind::Query, p)
    }
    fn of(kind: Kind, p: &Profile) -> Self {
        Self { kind, clr_types: Arc::clone(&p.clr_types) }
    }
}

/// `output`.
pub(crate) fn output(s: &Settled, form: &Form) -> Value {
    object([("setlinfo", Value::Object(setlinfo(s, form))), ("setldetail", setldetail(s))])
}

fn setlinfo(s: &Settled, form: &Form) -> Map<String, Value> {
    let mut info = who(s, form);
    info.extend(amounts(&s.amounts));
    match form.kind {
        Kind::Query => {
            // 5203 has its own names for these two
            for (name, own) in [("psn_part_amt", "psn_pay"), ("psn_cash_pay", "cash_payamt")] {
                if let Some(amount) = info.remove(name) {
                    info.insert(own.to_owned(), amount);
                }
            }
            info.extend(record(s));
        }
        Kind::Reversal { pdn: true } => {
            info.insert("pdn_cash_pay".to_owned(), money(s.amounts.cash));
        }
        _ => {}
    }
    info
}

/// Who was settled, when, how it is cleared.
fn who(s: &Settled, form: &Form) -> Map<String, Value> {
    let (p, v) = (&s.person, &s.visit);
    let stored = form.kind != Kind::Preview;
    let id = |id: &Option<SettlementId>| id.as_ref().map_or(Value::Null, |i| value::text(i.as_str()));
    value::map([
        ("mdtrt_id", value::text(v.id.as_str())),
        ("setl_id", id(&s.id)),
        ("psn_no", value::text(p.no.as_str())),
        ("psn_name", value::text(p.name.as_str())),
        ("psn_cert_type", value::text(p.cert_type.as_str())),
        ("certno", value::text(p.cert_no.as_str())),
        ("gend", value::text(p.sex.code())),
        ("naty", value::text(p.ethnicity.as_str())),
        ("brdy", day(Some(p.birth))),
        ("age", int(p.age_on(v.begin.date()))),
        ("insutype", value::text(v.insurance.as_str())),
        ("psn_type", value::text(s.person_type.as_str())),
        ("cvlserv_flag", flag(s.civil_servant)),
        ("setl_time", moment(s.time)),
        ("mdtrt_cert_type", value::text("")),
        ("med_type", value::text(v.med_type.as_str())),
        ("medins_setl_id", value::text(s.msgid.as_str())),
        ("clr_optins", value::text(s.institution.division.as_str())),
        ("clr_way", if stored { value::text(s.institution.clearing_way.as_str()) } else { Value::Null }),
        ("clr_type", value::text(form.clr_types.of(s.place, v.med_type.as_str()))),
        ("invono", value::text(s.invoice.as_str())),
        ("out_setl_flag", flag(s.place != Place::Local)),
        ("pay_loc", value::text(pay_loc(s.place))),
        ("exp_content", value::text(elsewhere(s))),
    ])
}

/// Settled at the institution, or where it lies seen from the insured's pool.
fn pay_loc(place: Place) -> &'static str {
    match place {
        Place::Local => "2",
        Place::Province => "3",
        Place::Remote => "4",
    }
}

/// `exp_content` of care elsewhere: the two places, as a JSON text. Nothing at home.
fn elsewhere(s: &Settled) -> String {
    if s.place == Place::Local {
        return String::new();
    }
    let v = &s.visit;
    let mut more = value::map([
        ("mdtrtarea_admvs", value::text(s.institution.division.as_str())),
        ("insuplc_admdvs", value::text(s.division.as_str())),
        ("out_setl_flag", value::text("1")),
        ("pay_loc", value::text(pay_loc(s.place))),
    ]);
    if v.circumstances.injury {
        more.insert("TRUM_FLAG".to_owned(), value::text("1"));
        more.insert("REL_TTP_FLAG".to_owned(), flag(v.circumstances.third_party));
    }
    if v.is_emergency() {
        let name = if v.kind().is_stay() { "IPT_TYPE" } else { "OTP_ER_REFL_FLAG" };
        more.insert(name.to_owned(), value::text(if v.kind().is_stay() { "2" } else { "1" }));
    }
    Value::Object(more).to_string()
}

fn amounts(a: &Amounts) -> Map<String, Value> {
    value::map([
        ("medfee_sumamt", money(a.total)),
        ("fulamt_ownpay_amt", money(a.ownpay)),
        ("overlmt_selfpay", money(a.overlimit)),
        ("preselfpay_amt", money(a.preselfpay)),
        ("inscp_scp_amt", money(a.in_scope)),
        ("dedc_std", money(a.deductible_standard)),
        ("crt_dedc", money(a.deductible_due)),
        ("act_pay_dedc", money(a.deductible)),
        ("pool_prop_selfpay", rate(a.pool_ratio)),
        ("hifp_pay", money(a.hifp)),
        ("cvlserv_pay", money(a.cvlserv)),
        ("hifes_pay", money(a.hifes)),
        ("hifmi_pay", money(a.hifmi)),
        ("hifob_pay", money(a.hifob)),
        ("hifdm_pay", money(a.hifdm)),
        ("maf_pay", money(a.maf)),
        ("oth_pay", money(a.oth)),
        ("fund_pay_sumamt", money(a.funds)),
        ("psn_part_amt", money(a.person)),
        ("acct_pay", money(a.account)),
        ("acct_mulaid_pay", money(a.family_account)),
        ("psn_cash_pay", money(a.cash)),
        ("hosp_part_amt", money(a.hospital)),
        ("balc", money(a.balance)),
    ])
}

/// What 5203 shows besides.
fn record(s: &Settled) -> Map<String, Value> {
    let i = &s.institution;
    let employer = s.person.relations.iter().find(|r| r.insurance == s.visit.insurance && r.covers(s.days.0));
    value::map([
        ("begndate", day(Some(s.days.0))),
        ("enddate", day(Some(s.days.1))),
        ("year", value::text(s.year.to_string())),
        ("insu_optins", value::text(s.division.as_str())),
        ("emp_name", value::text(employer.map_or("", |r| r.employer.as_str()))),
        ("fixmedins_code", value::text(i.code.as_str())),
        ("fixmedins_name", value::text(i.name.as_str())),
        ("fixmedins_poolarea", value::text(i.division.as_str())),
        ("hosp_lv", value::text(i.hosp_lv.as_str())),
        ("lmtpric_hosp_lv", value::text(i.price_level.code())),
        ("dedc_hosp_lv", value::text(i.deductible_level.code())),
        // both the settlement and its reversal carry the mark
        ("refd_setl_flag", flag(s.reverses.is_some() || s.reversed)),
        ("init_setl_id", s.reverses.as_ref().map_or(Value::Null, |r| value::text(r.as_str()))),
        ("dise_codg", value::text(s.visit.disease.as_str())),
        ("dise_name", value::text("")),
        ("opt_time", moment(s.time)),
    ])
}

/// Whether the decision at hand is that of the settlement reversed, so that its amounts turn round.
pub(crate) fn turned(s: &Settled) -> bool {
    let decided = s.decision.priced.amounts.total;
    s.reverses.is_some() && decided == -s.amounts.total
}

/// One row for each fund, account and the hospital's part (I5).
fn setldetail(s: &Settled) -> Value {
    let payments = &s.decision.priced.payments;
    let turned = turned(s);
    let sign = |m: Money| if turned { -m } else { m };
    let words = steps::of_payments(&s.decision.priced);
    let rows = payments.iter().zip(words).map(|(p, words)| {
        object([
            ("fund_pay_type", value::text(p.fund_pay_type.as_str())),
            ("fund_pay_type_name", value::text(names::fund(p.fund_pay_type.as_str()))),
            ("inscp_scp_amt", money(sign(p.base))),
            // a null number is written as zero
            ("crt_payb_lmt_amt", money(p.limit.unwrap_or_default())),
            ("fund_payamt", money(sign(p.amount))),
            ("setl_proc_info", value::text(words)),
        ])
    });
    Value::Array(rows.collect())
}
