//! Paper claims (手工报销): a bill that was paid in full at the hospital, settled at the agency. It is decided like any
//! other, by the same `resolve` and `adjudicate`; what differs is that a clerk sends it, that its invoice must not
//! have been settled before, and that above a set amount a second person decides.

use super::lines::check_lines;
use super::settle::{Decided, decide_claim, invoice_of};
use super::tasks::Word;
use super::*;
use chrono::Datelike as _;
use dingan_core::claim::{AccountUse, Claim, Diagnosis, Line, SettleRequest, Visit};
use dingan_core::ledger::funds_moved;
use dingan_core::money::{Money, Price, Quantity, Rate};
use dingan_store::{StoredLine, VisitDoc};
use sha2::{Digest, Sha256};

/// What stands in for the transaction's number in the key of such a claim.
pub(super) const MANUAL: &str = "manual";

/// Lines of one claim.
const LINES: usize = 5000;

/// A paper claim, by the national names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperClaim {
    /// Names the request: the same one again is not settled again.
    pub id: String,
    /// Where the care was given.
    pub fixmedins_code: String,
    /// Who had it.
    pub psn_no: String,
    /// Under which insurance.
    pub insutype: String,
    /// What kind of care.
    pub med_type: String,
    /// First day or admission, local civil time.
    pub begntime: NaiveDateTime,
    /// Discharge.
    #[serde(default)]
    pub endtime: Option<NaiveDateTime>,
    /// A filed disease.
    #[serde(default)]
    pub dise_codg: String,
    /// The invoice.
    pub invono: String,
    /// The bill's total, checked against the lines.
    pub medfee_sumamt: Money,
    /// Diagnoses, the main one first.
    pub diseinfo: Vec<PaperDiagnosis>,
    /// The bill.
    pub feedetail: Vec<PaperLine>,
}

/// A diagnosis on paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperDiagnosis {
    /// Its code.
    pub diag_code: String,
    /// Its name.
    #[serde(default)]
    pub diag_name: String,
}

/// A line of the bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperLine {
    /// Unique within the claim.
    pub feedetl_sn: String,
    /// When.
    pub fee_ocur_time: NaiveDateTime,
    /// The item.
    pub med_list_codg: String,
    /// How much.
    pub cnt: Quantity,
    /// At what price.
    pub pric: Price,
    /// Their product as the bill has it.
    pub det_item_fee_sumamt: Money,
}

/// Whether a text that may be empty could not be stored, or is too long.
fn unfit(t: &str) -> bool {
    t.len() > 200 || t.chars().any(char::is_control)
}

impl PaperClaim {
    pub(super) fn caller(&self, operator: &str, now: NaiveDateTime) -> Caller {
        let text = serde_json::to_vec(self).unwrap_or_default();
        Caller {
            institution: self.fixmedins_code.as_str().into(),
            infno: MANUAL.to_owned(),
            msgid: self.id.clone(),
            input_hash: Sha256::digest(&text).iter().map(|b| format!("{b:02x}")).collect(),
            operator: operator.to_owned(),
            insured_at: Division::default(),
            now,
        }
    }

    /// What cannot be a claim, whatever the books hold.
    pub(super) fn check(&self) -> Outcome<()> {
        let texts = [&self.id, &self.fixmedins_code, &self.psn_no, &self.insutype, &self.med_type, &self.invono];
        let codes = self.feedetail.iter().flat_map(|l| [&l.feedetl_sn, &l.med_list_codg]);
        let fit = |t: &String| (1..=100).contains(&t.len()) && !t.chars().any(char::is_control);
        if !texts.into_iter().chain(codes).all(fit) {
            return Err(Refusal::new(
                "FIELD_REQUIRED",
                "申请号、机构、人员、险种、医疗类别、发票号与明细编码均为必填，且不超过100字节",
            ));
        }
        let times = self.feedetail.iter().map(|l| l.fee_ocur_time).chain([self.begntime]).chain(self.endtime);
        if !times.into_iter().all(|t| (1990..=2100).contains(&t.year())) {
            return Err(Refusal::new("TIME_REFUSED", "时间须在1990年至2100年之间").at("begntime"));
        }
        if self.endtime.is_some_and(|e| e < self.begntime) {
            return Err(Refusal::new("TIME_REFUSED", "结束时间早于开始时间").at("endtime"));
        }
        if self.diseinfo.len() > 100
            || self.diseinfo.iter().any(|d| unfit(&d.diag_code) || unfit(&d.diag_name))
            || unfit(&self.dise_codg)
        {
            return Err(Refusal::new("FIELD_TOO_LONG", "诊断不超过100条，编码和名称不超过200字节"));
        }
        if self.diseinfo.is_empty() || self.feedetail.is_empty() || self.feedetail.len() > LINES {
            return Err(Refusal::new("FIELD_REQUIRED", format!("须有诊断和费用明细，明细不超过{LINES}条")));
        }
        Ok(())
    }

