//! A scenario folder as it is read: the steps of `scenario.toml`, the bills of `lines.csv`, the persons
//! of its CSV files. What the columns and keys mean stands in `tests/scenarios/README.md`.

use anyhow::{Context, bail};
use chrono::{NaiveDate, NaiveDateTime};
use dingan::import::{catalogue, person_rows};
use dingan_connectors::file;
use dingan_core::bundle::CatalogueRows;
use dingan_core::money::{Money, Price, Quantity, Rate};
use dingan_core::person::Filing;
use dingan_http::agency::PersonRows;
use dingan_http::bundles::PolicySource;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What all scenarios share.
pub fn common() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../tests/scenarios/common")
}

/// Where the scenarios lie: here, or where `DINGAN_SCENARIOS` says.
fn root() -> PathBuf {
    match std::env::var_os("DINGAN_SCENARIOS") {
        Some(folder) => folder.into(),
        None => PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../tests/scenarios"),
    }
}

/// One person-year.
pub struct Scenario {
    /// The folder's name.
    pub name: String,
    /// The folder.
    pub folder: PathBuf,
    /// What the batch is held to.
    pub batch: Batch,
    /// The steps in order of time.
    pub steps: Vec<Step>,
    /// The lines of each bill.
    pub bills: BTreeMap<String, Vec<BillLine>>,
}

/// What the batch is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Batch {
    /// Every decision as it was made online.
    #[default]
    Same,
    /// The amounts as they would be with what is known at the end: facts came in between.
    AsKnownNow,
}

/// The file `scenario.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Steps {
    /// For the reader only.
    #[serde(rename = "title")]
    _title: String,
    #[serde(default)]
    batch: Batch,
    step: Vec<Step>,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Do {
    ImportPersons,
    ImportPolicies,
    ImportCatalogue,
    Outpatient,
    Admit,
    Lines,
    Discharge,
    Settle,
    MidSettle,
    Reverse,
    Correct,
    Cancel,
    Proposals,
    Accumulators,
    File,
    Unfile,
    Ledger,
    Pharmacy,
    Benefits,
}

/// One step; which fields it needs depends on what it does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The server's clock.
    #[serde(deserialize_with = "moment")]
    pub at: NaiveDateTime,
    #[serde(rename = "do")]
    pub what: Do,
    #[serde(default)]
    pub files: Vec<String>,
    #[serde(default)]
    pub visit: String,
    /// Our name of the settlement; the visit's where it is not given.
    #[serde(default)]
    pub settlement: String,
    #[serde(default)]
    pub person: String,
    #[serde(default)]
    pub institution: String,
    /// Visit or admission, where it is not the step's own time.
    #[serde(default, deserialize_with = "some_moment")]
    pub begin: Option<NaiveDateTime>,
    #[serde(default)]
    pub med_type: String,
    #[serde(default)]
    pub disease: String,
    #[serde(default)]
    pub diagnosis: String,
    /// The bill in `lines.csv`; the visit's name where it is not given.
    #[serde(default)]
    pub bill: String,
    /// `acct_used_flag`.
    #[serde(default)]
    pub account: u8,
    /// Amounts of the settlement by short name; what is not named is zero.
    #[serde(default)]
    pub expect: BTreeMap<String, Money>,
    /// Sums of `setldetail` by `fund_pay_type`, where given.
    #[serde(default)]
    pub detail: BTreeMap<String, Money>,
    /// `err_code` of a step that must be refused.
    #[serde(default)]
    pub refused: Option<String>,
    /// Own account after a reversal, where given.
    #[serde(default)]
    pub balance: Option<Money>,
    /// What an import or reversal writes down as proposals, where given.
    #[serde(default)]
    pub proposals: Option<Vec<Proposal>>,
    /// What the list of proposals must be.
    #[serde(default)]
    pub list: Vec<Proposal>,
    #[serde(default)]
    pub year: String,
    /// Fields of `setlinfo` that the answer must show as these texts.
    #[serde(default)]
    pub shown: BTreeMap<String, String>,
    /// What is filed.
    #[serde(default)]
    pub filing: Option<FiledStep>,
    /// How the care came about.
    #[serde(default)]
    pub emergency: bool,
    #[serde(default)]
    pub injury: bool,
    /// `matn_type`.
    #[serde(default)]
    pub birth: String,
    /// `birctrl_type`.
    #[serde(default)]
    pub birth_control: String,
    /// Our name of the visit this one was referred from.
    #[serde(default)]
    pub referred_from: String,
    /// `ttp_pay_prop`.
    #[serde(default)]
    pub share: Rate,
    /// `psn_setlway` 02.
    #[serde(default)]
    pub quota: bool,
    /// `insutype`, where the person has several on the day.
    #[serde(default)]
    pub insurance: String,
}

