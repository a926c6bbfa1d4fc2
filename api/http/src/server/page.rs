//! The start page: what this server is, and what it has done. No script, no outside resource.

use super::App;
use crate::agency::AgencyError;
use std::fmt::Write;

/// Words of the page: (Chinese, English).
const WORDS: [(&str, &str); 16] = [
    ("定案 · 医保结算与智能审核", "Dingan · claims settlement and review"),
    ("运行正常", "running"),
    ("参保人", "persons"),
    ("就诊", "visits"),
    ("有效结算", "live settlements"),
    ("撤销", "reversals"),
    ("未处理疑点", "open findings"),
    ("基金与账户支出（元）", "paid by fund and account (yuan)"),
    ("科目", "account"),
    ("金额", "amount"),
    ("疑点按规则", "findings by rule"),
    ("规则", "rule"),
    ("件数", "count"),
    ("涉及费用（元）", "charge (yuan)"),
    ("借贷平衡", "ledger balanced"),
    ("借贷不平，请立即检查", "LEDGER NOT BALANCED, check at once"),
];

pub(super) async fn start(app: &App, english: bool) -> Result<String, AgencyError> {
    let w = |i: usize| WORDS.get(i).map_or("", |(zh, en)| if english { en } else { zh });
    let live = app.agency.live().await?;
    let mut snap = app.agency.store().snapshot().await?;
    let counts = snap.counts().await?;
    let ledger = snap.ledger_totals().await?;
    let balanced = snap.unbalanced().await?.is_empty();
    let findings = snap.findings_by_rule().await?;
    let titles: std::collections::HashMap<String, String> =
        live.rules.rules().map(|r| (r.code.clone(), r.title.clone())).collect();

    let mut h = String::with_capacity(8192);
    let lang = if english { "en" } else { "zh-CN" };
    let _ = write!(
        h,
        "<!doctype html><html lang={lang}><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>{title}</title><style>{CSS}</style><header><h1>{title}</h1><nav><a href='?'>中文</a> <a href='?lang=en'>English</a></nav></header><main>",
        title = w(0)
    );
    let _ = write!(
        h,
        "<p class=state><b>{}</b> · <span class={}>{}</span> · bundle <code>{}</code></p><div class=cards>",
        w(1),
        if balanced { "ok" } else { "bad" },
        if balanced { w(14) } else { w(15) },
        escape(live.hash.get(..12).unwrap_or(&live.hash))
    );
    for (label, n) in [
        (w(2), counts.persons),
        (w(3), counts.visits),
        (w(4), counts.settlements),
        (w(5), counts.reversed),
        (w(6), counts.findings),
    ] {
        let _ = write!(h, "<div><strong>{n}</strong><span>{label}</span></div>");
    }
    let _ = write!(h, "</div><section><h2>{}</h2><table><tr><th>{}<th class=n>{}", w(7), w(8), w(9));
    for (account, amount) in ledger.iter().filter(|(a, _)| !a.starts_with("institution")) {
        let _ = write!(h, "<tr><td>{}<td class=n>{amount}", escape(&account_title(account, english)));
    }
    let _ = write!(
        h,
        "</table></section><section><h2>{}</h2><table><tr><th>{}<th><th class=n>{}<th class=n>{}",
        w(10),
        w(11),
        w(12),
        w(13)
    );
    for (rule, n, charge) in &findings {
        let title = titles.get(rule).map_or("", String::as_str);
        let _ =
            write!(h, "<tr><td><code>{}</code><td>{}<td class=n>{n}<td class=n>{charge}", escape(rule), escape(title));
    }
    let _ = write!(
        h,
        "</table></section><footer><code>POST /fsi/api/…</code> · <a href=/health>/health</a> · <a href=/ready>/ready</a> · <a href=/metrics>/metrics</a> · <a href=/api/v1/ledger>/api/v1/ledger</a></footer></main></html>"
    );
    Ok(h)
}

fn account_title(group: &str, english: bool) -> String {
    let zh = match group {
        "fund/310100" => "职工基本医保统筹基金 310100",
        "fund/310102" => "职工门诊统筹基金 310102",
        "fund/330100" => "大额医疗费用补助基金 330100",
        "fund/390100" => "城乡居民基本医保基金 390100",
        "fund/390102" => "居民门诊统筹基金 390102",
        "fund/390200" => "城乡居民大病保险资金 390200",
        "fund/610100" => "医疗救助基金 610100",
        "account/own" => "个人账户",
        "account/family" => "家庭共济账户",
        "cash" => "个人现金",
        "hospital-borne" => "医院负担",
        _ => return group.to_owned(),
    };
    if english { group.to_owned() } else { zh.to_owned() }
}

fn escape(s: &str) -> String {
    s.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

pub(super) const CSS: &str = "body{font:16px/1.6 system-ui,'Noto Sans CJK SC','Microsoft YaHei',sans-serif;margin:0;color:#1c2733;background:#f4f6f8}\
header{background:#0b3d5c;color:#fff;padding:1rem 2rem;display:flex;justify-content:space-between;align-items:center;flex-wrap:wrap}\
h1{font-size:1.3rem;margin:0}nav a{color:#cfe3f1;margin-left:1rem}main{max-width:60rem;margin:1.5rem auto;padding:0 1rem}\
.state{color:#405264}.ok{color:#146c43}.bad{color:#b02a37;font-weight:700}\
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:1rem}\
.cards div{background:#fff;border:1px solid #dde4ea;border-radius:.5rem;padding:1rem;text-align:center}\
.cards strong{display:block;font-size:1.7rem}.cards span{color:#5b6b7a}\
section{background:#fff;border:1px solid #dde4ea;border-radius:.5rem;padding:.5rem 1.2rem 1.2rem;margin-top:1.2rem;overflow-x:auto}\
h2{font-size:1.05rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #e9eef2}\
th.n,td.n{text-align:right;font-variant-numeric:tabular-nums}footer{margin:1.5rem 0;color:#5b6b7a}pre{overflow-x:auto}";
