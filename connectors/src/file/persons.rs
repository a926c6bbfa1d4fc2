//! Persons: several rows of one `psn_no` make one person.

use super::Read;
use super::table::{Problems, Refused, Row, Table, columns};
use chrono::NaiveDate;
use dingan_core::codes::*;
use dingan_core::money::{Money, Rate};
use dingan_core::person::{Contribution, DatedIdentity, Filing, Pause, PauseKind, Person, Relation};
use std::collections::{HashMap, HashSet};
use std::io;

/// A person as `dingan import persons` takes them in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonImport {
    /// Who they are, with relations, identities and filings in the order of the rows.
    pub person: Person,
    /// `balc`: what the person's own account holds; none where the file does not say.
    pub own_balance: Option<Money>,
    /// `mulaid_balc`: what the family account `mulaid_acct` holds.
    pub family_balance: Option<Money>,
}

/// Columns every file of persons has.
pub(super) const REQUIRED: [&str; 10] = [
    "psn_no",
    "psn_cert_type",
    "certno",
    "psn_name",
    "gend",
    "brdy",
    "insutype",
    "psn_type",
    "insuplc_admdvs",
    "psn_insu_date",
];
/// Columns it may have.
pub(super) const OPTIONAL: [&str; 26] = [
    "naty",
    "paus_insu_date",
    "cvlserv_flag",
    "clct_years",
    "emp_name",
    "balc",
    "psn_idet_type",
    "begntime",
    "endtime",
    "biz_appy_type",
    "filing_begndate",
    "filing_enddate",
    "filing_dise_codg",
    "mulaid_acct",
    "mulaid_balc",
    "die_date",
    "paus_type",
    "paus_begndate",
    "paus_enddate",
    "clct_begndate",
    "filing_insutype",
    "filing_admdvs",
    "filing_fixmedins_code",
    "filing_date",
    "trt_dcla_detl_sn",
    "filing_ttp_prop",
];

/// Reads persons. Each row adds one relation, one identity and one filing, as far as its columns are
/// filled. A row that fills `paus_type` or `clct_begndate` adds a pause or a dated number of years to the
/// insurance it names, and no relation. The columns that say who the person is may be empty from the second row on, and must agree
/// where they are not.
pub fn read_persons(file: &str, input: impl io::Read) -> Read<PersonImport> {
    let mut problems = Problems::new(file);
    let mut persons: Vec<PersonImport> = Vec::new();
    let Some(mut table) = Table::open(input, &mut problems) else {
        return problems.read(persons);
    };
    if !table.expect(&columns(&REQUIRED, &OPTIONAL), &mut problems) {
        return problems.read(persons);
    }
    let mut places: HashMap<PersonNo, usize> = HashMap::new();
    let mut refused: HashSet<PersonNo> = HashSet::new();
    table.rows(&mut problems, |row| {
        let no = PersonNo::from(row.need_code("psn_no", 30)?);
        let parts = Parts::read(row);
        match places.get(&no).and_then(|at| persons.get_mut(*at)) {
            Some(known) => {
                let parts = parts?;
                agree(known, row, &parts)?;
                parts.add_to(known);
            }
            None if refused.contains(&no) && row.get("certno").is_empty() => {
                return Err(Refused {
                    column: "psn_no",
                    reason: "the first row of this person was refused".to_owned(),
                });
            }
            None => {
                let first = parts.and_then(|parts| Ok((first_row(no.clone(), row)?, parts)));
                let (mut person, parts) = first.inspect_err(|_| {
                    refused.insert(no.clone());
                })?;
                parts.add_to(&mut person);
                places.insert(no, persons.len());
                persons.push(person);
            }
        }
        Ok(())
    });
    problems.read(persons)
}

/// The person of a first row, without the parts.
fn first_row(no: PersonNo, row: &Row<'_>) -> Result<PersonImport, Refused> {
    let person = Person {
        no,
        cert_type: row.need_code("psn_cert_type", 6)?.to_owned(),
        cert_no: row.need_code("certno", 50)?.to_owned(),
        name: row.need_text("psn_name", 50)?.to_owned(),
        sex: Sex::from_code(row.one_of("gend", &["0", "1", "2", "9"])?),
        ethnicity: row.code("naty", 3)?.to_owned(),
        birth: row.need_date("brdy")?,
        relations: Vec::new(),
        identities: Vec::new(),
        filings: Vec::new(),
        family_account: None,
        pauses: Vec::new(),
        contributions: Vec::new(),
        death: None,
    };
    Ok(PersonImport { person, own_balance: None, family_balance: None })
}