/// A filing by 2501, 2503, 2505 or 2507, or what takes it back.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FiledStep {
    /// Our name of it.
    pub name: String,
    /// `biz_appy_type`: 06 goes by 2501, 01 by 2503, 02 by 2507, all else by 2505.
    pub kind: String,
    pub area: String,
    pub disease: String,
    pub institution: String,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub share: Rate,
}

impl FiledStep {
    /// The filing, as the platform shall know it.
    pub fn filing(&self, step: &Step) -> Filing {
        Filing {
            kind: self.kind.clone(),
            disease: self.disease.as_str().into(),
            begin: self.from.unwrap_or(step.at.date()),
            end: self.to,
            id: String::new(),
            insurance: step.insurance.as_str().into(),
            area: self.area.as_str().into(),
            institution: self.institution.as_str().into(),
            made: Some(step.at.date()),
            third_party_share: self.share,
        }
    }
}

/// A settlement that would differ, and by how much the funds would pay more or less.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    pub settlement: String,
    pub funds: Money,
}

/// A line of a bill with the split it must get.
#[derive(Debug, Clone)]
pub struct BillLine {
    pub no: String,
    pub refund_of: Option<String>,
    pub time: NaiveDateTime,
    pub item: String,
    pub price: Price,
    pub quantity: Quantity,
    /// As the hospital states it.
    pub amount: Money,
    /// `hosp_appr_flag`.
    pub approval: String,
    /// The amount that counts.
    pub counts: Money,
    /// Own pay, above limit, advance self-pay, in scope.
    pub split: [Money; 4],
}

impl Step {
    pub fn settlement(&self) -> &str {
        if self.settlement.is_empty() { &self.visit } else { &self.settlement }
    }
    pub fn bill(&self) -> &str {
        if self.bill.is_empty() { &self.visit } else { &self.bill }
    }
}

impl Scenario {
    /// Every scenario folder, by name.
    pub fn all() -> anyhow::Result<Vec<Self>> {
        let mut folders: Vec<PathBuf> = std::fs::read_dir(root())?
            .filter_map(|e| e.ok().map(|e| e.path()))
            .filter(|p| p.join("scenario.toml").is_file())
            .collect();
        folders.sort();
        folders.into_iter().map(|f| Self::read(&f).with_context(|| f.display().to_string())).collect()
    }

    fn read(folder: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(folder.join("scenario.toml"))?;
        let file: Steps = toml::from_str(&text)?;
        if let Some(pair) = file.step.windows(2).find(|p| p[1].at < p[0].at) {
            bail!("the step at {} stands after that at {}", pair[1].at, pair[0].at);
        }
        if !folder.join("README.md").is_file() {
            bail!("README.md is missing: the amounts must be worked out there");
        }
        Ok(Self {
            name: folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
            bills: bills(&folder.join("lines.csv"))?,
            folder: folder.to_owned(),
            batch: file.batch,
            steps: file.step,
        })
    }

    /// Persons of files of this folder.
    pub fn persons(&self, files: &[String]) -> anyhow::Result<Vec<PersonRows>> {
        let mut rows = Vec::new();
        for f in files {
            rows.extend(good(&self.folder.join(f), file::read_persons)?);
        }
        Ok(person_rows(rows))
    }

