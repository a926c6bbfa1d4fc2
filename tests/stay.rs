//! A stay, as the hospital's system goes through it.

use crate::county::*;
use dingan_core::money::Money;
use serde_json::{Value, json};

/// A stay under way: admission some days ago.
pub struct Stay<'d, 's> {
    pub desk: &'d Desk<'s>,
    pub person: dingan_core::person::Person,
    pub visit: String,
    pub item: String,
    pub next: usize,
    pub unsettled: Money,
}

impl<'d, 's> Stay<'d, 's> {
    pub fn admit(desk: &'d Desk<'s>, person: dingan_core::person::Person) -> Self {
        let admitted = desk.ok(
            "2401",
            json!({
                "mdtrtinfo": {
                    "psn_no": person.no, "insutype": person.relations.last().unwrap().insurance,
                    "begntime": stamp(ago(24 * 10)), "mdtrt_cert_type": "02", "mdtrt_cert_no": person.cert_no,
                    "cert_type": "01", "certno": person.cert_no, "med_type": "21", "ipt_no": "ZY1",
                    "atddr_no": "D4690260001", "chfpdr_name": "样例医师", "adm_diag_dscr": "肺炎",
                    "adm_dept_codg": "A01", "adm_dept_name": "内科", "adm_bed": "01",
                    "dscg_maindiag_code": "J18.900", "dscg_maindiag_name": "肺炎",
                    "insuplc_admdvs": "469026", "mdtrtarea_admvs": "469026"
                },
                "diseinfo": [{"psn_no": person.no, "diag_type": "1", "maindiag_flag": "1", "diag_srt_no": 1,
                    "diag_code": "J18.900", "diag_name": "肺炎", "diag_dept": "A01", "dise_dor_no": "D4690260001",
                    "dise_dor_name": "样例医师", "diag_time": stamp(ago(24 * 10))}]
            }),
        );
        let visit = admitted["result"]["mdtrt_id"].as_str().unwrap().to_owned();
        Self { item: plain_item(&desk.server.county), desk, person, visit, next: 1, unsettled: Money::ZERO }
    }

    /// Uploads so many lines of 1.23 in messages of at most 2,000.
    pub fn lines(&mut self, count: usize) {
        let all: Vec<usize> = (self.next..self.next + count).collect();
        self.next += count;
        for chunk in all.chunks(2000) {
            let lines: Vec<Value> = chunk
                .iter()
                .map(|n| {
                    let hours = 24 * 9 - (*n as i64 % (24 * 8));
                    let mut l =
                        line(&self.visit, self.person.no.as_str(), "", &n.to_string(), &self.item, "1.23", "1", "1.23");
                    l["fee_ocur_time"] = json!(stamp(ago(hours)));
                    l["med_type"] = json!("21");
                    l
                })
                .collect();
            self.desk.ok("2301", json!({"feedetail": lines}));
            self.unsettled += Money::fen(123).times_int(chunk.len() as i64);
        }
    }

    pub fn input(&self, mid: &str) -> Value {
        let p = &self.person;
        json!({"data": {
            "psn_no": p.no, "mdtrt_cert_type": "02", "mdtrt_cert_no": p.cert_no, "psn_cert_type": "01",
            "certno": p.cert_no, "psn_type": "11", "psn_name": p.name, "medfee_sumamt": self.unsettled.to_string(),
            "psn_setlway": "01", "mdtrt_id": self.visit, "insutype": p.relations.last().unwrap().insurance,
            "acct_used_flag": "0", "mid_setl_flag": mid, "insuplc_admdvs": "469026", "mdtrtarea_admvs": "469026"
        }})
    }

    pub fn discharge(&self) {
        self.desk.ok(
            "2402",
            json!({
                "dscginfo": {"mdtrt_id": self.visit, "psn_no": self.person.no,
                    "insutype": self.person.relations.last().unwrap().insurance, "endtime": stamp(ago(1)),
                    "dscg_dept_codg": "A01", "dscg_dept_name": "内科", "dscg_way": "1"},
                "diseinfo": [{"mdtrt_id": self.visit, "psn_no": self.person.no, "diag_type": "1", "maindiag_flag": "1",
                    "diag_srt_no": 1, "diag_code": "J18.900", "diag_name": "肺炎", "diag_dept": "A01",
                    "dise_dor_no": "D4690260001", "dise_dor_name": "样例医师", "diag_time": stamp(ago(1))}]
            }),
        );
    }

    pub fn reverse(&self, setl_id: &Value) -> Value {
        self.desk.ok("2305", json!({"data": {"psn_no": self.person.no, "setl_id": setl_id, "mdtrt_id": self.visit}}))
    }
}