/// Refuses a later row that says something else of the person than the first.
fn agree(known: &PersonImport, row: &Row<'_>, parts: &Parts) -> Result<(), Refused> {
    let p = &known.person;
    let same_text = |column, value: &str| differs(column, row.get(column).is_empty() || row.get(column) == value);
    same_text("psn_cert_type", &p.cert_type)?;
    same_text("certno", &p.cert_no)?;
    same_text("psn_name", &p.name)?;
    same_text("naty", &p.ethnicity)?;
    differs("gend", row.get("gend").is_empty() || Sex::from_code(row.get("gend")) == p.sex)?;
    differs("die_date", row.date("die_date")?.is_none_or(|d| p.death.is_none_or(|k| k == d)))?;
    differs("brdy", row.date("brdy")?.is_none_or(|d| d == p.birth))?;
    differs("balc", clash(parts.own_balance, known.own_balance))?;
    differs("mulaid_balc", clash(parts.family_balance, known.family_balance))?;
    differs("mulaid_acct", clash(parts.family_account.as_deref(), p.family_account.as_deref()))?;
    if let Some(r) = &parts.relation {
        let same_key = |k: &&Relation| k.insurance == r.insurance && k.begin == r.begin && k.division == r.division;
        differs("insutype", p.relations.iter().find(same_key).is_none_or(|k| k == r))?;
    }
    Ok(())
}

fn clash<T: PartialEq>(new: Option<T>, known: Option<T>) -> bool {
    new.is_none() || known.is_none() || new == known
}

fn differs(column: &'static str, agrees: bool) -> Result<(), Refused> {
    if agrees {
        Ok(())
    } else {
        Err(Refused { column, reason: "differs from an earlier row of the same person".to_owned() })
    }
}

/// What one row adds to a person.
struct Parts {
    relation: Option<Relation>,
    identity: Option<DatedIdentity>,
    filing: Option<Filing>,
    pause: Option<Pause>,
    contribution: Option<Contribution>,
    death: Option<NaiveDate>,
    family_account: Option<String>,
    own_balance: Option<Money>,
    family_balance: Option<Money>,
}

impl Parts {
    fn read(row: &Row<'_>) -> Result<Self, Refused> {
        let family_account = row.code("mulaid_acct", 30)?;
        let family_balance = balance(row, "mulaid_balc")?;
        if family_balance.is_some() && family_account.is_empty() {
            return Err(missing("mulaid_acct", "mulaid_balc"));
        }
        let pause = pause(row)?;
        let contribution = contribution(row)?;
        let alone = pause.is_some() || contribution.is_some();
        Ok(Self {
            relation: if alone { None } else { relation(row)? },
            pause,
            contribution,
            death: row.date("die_date")?,
            identity: identity(row)?,
            filing: filing(row)?,
            family_account: Some(family_account.to_owned()).filter(|a| !a.is_empty()),
            own_balance: balance(row, "balc")?,
            family_balance,
        })
    }

    /// A part that stands there already comes from a file that repeats it on every row.
    fn add_to(self, to: &mut PersonImport) {
        add(&mut to.person.relations, self.relation);
        add(&mut to.person.identities, self.identity);
        add(&mut to.person.filings, self.filing);
        add(&mut to.person.pauses, self.pause);
        add(&mut to.person.contributions, self.contribution);
        to.person.death = to.person.death.or(self.death);
        to.person.family_account = to.person.family_account.take().or(self.family_account);
        to.own_balance = to.own_balance.or(self.own_balance);
        to.family_balance = to.family_balance.or(self.family_balance);
    }
}

fn add<T: PartialEq>(list: &mut Vec<T>, part: Option<T>) {
    if let Some(part) = part.filter(|p| !list.contains(p)) {
        list.push(part);
    }
}

