//! What scripts see of a claim: thin native handles over the shared [`Facts`], made without
//! copying them. Lists are handles too, so that a stay of fifty thousand lines costs nothing
//! until a script walks over it.

use crate::host::{Fallible, Registry, Run, fail};
use crate::values::{Day, Yuan, code_in};
use dingan_core::claim::{Approval, Diagnosis, SettlementList};
use dingan_core::codes::{ItemClass, ItemCode, Level, Sex, VisitKind};
use dingan_core::facts::{Facts, LineFact, NetLine, PersonFacts};
use dingan_core::finding::{Part, Related};
use dingan_core::knowledge::Knowledge;
use dingan_core::money::Quantity;
use dingan_core::person::{PastLine, PastVisit};
use dingan_core::resolve::own_pay;
use rhai::{Dynamic, ImmutableString, Map};
use rust_decimal::Decimal;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// One claim under review: facts, knowledge, orderings made when first asked for, and the state of
/// the rule that is running.
pub(crate) struct View {
    pub facts: Arc<Facts>,
    pub knowledge: Arc<Knowledge>,
    /// Net lines by item, then in their own order.
    by_item: OnceLock<Vec<u32>>,
    /// Lines of earlier parts of the stay by item, then time.
    settled_by_item: OnceLock<Vec<u32>>,
    run: Mutex<Run>,
    steps: AtomicU64,
}

impl View {
    pub fn new(facts: Arc<Facts>, knowledge: Arc<Knowledge>) -> Self {
        Self {
            facts,
            knowledge,
            by_item: OnceLock::new(),
            settled_by_item: OnceLock::new(),
            run: Mutex::new(Run::default()),
            steps: AtomicU64::new(0),
        }
    }

