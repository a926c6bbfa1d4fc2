//! Invented people: names, numbers and certificates that cannot be taken for anybody's.

use super::rng::Rng;
use crate::file::PersonImport;
use chrono::{Days, NaiveDate};
use dingan_core::codes::{Division, Insurance, PersonType, Sex};
use dingan_core::money::Money;
use dingan_core::person::{DatedIdentity, Filing, Person, Relation};

/// The division most of the county's people belong to.
const HOME: &str = "469026";
/// The kinds of chronic disease filed for, with how many of a thousand people over forty have them.
const CHRONIC: [(&str, usize); 4] = [("M03900", 160), ("M01600", 90), ("M07800", 6), ("M00500", 8)];
const STEMS: [&str; 10] = ["甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸"];

/// A day of a year; every date of this module is one that exists.
fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

/// The day on which ages and kinds of insured are fixed.
pub(super) fn base_day() -> NaiveDate {
    day(2026, 1, 1)
}

/// The `i`-th person of a county.
pub(super) fn person(seed: u64, i: usize) -> PersonImport {
    let mut rng = Rng::new(&[seed, 1, i as u64]);
    let age = age(&mut rng);
    let birth = base_day() - Days::new(u64::try_from(age * 3652425 / 10000 + rng.between(1, 360)).unwrap_or(1));
    let sex = if rng.percent(50) { Sex::Male } else { Sex::Female };
    let relations = relations(&mut rng, age, birth);
    let employee = relations.iter().any(|r| r.insurance.as_str() == "310");
    let remote = relations.first().is_some_and(|r| !r.division.as_str().starts_with("46"));
    // three neighbours share a family account
    let family = i / 3;
    let mut family_rng = Rng::new(&[seed, 2, family as u64]);
    let shares = family_rng.percent(10);
    let person = Person {
        no: format!("S{:09}", i + 1).into(),
        cert_type: "01".to_owned(),
        cert_no: cert_no(i),
        name: format!("样例{}{:04}", STEMS.get(i % STEMS.len()).unwrap_or(&"甲"), i + 1),
        sex,
        ethnicity: String::from(if rng.percent(85) { "01" } else { "19" }),
        birth,
        identities: identities(&mut rng, employee),
        filings: filings(&mut rng, age, remote),
        relations,
        family_account: shares.then(|| format!("F{:08}", family + 1)),
        pauses: Vec::new(),
        contributions: Vec::new(),
        death: None,
    };
    PersonImport {
        person,
        own_balance: employee.then(|| Money::fen(rng.between(0, 800_000))),
        family_balance: shares.then(|| Money::fen(family_rng.between(0, 500_000))),
    }
}

fn age(rng: &mut Rng) -> i64 {
    match rng.below(100) {
        0..=6 => rng.between(0, 5),
        7..=19 => rng.between(6, 17),
        20..=47 => rng.between(18, 39),
        48..=75 => rng.between(40, 59),
        76..=94 => rng.between(60, 79),
        _ => rng.between(80, 95),
    }
}

/// Eighteen characters like an identity number that is none: its "birth" is no day of a living person
/// and its check character is always wrong.
fn cert_no(i: usize) -> String {
    let body = format!("4600251900{:07}", (i + 1) % 10_000_000);
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = body.chars().zip(weights).map(|(c, w)| c.to_digit(10).unwrap_or(0) * w).sum();
    let wrong = (12 - sum % 11 + 1) % 11;
    let check = char::from_digit(wrong, 10).unwrap_or('X');
    format!("{body}{check}")
}

