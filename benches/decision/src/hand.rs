//! Twelve rules of the library once more, by hand, as one would write them who has only these: what the library is
//! measured against. Findings and open questions are the same to the letter; the bench checks that first.

use dingan_core::codes::{Level, Sex, VisitKind};
use dingan_core::facts::{Facts, LineFact, NetLine};
use dingan_core::finding::{Hit, Part, Review, RuleSet, Severity, Stage, Undecided};
use dingan_core::knowledge::{Knowledge, KnowledgeRow, TableId};
use dingan_core::resolve::own_pay;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The twelve.
pub const CODES: [&str; 12] = [
    "DG1003", "DG1007", "DG1016", "DG2001", "DG2012", "DG3001", "DG3002", "DG3005", "DG3009", "DG3018", "DG4020",
    "DG4021",
];

/// The twelve rules over some knowledge.
pub struct Hand {
    knowledge: Arc<Knowledge>,
    level_min: Option<TableId>,
    never_paid: Option<TableId>,
    antibiotic: Option<TableId>,
    drug_sex: Option<TableId>,
    child_only: Option<TableId>,
    child_forbidden: Option<TableId>,
    elderly: Option<TableId>,
    item_sex: Option<TableId>,
}

type Found<'f> = Vec<(&'f NetLine, &'f LineFact)>;
type Evidence = [(&'static str, String)];

struct Findings {
    review: Review,
}

impl Findings {
    fn hit(
        &mut self,
        rule: &str,
        title: &str,
        severity: Severity,
        at: &[(&LineFact, Option<Part>)],
        evidence: &Evidence,
        text: String,
    ) {
        self.review.hits.push(Hit {
            rule: rule.to_owned(),
            version: 1,
            title: title.to_owned(),
            severity,
            lines: at.iter().map(|(l, part)| (l.line.no.clone(), *part)).collect(),
            related: Vec::new(),
            period: String::new(),
            evidence: evidence.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect::<BTreeMap<_, _>>(),
            text,
        });
    }

    fn open(&mut self, rule: &str, missing: &str) {
        self.review.undecided.push(Undecided { rule: rule.to_owned(), version: 1, missing: missing.to_owned() });
    }
}

fn name(l: &LineFact) -> String {
    l.item.as_ref().map_or(l.line.item.as_str(), |i| i.name.as_str()).to_owned()
}

fn names(lines: &[&LineFact]) -> String {
    let mut all: Vec<String> = lines.iter().map(|l| name(l)).collect();
    all.sort_unstable();
    all.dedup();
    all.join("、")
}

fn days(lines: &[&LineFact]) -> String {
    let mut all: Vec<String> = lines.iter().map(|l| l.line.time.date().to_string()).collect();
    all.dedup();
    let shown = all.iter().take(10).cloned().collect::<Vec<_>>().join("、");
    if all.len() > 10 { format!("{shown}等{}天", all.len()) } else { shown }
}

/// No surer than the points.
fn graded(severity: Severity, points: &[Arc<KnowledgeRow>]) -> Severity {
    if points.iter().any(|p| p.confirmed) { severity } else { severity.max(Severity::Suspicious) }
}

impl Hand {
    /// Looks the tables up once.
    pub fn new(knowledge: Arc<Knowledge>) -> Self {
        let table = |name: &str| knowledge.table(name);
        Self {
            level_min: table("level-min"),
            never_paid: table("herb-never-paid"),
            antibiotic: table("antibiotic-grade"),
            drug_sex: table("drug-sex"),
            child_only: table("child-only"),
            child_forbidden: table("child-forbidden"),
            elderly: table("elderly-caution"),
            item_sex: table("item-sex"),
            knowledge,
        }
    }
}

impl RuleSet for Hand {
    fn review(&self, facts: &Arc<Facts>, stage: Stage) -> Review {
        let mut out = Findings { review: Review::default() };
        let Some(person) = facts.person() else { return out.review };
        let kind = facts.visit.kind();
        let net: Found<'_> = facts.net_lines.iter().filter_map(|n| Some((n, facts.lines.get(n.line)?))).collect();
        let about: Vec<_> = net.iter().map(|(_, l)| self.knowledge.about(l.line.item.as_str())).collect();
        // lines of which a table speaks
        let known = |table: Option<TableId>| {
            let lines = net.iter().zip(&about);
            table.into_iter().flat_map(move |t| {
                lines.clone().map(move |((_, l), a)| (*l, a.points(t))).filter(|(_, p)| !p.is_empty())
            })
        };
        let number =
            |points: &[Arc<KnowledgeRow>]| points.iter().find_map(|p| p.number).map(|n| n.to_decimal().normalize());
        let sex = match person.sex {
            Sex::Male => ("male", "男"),
            Sex::Female => ("female", "女"),
            Sex::Unknown => ("unknown", "未知"),
        };
        let age = Decimal::from(person.age);
        let pharmacy = kind == VisitKind::Pharmacy;

        if !pharmacy {
            let level = facts.institution.hosp_lv.as_str();
            for (l, points) in known(self.level_min) {
                if level.is_empty() {
                    out.review.undecided.retain(|u| u.rule != "DG1003");
                    out.open("DG1003", "hosp_lv");
                    continue;
                }
                let level = Level::from_hosp_lv(level).number();
                if let Some(needed) = number(points).filter(|n| Decimal::from(level) < *n) {
                    let item = name(l);
                    let text = format!("“{item}”限{needed}级及以上医疗机构使用，本机构为{level}级。");
                    let evidence = [("item", item), ("needed", needed.to_string()), ("level", level.to_string())];
                    out.hit(
                        "DG1003",
                        "药品限医疗机构级别",
                        graded(Severity::Breach, points),
                        &[(l, None)],
                        &evidence,
                        text,
                    );
                }
            }
        }
        for (l, points) in known(self.never_paid) {
            if !own_pay(l.item.as_deref(), l.line.approval) {
                let item = name(l);
                let text = format!("中药饮片“{item}”单方、复方均不予支付。");
                out.hit(
                    "DG1007",
                    "中药饮片单复方均不予支付",
                    graded(Severity::Breach, points),
                    &[(l, None)],
                    &[("item", item)],
                    text,
                );
            }
        }
        for (n, l) in &net {
            let service = l.item.as_ref().is_some_and(|i| i.list_type == "201");
            if let Some(limit) = l.limit.filter(|limit| service && l.line.price > *limit) {
                let beyond = (n.amount - limit.times(n.quantity)).at_least_zero();
                let item = name(l);
                let (price, limit) = (l.line.price.to_decimal().normalize(), limit.to_decimal().normalize());
                let text = format!("“{item}”单价{price}元，超过限定单价{limit}元。");
                let evidence = [("item", item), ("price", price.to_string()), ("limit", limit.to_string())];
                out.hit(
                    "DG1016",
                    "医疗服务项目超限定单价收费",
                    Severity::Breach,
                    &[(l, Some(Part::Amount(beyond)))],
                    &evidence,
                    text,
                );
            }
        }
        if kind.is_stay() {
            let begin = facts.visit.begin.date();
            let early: Vec<&LineFact> = net.iter().map(|(_, l)| *l).filter(|l| l.line.time.date() < begin).collect();
            let end = facts.visit.end.map(|e| e.date());
            let late = |l: &&LineFact| end.is_some_and(|e| l.line.time.date() > e);
            let late: Vec<&LineFact> = net.iter().map(|(_, l)| *l).filter(late).collect();
            let stays = [
                (early, format!("{begin}入院"), "入院前"),
                (late, format!("{}出院", end.unwrap_or_default()), "出院后"),
            ];
            for (lines, stay, when) in stays.into_iter().filter(|(l, ..)| !l.is_empty()) {
                let (d, i) = (days(&lines), names(&lines));
                let text = format!("住院{stay}，{when}计费：{d}（{i}）。");
                let evidence = [("stay", stay), ("when", when.to_owned()), ("days", d), ("items", i)];
                let at: Vec<_> = lines.iter().map(|l| (*l, None)).collect();
                out.hit("DG2001", "计费日期与住院时间不符", Severity::Breach, &at, &evidence, text);
            }
        }
        if matches!(kind.name(), "outpatient" | "chronic" | "maternity-outpatient") {
            for (l, points) in known(self.antibiotic).filter(|(_, p)| p.iter().any(|p| p.word == "special")) {
                let item = name(l);
                let text = format!("特殊使用级抗菌药物“{item}”不得在门诊使用。");
                out.hit(
                    "DG2012",
                    "抗菌药物分级使用管理",
                    graded(Severity::HighlySuspicious, points),
                    &[(l, None)],
                    &[("item", item)],
                    text,
                );
            }
        }
        let unfit = |out: &mut Findings, rule: &str, title: &str, table: Option<TableId>| {
            for (l, points) in known(table) {
                if person.sex == Sex::Unknown {
                    out.review.undecided.retain(|u| u.rule != rule);
                    out.open(rule, "gend");
                } else if !points.iter().any(|p| p.word == sex.0) {
                    let item = name(l);
                    let text = format!("“{item}”不用于{}性患者。", sex.1);
                    let evidence = [("item", item), ("sex", sex.1.to_owned())];
                    out.hit(rule, title, graded(Severity::HighlySuspicious, points), &[(l, None)], &evidence, text);
                }
            }
        };
        unfit(&mut out, "DG3001", "药品区分性别使用", self.drug_sex);
        let eighteen = Decimal::from(18);
        for (l, points) in known(self.child_only).filter(|_| person.age >= 1) {
            let limit = number(points).unwrap_or(eighteen);
            if age >= limit {
                let item = name(l);
                let text = format!("“{item}”为儿童专用药品（{limit}岁以下），患者{age}岁。");
                let evidence = [("item", item), ("limit", limit.to_string()), ("age", age.to_string())];
                out.hit(
                    "DG3002",
                    "药品儿童专用",
                    graded(Severity::HighlySuspicious, points),
                    &[(l, None)],
                    &evidence,
                    text,
                );
            }
        }
        for (l, points) in known(self.child_forbidden).filter(|_| person.age <= 17) {
            let limit = number(points).unwrap_or(eighteen);
            if age < limit {
                let item = name(l);
                let text = format!("“{item}”禁用于{limit}岁以下儿童，患者{age}岁。");
                let evidence = [("item", item), ("limit", limit.to_string()), ("age", age.to_string())];
                out.hit(
                    "DG3005",
                    "药品儿童禁用",
                    graded(Severity::HighlySuspicious, points),
                    &[(l, None)],
                    &evidence,
                    text,
                );
            }
        }
        for (l, points) in known(self.elderly).filter(|_| person.age >= 60) {
            let limit = number(points).unwrap_or(Decimal::from(65));
            if age >= limit {
                let item = name(l);
                let text = format!("“{item}”{limit}岁及以上患者慎用，患者{age}岁。");
                let evidence = [("item", item), ("limit", limit.to_string()), ("age", age.to_string())];
                out.hit(
                    "DG3009",
                    "老年人用药安全",
                    graded(Severity::Suspicious, points),
                    &[(l, None)],
                    &evidence,
                    text,
                );
            }
        }
        unfit(&mut out, "DG3018", "医疗服务项目区分性别使用", self.item_sex);
        if !pharmacy && stage != Stage::Before {
            if facts.practitioners.is_empty() && !net.is_empty() {
                out.open("DG4020", "register of practitioners (5102)");
            } else {
                let here = |l: &&LineFact| {
                    let by = &l.line.practitioner;
                    !by.is_empty() && !facts.practitioners.at(by, &facts.visit.institution, l.line.time.date())
                };
                let lines: Vec<&LineFact> = net.iter().map(|(_, l)| *l).filter(here).collect();
                if !lines.is_empty() {
                    let (i, d) = (names(&lines), days(&lines));
                    let text = format!("开单医师在费用发生日未在本机构备案：{i}（{d}）。");
                    let at: Vec<_> = lines.iter().map(|l| (*l, None)).collect();
                    let evidence = [("items", i), ("days", d)];
                    out.hit("DG4020", "开单医师未在本机构备案", Severity::HighlySuspicious, &at, &evidence, text);
                }
            }
            let nobody: Vec<&LineFact> =
                net.iter().map(|(_, l)| *l).filter(|l| l.line.practitioner.is_empty()).collect();
            if !nobody.is_empty() {
                let i = names(&nobody);
                let text = format!("{}条费用明细没有开单医师编码：{i}。", nobody.len());
                let at: Vec<_> = nobody.iter().map(|l| (*l, None)).collect();
                let evidence = [("count", nobody.len().to_string()), ("items", i)];
                out.hit("DG4021", "开单医师编码缺失", Severity::Suspicious, &at, &evidence, text);
            }
        }
        out.review
    }
}