    /// The running rule's state. Only one thread reviews a claim; the lock is there because Rhai's
    /// values must be shareable, and a poisoned one means a rule that panicked and is done with.
    pub fn run(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the next rule its own budget.
    pub fn reset_steps(&self) {
        self.steps.store(0, Ordering::Relaxed);
    }

    /// Rows counted so far.
    pub fn spent(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Takes back what was counted since.
    pub fn set_spent(&self, rows: u64) {
        self.steps.store(rows, Ordering::Relaxed);
    }

    /// Counts rows a native function looks at against the rule's budget.
    pub fn spend(&self, rows: usize) -> Fallible<()> {
        let rows = rows as u64 + 1;
        let used = self.steps.fetch_add(rows, Ordering::Relaxed) + rows;
        let budget = native_budget(self.facts.net_lines.len());
        if used > budget {
            return Err(fail(format!("native functions went over their budget of {budget} rows")));
        }
        Ok(())
    }

    pub fn net(&self, at: u32) -> Option<(&NetLine, &LineFact)> {
        let net = self.facts.net_lines.get(at as usize)?;
        Some((net, self.facts.lines.get(net.line)?))
    }

    /// The net lines of an item, in their order.
    pub fn lines_of(&self, item: &str) -> &[u32] {
        let code = |at: &u32| self.net(*at).map_or("", |(_, l)| l.line.item.as_str());
        let sorted = self.by_item.get_or_init(|| {
            let mut all: Vec<u32> = (0..self.facts.net_lines.len() as u32).collect();
            all.sort_unstable_by(|a, b| (code(a), a).cmp(&(code(b), b)));
            all
        });
        run_of(sorted, |at| code(at).cmp(item))
    }

    /// Whether an item stands on a net line.
    pub fn has_line_of(&self, item: &str) -> bool {
        // few lines are quicker walked over than put in order
        const FEW: usize = 48;
        if self.facts.net_lines.len() > FEW {
            return !self.lines_of(item).is_empty();
        }
        self.facts.net_lines.iter().any(|n| self.facts.lines.get(n.line).is_some_and(|l| l.line.item.as_str() == item))
    }

    /// Whether a line of an item was settled before, at another visit or in an earlier part of this stay.
    pub fn settled_before(&self, item: &ItemCode) -> bool {
        !self.facts.history.lines_of(item.as_str()).is_empty() || self.settled_here(item).next().is_some()
    }

    /// Lines of an item that earlier parts of the stay settled, by time.
    pub fn settled_here<'v>(&'v self, item: &'v ItemCode) -> impl Iterator<Item = &'v PastLine> {
        let settled = self.facts.history.this_visit();
        let key = |at: &u32| settled.get(*at as usize).map(|l| (&l.item, l.time, &l.no));
        let sorted = self.settled_by_item.get_or_init(|| {
            let mut all: Vec<u32> = (0..settled.len() as u32).collect();
            all.sort_by(|a, b| key(a).cmp(&key(b)));
            all
        });
        let of_item = run_of(sorted, |at| key(at).map(|(i, ..)| i).cmp(&Some(item)));
        of_item.iter().filter_map(|at| settled.get(*at as usize))
    }

    pub fn past(&self, at: u32) -> Option<&PastVisit> {
        self.facts.history.visits().get(at as usize)
    }

    /// A settled line: those of earlier parts of this stay come first, then other visits'.
    pub fn past_line(&self, at: u32) -> Option<&PastLine> {
        let history = &self.facts.history;
        let at = at as usize;
        history.this_visit().get(at).or_else(|| history.lines().get(at.checked_sub(history.this_visit().len())?))
    }

    /// The visit's settlement list, once it has arrived.
    pub fn list(&self) -> Option<&SettlementList> {
        self.facts.lists.get(&self.facts.visit.id).map(|l| &**l)
    }

    pub fn begin_day(&self) -> Day {
        Day(self.facts.visit.begin.date())
    }

    /// Discharge, or the day up to which this settlement goes. Not read off the portions, since a
    /// year without lines has none.
    pub fn last_day(&self) -> Day {
        let (visit, request) = (&self.facts.visit, &self.facts.request);
        let open = if visit.kind().is_stay() { request.time.max(visit.begin) } else { visit.begin };
        Day(visit.end.unwrap_or(open).date())
    }

    fn person(&self) -> Fallible<&PersonFacts> {
        self.facts.person().ok_or_else(|| fail("the facts have no person"))
    }

    /// Whether a net line's item stands in a knowledge table.
    pub fn has_line_in(&self, table: &str) -> bool {
        self.facts.lines.iter().any(|l| self.knowledge.has(table, &l.line.item))
    }

    /// Notes how near an item came to a limit, for whoever asks why a rule was silent.
    pub fn near(&self, what: &str, actual: i64, limit: i64) {
        let mut run = self.run();
        if run.tracing {
            run.notes.push((what.to_owned(), actual.to_string(), limit.to_string()));
        }
    }

    /// A figure about an item: the first point of the table that has one.
    pub fn number(&self, table: &str, item: &ItemCode) -> Option<Quantity> {
        self.knowledge.get(table, item).iter().find_map(|p| p.number)
    }
}

/// The run of equal elements in a sorted list.
fn run_of(sorted: &[u32], order: impl Fn(&u32) -> std::cmp::Ordering) -> &[u32] {
    let from = sorted.partition_point(|at| order(at).is_lt());
    let rest = sorted.get(from..).unwrap_or_default();
    rest.get(..rest.partition_point(|at| order(at).is_eq())).unwrap_or_default()
}

/// Rows native functions may look at in one run of a rule: room for a few passes over everything,
/// none for a pass per line.
pub(crate) fn native_budget(lines: usize) -> u64 {
    1_000_000 + 100 * lines as u64
}

/// The claim.
#[derive(Clone)]
pub struct Claim(pub(crate) Arc<View>);
/// The person.
#[derive(Clone)]
pub struct Person(pub(crate) Arc<View>);
/// What is known of the person besides this claim.
#[derive(Clone)]
pub struct History(pub(crate) Arc<View>);
/// One net line.
#[derive(Clone)]
pub struct Line {
    pub(crate) view: Arc<View>,
    pub(crate) at: u32,
}
/// Some net lines, each with the units at stake; none for all.
#[derive(Clone)]
pub struct Lines {
    pub(crate) view: Arc<View>,
    pub(crate) at: Arc<[(u32, Option<Part>)]>,
}
/// Another visit.
#[derive(Clone)]
pub struct Past {
    pub(crate) view: Arc<View>,
    pub(crate) at: u32,
}
/// A settled line of another visit or of an earlier part of this stay.
#[derive(Clone)]
pub struct PastRow {
    pub(crate) view: Arc<View>,
    pub(crate) at: u32,
}
/// What a native function over lines found: the lines at stake, what they conflict with, evidence.
#[derive(Clone)]
pub struct Found {
    pub(crate) lines: Lines,
    pub(crate) related: Vec<Related>,
    pub(crate) evidence: Map,
    /// Whether the answer hangs on a fact that is not there.
    pub(crate) open: bool,
}

impl Line {
    pub(crate) fn net(&self) -> Fallible<(&NetLine, &LineFact)> {
        self.view.net(self.at).ok_or_else(|| fail("no such line"))
    }
    fn fact(&self) -> Fallible<&LineFact> {
        self.net().map(|(_, f)| f)
    }
    /// The catalogue's name, else the code: what people read in the evidence.
    pub(crate) fn name(fact: &LineFact) -> &str {
        fact.item.as_ref().map_or(fact.line.item.as_str(), |i| i.name.as_str())
    }
}

impl Past {
    pub(crate) fn visit(&self) -> Fallible<&PastVisit> {
        self.view.past(self.at).ok_or_else(|| fail("no such visit"))
    }
}

impl PastRow {
    pub(crate) fn row(&self) -> Fallible<&PastLine> {
        self.view.past_line(self.at).ok_or_else(|| fail("no such line"))
    }
}

impl IntoIterator for Lines {
    type Item = Line;
    type IntoIter = Box<dyn Iterator<Item = Line>>;
    fn into_iter(self) -> Self::IntoIter {
        Box::new((0..self.at.len()).filter_map(move |i| {
            let (at, _) = self.at.get(i)?;
            Some(Line { view: Arc::clone(&self.view), at: *at })
        }))
    }
}

pub(crate) fn text(s: &str) -> ImmutableString {
    s.into()
}

/// A text, or nothing where it is empty.
fn given(s: &str) -> Dynamic {
    if s.is_empty() { Dynamic::UNIT } else { text(s).into() }
}

fn principal(d: Option<&Diagnosis>) -> Dynamic {
    given(d.map_or("", |d| d.code.as_str()))
}

fn codes(diagnoses: &[Diagnosis]) -> rhai::Array {
    diagnoses.iter().map(|d| Dynamic::from(text(d.code.as_str()))).collect()
}

fn day_or_nothing(end: Option<chrono::NaiveDateTime>) -> Dynamic {
    end.map_or(Dynamic::UNIT, |e| Dynamic::from(Day(e.date())))
}

pub(crate) fn quantity(q: Quantity) -> Decimal {
    q.to_decimal().normalize()
}

/// A word of the few scripts compare with, made once for each thread.
fn word(word: &'static str) -> ImmutableString {
    thread_local! {
        static WORDS: RefCell<BTreeMap<&'static str, ImmutableString>> = const { RefCell::new(BTreeMap::new()) };
    }
    WORDS.with_borrow_mut(|words| words.entry(word).or_insert_with(|| text(word)).clone())
}

fn kind(kind: VisitKind) -> ImmutableString {
    word(kind.name())
}

fn sex(sex: Sex) -> &'static str {
    match sex {
        Sex::Male => "male",
        Sex::Female => "female",
        Sex::Unknown => "unknown",
    }
}

pub(crate) fn register(r: &mut Registry<'_>) {
    r.named::<Claim>("Claim");
    r.get("id", |c: &mut Claim| text(c.0.facts.visit.id.as_str()));
    r.get("kind", |c: &mut Claim| kind(c.0.facts.visit.kind()));
    r.get("is_stay", |c: &mut Claim| c.0.facts.visit.kind().is_stay());
    r.get("insurance", |c: &mut Claim| text(c.0.facts.visit.insurance.as_str()));
    r.get("institution", |c: &mut Claim| text(c.0.facts.visit.institution.as_str()));
    r.get("institution_name", |c: &mut Claim| text(&c.0.facts.institution.name));
    r.get("level", |c: &mut Claim| match c.0.facts.institution.hosp_lv.as_str() {
        "" => Dynamic::UNIT,
        lv => Dynamic::from_int(Level::from_hosp_lv(lv).number()),
    });
    r.get("begin_day", |c: &mut Claim| c.0.begin_day());
    r.get("end_day", |c: &mut Claim| day_or_nothing(c.0.facts.visit.end));
    r.get("last_day", |c: &mut Claim| c.0.last_day());
    r.get("stay_days", |c: &mut Claim| c.0.facts.stay_days());
    r.get("diagnosis", |c: &mut Claim| principal(c.0.facts.visit.main_diagnosis()));
    r.get("diagnoses", |c: &mut Claim| codes(&c.0.facts.visit.diagnoses));
    r.get("disease", |c: &mut Claim| given(c.0.facts.disease()));
    r.get("department", |c: &mut Claim| given(&c.0.facts.visit.department));
    r.get("discharge_way", |c: &mut Claim| given(&c.0.facts.visit.discharge_way));
    r.get("referred_from", |c: &mut Claim| given(c.0.facts.visit.referred_from.as_ref().map_or("", |v| v.as_str())));
    r.get("lines", |c: &mut Claim| Lines {
        at: (0..c.0.facts.net_lines.len() as u32).map(|at| (at, None)).collect(),
        view: Arc::clone(&c.0),
    });
    r.get("type", |c: &mut Claim| text(c.0.facts.visit.med_type.as_str()));
    r.get("bed", |c: &mut Claim| given(&c.0.facts.visit.bed));
    r.get("death_day", |c: &mut Claim| c.0.facts.visit.death.map_or(Dynamic::UNIT, |d| Dynamic::from(Day(d))));
    r.get("amount", |c: &mut Claim| Yuan(c.0.facts.net_lines.iter().map(|n| n.amount).sum()));
    r.get("institution_kind", |c: &mut Claim| given(&c.0.facts.institution.kind));
    r.fun("diagnosed", |c: &mut Claim, prefixes: rhai::Array| {
        c.0.facts.visit.diagnoses.iter().any(|d| code_in(d.code.as_str(), &prefixes))
    });
    // the settlement list, once it has arrived
    r.get("operations", |c: &mut Claim| -> rhai::Array {
        let operations = c.0.list().map(|l| l.operations.iter());
        operations.into_iter().flatten().map(|o| Dynamic::from(text(&o.code))).collect()
    });
    r.get("listed_diagnosis", |c: &mut Claim| {
        let diagnoses = c.0.list().map_or(&[][..], |l| &l.diagnoses);
        principal(diagnoses.iter().find(|d| d.main).or(diagnoses.first()))
    });
    r.get("listed_admission", |c: &mut Claim| day_or_nothing(c.0.list().and_then(|l| l.admitted)));
    r.get("listed_discharge", |c: &mut Claim| day_or_nothing(c.0.list().and_then(|l| l.discharged)));
    r.get("listed_discharge_way", |c: &mut Claim| given(c.0.list().map_or("", |l| &l.discharge_way)));
    r.get("selected", |c: &mut Claim| Lines {
        at: c.0.run().selected.iter().map(|at| (*at, None)).collect(),
        view: Arc::clone(&c.0),
    });

    r.named::<Person>("Person");
    r.get("sex", |p: &mut Person| p.0.person().map(|p| word(sex(p.sex))));
    r.get("sex_name", |p: &mut Person| {
        p.0.person().map(|p| match p.sex {
            Sex::Male => word("男"),
            Sex::Female => word("女"),
            Sex::Unknown => word("未知"),
        })
    });
    r.get("age", |p: &mut Person| p.0.person().map(|p| p.age));
    r.get("birth", |p: &mut Person| p.0.person().map(|p| Day(p.birth)));
    r.get("type", |p: &mut Person| p.0.person().map(|p| text(p.person_type.as_str())));

    r.named::<Line>("Line");
    r.get("no", |l: &mut Line| l.fact().map(|f| text(f.line.no.as_str())));
    r.get("item", |l: &mut Line| l.fact().map(|f| text(f.line.item.as_str())));
    r.get("name", |l: &mut Line| l.fact().map(|f| text(Line::name(f))));
    r.get("quantity", |l: &mut Line| l.net().map(|(n, _)| quantity(n.quantity)));
    r.get("amount", |l: &mut Line| l.net().map(|(n, _)| Yuan(n.amount)));
    r.get("day", |l: &mut Line| l.fact().map(|f| Day(f.line.time.date())));
    r.get("list_type", |l: &mut Line| l.fact().map(|f| given(f.item.as_ref().map_or("", |i| &i.list_type))));
    r.get("charge_type", |l: &mut Line| l.fact().map(|f| given(f.item.as_ref().map_or("", |i| &i.charge_type))));
    r.get("drug_group", |l: &mut Line| l.fact().map(|f| given(f.item.as_ref().map_or("", |i| &i.drug_group))));
    r.get("department", |l: &mut Line| l.fact().map(|f| given(&f.line.department)));
    r.get("practitioner", |l: &mut Line| l.fact().map(|f| given(f.line.practitioner.as_str())));
    r.get("order_no", |l: &mut Line| l.fact().map(|f| given(&f.line.order_no)));
    r.get("payable", |l: &mut Line| l.fact().map(|f| !own_pay(f.item.as_deref(), f.line.approval)));
    r.get("refused", |l: &mut Line| l.fact().map(|f| f.line.approval == Approval::Refused));
    r.get("restricted", |l: &mut Line| l.fact().map(|f| f.item.as_ref().is_some_and(|i| i.restricted)));
    r.get("paid_class", |l: &mut Line| l.fact().map(|f| f.item.as_ref().is_some_and(|i| i.class != ItemClass::C)));
    r.get("registered", |l: &mut Line| {
        let practitioners = &l.view.facts.practitioners;
        let institution = &l.view.facts.visit.institution;
        l.fact().map(|f| match f.line.practitioner.is_empty() || practitioners.is_empty() {
            true => Dynamic::UNIT,
            false => practitioners.at(&f.line.practitioner, institution, f.line.time.date()).into(),
        })
    });
    r.get("take_home", |l: &mut Line| l.fact().map(|f| f.line.take_home));
    r.get("supply_days", |l: &mut Line| {
        l.fact().map(|f| f.line.supply_days.map_or(Dynamic::UNIT, |q| Dynamic::from_decimal(quantity(q))))
    });

    r.named::<Past>("Visit");
    r.get("id", |v: &mut Past| v.visit().map(|v| text(v.id.as_str())));
    r.get("kind", |v: &mut Past| v.visit().map(|v| kind(v.kind())));
    r.get("is_stay", |v: &mut Past| v.visit().map(|v| v.kind().is_stay()));
    r.get("institution", |v: &mut Past| v.visit().map(|v| text(v.institution.as_str())));
    r.get("begin_day", |v: &mut Past| v.visit().map(|v| Day(v.begin.date())));
    r.get("end_day", |v: &mut Past| v.visit().map(|v| day_or_nothing(v.end)));
    r.get("open", |v: &mut Past| v.visit().map(|v| v.end.is_none()));
    r.get("diagnosis", |v: &mut Past| v.visit().map(|v| principal(v.main_diagnosis())));
    r.get("diagnoses", |v: &mut Past| v.visit().map(|v| codes(&v.diagnoses)));
    r.get("discharge_way", |v: &mut Past| v.visit().map(|v| given(&v.discharge_way)));
    r.get("type", |v: &mut Past| v.visit().map(|v| text(v.med_type.as_str())));
    r.get("return_planned", |v: &mut Past| {
        let lists = &v.view.facts.lists;
        v.visit().map(|v| lists.get(&v.id).and_then(|l| l.return_planned).map_or(Dynamic::UNIT, Dynamic::from))
    });
    r.get("settled", |v: &mut Past| v.visit().map(|v| v.settled));

    r.named::<PastRow>("PastLine");
    r.get("visit", |l: &mut PastRow| l.row().map(|l| text(l.visit.as_str())));
    r.get("no", |l: &mut PastRow| l.row().map(|l| text(l.no.as_str())));
    r.get("item", |l: &mut PastRow| l.row().map(|l| text(l.item.as_str())));
    r.get("day", |l: &mut PastRow| l.row().map(|l| Day(l.time.date())));
    r.get("quantity", |l: &mut PastRow| l.row().map(|l| quantity(l.quantity)));
    r.get("amount", |l: &mut PastRow| l.row().map(|l| Yuan(l.amount)));
    r.get("supply_days", |l: &mut PastRow| {
        l.row().map(|l| l.supply_days.map_or(Dynamic::UNIT, |q| Dynamic::from_decimal(quantity(q))))
    });

    r.named::<Found>("Found");
    r.get("lines", |f: &mut Found| f.lines.clone());
    r.get("related", |f: &mut Found| Dynamic::from(f.related.clone()));
    r.get("evidence", |f: &mut Found| f.evidence.clone());
    r.get("open", |f: &mut Found| f.open);
}