    fn visit(&self, by: &Caller) -> NewVisit {
        let digest = Sha256::digest(format!("{MANUAL}\n{}\n{}", by.institution, by.msgid));
        let hex: String = digest.iter().take(12).map(|b| format!("{b:02x}")).collect();
        let med_type = MedType::from(self.med_type.as_str());
        let diagnosis = |(i, d): (usize, &PaperDiagnosis)| Diagnosis {
            code: d.diag_code.as_str().into(),
            name: d.diag_name.clone(),
            main: i == 0,
            order: u16::try_from(i + 1).unwrap_or(u16::MAX),
            at_discharge: self.endtime.is_some(),
        };
        let visit = Visit {
            id: VisitId::from(format!("M{hex}")),
            person: self.psn_no.as_str().into(),
            institution: by.institution.clone(),
            insurance: self.insutype.as_str().into(),
            med_type,
            begin: self.begntime,
            end: self.endtime,
            disease: self.dise_codg.as_str().into(),
            diagnoses: self.diseinfo.iter().enumerate().map(diagnosis).collect(),
            department: String::new(),
            bed: String::new(),
            discharge_way: String::new(),
            death: None,
            referred_from: None,
            third_party_share: Rate::ZERO,
            insured_at: Division::default(),
            circumstances: Default::default(),
        };
        NewVisit { visit, cert_no: String::new(), case_no: String::new() }
    }

    fn lines(&self, batch: &str) -> Vec<Line> {
        let line = |l: &PaperLine| Line {
            no: l.feedetl_sn.as_str().into(),
            refund_of: None,
            batch: batch.to_owned(),
            order_no: String::new(),
            time: l.fee_ocur_time,
            item: l.med_list_codg.as_str().into(),
            hospital_item: String::new(),
            amount: l.det_item_fee_sumamt,
            quantity: l.cnt,
            price: l.pric,
            supply_days: None,
            department: String::new(),
            practitioner: PractitionerCode::default(),
            approval: Default::default(),
            take_home: false,
            more: None,
        };
        self.feedetail.iter().map(line).collect()
    }
}

impl Agency {
    /// Settles a paper claim.
    pub(super) async fn try_paying(&self, by: &Caller, claim: &PaperClaim, word: Word) -> Tried {
        let render: Arc<Render<Settled>> = Arc::new(Box::new(|s: &Settled| {
            let id = s.id.as_ref().map(ToString::to_string);
            json!({"setl_id": id, "setl_type": "1", "amounts": s.amounts})
        }));
        let d = self.decide_paper(by, claim).await?;
        word.carries(funds_moved(&d.decision.postings))?;
        let d = Decided { word: Some(word), ..d };
        let decision = Arc::clone(&d.decision);
        let ask = as_settlement(&d, claim);
        let written = self.write_settlement(by, &ask, d, Vec::new(), render, true).await;
        if written.is_ok() {
            self.metrics().settled(&decision);
        }
        Ok(written)
    }

    /// What a paper claim comes to.
    pub(super) async fn decide_paper(&self, by: &Caller, claim: &PaperClaim) -> Outcome<Decided> {
        let mut snap = self.snap().await?;
        let runtime = self.runtime_of(&mut snap, None).await?;
        self.check_institution(&runtime, by)?;
        let of_invoice = snap.settlements_of_invoice(&invoice_of(by, &claim.invono)).await.map_err(internal)?;
        if let Some((id, on_paper)) = of_invoice.first() {
            let (message, hint) = if *on_paper {
                ("已手工报销", "一张发票只报销一次；如前次报销有误，请先撤销")
            } else {
                ("已联网结算", "已联网结算的发票不能再手工报销；如联网结算有误，请先由医疗机构撤销")
            };
            return Err(Refusal::new("INVOICE_SETTLED", format!("该发票{message}，结算ID为{id}"))
                .at("invono")
                .hint(hint));
        }
        let new = claim.visit(by);
        let person = self.person_state(&mut snap, &new.visit.person).await?;
        self.check_new_visit(&mut snap, by, &new, &person).await?;
        let stay = new.visit.kind().is_stay();
        if stay && new.visit.end.is_none() {
            return Err(Refusal::new("FIELD_REQUIRED", "住院须填写出院时间").at("endtime"));
        }
        let doc = VisitDoc { visit: new.visit, case_no: String::new(), stay };
        let batch = if stay { String::new() } else { claim.id.clone() };
        let lines = claim.lines(&batch);
        check_lines(&runtime, by, &person, &doc, &lines, &[])?;
        let stated: Money = lines.iter().map(|l| l.amount).sum();
        if stated != claim.medfee_sumamt {
            let differs = claim.medfee_sumamt - stated;
            return Err(Refusal::new("TOTAL_MISMATCH", format!("医疗费总额与明细合计{stated}不一致，相差{differs}"))
                .at("medfee_sumamt")
                .hint("请核对明细"));
        }
        let request = SettleRequest { time: by.now, account_use: AccountUse::None, mid_stay: false, by_quota: false };
        let whole = Claim { visit: doc.visit.clone(), lines: lines.clone(), request: request.clone() };
        let file = snap.person_file(&person, &doc.visit.id, history_from(doc.visit.begin)).await.map_err(internal)?;
        let as_of = snap.as_of();
        drop(snap);
        let (facts, decision) = decide_claim(whole, file, Arc::clone(&runtime)).await?;
        let lines = lines.into_iter().map(|line| StoredLine { line, commit_no: 0 }).collect();
        Ok(Decided { runtime, person, doc, lines, request, batch, as_of, facts, decision, kept: false, word: None })
    }
}

/// The claim as a call to settle, for what all have in common.
fn as_settlement(d: &Decided, claim: &PaperClaim) -> SettleAsk {
    SettleAsk {
        visit: d.doc.visit.id.clone(),
        person: d.person.person.no.clone(),
        cert_no: String::new(),
        insurance: d.doc.visit.insurance.clone(),
        batch: (!d.doc.stay).then(|| d.batch.clone()),
        stay: d.doc.stay,
        med_type: None,
        account_use: AccountUse::None,
        mid_stay: false,
        by_quota: false,
        total: claim.medfee_sumamt,
        parts: None,
        invoice: claim.invono.clone(),
    }
}
