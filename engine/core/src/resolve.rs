//! `resolve(claim, person file, bundle) → Facts`: picks rows and dates, nets refunds, sums accumulators.

use crate::bundle::{Bundle, CatalogueItem, Institution, ItemRows, PriceLimit};
use crate::claim::{Approval, Claim, Line, Visit};
use crate::codes::*;
use crate::facts::{Facts, Held, LineFact, NetLine, PersonFacts, Portion};
use crate::hash::{HashMap, HashSet};
use crate::history::History;
use crate::money::{Money, Price, Quantity, Rate};
use crate::person::{AccumulatorEntry, Filing, PastLine, Person, PersonFile, Relation, SettledLine};
use crate::policy::{
    BenefitPolicy, CrossYear, Feed, FilingPlace, LevelKind, LineMoment, Moment, Place, RatioOwner, Span,
};
use chrono::{Datelike, NaiveDate, NaiveDateTime};
use compact_str::{ToCompactString, format_compact};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Why facts cannot be made. Each has a stable code for the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The institution has no row on the day.
    #[error("institution `{0}` is not in the register on {1}")]
    UnknownInstitution(InstitutionCode, NaiveDate),
    /// No insurance relation of that kind covers the day.
    #[error("no insurance relation `{insurance}` of the person covers {day}")]
    NotInsured {
        /// The insurance asked for.
        insurance: Insurance,
        /// The day the policy looks at.
        day: NaiveDate,
    },
    /// The division stands in no pool.
    #[error("division `{0}` belongs to no pool for insurance `{1}` on {2}")]
    UnknownArea(Division, Insurance, NaiveDate),
    /// The pool has no policy for the insurance.
    #[error("pool `{0}` has no policy for insurance `{1}` on {2}")]
    NoPolicy(PoolArea, Insurance, NaiveDate),
    /// A refund names a line that does not exist in the visit.
    #[error("line `{0}` refunds line `{1}`, which the visit does not have")]
    RefundOfNothing(LineNo, LineNo),
    /// Refunds exceed the original.
    #[error("line `{0}` refunds more than is left of line `{1}`")]
    RefundTooLarge(LineNo, LineNo),
    /// A refund carries another price or item than its original.
    #[error("line `{0}` refunds line `{1}` at another price or item")]
    RefundDiffers(LineNo, LineNo),
    /// A negative line that names no original.
    #[error("line `{0}` is negative and names no original")]
    NegativeLine(LineNo),
    /// Two lines with one number.
    #[error("line `{0}` stands twice")]
    DuplicateLine(LineNo),
    /// The care began after the person's death.
    #[error("care that begins on {0} begins after the person's death")]
    Deceased(NaiveDate),
    /// The policy wants the old year settled first.
    #[error("the stay runs over the turn of {0}; the policy wants a mid-stay settlement on 31 December")]
    YearNotSettled(i32),
}

impl ResolveError {
    /// Stable machine-readable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownInstitution(..) => "INSTITUTION_UNKNOWN",
            Self::NotInsured { .. } => "NOT_INSURED",
            Self::UnknownArea(..) => "AREA_UNKNOWN",
            Self::NoPolicy(..) => "POLICY_MISSING",
            Self::RefundOfNothing(..) => "REFUND_ORIGINAL_MISSING",
            Self::RefundTooLarge(..) => "REFUND_TOO_LARGE",
            Self::RefundDiffers(..) => "REFUND_DIFFERS",
            Self::NegativeLine(..) => "NEGATIVE_LINE",
            Self::DuplicateLine(..) => "LINE_DUPLICATE",
            Self::Deceased(..) => "PERSON_DECEASED",
            Self::YearNotSettled(..) => "YEAR_NOT_SETTLED",
        }
    }
}

