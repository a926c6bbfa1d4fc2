//! Importing: persons into their dated rows, reference data into a new bundle.

use super::*;
use crate::bundles::PolicySource;
use dingan_core::bundle::{AreaRow, CatalogueRows, Institution, Practitioner};
use dingan_core::money::Money;
use dingan_core::person::Person;
use dingan_core::policy::BenefitPolicy;
use dingan_store::AccountMove;

/// Persons of one commit.
const PERSONS_PER_COMMIT: usize = 500;

/// A person to be imported: their rows as far as given, and balances to be set.
#[derive(Debug, Clone)]
pub struct PersonRows {
    /// The person; relations, identities and filings are added to those known.
    pub person: Person,
    /// Balance the own account shall have.
    pub own_balance: Option<Money>,
    /// Balance the family account shall have.
    pub family_balance: Option<Money>,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Rows taken in.
    pub rows: usize,
    /// Settlements that would differ now, because facts became known late.
    pub proposals: usize,
    /// The bundle now in force, where reference data changed.
    pub bundle: Option<String>,
}

impl Agency {
    /// Imports persons. `progress` hears how many are done.
    pub async fn import_persons(
        &self,
        rows: Vec<PersonRows>,
        now: NaiveDateTime,
        mut progress: impl FnMut(usize) + Send,
    ) -> Result<ImportReport, AgencyError> {
        let mut report = ImportReport::default();
        let mut rest = rows.into_iter().peekable();
        while rest.peek().is_some() {
            let chunk: Vec<PersonRows> = rest.by_ref().take(PERSONS_PER_COMMIT).collect();
            let count = chunk.len();
            let changed = self.import_chunk(&chunk, now).await?;
            report.rows += count;
            for no in changed {
                report.proposals += self.propose(&no, now).await?;
            }
            progress(report.rows);
        }
        Ok(report)
    }

    /// Writes one chunk; returns the persons known before whose rows changed.
    async fn import_chunk(&self, chunk: &[PersonRows], now: NaiveDateTime) -> Result<Vec<PersonNo>, AgencyError> {
        let mut moved = None;
        for _ in 0..ATTEMPTS {
            let mut snap = self.store().snapshot().await?;
            let (mut persons, mut accounts, mut changed) = (Vec::new(), Vec::new(), Vec::new());
            // rows are merged with those known: nobody's may change until they are written
            let mut touched: Vec<PersonNo> = Vec::new();
            for row in chunk {
                let no = &row.person.no;
                let known = snap.person(no).await?;
                let merged = match &known {
                    Some(k) => merge(k.person.clone(), &row.person),
                    None => row.person.clone(),
                };
                if known.as_ref().is_none_or(|k| k.person != merged) {
                    if known.is_some() {
                        changed.push(no.clone());
                    }
                    persons.push(merged.clone());
                    touched.push(no.clone());
                }
                if let Some(b) = row.own_balance {
                    let have = known.as_ref().map_or(Money::ZERO, |k| k.own.balance);
                    if have != b {
                        accounts.push(AccountMove::own(no, b - have));
                        touched.push(no.clone());
                    }
                }
                if let (Some(b), Some(id)) = (row.family_balance, &merged.family_account) {
                    // another member of the family may have been imported before
                    let family = snap.family_account(id).await?;
                    let m = AccountMove { account: family.account, amount: b - family.balance };
                    // several members of one family state the same account
                    if !m.amount.is_zero() && !accounts.iter().any(|a: &AccountMove| a.account == m.account) {
                        accounts.push(m);
                    }
                }
            }
            let as_of = snap.as_of();
            drop(snap);
            if persons.is_empty() && accounts.is_empty() {
                return Ok(changed);
            }
            touched.sort();
            touched.dedup();
            let detail = json!({"persons": persons.len(), "balances": accounts.len()});
            let audit = vec![self.entry("import persons", "", detail)];
            let guard = Guard { as_of, persons: touched, accounts, ..Guard::default() };
            let write = move |_| Write { kind: "import persons", at: now, persons, audit, ..Write::default() };
            let written = self.write(guard, Box::new(write)).await;
            match written {
                Ok(_) => return Ok(changed),
                Err(e @ CommitError::Conflict(_)) => moved = Some(e),
                Err(e) => return Err(e.into()),
            }
        }
        Err(moved.unwrap_or(CommitError::Store(StoreError::Busy)).into())
    }

    /// Writes down how settlements would differ after late facts.
    async fn propose(&self, person: &PersonNo, now: NaiveDateTime) -> Result<usize, AgencyError> {
        let differences = self
            .proposals_now(person)
            .await
            .map_err(|r| StoreError::Damaged { table: "settlement", reason: r.message })?;
        let count = differences.len();
        if count > 0 {
            let no = person.clone();
            let proposals =
                differences.into_iter().map(|d| (no.clone(), "facts that became known late".to_owned(), d)).collect();
            let audit = vec![self.entry("propose", person.as_str(), json!({"settlements": count}))];
            let write = move |_| Write { kind: "proposals", at: now, proposals, audit, ..Write::default() };
            self.write(Guard::default(), Box::new(write)).await?;
        }
        Ok(count)
    }

    /// Imports institutions; a row replaces that of the same code and first day.
    pub async fn import_institutions(
        &self,
        rows: Vec<Institution>,
        now: NaiveDateTime,
    ) -> Result<ImportReport, AgencyError> {
        self.import_reference(rows.len(), now, move |c| {
            put(&mut c.rows.institutions, rows.clone(), |r| (r.code.clone(), r.period.begin));
        })
        .await
    }

