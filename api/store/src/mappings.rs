//! The mappings of institutions' own items to the national catalogue (3301, 3302).

use crate::db::StoreError;
use crate::read::Snapshot;
use crate::sql::args;
use chrono::NaiveDate;
use dingan_core::codes::*;
use dingan_core::person::CommitNo;

/// One mapping as it was sent or withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingRow {
    /// `fixmedins_code`.
    pub institution: InstitutionCode,
    /// `fixmedins_hilist_id`.
    pub hospital_item: String,
    /// `list_type`.
    pub list_type: String,
    /// `med_list_codg`.
    pub item: ItemCode,
    /// First day.
    pub begin: NaiveDate,
    /// Last day.
    pub end: NaiveDate,
    /// Withdrawn by 3302.
    pub withdrawn: bool,
    /// What else was sent of it, as a document.
    pub document: String,
}

impl Snapshot {
    /// What holds of an institution's item: of each pair and first day the last row, withdrawn
    /// ones left out.
    pub async fn mappings(
        &mut self,
        institution: &InstitutionCode,
        hospital_item: &str,
        list_type: &str,
    ) -> Result<Vec<MappingRow>, StoreError> {
        let as_of: CommitNo = self.as_of;
        let sql = "SELECT m.med_list_codg, m.begndate, m.enddate, m.data FROM item_mapping m \
             WHERE m.fixmedins_code = $1 AND m.fixmedins_hilist_id = $2 AND m.list_type = $3 AND m.withdrawn = 0 \
             AND m.commit_no = (SELECT max(o.commit_no) FROM item_mapping o WHERE o.fixmedins_code = m.fixmedins_code \
             AND o.fixmedins_hilist_id = m.fixmedins_hilist_id AND o.list_type = m.list_type \
             AND o.med_list_codg = m.med_list_codg AND o.begndate = m.begndate AND o.commit_no <= $4) ORDER BY m.med_list_codg, m.begndate";
        let rows = self.lease.rows(sql, args![institution.as_str(), hospital_item, list_type, as_of]).await?;
        let date = |text: &str| text.parse().map_err(|e| StoreError::damaged("item_mapping", e));
        rows.iter()
            .map(|r| {
                Ok(MappingRow {
                    institution: institution.clone(),
                    hospital_item: hospital_item.to_owned(),
                    list_type: list_type.to_owned(),
                    item: r.text(0).into(),
                    begin: date(r.str(1))?,
                    end: date(r.str(2))?,
                    withdrawn: false,
                    document: r.text(3),
                })
            })
            .collect()
    }
}