/// Picks everything the decision reads. Pure: the same arguments give the same facts. Claim and file become part
/// of the facts; nothing of them is copied.
pub fn resolve(mut claim: Claim, file: PersonFile, bundle: &Bundle) -> Result<Facts, ResolveError> {
    let begin = claim.visit.begin.date();
    let institution = bundle
        .institution(&claim.visit.institution, begin)
        .ok_or_else(|| ResolveError::UnknownInstitution(claim.visit.institution.clone(), begin))?;

    if file.person.death.is_some_and(|d| d < begin) {
        return Err(ResolveError::Deceased(begin));
    }
    let care_area = bundle
        .pool(&institution.division, &claim.visit.insurance, begin)
        .ok_or_else(|| ResolveError::UnknownArea(institution.division.clone(), claim.visit.insurance.clone(), begin))?;

    // the policy that says which dates count is that of the whole claim
    let whole = Days { begin, end: claim.end().date(), settled: claim.request.time.date() };
    let governing = policy_for(&claim, &file, bundle, &whole, None)?;

    let over_year = claim.visit.kind().is_stay() && whole.end.year() > begin.year();
    let years = if over_year { fee_years(&claim) } else { HashMap::default() };
    let mut portions = Vec::new();
    for days in parts(&claim, &years, whole, governing.dates.cross_year)? {
        portions.push(portion(&claim, &file, bundle, institution, care_area, days)?);
    }
    let part_of = |line: &Line| match years.get(&line.no) {
        Some(year) if portions.len() > 1 => portions.iter().position(|p| p.days.0.year() == *year).unwrap_or(0),
        _ => 0,
    };

    let lines = std::mem::take(&mut claim.lines);
    let catalogue = CareCatalogue { bundle, institution, care_area, claim: &claim };
    let mut lines =
        line_facts(lines, &file, &catalogue, |line| portions.get(part_of(line)).map_or(&*governing, |p| &*p.policy))?;
    cap_items(&mut lines, &file, &catalogue, portions.first().map_or(&governing, |p| &p.policy));
    let own: Vec<usize> = lines.iter().map(|l| part_of(&l.line)).collect();
    for (i, part) in own.into_iter().enumerate() {
        if let Some(p) = portions.get_mut(part) {
            p.lines.push(i);
        }
    }

    let net_lines = net_lines(&lines);
    let visit = &claim.visit;
    let referred_from = visit.referred_from.as_ref().and_then(|id| file.visits.iter().find(|v| &v.id == id));
    let same_consortium = !institution.consortium.is_empty()
        && referred_from
            .and_then(|v| bundle.institution(&v.institution, v.begin.date()))
            .is_some_and(|i| i.consortium == institution.consortium);
    let (referred_deductible, third_party_share) =
        (referred_from.map_or(Money::ZERO, |v| v.deductible), third_party_share(&claim, &file));

    let continued = !file.settled_lines.is_empty() || file.entries.iter().any(|e| e.visit == visit.id);
    let this_visit = past_of_this_visit(&file.settled_lines, &visit.id);
    let history = History::new(&visit.id, file.visits, file.lines, this_visit)
        .in_catalogue(|item| bundle.catalogue.item(item, care_area, begin));
    Ok(Facts {
        bundle: bundle.hash.clone(),
        visit: claim.visit,
        request: claim.request,
        institution: Arc::clone(institution),
        lines,
        portions,
        balances: file.balances,
        family_account: file.person.family_account,
        referred_deductible,
        same_consortium,
        care_area: care_area.clone(),
        third_party_share,
        continued,
        history,
        net_lines,
        practitioners: Arc::clone(&bundle.practitioners),
        lists: file.lists.clone(),
    })
}

/// The year of the claim each line counts in: its own, but a refund goes with its original of the same bill,
/// since a part of the bill may never give back more than it charged.
fn fee_years(claim: &Claim) -> HashMap<LineNo, i32> {
    let originals: HashMap<&LineNo, i32> =
        claim.lines.iter().filter(|l| l.refund_of.is_none()).map(|l| (&l.no, l.time.year())).collect();
    let year = |l: &Line| l.refund_of.as_ref().and_then(|o| originals.get(o)).copied().unwrap_or(l.time.year());
    let (first, last) = (claim.visit.begin.year(), claim.end().year());
    claim.lines.iter().map(|l| (l.no.clone(), year(l).clamp(first, last.max(first)))).collect()
}

