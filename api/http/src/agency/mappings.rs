//! Institutions' own items and which national item each is (3301, 3302).

use super::*;
use dingan_core::bundle::CatalogueItem;
use dingan_store::MappingRow;
use std::collections::BTreeSet;

impl Agency {
    pub(super) async fn take_mappings(&self, by: &Caller, mappings: Vec<ItemMapping>) -> Outcome<Reply> {
        self.until_written(by, || self.try_mappings(by, &mappings)).await
    }

    async fn try_mappings(&self, by: &Caller, mappings: &[ItemMapping]) -> Tried {
        let mut snap = self.snap().await?;
        let runtime = self.runtime_of(&mut snap, None).await?;
        self.check_institution(&runtime, by)?;
        let mut seen = BTreeSet::new();
        for (i, m) in mappings.iter().enumerate() {
            if !seen.insert((&m.hospital_item, &m.list_type)) {
                return Err(Refusal::new("MAPPING_REPEATED", "同一报文中同一目录出现多次")
                    .at("fixmedins_hilist_id")
                    .line(i)
                    .hint("每个定点医药机构目录每次只传一条"));
            }
            let rows = runtime.bundle.catalogue.rows_of(&m.item).map(|r| r.items()).unwrap_or_default();
            let holds = |c: &CatalogueItem| c.period.begin <= m.end && c.period.end.is_none_or(|e| m.begin <= e);
            if !rows.iter().any(|c| holds(c) && c.list_type == m.list_type) {
                return Err(Refusal::new("ITEM_UNKNOWN", "医保目录中没有该编码，或类别、有效期不符")
                    .at("med_list_codg")
                    .line(i)
                    .hint("请用1312核对目录编码、目录类别和有效期"));
            }
            let standing = snap.mappings(&by.institution, &m.hospital_item, &m.list_type).await.map_err(internal)?;
            if standing.iter().any(|s| s.begin <= m.end && m.begin <= s.end) {
                return Err(Refusal::new("MAPPING_EXISTS", "该目录在此期间已有对照")
                    .at("fixmedins_hilist_id")
                    .line(i)
                    .hint("请先用3302撤销原对照，或调整起止日期"));
            }
        }
        drop(snap);
        let rows = mappings.iter().map(|m| row(by, m, false)).collect();
        Ok(self.write_mappings(by, "mapping", rows).await)
    }

    pub(super) async fn withdraw_mapping(&self, by: &Caller, which: MappingKey) -> Outcome<Reply> {
        self.until_written(by, || self.try_withdrawal(by, &which)).await
    }

    async fn try_withdrawal(&self, by: &Caller, which: &MappingKey) -> Tried {
        let mut snap = self.snap().await?;
        let standing =
            snap.mappings(&by.institution, &which.hospital_item, &which.list_type).await.map_err(internal)?;
        drop(snap);
        // the message names no day: all periods of the pair go
        let mut mine: Vec<MappingRow> = standing.into_iter().filter(|m| m.item == which.item).collect();
        if mine.is_empty() {
            return Err(Refusal::new("MAPPING_UNKNOWN", "本机构没有该目录对照，或已撤销")
                .at("fixmedins_hilist_id")
                .hint("请核对定点医药机构目录编号、目录类别和医疗目录编码"));
        }
        for m in &mut mine {
            m.withdrawn = true;
        }
        Ok(self.write_mappings(by, "mapping withdrawn", mine).await)
    }

    async fn write_mappings(
        &self,
        by: &Caller,
        kind: &'static str,
        mappings: Vec<MappingRow>,
    ) -> Result<Committed, CommitError> {
        let at = by.now;
        let write = move |_| Write { kind, at, answer: answer(Value::Null, Vec::new()), mappings, ..Write::default() };
        self.write(Guard { message: Some(key(by)), ..Guard::default() }, Box::new(write)).await
    }
}

fn row(by: &Caller, m: &ItemMapping, withdrawn: bool) -> MappingRow {
    MappingRow {
        institution: by.institution.clone(),
        hospital_item: m.hospital_item.clone(),
        list_type: m.list_type.clone(),
        item: m.item.clone(),
        begin: m.begin,
        end: m.end,
        withdrawn,
        document: m.document.to_string(),
    }
}
