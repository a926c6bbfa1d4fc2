//! What happened between a person and an institution: a visit or a stay, as the hospital's system has it.

use crate::file::FileEvent;
use chrono::NaiveDateTime;
use dingan_core::bundle::Institution;
use dingan_core::claim::{AccountUse, Claim, Diagnosis, Line, SettleRequest, Visit};
use dingan_core::codes::{DiseaseCode, MedType, PractitionerCode, SettlementId, VisitId};
use dingan_core::money::{Money, Rate};
use dingan_core::person::{Person, Relation};
use std::sync::Arc;

/// Which of the two ways an encounter goes through the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Registered, charged and settled on one day (2201 to 2207).
    Outpatient,
    /// Admitted, charged, discharged, settled (2401 to 2304).
    Stay,
}

/// A department of a hospital: code, name, and its specialty (`caty`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Department {
    /// The hospital's code.
    pub code: &'static str,
    /// Its name.
    pub name: &'static str,
    /// `caty`.
    pub specialty: &'static str,
}

/// One visit or stay with its bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encounter {
    /// Visit or stay.
    pub shape: Shape,
    /// Unique in the county: the day on which it is settled and a number.
    pub key: String,
    /// The person.
    pub person: Person,
    /// The insurance relation it is billed under.
    pub relation: Relation,
    /// The institution.
    pub institution: Arc<Institution>,
    /// `med_type`.
    pub med_type: MedType,
    /// Visit or admission.
    pub begin: NaiveDateTime,
    /// End of the visit, or discharge.
    pub end: NaiveDateTime,
    /// When the bill is settled.
    pub settled: NaiveDateTime,
    /// `dise_codg`: the filed disease, else for a visit its principal diagnosis (2203 wants one).
    pub disease: DiseaseCode,
    /// Diagnoses, the principal one first.
    pub diagnoses: Vec<Diagnosis>,
    /// Where.
    pub department: Department,
    /// Who treats.
    pub doctor: PractitionerCode,
    /// `adm_bed` of a stay.
    pub bed: String,
    /// `dscg_way` of a stay.
    pub discharge_way: String,
    /// `acct_used_flag`.
    pub account_use: AccountUse,
    /// The bill, by time.
    pub lines: Vec<Line>,
    /// The abuse planted in it: a name of [`super::planted`].
    pub planted: Option<&'static str>,
}

impl Encounter {
    /// The sum of the lines.
    pub fn total(&self) -> Money {
        self.lines.iter().map(|l| l.amount).sum()
    }

    /// The encounter as a claim, for a decision without the interface. The visit gets the id `M` and the key.
    pub fn claim(&self) -> Claim {
        let stay = self.shape == Shape::Stay;
        let visit = Visit {
            id: VisitId::from(format!("M{}", self.key)),
            person: self.person.no.clone(),
            institution: self.institution.code.clone(),
            insurance: self.relation.insurance.clone(),
            med_type: self.med_type.clone(),
            begin: self.begin,
            end: stay.then_some(self.end),
            disease: self.disease.clone(),
            diagnoses: self.diagnoses.clone(),
            department: self.department.code.to_owned(),
            bed: self.bed.clone(),
            discharge_way: self.discharge_way.clone(),
            death: None,
            referred_from: None,
            third_party_share: Rate::ZERO,
            insured_at: Default::default(),
            circumstances: Default::default(),
        };
        let request =
            SettleRequest { time: self.settled, account_use: self.account_use, mid_stay: false, by_quota: false };
        Claim { visit, lines: self.lines.clone(), request }
    }

    /// The encounter as a line of a claims file. The settlement gets the id `S` and the key.
    pub fn event(&self) -> FileEvent {
        FileEvent::Claim { settlement: SettlementId::from(format!("S{}", self.key)), claim: self.claim(), known: None }
    }
}
