//! The decision: amounts, the trace that explains them, entries, postings and findings.
//!
//! It is written to the store as JSON in the order of the fields here; the same facts give the
//! same bytes. Nothing in it depends on when or where it was made.

use crate::codes::*;
use crate::finding::{Exempted, Finding, RuleFailure, Stake, Undecided};
use crate::ledger::Posting;
use crate::money::{Money, Price, Rate};
use crate::person::AccumulatorEntry;
use crate::policy::Fund;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// How a line divides (identity I8: the four parts add up to the amount).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineSplit {
    /// `feedetl_sn`.
    pub no: LineNo,
    /// `det_item_fee_sumamt` that counts.
    pub amount: Money,
    /// `fulamt_ownpay_amt`.
    pub ownpay: Money,
    /// `overlmt_amt`.
    pub overlimit: Money,
    /// `preselfpay_amt`.
    pub preselfpay: Money,
    /// `inscp_scp_amt`.
    pub in_scope: Money,
    /// `hosp_part_amt`: of the part above the limit, what the hospital bears.
    #[serde(default, skip_serializing_if = "Money::is_zero")]
    pub hospital: Money,
    /// `chrgitm_lv`.
    pub class: ItemClass,
    /// `selfpay_prop`.
    pub self_pay: Rate,
    /// `pric_uplmt_amt`; none where there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Price>,
    /// Why the line is not in scope, where that is not plain from its class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<SplitReason>,
}

/// Why a line was split in an unusual way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitReason {
    /// The item is not in the catalogue on that day.
    Unlisted,
    /// A restricted item without the hospital's approval.
    NotApproved,
    /// The hospital refused it.
    Refused,
    /// Above the item's cap per day or stay.
    AboveCap,
}

/// The header amounts of a settlement (interface.md §3.1), under their national names in the comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Amounts {
    /// `medfee_sumamt`.
    pub total: Money,
    /// `fulamt_ownpay_amt`.
    pub ownpay: Money,
    /// `overlmt_selfpay`.
    pub overlimit: Money,
    /// `preselfpay_amt`.
    pub preselfpay: Money,
    /// `inscp_scp_amt`.
    pub in_scope: Money,
    /// `dedc_std`: the standard that applied.
    pub deductible_standard: Money,
    /// `crt_dedc`: what of it was still due.
    pub deductible_due: Money,
    /// `act_pay_dedc`: what was charged.
    pub deductible: Money,
    /// `pool_prop_selfpay`: the basic pool's payment ratio.
    pub pool_ratio: Rate,
    /// `hifp_pay`.
    pub hifp: Money,
    /// `cvlserv_pay`.
    pub cvlserv: Money,
    /// `hifes_pay`.
    pub hifes: Money,
    /// `hifmi_pay`.
    pub hifmi: Money,
    /// `hifob_pay`.
    pub hifob: Money,
    /// `hifdm_pay`.
    pub hifdm: Money,
    /// `maf_pay`.
    pub maf: Money,
    /// `oth_pay`.
    pub oth: Money,
    /// `fund_pay_sumamt`.
    pub funds: Money,
    /// `psn_part_amt`.
    pub person: Money,
    /// `acct_pay`, the family account's part included.
    pub account: Money,
    /// `acct_mulaid_pay`.
    pub family_account: Money,
    /// `psn_cash_pay`.
    pub cash: Money,
    /// `hosp_part_amt`.
    pub hospital: Money,
    /// `balc`: the person's own account after it.
    pub balance: Money,
}

impl Amounts {
    /// The field of a fund.
    pub fn fund_mut(&mut self, f: Fund) -> &mut Money {
        match f {
            Fund::Hifp => &mut self.hifp,
            Fund::Cvlserv => &mut self.cvlserv,
            Fund::Hifes => &mut self.hifes,
            Fund::Hifmi => &mut self.hifmi,
            Fund::Hifob => &mut self.hifob,
            Fund::Hifdm => &mut self.hifdm,
            Fund::Maf => &mut self.maf,
            Fund::Oth => &mut self.oth,
        }
    }

    /// What `I1`–`I4` of interface.md §3.2 say; the names of those that do not hold.
    pub fn broken_identities(&self) -> Vec<&'static str> {
        let mut broken = Vec::new();
        if self.total != self.funds + self.person + self.hospital {
            broken.push("I1");
        }
        if self.person != self.account + self.cash {
            broken.push("I2");
        }
        let funds = self.hifp + self.cvlserv + self.hifes + self.hifmi + self.hifob + self.hifdm + self.maf + self.oth;
        if self.funds != funds {
            broken.push("I3");
        }
        if self.total != self.ownpay + self.overlimit + self.preselfpay + self.in_scope {
            broken.push("I4");
        }
        broken
    }

    /// The amounts of the reversal: every one negated (I11), but for the balance, which is stated.
    pub fn negated(&self, balance: Money) -> Self {
        Self {
            total: -self.total,
            ownpay: -self.ownpay,
            overlimit: -self.overlimit,
            preselfpay: -self.preselfpay,
            in_scope: -self.in_scope,
            deductible_standard: self.deductible_standard,
            deductible_due: -self.deductible_due,
            deductible: -self.deductible,
            pool_ratio: self.pool_ratio,
            hifp: -self.hifp,
            cvlserv: -self.cvlserv,
            hifes: -self.hifes,
            hifmi: -self.hifmi,
            hifob: -self.hifob,
            hifdm: -self.hifdm,
            maf: -self.maf,
            oth: -self.oth,
            funds: -self.funds,
            person: -self.person,
            account: -self.account,
            family_account: -self.family_account,
            cash: -self.cash,
            hospital: -self.hospital,
            balance,
        }
    }
}