/// The dates of the parts the claim is priced in: one, or one for each year of its lines.
fn parts(
    claim: &Claim,
    years: &HashMap<LineNo, i32>,
    whole: Days,
    cross_year: CrossYear,
) -> Result<Vec<Days>, ResolveError> {
    let (first, last) = (whole.begin.year(), whole.end.year());
    if !claim.visit.kind().is_stay() || last <= first {
        return Ok(vec![whole]);
    }
    match cross_year {
        CrossYear::Whole => Ok(vec![whole]),
        CrossYear::ForcedMidStay => {
            let fee_year = |l: &Line| l.time.year().max(first);
            match claim.lines.iter().map(fee_year).filter(|y| *y < last).min() {
                // the settlement the policy wants, even where it comes late: the old year's lines alone
                Some(year) if claim.request.mid_stay && claim.lines.iter().all(|l| fee_year(l) == year) => {
                    Ok(vec![whole.part(year)])
                }
                Some(year) => Err(ResolveError::YearNotSettled(year)),
                None => Ok(vec![whole]),
            }
        }
        CrossYear::SplitByFeeDate => {
            let mut own: BTreeSet<i32> = years.values().copied().collect();
            // a bill without any line is of the whole stay
            if own.is_empty() {
                own.extend(first..=last);
            }
            Ok(own.into_iter().map(|year| whole.part(year)).collect())
        }
    }
}

/// The dates of a claim or portion.
struct Days {
    begin: NaiveDate,
    end: NaiveDate,
    settled: NaiveDate,
}

impl Days {
    /// The part in a year. One that ends with the year counts as settled then: its policy, its identities and
    /// its accumulators are those of that year.
    fn part(&self, year: i32) -> Self {
        let begin = NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or(self.begin).max(self.begin);
        let end = NaiveDate::from_ymd_opt(year, 12, 31).unwrap_or(self.end).min(self.end);
        Self { begin, end, settled: if end == self.end { self.settled } else { end } }
    }
    fn at(&self, m: Moment) -> NaiveDate {
        match m {
            Moment::Start => self.begin,
            Moment::End => self.end,
            Moment::Settlement => self.settled,
        }
    }
}

/// The policy in force. Which moment selects it is itself policy, so the one of the end date is
/// asked, and where it names another moment, the one of that moment is taken.
fn policy_for(
    claim: &Claim,
    file: &PersonFile,
    bundle: &Bundle,
    days: &Days,
    division: Option<&Division>,
) -> Result<Arc<BenefitPolicy>, ResolveError> {
    let insurance = &claim.visit.insurance;
    let division = match division {
        Some(d) => d,
        None => &relation(claim, file, days.begin).or_else(|_| relation(claim, file, days.end))?.division,
    };
    let on = |day: NaiveDate| -> Result<Arc<BenefitPolicy>, ResolveError> {
        let pool = bundle
            .pool(division, insurance, day)
            .ok_or_else(|| ResolveError::UnknownArea(division.clone(), insurance.clone(), day))?;
        bundle
            .policy(pool, insurance, day)
            .cloned()
            .ok_or_else(|| ResolveError::NoPolicy(pool.clone(), insurance.clone(), day))
    };
    let first = on(days.end)?;
    match first.dates.policy {
        Moment::End => Ok(first),
        m => on(days.at(m)),
    }
}

/// The policy of the person's relation on the first day of a visit: what settings it has, before it is priced.
pub fn policy_of<'b>(visit: &Visit, person: &Person, bundle: &'b Bundle) -> Option<&'b Arc<BenefitPolicy>> {
    let day = visit.begin.date();
    let relations = person.relations.iter().filter(|r| r.insurance == visit.insurance && r.covers(day));
    let relation = relations.max_by_key(|r| (r.division == visit.insured_at, r.begin))?;
    bundle.policy(bundle.pool(&relation.division, &visit.insurance, day)?, &visit.insurance, day)
}

fn relation<'f>(claim: &Claim, file: &'f PersonFile, day: NaiveDate) -> Result<&'f Relation, ResolveError> {
    // where two relations cover the day, the place that the message names counts, then the later one
    let named = |r: &Relation| !r.division.is_empty() && r.division == claim.visit.insured_at;
    file.person
        .relations
        .iter()
        .filter(|r| r.insurance == claim.visit.insurance && r.covers(day))
        .max_by_key(|r| (named(r), r.begin))
        .ok_or_else(|| ResolveError::NotInsured { insurance: claim.visit.insurance.clone(), day })
}

