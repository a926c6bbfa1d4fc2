//! Fee lines: uploading with their split, and taking them away.

use super::*;
use dingan_core::claim::{AccountUse, Claim, Line, SettleRequest};
use dingan_core::money::{Money, Quantity};
use dingan_core::person::{PersonFile, SettledLine};
use dingan_core::pricing::price;
use dingan_core::resolve::{policy_of, resolve};
use dingan_store::{NewVoid, StoredLine, VisitDoc};
use std::collections::{HashMap, HashSet};

impl Agency {
    pub(super) async fn upload_lines(
        &self,
        by: &Caller,
        new: NewLines,
        render: Render<Vec<LineResult>>,
    ) -> Outcome<Reply> {
        let render = Arc::new(render);
        self.until_written(by, || self.try_upload(by, &new, &render)).await
    }

    async fn try_upload(&self, by: &Caller, new: &NewLines, render: &Arc<Render<Vec<LineResult>>>) -> Tried {
        let mut snap = self.snap().await?;
        let runtime = self.runtime_of(&mut snap, None).await?;
        let doc = self.visit_state(&mut snap, by, &new.visit, &new.person, Some(new.stay)).await?;
        let person = self.person_state(&mut snap, &new.person).await?;
        let have = snap.line_count(&new.visit).await.map_err(internal)?;
        if have + i64::try_from(new.lines.len()).unwrap_or(i64::MAX) > LINES_PER_VISIT {
            return Err(Refusal::new("TOO_MANY_LINES", format!("一次就诊的费用明细不能超过{LINES_PER_VISIT}条"))
                .at("feedetl_sn")
                .hint("请办理中途结算后另行登记"));
        }
        if new.stay {
            let settled = snap.settlements_of_visit(&new.visit).await.map_err(internal)?;
            if settled.iter().any(|s| !s.request.mid_stay) {
                return Err(Refusal::new("VISIT_CLOSED", "该住院已办理出院结算，不能再上传费用明细")
                    .at("mdtrt_id")
                    .hint("如需补传，请先撤销结算（2305）"));
            }
        }
        let related = related_numbers(&new.lines);
        let known = snap.find_lines(&new.visit, &related).await.map_err(internal)?;
        drop(snap);
        check_lines(&runtime, by, &person, &doc, &new.lines, &known)?;
        let results = split_lines(&runtime, &person, &doc, &new.lines, known, by.now)?;

        let (render, now) = (Arc::clone(render), by.now);
        let lines = new.lines.clone();
        Ok(self
            .write(
                guard_of(&person, by),
                Box::new(move |_| Write {
                    kind: "lines",
                    at: now,
                    answer: answer(render(&results), Vec::new()),
                    message_visit: doc.visit.id.clone(),
                    lines: Some((doc.visit.id, lines)),
                    ..Write::default()
                }),
            )
            .await)
    }

    pub(super) async fn take_lines_away(
        &self,
        by: &Caller,
        visit: VisitId,
        person: PersonNo,
        stay: bool,
        choice: LineChoice,
    ) -> Outcome<Reply> {
        self.until_written(by, || self.try_taking_away(by, &visit, &person, stay, &choice)).await
    }

    async fn try_taking_away(
        &self,
        by: &Caller,
        visit: &VisitId,
        person: &PersonNo,
        stay: bool,
        choice: &LineChoice,
    ) -> Tried {
        let mut snap = self.snap().await?;
        let doc = self.visit_state(&mut snap, by, visit, person, Some(stay)).await?;
        let state = self.person_state(&mut snap, person).await?;
        let open = snap.unsettled_lines(visit).await.map_err(internal)?;
        let lines = chosen(&open, choice)?;
        let related = snap.find_lines(visit, &lines).await.map_err(internal)?;
        drop(snap);
        check_refunds(&lines, &related)?;
        let (now, count) = (by.now, lines.len());
        Ok(self
            .write(
                guard_of(&state, by),
                Box::new(move |_| Write {
                    kind: "void lines",
                    at: now,
                    answer: answer(Value::Null, vec![format!("已撤销{count}条未结算明细")]),
                    message_visit: doc.visit.id.clone(),
                    void: Some(NewVoid { visit: doc.visit.id, lines }),
                    ..Write::default()
                }),
            )
            .await)
    }
}

/// The numbers of the lines, and of those they refund.
fn related_numbers(lines: &[Line]) -> Vec<LineNo> {
    let mut out: Vec<LineNo> = lines.iter().map(|l| l.no.clone()).collect();
    out.extend(lines.iter().filter_map(|l| l.refund_of.clone()));
    out.sort();
    out.dedup();
    out
}