/// What one fund pays (`setldetail`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundPayment {
    /// `fund_pay_type`.
    pub fund_pay_type: FundCode,
    /// The national field it counts in; none for accounts and the hospital's part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fund: Option<Fund>,
    /// The layer that paid.
    pub layer: Text,
    /// `inscp_scp_amt`: the base the layer was measured on.
    pub base: Money,
    /// `crt_payb_lmt_amt`: what the narrowest cap left before; none without a cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Money>,
    /// `fund_payamt`.
    pub amount: Money,
}

/// What a step of the trace did. The names are stored and never reused for another meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// Sum of the four parts of the lines.
    LineSplit,
    /// Extra advance self-pay.
    ExtraSelfPay,
    /// Taken out for a third party's liability.
    ThirdParty,
    /// The insurance is suspended or waiting: funds pay nothing.
    Pause,
    /// A layer's base.
    Base,
    /// Deductible charged.
    Deductible,
    /// Below the threshold.
    Threshold,
    /// A tier's payment.
    Tier,
    /// Cut by a cap.
    Cap,
    /// A quota's payment.
    Quota,
    /// A top-up to the least share.
    Floor,
    /// A layer's payment, all tiers.
    Layer,
    /// Account payment.
    Account,
    /// Cash.
    Cash,
    /// Borne by the hospital.
    Hospital,
}

/// A number of the trace, stored as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// Yuan.
    Money(Money),
    /// Ratio.
    Rate(Rate),
    /// Count.
    Int(i64),
    /// As read back from the store.
    Text(String),
}

impl Serialize for Operand {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Money(m) => s.collect_str(m),
            Self::Rate(r) => s.collect_str(r),
            Self::Int(i) => s.collect_str(i),
            Self::Text(t) => s.serialize_str(t),
        }
    }
}
impl<'de> Deserialize<'de> for Operand {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d).map(Self::Text)
    }
}
impl std::fmt::Display for Operand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Money(m) => m.fmt(f),
            Self::Rate(r) => r.fmt(f),
            Self::Int(i) => i.fmt(f),
            Self::Text(t) => t.fmt(f),
        }
    }
}

/// One step of the trace: what was done, with which figure of the policy, on what, giving what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What was done.
    pub kind: StepKind,
    /// Benefit year of the portion.
    pub year: i32,
    /// The layer.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub layer: Text,
    /// Where in the policy the figure stands: `layer.basic.tier.0.ratio.2`.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub figure: Text,
    /// Named operands in the order of the computation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operands: Vec<(Cow<'static, str>, Operand)>,
    /// The result.
    pub result: Money,
}

/// Which policy priced a portion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyUsed {
    /// Benefit year of the portion.
    pub year: i32,
    /// Policy id.
    pub id: String,
    /// Policy version.
    pub version: String,
}

/// The priced part of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priced {
    /// Policies, one for each portion.
    pub policies: Vec<PolicyUsed>,
    /// Header amounts.
    pub amounts: Amounts,
    /// Payments by fund, in order; then accounts; then the hospital's part (identity I5).
    pub payments: Vec<FundPayment>,
    /// Lines in order of (`fee_ocur_time`, `feedetl_sn`).
    pub lines: Vec<LineSplit>,
    /// What accumulators gain.
    pub entries: Vec<AccumulatorEntry>,
    /// The trace.
    pub steps: Vec<Step>,
}

/// A whole decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Version of the engine that made it.
    pub engine: Cow<'static, str>,
    /// Hash of the bundle.
    pub bundle: String,
    /// Amounts, lines, trace.
    #[serde(flatten)]
    pub priced: Priced,
    /// Double-entry postings.
    pub postings: Vec<Posting>,
    /// What the rules found.
    pub findings: Vec<Finding>,
    /// Rules that could not decide yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undecided: Vec<Undecided>,
    /// Rules that failed; any of them sends the claim to manual review.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<RuleFailure>,
    /// Rules that were not applied for an exemption of the central list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempted: Vec<Exempted>,
}

impl Decision {
    /// The bytes under which it is stored and compared.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
    /// Whether the bill gives back more than it charges, as a whole or of what is in scope: funds never
    /// pay less than nothing, so such a bill cannot be settled by itself.
    pub fn gives_back(&self) -> bool {
        self.priced.amounts.total.is_negative() || self.priced.amounts.in_scope.is_negative()
    }
    /// What is at stake over all findings, no fen counted twice.
    pub fn at_stake(&self) -> Stake {
        let sum = |of: fn(&Stake) -> Money| self.findings.iter().map(|f| of(&f.counted)).sum();
        Stake { charge: sum(|s| s.charge), fund: sum(|s| s.fund), person: sum(|s| s.person) }
    }
    /// Whether a person must look at the claim because a rule failed.
    pub fn manual_review(&self) -> bool {
        !self.failures.is_empty()
    }
}