/// The share of an accident that a third party is liable for: as the visit says, else as its filing (02).
fn third_party_share(claim: &Claim, file: &PersonFile) -> Rate {
    let visit = &claim.visit;
    if !visit.third_party_share.is_zero() || !visit.is_injury() {
        return visit.third_party_share;
    }
    let day = visit.begin.date();
    let of_accident = |f: &&Filing| f.kind == "02" && f.begin <= day && f.end.is_none_or(|e| day <= e);
    let filings = file.person.filings.iter().filter(of_accident);
    filings.max_by_key(|f| f.begin).map_or(Rate::ZERO, |f| f.third_party_share)
}

/// The kinds of filing that hold for this care: by date, insurance, disease and place.
fn filings(
    claim: &Claim,
    file: &PersonFile,
    bundle: &Bundle,
    institution: &Institution,
    care_area: &PoolArea,
    days: &Days,
    policy: &BenefitPolicy,
) -> Vec<String> {
    let visit = &claim.visit;
    let day = days.at(policy.dates.filing);
    let by = policy.dates.filing_by.map(|m| days.at(m));
    let named = |f: &Filing| {
        // a designated institution is nothing but the institution
        let bound = policy.dates.filing_place == FilingPlace::Institution || f.kind == "03";
        if bound && !f.institution.is_empty() {
            return f.institution == institution.code;
        }
        f.area.is_empty()
            || within(&institution.division, &f.area)
            || bundle.pool(&f.area, &visit.insurance, day) == Some(care_area)
    };
    let holds = |f: &&Filing| {
        f.begin <= day
            && f.end.is_none_or(|e| day <= e)
            && by.is_none_or(|by| f.made.is_none_or(|m| m <= by))
            && (f.insurance.is_empty() || f.insurance == visit.insurance)
            && (f.disease.is_empty() || f.disease.as_str() == claim_disease(claim))
            && named(f)
    };
    let mut kinds: Vec<String> = file.person.filings.iter().filter(holds).map(|f| f.kind.clone()).collect();
    // an emergency elsewhere counts as filed (interface.md §5.1)
    if *care_area != policy.pool_area && visit.is_emergency() {
        kinds.push("07".to_owned());
    }
    kinds.sort();
    kinds.dedup();
    kinds
}

/// Whether a division lies in another: a province (`440000`) or a city (`440100`) names all that is in it.
fn within(division: &Division, of: &Division) -> bool {
    let all = of.as_str();
    let named = all.strip_suffix("0000").or_else(|| all.strip_suffix("00")).unwrap_or(all);
    division.as_str().starts_with(named)
}