/// For how many days before the admission of a stay its lines may stand in its bill.
fn emergency_days(runtime: &Runtime, person: &PersonState, doc: &VisitDoc) -> u64 {
    if !doc.stay || !doc.visit.is_emergency() {
        return 0;
    }
    let policy = policy_of(&doc.visit, &person.person, &runtime.bundle);
    policy.and_then(|p| u64::try_from(p.dates.emergency_days).ok()).unwrap_or(0)
}

pub(super) fn check_lines(
    runtime: &Runtime,
    by: &Caller,
    person: &PersonState,
    doc: &VisitDoc,
    lines: &[Line],
    known: &[StoredLine],
) -> Outcome<()> {
    let taken: HashSet<&LineNo> = known.iter().map(|k| &k.line.no).collect();
    let mut seen: HashSet<&LineNo> = HashSet::with_capacity(lines.len());
    // a stay that began as an emergency may bring the lines of the days before along, where the policy says so
    let first = doc.visit.begin.date();
    let before = chrono::Days::new(emergency_days(runtime, person, doc));
    let first = first.checked_sub_days(before).unwrap_or(first);
    let last = doc.visit.end.unwrap_or(by.now + TimeDelta::hours(24)).date();
    for (i, l) in lines.iter().enumerate() {
        let bad =
            |code, message: String, field, hint: &str| Err(Refusal::new(code, message).at(field).line(i).hint(hint));
        if taken.contains(&l.no) || !seen.insert(&l.no) {
            return bad(
                "LINE_EXISTS",
                "费用明细流水号在该就诊中已存在".to_owned(),
                "feedetl_sn",
                "如需更正，请先撤销原明细（2205或2302）再上传",
            );
        }
        if !runtime.bundle.catalogue.knows(&l.item) {
            return bad(
                "ITEM_UNKNOWN",
                "医疗目录编码不在目录中".to_owned(),
                "med_list_codg",
                "请核对目录对照；目录外费用请使用目录外自费编码",
            );
        }
        let day = l.time.date();
        if day < first || day > last {
            return bad(
                "FEE_TIME_OUTSIDE",
                format!("费用发生时间不在就诊期间（{first}至{last}）内"),
                "fee_ocur_time",
                "请核对费用发生时间与入院、出院时间",
            );
        }
        if l.price.is_negative() {
            return bad("PRICE_NEGATIVE", "单价不能为负".to_owned(), "pric", "退费请用负的数量和金额，单价保持为正");
        }
        if l.quantity.is_zero() {
            return bad("QUANTITY_ZERO", "数量不能为零".to_owned(), "cnt", "请核对数量");
        }
        if !doc.stay && l.refund_of.is_some() {
            // an outpatient bill is settled and reversed as a whole: a refund in another bill would outlive it
            return bad(
                "REFUND_IN_OUTPATIENT",
                "门诊明细不能填写原费用流水号".to_owned(),
                "init_feedetl_sn",
                "门诊退费请撤销结算（2208）后重新上传并结算",
            );
        }
        if l.refund_of.is_none() && (l.quantity.is_negative() || l.amount.is_negative()) {
            return bad(
                "NEGATIVE_LINE",
                "数量或金额为负但未填原费用流水号".to_owned(),
                "cnt",
                "退费请在2301中填写init_feedetl_sn；门诊请撤销后重新上传",
            );
        }
        if (l.price.times(l.quantity) - l.amount).abs() > Money::fen(1) {
            return bad(
                "LINE_AMOUNT",
                format!("明细金额{}与单价×数量（{}）相差超过0.01元", l.amount, l.price.times(l.quantity)),
                "det_item_fee_sumamt",
                "金额应等于单价乘以数量，四舍五入到分",
            );
        }
    }
    Ok(())
}

