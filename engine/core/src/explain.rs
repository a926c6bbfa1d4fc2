//! The trace in words: what the console's waterfall, `policy explain` and a person who disputes a bill read.

use crate::decision::{Decision, Step, StepKind};
use crate::policy::{BenefitPolicy, Case};
use serde::Serialize;
use std::fmt::Write;
use std::sync::Arc;

/// Language of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// For hospitals, clerks and persons.
    Chinese,
    /// For engineers.
    English,
}

/// The whole trace, one step a line, each with where its figure comes from.
pub fn explain(decision: &Decision, policies: &[Arc<BenefitPolicy>], language: Language) -> String {
    let mut out = String::new();
    let zh = language == Language::Chinese;
    for used in &decision.priced.policies {
        let policy = policies.iter().find(|p| p.id == used.id && p.version == used.version);
        let title = policy.map_or(used.id.as_str(), |p| p.title.as_str());
        let _ = if zh {
            writeln!(out, "{}年度 {title}（{} {}）", used.year, used.id, used.version)
        } else {
            writeln!(out, "{} {title} ({} {})", used.year, used.id, used.version)
        };
        for step in decision.priced.steps.iter().filter(|s| s.year == used.year) {
            let _ = writeln!(out, "  {}", line(step, policy.map(|p| &**p), zh));
        }
    }
    let a = &decision.priced.amounts;
    let _ = if zh {
        writeln!(
            out,
            "合计 {} = 基金 {} + 个人 {}（账户 {}、现金 {}）+ 医院 {}",
            a.total, a.funds, a.person, a.account, a.cash, a.hospital
        )
    } else {
        writeln!(
            out,
            "total {} = funds {} + person {} (account {}, cash {}) + hospital {}",
            a.total, a.funds, a.person, a.account, a.cash, a.hospital
        )
    };
    out
}

fn line(step: &Step, policy: Option<&BenefitPolicy>, zh: bool) -> String {
    let layer = policy
        .and_then(|p| p.layer(&step.layer))
        .map_or(step.layer.as_str(), |l| if zh { l.title.as_str() } else { l.id.as_str() });
    let mut s = String::new();
    if !layer.is_empty() {
        let _ = write!(s, "[{layer}] ");
    }
    let _ = write!(s, "{}", name(step.kind, zh));
    for (i, (n, v)) in step.operands.iter().enumerate() {
        let _ = write!(s, "{}{} {v}", if i == 0 { ": " } else { ", " }, word(n, zh));
    }
    let _ = write!(s, " → {}", step.result);
    if let Some(source) = policy.and_then(|p| source(p, &step.figure)) {
        let _ = write!(s, "  〔{source}〕");
    }
    s
}

fn name(kind: StepKind, zh: bool) -> &'static str {
    let (c, e) = match kind {
        StepKind::LineSplit => ("明细划分，符合政策范围", "lines, in scope"),
        StepKind::ExtraSelfPay => ("异地等另行先自付", "extra advance self-pay"),
        StepKind::ThirdParty => ("第三方责任剔除", "third party's share"),
        StepKind::Pause => ("参保暂停或待遇等待期，基金不支付", "insurance paused, funds pay nothing of"),
        StepKind::Base => ("计算基数", "base"),
        StepKind::Deductible => ("起付线", "deductible"),
        StepKind::Threshold => ("起付标准以下", "below the threshold"),
        StepKind::Tier => ("分段支付", "tier"),
        StepKind::Cap => ("超封顶线", "above the cap"),
        StepKind::Quota => ("定额支付", "quota"),
        StepKind::Floor => ("保底补足", "floor"),
        StepKind::Layer => ("基金支付", "paid"),
        StepKind::Account => ("个人账户支付", "accounts"),
        StepKind::Cash => ("个人现金", "cash"),
        StepKind::Hospital => ("医院负担", "borne by the hospital"),
    };
    if zh { c } else { e }
}

fn word(operand: &str, zh: bool) -> &str {
    if !zh {
        return operand;
    }
    match operand {
        "lines" => "明细条数",
        "total" => "总额",
        "ownpay" => "全自费",
        "overlimit" => "超限价",
        "preselfpay" => "先行自付",
        "in_scope" | "scope" => "范围内",
        "ratio" => "比例",
        "share" => "份额",
        "main" => "基数",
        "add" => "加",
        "less" => "减",
        "standard" => "标准",
        "after_repeat" => "本次标准",
        "charged" => "已计",
        "periods" => "计收次数",
        "ceiling_left" => "年度余额",
        "threshold" => "起付标准",
        "before" => "此前累计",
        "left" => "剩余限额",
        "quota" => "定额",
        "of" => "占",
        "paid" => "已支付",
        "base" => "基数",
        "allowed" => "可用账户支付",
        "own" => "本人账户",
        "family" => "共济账户",
        "person" => "个人负担",
        other => other,
    }
}

/// The source a figure states, found by its path (`layer.basic.tier.0.ratio.2`).
fn source(policy: &BenefitPolicy, path: &str) -> Option<String> {
    let mut parts = path.split('.');
    let number = |s: Option<&str>| s.and_then(|n| n.parse::<usize>().ok());
    match parts.next()? {
        "layer" => {
            let layer = policy.layer(parts.next()?)?;
            match parts.next()? {
                "deductible" => {
                    let d = layer.deductibles.get(number(parts.next())?)?;
                    parts.next();
                    said(d.standard.get(number(parts.next())?))
                }
                "threshold" => {
                    parts.next();
                    said(layer.threshold.as_ref()?.value.get(number(parts.next())?))
                }
                "tier" => {
                    let t = layer.tiers.get(number(parts.next())?)?;
                    parts.next();
                    said(t.ratio.get(number(parts.next())?))
                }
                "cap" => {
                    let c = layer.caps.get(number(parts.next())?)?;
                    parts.next();
                    said(c.value.get(number(parts.next())?))
                }
                _ => None,
            }
        }
        "split" => {
            parts.next();
            said(policy.split.extra_selfpay.get(number(parts.next())?))
        }
        "quota" => {
            let q = policy.quotas.get(number(parts.next())?)?;
            parts.next();
            said(q.amount.get(number(parts.next())?))
        }
        "floor" => {
            parts.next();
            said(policy.floor.as_ref()?.ratio.get(number(parts.next())?))
        }
        _ => None,
    }
}

fn said<T: Serialize>(case: Option<&Case<T>>) -> Option<String> {
    let c = case?;
    Some(if c.source.is_empty() { format!("未核实：{}", c.unverified) } else { c.source.clone() })
}