    /// Imports practitioners.
    pub async fn import_practitioners(
        &self,
        rows: Vec<Practitioner>,
        now: NaiveDateTime,
    ) -> Result<ImportReport, AgencyError> {
        self.import_reference(rows.len(), now, move |c| {
            put(&mut c.rows.practitioners, rows.clone(), |r| (r.code.clone(), r.institution.clone(), r.period.begin));
        })
        .await
    }

    /// Imports areas.
    pub async fn import_areas(&self, rows: Vec<AreaRow>, now: NaiveDateTime) -> Result<ImportReport, AgencyError> {
        self.import_reference(rows.len(), now, move |c| {
            put(&mut c.rows.areas, rows.clone(), |r| (r.division.clone(), r.insurance.clone(), r.period.begin));
        })
        .await
    }

    /// Imports catalogue rows.
    pub async fn import_catalogue(&self, rows: CatalogueRows, now: NaiveDateTime) -> Result<ImportReport, AgencyError> {
        let n = rows.items.len() + rows.limits.len() + rows.ratios.len();
        self.import_reference(n, now, move |c| {
            let cat = &mut c.rows.catalogue;
            put(&mut cat.items, rows.items.clone(), |r| (r.code.clone(), r.area.clone(), r.period.begin));
            put(&mut cat.limits, rows.limits.clone(), |r| (r.code.clone(), r.area.clone(), r.level, r.period.begin));
            put(&mut cat.ratios, rows.ratios.clone(), |r| {
                (
                    (r.code.clone(), r.area.clone()),
                    r.person_type.clone(),
                    r.ratio_type.clone(),
                    r.from_price,
                    r.period.begin,
                )
            });
        })
        .await
    }

    /// Imports policies: a file replaces that of the same policy id and version. One that does not
    /// pass the check is refused and nothing changes.
    pub async fn import_policies(
        &self,
        files: Vec<PolicySource>,
        now: NaiveDateTime,
    ) -> Result<ImportReport, AgencyError> {
        let named = |f: &PolicySource| {
            BenefitPolicy::from_toml(&f.text).map_or_else(|_| (f.name.clone(), String::new()), |p| (p.id, p.version))
        };
        self.import_reference(files.len(), now, move |c| put(&mut c.policies, files.clone(), named)).await
    }

    async fn import_reference(
        &self,
        rows: usize,
        now: NaiveDateTime,
        change: impl Fn(&mut Contents) + Send + Sync,
    ) -> Result<ImportReport, AgencyError> {
        let change = |c: &mut Contents| {
            change(c);
            ((), Some(Value::Null))
        };
        let ((), bundle) = self.change_live("import", now, change).await?;
        Ok(ImportReport { rows, proposals: 0, bundle })
    }
}

/// Adds rows; one with the key of a known row takes its place. A row that begins later ends the
/// open row before it only where it says so itself: dates are the importer's.
fn put<T, K: Ord>(known: &mut Vec<T>, new: Vec<T>, key: impl Fn(&T) -> K) {
    let mut all: std::collections::BTreeMap<K, T> = std::collections::BTreeMap::new();
    for r in known.drain(..).chain(new) {
        all.insert(key(&r), r);
    }
    known.extend(all.into_values());
}

/// A person's new rows over the known ones.
fn merge(known: Person, new: &Person) -> Person {
    let mut p = Person {
        relations: known.relations,
        identities: known.identities,
        filings: known.filings,
        pauses: known.pauses,
        contributions: known.contributions,
        death: new.death.or(known.death),
        ..new.clone()
    };
    for r in &new.relations {
        p.relations.retain(|o| (&o.insurance, o.begin) != (&r.insurance, r.begin));
        p.relations.push(r.clone());
    }
    for i in &new.identities {
        p.identities.retain(|o| (&o.identity, o.begin) != (&i.identity, i.begin));
        p.identities.push(i.clone());
    }
    for f in &new.filings {
        p.filings.retain(|o| {
            (&o.kind, &o.disease, &o.area, &o.institution, o.begin)
                != (&f.kind, &f.disease, &f.area, &f.institution, f.begin)
        });
        p.filings.push(f.clone());
    }
    for x in &new.pauses {
        p.pauses.retain(|o| (&o.insurance, o.kind, o.begin) != (&x.insurance, x.kind, x.begin));
        p.pauses.push(x.clone());
    }
    for x in &new.contributions {
        p.contributions.retain(|o| (&o.insurance, o.begin) != (&x.insurance, x.begin));
        p.contributions.push(x.clone());
    }
    p.pauses.sort_by(|a, b| (a.begin, &a.insurance).cmp(&(b.begin, &b.insurance)));
    p.contributions.sort_by(|a, b| (a.begin, &a.insurance).cmp(&(b.begin, &b.insurance)));
    p.relations.sort_by(|a, b| (a.begin, &a.insurance).cmp(&(b.begin, &b.insurance)));
    p.identities.sort_by(|a, b| (a.begin, &a.identity).cmp(&(b.begin, &b.identity)));
    p.filings.sort_by(|a, b| (a.begin, &a.kind).cmp(&(b.begin, &b.kind)));
    if p.family_account.is_none() {
        p.family_account = known.family_account;
    }
    p
}