/// A portion, still without its lines.
fn portion(
    claim: &Claim,
    file: &PersonFile,
    bundle: &Bundle,
    institution: &Institution,
    care_area: &PoolArea,
    days: Days,
) -> Result<Portion, ResolveError> {
    let insurance = &claim.visit.insurance;
    let policy = policy_for(claim, file, bundle, &days, None)?;
    let d = &policy.dates;
    let relation = relation(claim, file, days.at(d.entitlement))?;

    // a part that begins later looks at the institution of its own first day
    let here = bundle
        .institution(&claim.visit.institution, days.begin)
        .ok_or_else(|| ResolveError::UnknownInstitution(claim.visit.institution.clone(), days.begin))?;
    let there = bundle
        .pool(&here.division, insurance, days.begin)
        .ok_or_else(|| ResolveError::UnknownArea(here.division.clone(), insurance.clone(), days.begin))?;
    let place = if *there == policy.pool_area {
        Place::Local
    } else if there.as_str().get(..2) == policy.pool_area.as_str().get(..2) {
        Place::Province
    } else {
        Place::Remote
    };

    let identity_day = days.at(d.identity);
    let mut identities: Vec<Identity> = file
        .person
        .identities
        .iter()
        .filter(|i| i.begin <= identity_day && i.end.is_none_or(|e| identity_day <= e))
        .map(|i| i.identity.clone())
        .collect();
    identities.sort();
    identities.dedup();
    let entitled = days.at(d.entitlement);
    let person = PersonFacts {
        no: file.person.no.clone(),
        sex: file.person.sex,
        birth: file.person.birth,
        age: file.person.age_on(claim.visit.begin.date()),
        insurance: insurance.clone(),
        person_type: relation.person_type.clone(),
        division: relation.division.clone(),
        civil_servant: relation.civil_servant,
        identities,
        filings: filings(claim, file, bundle, institution, care_area, &days, &policy),
        pause: file.person.paused_on(insurance, entitled),
        contribution_years: file.person.contributed_on(insurance, entitled).or(relation.contribution_years),
        insured_months: full_months(relation.begin, entitled),
    };

    let year_day = days.at(d.year);
    let own_deductible = d.own_deductible(claim.visit.begin.date(), days.end);
    let mut accumulators = Vec::with_capacity(policy.accumulators.len());
    for a in &policy.accumulators {
        let period: Text = match a.period {
            Span::Stay if a.feeds == Feed::Deductible && own_deductible => {
                format_compact!("{}/{}", claim.visit.id, days.end.year())
            }
            Span::Stay => claim.visit.id.as_str().into(),
            Span::Month => format_compact!("{}-{:02}", year_day.year(), year_day.month()),
            Span::Quarter => format_compact!("{}Q{}", year_day.year(), year_day.month0() / 3 + 1),
            Span::Year => year_day.year().to_compact_string(),
        };
        let disease = if a.per_disease { claim_disease(claim) } else { "" };
        let used = file
            .entries
            .iter()
            .filter(|e: &&AccumulatorEntry| {
                e.key == a.key
                    && e.period == period.as_str()
                    && e.insurance == *insurance
                    && e.disease.as_str() == disease
                    && (a.feeds != Feed::Stays || e.visit != claim.visit.id)
            })
            .map(|e| e.amount)
            .sum();
        let mut earlier = Money::ZERO;
        if a.feeds == Feed::Deductible && a.period != Span::Stay && claim.visit.kind().is_stay() {
            let year_of = |p: &str| p.get(..4).and_then(|y| y.parse::<i32>().ok());
            let of_this_stay = |e: &&AccumulatorEntry| {
                e.key == a.key
                    && e.visit == claim.visit.id
                    && e.insurance == *insurance
                    && e.disease.as_str() == disease
                    && year_of(&e.period).is_some_and(|y| y < year_day.year())
            };
            earlier = file.entries.iter().filter(of_this_stay).map(|e| e.amount).sum();
        }
        accumulators.push(Held { used, earlier, period });
    }

    Ok(Portion {
        year: year_day.year(),
        days: (days.begin, days.end),
        policy,
        place,
        person,
        lines: Vec::new(),
        accumulators,
    })
}

/// The filed disease of a claim, else its principal diagnosis; as [`Facts::disease`].
fn claim_disease(claim: &Claim) -> &str {
    if claim.visit.disease.is_empty() {
        claim.visit.main_diagnosis().map_or("", |d| d.code.as_str())
    } else {
        claim.visit.disease.as_str()
    }
}

fn full_months(from: NaiveDate, to: NaiveDate) -> i64 {
    let months = i64::from(to.year() - from.year()) * 12 + i64::from(to.month()) - i64::from(from.month());
    months - i64::from(to.day() < from.day())
}

/// Where the rows of a claim's lines are looked up: the catalogue of the place of care.
struct CareCatalogue<'c> {
    bundle: &'c Bundle,
    institution: &'c Institution,
    care_area: &'c PoolArea,
    claim: &'c Claim,
}

impl CareCatalogue<'_> {
    fn limit<'r>(&self, rows: &'r ItemRows, policy: &BenefitPolicy, day: NaiveDate) -> Option<&'r PriceLimit> {
        let level = match policy.split.limit_level {
            LevelKind::Lmtpric => self.institution.price_level,
            LevelKind::Dedc => self.institution.deductible_level,
            LevelKind::Hosp => Level::from_hosp_lv(&self.institution.hosp_lv),
        };
        rows.limit(self.care_area, level, day)
    }
    fn self_pay(&self, rows: &ItemRows, policy: &BenefitPolicy, price: Price, day: NaiveDate) -> Rate {
        let person_type = match policy.split.ratio_person_type.as_str() {
            "" => policy.insutype.as_str(),
            other => other,
        };
        let area = match policy.split.ratio_of {
            RatioOwner::Care => self.care_area,
            RatioOwner::Insured => &policy.pool_area,
        };
        match rows.ratio(area, person_type, price, day) {
            None => Rate::ZERO,
            // 20 states what is reimbursed instead of what is self-paid
            Some(r) if r.ratio_type == "20" => Rate::ONE - r.ratio,
            Some(r) => r.ratio,
        }
    }
}

