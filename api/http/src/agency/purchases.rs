//! Purchases at a pharmacy (2101, 2102): visit, lines and settlement in one commit.

use super::lines::check_lines;
use super::settle::{Decided, check_invoice, decide_claim, invoice_of, settled};
use super::*;
use dingan_core::claim::{Claim, SettleRequest};
use dingan_core::money::Money;
use dingan_store::{StoredLine, VisitDoc};
use sha2::{Digest, Sha256};

impl Agency {
    pub(super) async fn trial_purchase(
        &self,
        by: &Caller,
        ask: PharmacyAsk,
    ) -> Outcome<((Settled, Vec<LineResult>), Vec<String>)> {
        let d = self.decide_purchase(by, &ask).await?;
        let view = settled(&d, by, &as_settlement(&d, &ask), None);
        Ok(((view, results(&d)), Vec::new()))
    }

    pub(super) async fn settle_purchase(
        &self,
        by: &Caller,
        ask: PharmacyAsk,
        render: Render<(Settled, Vec<LineResult>)>,
    ) -> Outcome<Reply> {
        let render = Arc::new(render);
        self.until_written(by, || self.try_selling(by, &ask, &render)).await
    }

    async fn try_selling(
        &self,
        by: &Caller,
        ask: &PharmacyAsk,
        render: &Arc<Render<(Settled, Vec<LineResult>)>>,
    ) -> Tried {
        let d = self.decide_purchase(by, ask).await?;
        let (settle, shown) = (as_settlement(&d, ask), results(&d));
        let decision = Arc::clone(&d.decision);
        let inner = Arc::clone(render);
        let render: Arc<Render<Settled>> = Arc::new(Box::new(move |s: &Settled| inner(&(s.clone(), shown.clone()))));
        let written = self.write_settlement(by, &settle, d, Vec::new(), render, true).await;
        if written.is_ok() {
            self.metrics().settled(&decision);
        }
        Ok(written)
    }

    async fn decide_purchase(&self, by: &Caller, ask: &PharmacyAsk) -> Outcome<Decided> {
        let mut snap = self.snap().await?;
        let runtime = self.runtime_of(&mut snap, None).await?;
        self.check_institution(&runtime, by)?;
        let shop = runtime.bundle.institution(&by.institution, by.now.date());
        if shop.is_none_or(|i| i.kind != "2") {
            return Err(Refusal::new("NOT_A_PHARMACY", "该交易仅供定点零售药店使用")
                .at("fixmedins_code")
                .hint("医疗机构请使用2201至2207"));
        }
        let person = self.person_state(&mut snap, &ask.visit.visit.person).await?;
        self.check_new_visit(&mut snap, by, &ask.visit, &person).await?;
        let mut doc = VisitDoc { visit: ask.visit.visit.clone(), case_no: String::new(), stay: false };
        doc.visit.institution = by.institution.clone();
        doc.visit.id = visit_id(by);
        check_lines(&runtime, by, &person, &doc, &ask.lines, &[])?;
        let stated: Money = ask.lines.iter().map(|l| l.amount).sum();
        if stated != ask.total {
            return Err(Refusal::new(
                "TOTAL_MISMATCH",
                format!("医疗费总额{}与明细合计{stated}不一致，相差{}", ask.total, ask.total - stated),
            )
            .at("medfee_sumamt")
            .hint("请核对明细"));
        }
        if !ask.invoice.is_empty() {
            let of_invoice = snap.settlements_of_invoice(&invoice_of(by, &ask.invoice)).await.map_err(internal)?;
            check_invoice(of_invoice.into_iter().find_map(|(id, on_paper)| on_paper.then_some(id)))?;
        }
        let request = SettleRequest { time: by.now, account_use: ask.account_use, mid_stay: false, by_quota: false };
        let claim = Claim { visit: doc.visit.clone(), lines: ask.lines.clone(), request: request.clone() };
        let file = snap.person_file(&person, &doc.visit.id, history_from(doc.visit.begin)).await.map_err(internal)?;
        let as_of = snap.as_of();
        drop(snap);
        let (facts, decision) = decide_claim(claim, file, Arc::clone(&runtime)).await?;
        let lines = ask.lines.iter().map(|l| StoredLine { line: l.clone(), commit_no: 0 }).collect();
        Ok(Decided {
            runtime,
            person,
            doc,
            lines,
            request,
            batch: String::new(),
            as_of,
            facts,
            decision,
            kept: false,
            word: None,
        })
    }
}

/// The visit's id: made of the message, since the decision is made before there is a commit to make it of.
fn visit_id(by: &Caller) -> VisitId {
    let digest = Sha256::digest(format!("{}\n{}", by.institution, by.msgid));
    let hex: String = digest.iter().take(12).map(|b| format!("{b:02x}")).collect();
    VisitId::from(format!("Y{hex}"))
}

/// The purchase as a call to settle, for what both have in common.
fn as_settlement(d: &Decided, ask: &PharmacyAsk) -> SettleAsk {
    SettleAsk {
        visit: d.doc.visit.id.clone(),
        person: d.person.person.no.clone(),
        cert_no: String::new(),
        insurance: d.doc.visit.insurance.clone(),
        batch: None,
        stay: false,
        med_type: None,
        account_use: ask.account_use,
        mid_stay: false,
        by_quota: false,
        total: ask.total,
        parts: None,
        invoice: ask.invoice.clone(),
    }
}

fn results(d: &Decided) -> Vec<LineResult> {
    let splits = &d.decision.priced.lines;
    d.facts
        .lines
        .iter()
        .zip(splits)
        .map(|(f, s)| LineResult { line: f.line.clone(), split: s.clone(), item: f.item.clone() })
        .collect()
}
