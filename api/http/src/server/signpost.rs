//! What someone sees at the door once accounts exist: who may do what, and where to go. It tells nothing of the books.

use super::page::CSS;
use std::fmt::Write;

/// (Chinese, English).
type Words = (&'static str, &'static str);

/// Who, what they may do, and where: addresses are the same in both languages.
const ROLES: [(Words, Words, &str); 8] = [
    (
        ("医疗机构系统 his", "hospital system (his)"),
        ("发送本机构报文，按密钥所属方式签名", "messages of its institution, signed as its key says"),
        "POST /fsi/api/…",
    ),
    (
        ("经办 clerk", "clerk"),
        (
            "手工报销及撤销、应用更正建议、向机构扣款、复核他人申请、清算对账",
            "paper claims and their reversal, proposals, deductions, a second person's word, clearing",
        ),
        "/api/v1/manual/…  /api/v1/clearing/…  dingan manual  dingan clearing",
    ),
    (
        ("审核 reviewer", "reviewer"),
        ("查看个案：结算如何得出、规则为何触发", "cases: how a settlement came about, why a rule spoke"),
        "/api/v1/settlements/{setl_id}/explanation  …/why/{code}",
    ),
    (
        ("稽核 inspector", "inspector"),
        ("查看个案，以SQL查询账目", "cases, and the books with SQL"),
        "/api/v1/inspect  dingan inspect",
    ),
    (
        ("监管 supervisor", "supervisor"),
        ("查看个案，发布规则", "cases, and rules put in force"),
        "/api/v1/rules  dingan rules publish",
    ),
    (
        ("系统管理 administrator", "administrator"),
        ("汇总与运行指标，不看个案", "totals and metrics, no cases"),
        "/api/v1/ledger  /metrics",
    ),
    (
        ("安全管理 security", "security"),
        ("账号与密钥", "accounts and keys"),
        "/api/v1/accounts  /api/v1/keys  dingan user  dingan key",
    ),
    (("审计 auditor", "auditor"), ("查阅审计日志", "the audit log"), "/api/v1/audit  dingan audit"),
];

/// The page.
pub(super) fn page(english: bool) -> String {
    let w = |(zh, en): Words| if english { en } else { zh };
    let mut h = String::with_capacity(6144);
    let _ = write!(
        h,
        "<!doctype html><html lang={lang}><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>{title}</title><style>{CSS}</style><header><h1>{title}</h1>\
         <nav><a href='?'>中文</a> <a href='?lang=en'>English</a></nav></header><main>\
         <p class=state>{intro}</p><section><h2>{who}</h2><table><tr><th>{role}<th>{may}<th>{place}",
        lang = if english { "en" } else { "zh-CN" },
        title = w(("定案 · 医保结算与智能审核", "Dingan · claims settlement and review")),
        intro = w((
            "本服务器只接待已登记的人员和系统。每次查看个案、每次变更、每次被拒绝都有记录。",
            "This server lets in only whom it knows. Each look at a case, each change and each refusal is on record."
        )),
        who = w(("谁可以做什么", "Who may do what")),
        role = w(("角色", "role")),
        may = w(("可以", "may")),
        place = w(("入口", "where")),
    );
    for (role, may, place) in ROLES {
        let _ = write!(h, "<tr><td>{}<td>{}<td>", w(role), w(may));
        for p in place.split("  ") {
            let _ = write!(h, "<code>{p}</code><br>");
        }
    }
    let _ = write!(
        h,
        "</table></section><section><h2>{how}</h2><p>{person}</p>\
         <pre>curl -H 'content-type: application/json' -d '{{\"name\": \"…\", \"password\": \"…\"}}' …/api/v1/session\n\
         export DINGAN_TOKEN=…\ndingan manual tasks --server …</pre><p>{key}</p></section>\
         <footer><a href=/api/v1/openapi.json>/api/v1/openapi.json</a> · <a href=/health>/health</a> · \
         <a href=/ready>/ready</a></footer></main></html>",
        how = w(("如何登录", "How to sign in")),
        person = w((
            "人员用账号和口令换取令牌（八小时有效），随后在请求头 Authorization: Bearer 中带上；没有账号或忘记口令请找安全管理员。",
            "Persons get a token for name and password (eight hours), and send it as Authorization: Bearer. Who has no \
             account, or forgot the password, asks the security officer."
        )),
        key = w((
            "系统使用密钥，签名方式由省级接口规范决定；请找安全管理员登记。",
            "Programs have keys, and sign as their province has it; the security officer makes them."
        )),
    );
    h
}