/// An original, and what is left of it after the refunds so far.
struct Left {
    item: ItemCode,
    price: Price,
    time: NaiveDateTime,
    approval: Approval,
    quantity: Quantity,
    amount: Money,
}

impl Left {
    fn of(line: &Line, amount: Money) -> Self {
        Self {
            item: line.item.clone(),
            price: line.price,
            time: line.time,
            approval: line.approval,
            quantity: line.quantity,
            amount,
        }
    }
}

/// The originals that refunds of the bill may name: of this bill and of earlier parts of the stay. Empty where
/// the bill refunds nothing, as most do.
fn originals(lines: &[Line], settled: &[SettledLine]) -> HashMap<LineNo, Left> {
    let mut left = HashMap::default();
    if lines.iter().all(|l| l.refund_of.is_none()) {
        return left;
    }
    for SettledLine { line, amount, .. } in settled.iter().filter(|s| s.line.refund_of.is_none()) {
        left.insert(line.no.clone(), Left::of(line, *amount));
    }
    for SettledLine { line, amount, .. } in settled {
        if let Some(l) = line.refund_of.as_ref().and_then(|o| left.get_mut(o)) {
            l.quantity += line.quantity;
            l.amount += *amount;
        }
    }
    for line in lines.iter().filter(|l| l.refund_of.is_none()) {
        left.insert(line.no.clone(), Left::of(line, line.amount));
    }
    left
}

/// Refunds have numbers of their own: two lines with one would have no order. What is negative names an original.
fn check_numbers(lines: &[Line], settled: &[SettledLine]) -> Result<(), ResolveError> {
    let mut numbers: HashSet<&LineNo> = HashSet::default();
    numbers.reserve(lines.len() + settled.len());
    numbers.extend(settled.iter().map(|s| &s.line.no));
    for line in lines {
        if !numbers.insert(&line.no) {
            return Err(ResolveError::DuplicateLine(line.no.clone()));
        }
        if line.refund_of.is_none() && (line.quantity.is_negative() || line.amount.is_negative()) {
            return Err(ResolveError::NegativeLine(line.no.clone()));
        }
    }
    Ok(())
}

/// Every line with its catalogue row, by the policy of the part it belongs to.
fn line_facts<'p>(
    mut lines: Vec<Line>,
    file: &PersonFile,
    catalogue: &CareCatalogue<'_>,
    policy_of: impl Fn(&Line) -> &'p BenefitPolicy,
) -> Result<Vec<LineFact>, ResolveError> {
    lines.sort_by(|a, b| a.order_key().cmp(&b.order_key()));
    check_numbers(&lines, &file.settled_lines)?;
    let mut left = originals(&lines, &file.settled_lines);

    let mut out = Vec::with_capacity(lines.len());
    for mut line in lines {
        let (mut amount, mut left_before, mut time) = (line.amount, None, line.time);
        if let Some(original_no) = &line.refund_of {
            let l = left
                .get_mut(original_no)
                .ok_or_else(|| ResolveError::RefundOfNothing(line.no.clone(), original_no.clone()))?;
            if line.item != l.item || line.price != l.price || line.amount > Money::ZERO {
                return Err(ResolveError::RefundDiffers(line.no.clone(), original_no.clone()));
            }
            left_before = Some((l.quantity, l.amount));
            let rest = l.quantity + line.quantity;
            if rest.is_negative() || !line.quantity.is_negative() {
                return Err(ResolveError::RefundTooLarge(line.no.clone(), original_no.clone()));
            }
            // the last partial refund takes what is left, so that the group nets to nothing
            if rest.is_zero() {
                amount = -l.amount;
            }
            l.quantity = rest;
            l.amount += amount;
            if l.amount.is_negative() {
                return Err(ResolveError::RefundTooLarge(line.no.clone(), original_no.clone()));
            }
            // a refund is split as its original was: same day, same row; the approval given for the original
            // holds, whether or not it was sent again
            time = l.time;
            line.approval = l.approval;
        }
        let policy = policy_of(&line);
        let day = catalogue_day(catalogue.claim, policy, time);
        let rows = catalogue.bundle.catalogue.rows_of(&line.item);
        let limit = rows.and_then(|r| catalogue.limit(r, policy, day));
        out.push(LineFact {
            item: rows.and_then(|r| r.item(catalogue.care_area, day)).cloned(),
            limit: limit.map(|l| l.limit),
            over_way: limit.map(|l| l.over_way.clone()).unwrap_or_default(),
            self_pay: rows.map_or(Rate::ZERO, |r| catalogue.self_pay(r, policy, line.price, day)),
            line,
            amount,
            room: None,
            left_before,
        });
    }
    Ok(out)
}