fn relation(row: &Row<'_>) -> Result<Option<Relation>, Refused> {
    let insurance = row.code("insutype", 6)?;
    if insurance.is_empty() {
        only_with(row, "insutype", &["psn_type", "insuplc_admdvs", "psn_insu_date", "paus_insu_date"])?;
        return Ok(None);
    }
    let (begin, end) = row.range("psn_insu_date", "paus_insu_date")?;
    let contribution_years = years(row)?;
    Ok(Some(Relation {
        insurance: insurance.into(),
        person_type: row.need_code("psn_type", 6)?.into(),
        division: row.division("insuplc_admdvs")?.into(),
        begin,
        end,
        civil_servant: row.flag("cvlserv_flag")?,
        contribution_years,
        employer: row.text("emp_name", 200)?.to_owned(),
    }))
}

fn years(row: &Row<'_>) -> Result<Option<i64>, Refused> {
    let years = row.get("clct_years");
    match years.parse::<i64>() {
        _ if years.is_empty() => Ok(None),
        Ok(y) if (0..=99).contains(&y) => Ok(Some(y)),
        _ => Err(Refused { column: "clct_years", reason: "not a whole number of years from 0 to 99".into() }),
    }
}

fn pause(row: &Row<'_>) -> Result<Option<Pause>, Refused> {
    let kind = match row.get("paus_type") {
        "" => {
            only_with(row, "paus_type", &["paus_begndate", "paus_enddate"])?;
            return Ok(None);
        }
        "1" => PauseKind::Waiting,
        "2" => PauseKind::Suspended,
        _ => return Err(Refused { column: "paus_type", reason: "neither 1 (waiting) nor 2 (suspended)".to_owned() }),
    };
    let (begin, end) = row.range("paus_begndate", "paus_enddate")?;
    Ok(Some(Pause { insurance: row.need_code("insutype", 6)?.into(), kind, begin, end }))
}

fn contribution(row: &Row<'_>) -> Result<Option<Contribution>, Refused> {
    let Some(begin) = row.date("clct_begndate")? else { return Ok(None) };
    let years = years(row)?.ok_or_else(|| missing("clct_years", "clct_begndate"))?;
    Ok(Some(Contribution { insurance: row.need_code("insutype", 6)?.into(), begin, years }))
}

fn identity(row: &Row<'_>) -> Result<Option<DatedIdentity>, Refused> {
    let identity = row.code("psn_idet_type", 6)?;
    if identity.is_empty() {
        only_with(row, "psn_idet_type", &["begntime", "endtime"])?;
        return Ok(None);
    }
    let (begin, end): (NaiveDate, _) = row.range("begntime", "endtime")?;
    Ok(Some(DatedIdentity { identity: identity.into(), begin, end }))
}

fn filing(row: &Row<'_>) -> Result<Option<Filing>, Refused> {
    let kind = row.code("biz_appy_type", 6)?;
    if kind.is_empty() {
        only_with(
            row,
            "biz_appy_type",
            &["filing_begndate", "filing_enddate", "filing_dise_codg", "filing_admdvs", "filing_date"],
        )?;
        return Ok(None);
    }
    let (begin, end) = row.range("filing_begndate", "filing_enddate")?;
    let share = row.number::<Rate>("filing_ttp_prop")?.unwrap_or_default();
    if share.is_negative() || share > Rate::ONE {
        return Err(Refused { column: "filing_ttp_prop", reason: "not between 0 and 1".to_owned() });
    }
    Ok(Some(Filing {
        kind: kind.to_owned(),
        disease: row.code("filing_dise_codg", 30)?.into(),
        begin,
        end,
        id: row.code("trt_dcla_detl_sn", 30)?.to_owned(),
        insurance: row.code("filing_insutype", 6)?.into(),
        area: row.code("filing_admdvs", 6)?.into(),
        institution: row.code("filing_fixmedins_code", 30)?.into(),
        made: row.date("filing_date")?,
        third_party_share: share,
    }))
}

fn balance(row: &Row<'_>, column: &'static str) -> Result<Option<Money>, Refused> {
    match row.number::<Money>(column)? {
        Some(m) if m.is_negative() => Err(Refused { column, reason: "below zero".to_owned() }),
        amount => Ok(amount),
    }
}

/// Refuses a row that fills columns of a part whose leading column is empty.
fn only_with(row: &Row<'_>, leading: &'static str, rest: &[&'static str]) -> Result<(), Refused> {
    match rest.iter().find(|c| !row.get(c).is_empty()) {
        Some(filled) => Err(missing(leading, filled)),
        None => Ok(()),
    }
}

fn missing(column: &'static str, filled: &str) -> Refused {
    Refused { column, reason: format!("empty, though `{filled}` is filled") }
}