/// Splits new lines as a settlement would, given the lines they refund.
fn split_lines(
    runtime: &Runtime,
    person: &PersonState,
    doc: &VisitDoc,
    lines: &[Line],
    known: Vec<StoredLine>,
    now: NaiveDateTime,
) -> Outcome<Vec<LineResult>> {
    let mut file = PersonFile::new(person.person.clone());
    // originals first, then their earlier refunds with the amounts that count
    let mut known = known;
    known.sort_by(|a, b| {
        (a.line.refund_of.is_some(), a.line.order_key()).cmp(&(b.line.refund_of.is_some(), b.line.order_key()))
    });
    let mut left: HashMap<LineNo, (Quantity, Money)> = HashMap::new();
    for k in known {
        let mut amount = k.line.amount;
        match &k.line.refund_of {
            None => {
                left.insert(k.line.no.clone(), (k.line.quantity, k.line.amount));
            }
            Some(o) => {
                if let Some(l) = left.get_mut(o) {
                    l.0 += k.line.quantity;
                    if l.0.is_zero() {
                        amount = -l.1;
                    }
                    l.1 += amount;
                }
            }
        }
        file.settled_lines.push(SettledLine { settlement: Default::default(), line: k.line, amount });
    }
    let mut visit = doc.visit.clone();
    // the split does not wait for the turn of the year to be settled
    visit.end = visit.end.or(Some(now.max(visit.begin)));
    let claim = Claim {
        visit,
        lines: lines.to_vec(),
        request: SettleRequest { time: now, account_use: AccountUse::None, mid_stay: true, by_quota: false },
    };
    let facts = match resolve(claim.clone(), file.clone(), &runtime.bundle) {
        Ok(f) => f,
        Err(ResolveError::YearNotSettled(_)) => {
            let mut claim = claim;
            claim.visit.end = Some(claim.visit.begin);
            resolve(claim, file, &runtime.bundle).map_err(|e| refused_line(e, lines))?
        }
        Err(e) => return Err(refused_line(e, lines)),
    };
    let priced = price(&facts);
    let mut by_no: HashMap<LineNo, LineResult> = facts
        .lines
        .into_iter()
        .zip(priced.lines)
        .map(|(f, s)| (f.line.no.clone(), LineResult { line: f.line, split: s, item: f.item }))
        .collect();
    Ok(lines.iter().filter_map(|l| by_no.remove(&l.no)).collect())
}

/// A refusal of `resolve` that names a line, with its place in the message.
fn refused_line(e: ResolveError, lines: &[Line]) -> Refusal {
    let no = match &e {
        ResolveError::RefundOfNothing(n, _)
        | ResolveError::RefundTooLarge(n, _)
        | ResolveError::RefundDiffers(n, _)
        | ResolveError::NegativeLine(n)
        | ResolveError::DuplicateLine(n) => Some(n.clone()),
        _ => None,
    };
    let mut r = refused(e);
    r.line = no.and_then(|n| lines.iter().position(|l| l.no == n));
    r
}

fn chosen(open: &[StoredLine], choice: &LineChoice) -> Outcome<Vec<LineNo>> {
    let lines: Vec<LineNo> = match choice {
        LineChoice::All => open.iter().map(|l| l.line.no.clone()).collect(),
        LineChoice::Batch(b) => open.iter().filter(|l| l.line.batch == *b).map(|l| l.line.no.clone()).collect(),
        LineChoice::Numbers(n) => {
            let have: HashSet<&LineNo> = open.iter().map(|l| &l.line.no).collect();
            if let Some(i) = n.iter().position(|x| !have.contains(x)) {
                return Err(Refusal::new("LINE_UNKNOWN", "该费用明细不存在、已撤销或已结算")
                    .at("feedetl_sn")
                    .line(i)
                    .hint("已结算的明细不能撤销，请先撤销结算"));
            }
            // each once, however often it is named
            let named: HashSet<&LineNo> = n.iter().collect();
            open.iter().map(|l| &l.line.no).filter(|no| named.contains(no)).cloned().collect()
        }
    };
    if lines.is_empty() {
        let field = if matches!(choice, LineChoice::Batch(_)) { "chrg_bchno" } else { "feedetl_sn" };
        return Err(Refusal::new("NO_LINES", "没有可撤销的未结算明细").at(field).hint("已结算的明细不能撤销"));
    }
    Ok(lines)
}

/// A line that is refunded by one that stays, settled or not, must stay too.
fn check_refunds(lines: &[LineNo], related: &[StoredLine]) -> Outcome<()> {
    let going: HashSet<&LineNo> = lines.iter().collect();
    let stays = |l: &StoredLine| !going.contains(&l.line.no);
    if related.iter().any(|l| stays(l) && l.line.refund_of.as_ref().is_some_and(|o| going.contains(o))) {
        return Err(Refusal::new("REFUND_PRESENT", "该明细还有未撤销的退费明细")
            .at("feedetl_sn")
            .hint("请先撤销退费明细；已结算的请先撤销结算"));
    }
    Ok(())
}