/// The day whose catalogue row a line has.
fn catalogue_day(claim: &Claim, policy: &BenefitPolicy, fee_time: NaiveDateTime) -> NaiveDate {
    match policy.dates.catalogue {
        LineMoment::Fee => fee_time.date(),
        LineMoment::Start => claim.visit.begin.date(),
        LineMoment::End => claim.end().date(),
        LineMoment::Settlement => claim.request.time.date(),
    }
}

/// Says how many units of each line its item's caps per day and per stay let through: in order of time and
/// number, net of refunds. Earlier parts of the stay come first, each as it was decided: what of their lines
/// passed stands, and a refund frees room from its own part on.
fn cap_items(lines: &mut [LineFact], file: &PersonFile, catalogue: &CareCatalogue<'_>, policy: &BenefitPolicy) {
    let has_cap = |l: &&LineFact| l.item.as_ref().is_some_and(|i| i.max_per_day.is_some() || i.max_per_stay.is_some());
    let capped: HashSet<&ItemCode> = lines.iter().filter(has_cap).map(|l| &l.line.item).collect();
    if capped.is_empty() {
        return;
    }
    let item_of = |l: &Line| -> Option<&CatalogueItem> {
        let day = catalogue_day(catalogue.claim, policy, l.time);
        catalogue.bundle.catalogue.item(&l.item, catalogue.care_area, day).map(|i| &**i)
    };
    let mut rooms = Rooms::default();
    let settled = &file.settled_lines;
    for part in settled.chunk_by(|a, b| a.settlement == b.settlement) {
        let mut part: Vec<&Line> = part.iter().map(|s| &s.line).filter(|l| capped.contains(&l.item)).collect();
        part.sort_by(|a, b| a.order_key().cmp(&b.order_key()));
        rooms.part(part.iter().map(|l| (*l, item_of(l))));
    }
    let part = lines.iter().filter(|l| capped.contains(&l.line.item)).map(|l| (&l.line, l.item.as_deref()));
    rooms.part(part);
    // a refund has the room of its original
    let room_of = |l: &LineFact| rooms.of.get(l.line.refund_of.as_ref().unwrap_or(&l.line.no))?.room;
    let all: Vec<Option<Quantity>> = lines.iter().map(room_of).collect();
    lines.iter_mut().zip(all).for_each(|(l, room)| l.room = room);
}

/// How many units the caps let through of each line, part by part.
#[derive(Default)]
struct Rooms<'l> {
    units: Units<'l>,
    of: HashMap<&'l LineNo, LineRoom<'l>>,
}

/// What the caps let through of one line.
struct LineRoom<'l> {
    room: Option<Quantity>,
    /// Units that remain after the refunds so far.
    net: Quantity,
    line: &'l Line,
}

impl LineRoom<'_> {
    fn passed(&self) -> Quantity {
        self.room.map_or(self.net, |room| room.min(self.net))
    }
}