fn relations(rng: &mut Rng, age: i64, birth: NaiveDate) -> Vec<Relation> {
    let division = match rng.below(100) {
        0 => *rng.pick(&["440100", "450100"]).unwrap_or(&HOME),
        1..=2 => "469021",
        3..=9 => "460100",
        _ => HOME,
    };
    let employee = match age {
        18..=59 => rng.percent(30),
        60.. => rng.percent(25),
        _ => false,
    };
    let since = day(i32::try_from(rng.between(2010, 2019)).unwrap_or(2015), 1, 1);
    let mut relation = Relation {
        insurance: Insurance::from(if employee { "310" } else { "390" }),
        person_type: PersonType::from(person_type(employee, age)),
        division: Division::from(division),
        begin: since.max(birth),
        end: None,
        civil_servant: employee && rng.percent(8),
        contribution_years: employee.then(|| (age - 22).clamp(1, 35)),
        employer: if employee { format!("样例单位{:03}", rng.between(1, 200)) } else { String::new() },
    };
    match rng.below(100) {
        // took up work in the middle of 2025
        0..=2 if !employee && (20..=55).contains(&age) => {
            let mut now = relation.clone();
            relation.end = Some(day(2025, 6, 30));
            now.insurance = "310".into();
            now.person_type = "11".into();
            now.begin = day(2025, 7, 1);
            now.contribution_years = Some(0);
            now.employer = format!("样例单位{:03}", rng.between(1, 200));
            vec![relation, now]
        }
        // contributes no longer
        3 => {
            relation.end = Some(day(2025, 12, 31));
            vec![relation]
        }
        _ => vec![relation],
    }
}

fn person_type(employee: bool, age: i64) -> &'static str {
    match (employee, age) {
        (true, ..=59) => "11",
        (true, _) => "12",
        (false, ..=0) => "1401",
        (false, 1..=5) => "1402",
        (false, 6..=17) => "1403",
        (false, 18..=21) => "1404",
        (false, 22..=59) => "15",
        (false, _) => "16",
    }
}

fn identities(rng: &mut Rng, employee: bool) -> Vec<DatedIdentity> {
    let identity = match rng.below(100) {
        _ if employee => return Vec::new(),
        0..=3 => "2303",
        4 => "2304",
        5 => "2305",
        _ => return Vec::new(),
    };
    let end = rng.percent(30).then(|| day(2026, 12, 31));
    vec![DatedIdentity { identity: identity.into(), begin: day(2020, 1, 1), end }]
}

fn filings(rng: &mut Rng, age: i64, remote: bool) -> Vec<Filing> {
    let mut filings = Vec::new();
    if age >= 40 {
        for (disease, of_thousand) in CHRONIC {
            if rng.below(1000) < of_thousand {
                let begin = day(2020, 6, 1);
                filings.push(Filing {
                    kind: "01".to_owned(),
                    disease: disease.into(),
                    begin,
                    end: None,
                    ..Filing::default()
                });
                break;
            }
        }
    }
    if remote {
        let begin = day(2020, 1, 1);
        filings.push(Filing { kind: "08".to_owned(), begin, ..Filing::default() });
    }
    filings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check character a real number would carry (GB 11643).
    fn right_check(body: &str) -> char {
        let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        let sum: u32 = body.chars().zip(weights).map(|(c, w)| c.to_digit(10).unwrap() * w).sum();
        "10X98765432".chars().nth((sum % 11) as usize).unwrap()
    }

    #[test]
    fn no_certificate_number_could_be_real() {
        let mut seen = std::collections::HashSet::new();
        for i in (0..3000).chain((0..10_000_000).step_by(9973)) {
            let no = cert_no(i);
            assert_eq!(no.len(), 18);
            assert_ne!(no.chars().last().unwrap(), right_check(&no[..17]), "{no}");
            seen.insert(no);
        }
        assert!(seen.len() > 3900);
    }

    #[test]
    fn people_are_as_old_as_their_kind_says() {
        for i in 0..5000 {
            let p = person(7, i).person;
            assert!(p.birth < base_day() && !p.relations.is_empty());
            assert!(p.relations.iter().all(|r| r.begin >= p.birth));
            for r in &p.relations {
                let child = r.person_type.as_str().starts_with("140") && r.person_type.as_str() != "1404";
                assert_eq!(child, p.age_on(base_day()) < 18, "{} {:?}", p.age_on(base_day()), r);
            }
        }
    }
}