    /// Policies of this folder.
    pub fn policies(&self, files: &[String]) -> anyhow::Result<Vec<PolicySource>> {
        files
            .iter()
            .map(|f| Ok(PolicySource { name: f.clone(), text: std::fs::read_to_string(self.folder.join(f))? }))
            .collect()
    }

    /// Catalogue tables of this folder.
    pub fn catalogue(&self, files: &[String]) -> anyhow::Result<CatalogueRows> {
        catalogue_of(&self.folder, files)
    }
}

/// Catalogue tables of a folder.
pub fn catalogue_of<S: AsRef<str>>(folder: &Path, files: &[S]) -> anyhow::Result<CatalogueRows> {
    let mut rows = Vec::new();
    for f in files {
        rows.extend(good(&folder.join(f.as_ref()), file::read_catalogue)?);
    }
    Ok(catalogue(rows))
}

/// Reads a file of which every row must be good.
pub fn good<T>(path: &Path, read: impl Fn(&str, BufReader<File>) -> file::Read<T>) -> anyhow::Result<Vec<T>> {
    let name = path.display().to_string();
    let found = read(&name, BufReader::new(File::open(path).with_context(|| name.clone())?));
    match found.problems.first() {
        Some(p) => bail!("{p}"),
        None => Ok(found.rows),
    }
}

/// The columns of `lines.csv`, in this order.
const COLUMNS: &str = "bill,feedetl_sn,init_feedetl_sn,fee_ocur_time,med_list_codg,pric,cnt,det_item_fee_sumamt,\
    hosp_appr_flag,counts,fulamt_ownpay_amt,overlmt_amt,preselfpay_amt,inscp_scp_amt";

fn bills(path: &Path) -> anyhow::Result<BTreeMap<String, Vec<BillLine>>> {
    let text = std::fs::read_to_string(path)?;
    let mut rows = text.lines();
    if rows.next().map(str::trim) != Some(COLUMNS) {
        bail!("lines.csv must begin with the header {COLUMNS}");
    }
    let mut out: BTreeMap<String, Vec<BillLine>> = BTreeMap::new();
    for (i, row) in rows.enumerate().filter(|(_, r)| !r.trim().is_empty()) {
        let cells: Vec<&str> = row.trim().split(',').collect();
        let (bill, line) = line(&cells).with_context(|| format!("lines.csv:{}", i + 2))?;
        out.entry(bill).or_default().push(line);
    }
    Ok(out)
}

fn line(cells: &[&str]) -> anyhow::Result<(String, BillLine)> {
    fn number<T: FromStr<Err: std::fmt::Display>>(text: &str) -> anyhow::Result<T> {
        text.parse().map_err(|e| anyhow::anyhow!("`{text}`: {e}"))
    }
    let [bill, no, refund_of, time, item, price, quantity, amount, approval, counts, own, over, pre, scope] = cells
    else {
        bail!("not fourteen cells");
    };
    let amount: Money = number(amount)?;
    let line = BillLine {
        no: (*no).to_owned(),
        refund_of: Some((*refund_of).to_owned()).filter(|r| !r.is_empty()),
        time: parse(time).map_err(anyhow::Error::msg)?,
        item: (*item).to_owned(),
        price: number(price)?,
        quantity: number(quantity)?,
        amount,
        approval: (*approval).to_owned(),
        counts: if counts.is_empty() { amount } else { number(counts)? },
        split: [number(own)?, number(over)?, number(pre)?, number(scope)?],
    };
    // a slip of the pen in the hand computation is told as such, before the engine is asked
    if line.split.iter().copied().sum::<Money>() != line.counts {
        bail!("the four parts do not add up to {}", line.counts);
    }
    Ok(((*bill).to_owned(), line))
}

fn parse(text: &str) -> Result<NaiveDateTime, String> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").map_err(|e| format!("`{text}`: {e}"))
}

fn moment<'de, D: Deserializer<'de>>(d: D) -> Result<NaiveDateTime, D::Error> {
    parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
}

fn some_moment<'de, D: Deserializer<'de>>(d: D) -> Result<Option<NaiveDateTime>, D::Error> {
    moment(d).map(Some)
}