impl<'l> Rooms<'l> {
    /// Takes a part in, its lines in order. Its refunds act before its lines: of lines of earlier parts they
    /// free room for these, of its own lines they leave what remains.
    fn part(&mut self, lines: impl Iterator<Item = (&'l Line, Option<&'l CatalogueItem>)> + Clone) {
        let mut refunds: HashMap<&LineNo, Quantity> = HashMap::default();
        for (line, _) in lines.clone() {
            let Some(original) = &line.refund_of else { continue };
            match self.of.get_mut(original) {
                Some(earlier) => {
                    let before = earlier.passed();
                    earlier.net += line.quantity;
                    self.units.add(earlier.line, earlier.passed() - before);
                }
                None => *refunds.entry(original).or_default() += line.quantity,
            }
        }
        for (line, item) in lines.filter(|(l, _)| l.refund_of.is_none()) {
            let Some(item) = item.filter(|i| !own_pay(Some(i), line.approval)) else { continue };
            let net = line.quantity + refunds.get(&line.no).copied().unwrap_or_default();
            let of = LineRoom { room: self.units.room(item, line), net, line };
            self.units.add(line, of.passed());
            self.of.insert(&line.no, of);
        }
    }
}

/// Units of each item that its caps let through so far, by day and over the stay.
#[derive(Default)]
struct Units<'l> {
    day: HashMap<(&'l ItemCode, NaiveDate), Quantity>,
    stay: HashMap<&'l ItemCode, Quantity>,
}

impl<'l> Units<'l> {
    /// How many units the item's caps still let through on the line's day; none without a cap.
    fn room(&self, item: &CatalogueItem, line: &Line) -> Option<Quantity> {
        let left =
            |max: Quantity, used: Option<&Quantity>| (max - used.copied().unwrap_or_default()).max(Quantity::ZERO);
        let day = item.max_per_day.map(|m| left(m, self.day.get(&(&line.item, line.time.date()))));
        let stay = item.max_per_stay.map(|m| left(m, self.stay.get(&line.item)));
        day.into_iter().chain(stay).min()
    }
    fn add(&mut self, line: &'l Line, units: Quantity) {
        *self.day.entry((&line.item, line.time.date())).or_default() += units;
        *self.stay.entry(&line.item).or_default() += units;
    }
}

fn net_lines(lines: &[LineFact]) -> Vec<NetLine> {
    let originals = lines.iter().enumerate().filter(|(_, l)| l.line.refund_of.is_none());
    let mut net: Vec<NetLine> =
        originals.map(|(i, l)| NetLine { line: i, quantity: l.line.quantity, amount: l.amount }).collect();
    if net.len() == lines.len() {
        net.retain(|n| !n.quantity.is_zero());
        return net;
    }
    let number = |n: &NetLine| lines.get(n.line).map(|l| &l.line.no);
    let at: HashMap<&LineNo, usize> = net.iter().enumerate().filter_map(|(i, n)| Some((number(n)?, i))).collect();
    for l in lines {
        let original = l.line.refund_of.as_ref().and_then(|o| at.get(o)).and_then(|i| net.get_mut(*i));
        if let Some(n) = original {
            n.quantity += l.line.quantity;
            n.amount += l.amount;
        }
    }
    net.retain(|n| !n.quantity.is_zero());
    net
}

fn past_of_this_visit(settled: &[SettledLine], visit: &VisitId) -> Vec<PastLine> {
    let mut refunds: HashMap<&LineNo, (Quantity, Money)> = HashMap::default();
    for s in settled {
        if let Some(o) = &s.line.refund_of {
            let r = refunds.entry(o).or_default();
            r.0 += s.line.quantity;
            r.1 += s.amount;
        }
    }
    settled
        .iter()
        .filter(|s| s.line.refund_of.is_none())
        .filter_map(|s| {
            let (q, a) = refunds.get(&s.line.no).copied().unwrap_or_default();
            let quantity = s.line.quantity + q;
            (!quantity.is_zero()).then(|| PastLine {
                visit: visit.clone(),
                settlement: SettlementId::default(),
                no: s.line.no.clone(),
                item: s.line.item.clone(),
                time: s.line.time,
                quantity,
                amount: s.amount + a,
                supply_days: s.line.supply_days,
            })
        })
        .collect()
}

/// Whether a line is wholly the person's, whatever its amount: unlisted, class C, or not approved.
pub fn own_pay(item: Option<&CatalogueItem>, approval: Approval) -> bool {
    item.is_none_or(|i| i.class == ItemClass::C || !approved(i.restricted, approval))
}

/// Whether the hospital's approval leaves a line payable (interface.md §3.3).
pub fn approved(restricted: bool, approval: Approval) -> bool {
    match approval {
        Approval::Approved => true,
        Approval::NotNeeded => !restricted,
        Approval::Refused => false,
    }
}
