//! Messages as such: kept answers, sign-in, undoing a lost call (2601), what became of one.

use super::*;
use dingan_connectors::desk::{MessageFate, SignIn, UndoAsk};
use dingan_store::MessageRow;

impl Agency {
    /// The kept answer of a committed message; a plain conflict where the input differs.
    pub(super) async fn answered_before(&self, by: &Caller) -> Outcome<Option<Reply>> {
        let k = key(by);
        let Some(m) = self.store().message(&k.institution, &k.infno, &k.msgid).await.map_err(internal)? else {
            return Ok(None);
        };
        let Some(kept) = &m.answer else {
            return Err(Refusal::new("MESSAGE_CANCELLED", "该报文已被冲正交易（2601）取消，不再受理")
                .at("msgid")
                .hint("如仍需办理，请使用新的msgid重新发送"));
        };
        if m.input_hash != by.input_hash {
            return Err(Refusal::new("MSGID_CONFLICT", "该msgid已用于另一笔内容不同的报文")
                .at("msgid")
                .hint("每笔业务使用新的msgid；重发时报文内容须与原报文一致"));
        }
        let mut r = reply(kept)?;
        if self.reversed_since(&mut self.snap().await?, &m).await? {
            r.warnings.push("该报文产生的结算其后已被撤销".to_owned());
        }
        Ok(Some(r))
    }

    async fn reversed_since(&self, snap: &mut Snapshot, m: &MessageRow) -> Outcome<bool> {
        if m.settlement.is_empty() {
            return Ok(false);
        }
        let s = snap.settlement(&m.settlement).await.map_err(internal)?;
        Ok(s.is_some_and(|s| s.reversed_commit.is_some()))
    }

    /// After a commit found the message answered meanwhile: that answer.
    pub(super) async fn answered_meanwhile(&self, by: &Caller) -> Outcome<Reply> {
        self.answered_before(by).await?.ok_or_else(busy)
    }

    pub(super) async fn signed(&self, by: &Caller, out: Option<&str>, render: Render<SignIn>) -> Outcome<Reply> {
        let runtime = self.live().await?;
        self.check_institution(&runtime, by)?;
        let guard = Guard { message: Some(key(by)), ..Guard::default() };
        let (now, out) = (by.now, out.map(str::to_owned));
        let kind = if out.is_some() { "sign-out" } else { "sign-in" };
        let written = self
            .write(
                guard,
                Box::new(move |no| {
                    let sign = SignIn { no: out.unwrap_or_else(|| format!("3{no:013}")), time: now };
                    Write { kind, at: now, answer: answer(render(&sign), Vec::new()), ..Write::default() }
                }),
            )
            .await;
        match written {
            Ok(c) => reply(&c.answer),
            Err(CommitError::Answered) => self.answered_meanwhile(by).await,
            Err(e) => Err(internal(e)),
        }
    }

    /// Undoes a lost call (2601). A message not seen yet is refused when it comes; a settlement is reversed; a
    /// registration is cancelled. Asking twice does it once.
    pub(super) async fn undo_message(&self, by: &Caller, ask: UndoAsk) -> Outcome<Reply> {
        self.until_written(by, || self.try_undoing(by, &ask)).await
    }

    async fn try_undoing(&self, by: &Caller, ask: &UndoAsk) -> Tried {
        let mut snap = self.snap().await?;
        let original = key_of(by, &ask.infno, &ask.msgid);
        let seen = snap.message(&original.institution, &original.infno, &original.msgid).await.map_err(internal)?;
        let cannot = |message: &str, hint: &str| Refusal::new("CANNOT_UNDO", message).at("oinfno").hint(hint);
        match seen {
            None => {
                drop(snap);
                let warning = "未收到原报文；已登记取消，原报文如后到将被拒绝".to_owned();
                Ok(self.write_plain(by, "undo in advance", vec![warning], Some(original)).await)
            }
            Some(m) if m.answer.is_none() => {
                drop(snap);
                Ok(self.write_plain(by, "undo again", vec!["原报文此前已被取消".to_owned()], None).await)
            }
            Some(m) if !m.settlement.is_empty() => {
                let made = snap.settlement(&m.settlement).await.map_err(internal)?;
                let made = made.ok_or_else(|| internal("a message names a settlement that is not there"))?;
                if made.person != ask.person {
                    return Err(Refusal::new("PERSON_MISMATCH", "人员编号与原交易不一致")
                        .at("psn_no")
                        .hint("请核对原报文"));
                }
                if made.reverses.is_some() {
                    return Err(cannot("原交易是撤销结算，不能冲正", "如需恢复请重新结算"));
                }
                if made.reversed_commit.is_some() {
                    drop(snap);
                    return Ok(self.write_plain(by, "undo again", vec!["原结算此前已撤销".to_owned()], None).await);
                }
                self.reverse_row(snap, by, made, None, None).await
            }
            // what else concerned a visit (lines, changes) has transactions of its own to take it back
            Some(m) if !m.visit.is_empty() && matches!(original.infno.as_str(), "2201" | "2401") => {
                let doc = self.visit_state(&mut snap, by, &m.visit, &ask.person, None).await?;
                self.cancel_row(snap, by, doc).await
            }
            Some(_) => Err(cannot("原交易没有可冲正的业务", "请使用对应的撤销交易")),
        }
    }

    /// A change that writes nothing but its answer.
    async fn write_plain(
        &self,
        by: &Caller,
        kind: &'static str,
        warnings: Vec<String>,
        cancels: Option<MessageKey>,
    ) -> Result<Committed, CommitError> {
        let at = by.now;
        self.write(
            Guard { message: Some(key(by)), cancels, ..Guard::default() },
            Box::new(move |_| Write { kind, at, answer: answer(Value::Null, warnings), ..Write::default() }),
        )
        .await
    }

    pub(super) async fn message_fate(&self, by: &Caller, msgid: &str) -> Outcome<Vec<MessageFate>> {
        let mut snap = self.snap().await?;
        let rows = snap.messages(&by.institution, msgid).await.map_err(internal)?;
        let mut out = Vec::with_capacity(rows.len());
        for m in rows {
            let reversed = self.reversed_since(&mut snap, &m).await?;
            out.push(MessageFate {
                infno: m.infno.clone(),
                time: m.at,
                reply: m.answer.as_deref().map(reply).transpose()?,
                settlement: Some(m.settlement.clone()).filter(|s| !s.is_empty()),
                reversed,
            });
        }
        Ok(out)
    }
}
