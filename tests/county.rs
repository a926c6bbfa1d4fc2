//! A small sample county behind a real server, and a hospital that talks to it.

use crate::store_of_a_test::Place;
use chrono::{NaiveDateTime, TimeDelta};
use dingan::demo::{Hospital, settle_in};
use dingan::serve::{Running, now, open_at, profile};
use dingan_connectors::sample::County;
use dingan_core::bundle::Institution;
use dingan_core::money::Money;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A server of its own store, stopped when dropped.
pub struct Server {
    pub runtime: Runtime,
    pub running: Option<Running>,
    pub place: Place,
    pub county: County,
}

impl Server {
    /// Starts with a county of `persons`.
    pub fn start(persons: usize) -> Self {
        Self::with_profile(persons, "default")
    }

    /// Starts with a county and a province's profile.
    pub fn with_profile(persons: usize, profile_name: &str) -> Self {
        Self::at(Place::new(), persons, profile_name)
    }

    /// Starts with a county on an embedded store, for tests that touch its file.
    pub fn embedded(persons: usize) -> Self {
        Self::at(Place::embedded(), persons, "default")
    }

    /// Starts with a county on a store.
    pub fn at(place: Place, persons: usize, profile_name: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let county = County::generate(7, persons);
        let running = runtime.block_on(async {
            let agency = open_at(&place.at).await.unwrap();
            settle_in(&agency, &county).await.unwrap();
            serve_agency(agency, profile_name).await
        });
        Self { runtime, running: Some(running), place, county }
    }

    /// Stops and starts again on the same store.
    pub fn restart(&mut self) {
        let running = self.running.take().unwrap();
        self.running = Some(self.runtime.block_on(async {
            running.stop().await.unwrap();
            let agency = open_at(&self.place.at).await.unwrap();
            serve_agency(agency, "default").await
        }));
    }

    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().address
    }

    pub fn agency(&self) -> &dingan_http::agency::Agency {
        self.running.as_ref().unwrap().agency()
    }

    /// The hospital of an encounter-free test: the sample county's hospital of level two or three.
    pub fn desk(&self) -> Desk<'_> {
        let institution = self
            .county
            .reference
            .institutions
            .iter()
            .find(|i| i.kind == "1" && i.deductible_level.number() >= 2)
            .unwrap()
            .clone();
        Desk::new(self, institution)
    }

    /// Whether every settlement's postings sum to zero, and the whole ledger does.
    pub fn assert_balanced(&self) {
        let (totals, unbalanced) = self.runtime.block_on(async {
            let mut snap = self.agency().store().snapshot().await.unwrap();
            (snap.ledger_totals().await.unwrap(), snap.unbalanced().await.unwrap())
        });
        assert!(unbalanced.is_empty(), "{unbalanced:?}");
        assert!(totals.iter().map(|(_, m)| *m).sum::<Money>().is_zero());
    }
}

pub async fn serve_agency(agency: dingan_http::agency::Agency, profile_name: &str) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Running::start(agency, profile(profile_name).unwrap(), listener, Arc::new(now)).await.unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(r) = self.running.take() {
            let _ = self.runtime.block_on(r.stop());
        }
    }
}

static NUMBER: AtomicU32 = AtomicU32::new(1);

/// A hospital's desk: sends messages with ids of its own.
pub struct Desk<'s> {
    pub server: &'s Server,
    pub hospital: Hospital,
    pub institution: Institution,
}

impl<'s> Desk<'s> {
    pub fn new(server: &'s Server, institution: Institution) -> Self {
        Self { server, hospital: Hospital::new(server.address()), institution }
    }

    pub fn msgid(&self) -> String {
        let n = NUMBER.fetch_add(1, Ordering::Relaxed);
        format!("{}20260101{:010}", self.institution.code, n)
    }

    /// A message with an id of its own.
    pub fn message(&self, infno: &str, input: Value) -> Value {
        Hospital::message(&self.institution, infno, &self.msgid(), now(), input)
    }

    /// Sends and gives the whole answer.
    pub fn exchange(&self, message: &Value) -> Value {
        self.hospital.exchange(&message.to_string()).unwrap()
    }

    /// Sends an input and expects success; gives `output`.
    pub fn ok(&self, infno: &str, input: Value) -> Value {
        let answer = self.exchange(&self.message(infno, input));
        assert_eq!(answer["infcode"].to_string(), "0", "{infno}: {answer}");
        answer["output"].clone()
    }

    /// Sends an input and expects a refusal; gives (code, path).
    pub fn refused(&self, infno: &str, input: Value) -> (String, String) {
        let answer = self.exchange(&self.message(infno, input));
        assert_eq!(answer["infcode"].to_string(), "-1", "{infno}: {answer}");
        refusal(&answer)
    }
}

/// Code and path of a refusal, which must also say what and what to do.
pub fn refusal(answer: &Value) -> (String, String) {
    let text = |k: &str| answer[k].as_str().unwrap_or_default().to_owned();
    assert!(!text("err_msg").is_empty(), "a refusal says what: {answer}");
    assert!(text("err_msg").chars().count() <= 200, "{answer}");
    assert!(!text("err_code").is_empty(), "a refusal has a code: {answer}");
    (text("err_code"), text("err_path"))
}

/// A person of the county with this insurance and at least this age, insured in the county's pool.
pub fn person(county: &County, insutype: &str, age_min: i64, nth: usize) -> dingan_core::person::Person {
    let today = now().date();
    county
        .persons
        .iter()
        .map(|p| &p.person)
        .filter(|p| {
            p.age_on(today) >= age_min
                && p.relations.iter().any(|r| {
                    r.insurance.as_str() == insutype && r.covers(today) && r.division.as_str().starts_with("46")
                })
        })
        .nth(nth)
        .unwrap()
        .clone()
}

pub fn stamp(t: NaiveDateTime) -> String {
    t.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Some hours before now: every time of a test lies in the past.
pub fn ago(hours: i64) -> NaiveDateTime {
    now() - TimeDelta::hours(hours)
}

/// A fee line.
#[expect(clippy::too_many_arguments, reason = "a fee line has these fields")]
pub fn line(
    visit: &str,
    person: &str,
    batch: &str,
    no: &str,
    item: &str,
    price: &str,
    count: &str,
    amount: &str,
) -> Value {
    json!({
        "feedetl_sn": no, "mdtrt_id": visit, "psn_no": person, "chrg_bchno": batch, "rx_circ_flag": "0",
        "fee_ocur_time": stamp(ago(2)), "med_list_codg": item, "medins_list_codg": item,
        "det_item_fee_sumamt": amount, "cnt": count, "pric": price,
        "bilg_dept_codg": "A01", "bilg_dept_name": "内科", "bilg_dr_codg": "D4690260001", "bilg_dr_name": "样例医师",
        "hosp_appr_flag": "1"
    })
}

/// An item of the catalogue: an unrestricted class A one without a cap.
pub fn plain_item(county: &County) -> String {
    county
        .reference
        .catalogue
        .items
        .iter()
        .find(|i| {
            i.class == dingan_core::codes::ItemClass::A
                && !i.restricted
                && i.max_per_day.is_none()
                && i.max_per_stay.is_none()
                && i.list_type == "201"
                && !county.reference.knowledge.iter().any(|k| k.item == i.code || k.other == i.code)
                && !county.reference.catalogue.limits.iter().any(|l| l.code == i.code)
        })
        .unwrap()
        .code
        .to_string()
}

/// Money of an answer's field.
pub fn money(v: &Value, field: &str) -> Money {
    match &v[field] {
        Value::Null => panic!("no {field} in {v}"),
        Value::String(s) => s.parse().unwrap(),
        other => other.to_string().parse().unwrap(),
    }
}

/// Identities I1–I5 of an answer of a settlement, pre-settlement or reversal.
pub fn assert_identities(output: &Value) {
    let s = &output["setlinfo"];
    let m = |f: &str| money(s, f);
    assert_eq!(m("medfee_sumamt"), m("fund_pay_sumamt") + m("psn_part_amt") + m("hosp_part_amt"), "I1 {s}");
    assert_eq!(m("psn_part_amt"), m("acct_pay") + m("psn_cash_pay"), "I2 {s}");
    let funds = ["hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay", "hifdm_pay", "oth_pay"];
    assert_eq!(m("fund_pay_sumamt"), funds.iter().map(|f| m(f)).sum(), "I3 {s}");
    let parts = ["fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt"];
    assert_eq!(m("medfee_sumamt"), parts.iter().map(|f| m(f)).sum(), "I4 {s}");
    let detail: Money = output["setldetail"].as_array().unwrap().iter().map(|d| money(d, "fund_payamt")).sum();
    assert_eq!(detail, m("fund_pay_sumamt") + m("acct_pay") + m("hosp_part_amt"), "I5 {output}");
}

/// Registers an outpatient visit with information and lines of one batch; gives (visit, total).
pub fn outpatient(
    desk: &Desk<'_>,
    person: &dingan_core::person::Person,
    batch: &str,
    prices: &[&str],
) -> (String, Money) {
    let psn_no = person.no.as_str();
    let insutype = person.relations.last().unwrap().insurance.as_str();
    let registered = desk.ok(
        "2201",
        json!({"data": {
            "psn_no": psn_no, "insutype": insutype, "begntime": stamp(ago(3)), "mdtrt_cert_type": "02",
            "mdtrt_cert_no": person.cert_no, "psn_cert_type": "01", "certno": person.cert_no, "psn_type": "11",
            "psn_name": person.name, "ipt_otp_no": "MZ1", "dept_code": "A01", "dept_name": "内科", "caty": "A03"
        }}),
    );
    let visit = registered["data"]["mdtrt_id"].as_str().unwrap().to_owned();
    desk.ok(
        "2203",
        json!({
            "mdtrtinfo": {"mdtrt_id": visit, "psn_no": psn_no, "med_type": "11", "begntime": stamp(ago(3)),
                "dise_codg": "I10.x00", "dise_name": "特发性高血压"},
            "diseinfo": [{"diag_type": "1", "diag_srt_no": 1, "diag_code": "I10.x00", "diag_name": "特发性高血压",
                "diag_dept": "A01", "dise_dor_no": "D4690260001", "dise_dor_name": "样例医师",
                "diag_time": stamp(ago(3)), "vali_flag": "1"}]
        }),
    );
    let item = plain_item(&desk.server.county);
    let lines: Vec<Value> = prices
        .iter()
        .enumerate()
        .map(|(i, p)| line(&visit, psn_no, batch, &format!("{}", i + 1), &item, p, "1", p))
        .collect();
    desk.ok("2204", json!({"feedetail": lines}));
    (visit, prices.iter().map(|p| p.parse::<Money>().unwrap()).sum())
}

/// The input of 2206 and 2207.
pub fn settle_input(person: &dingan_core::person::Person, visit: &str, batch: &str, total: Money) -> Value {
    json!({"data": {
        "psn_no": person.no, "mdtrt_cert_type": "02", "mdtrt_cert_no": person.cert_no, "psn_cert_type": "01",
        "certno": person.cert_no, "psn_type": "11", "psn_name": person.name, "med_type": "11",
        "medfee_sumamt": total.to_string(), "psn_setlway": "01", "mdtrt_id": visit, "chrg_bchno": batch,
        "acct_used_flag": "0", "insutype": person.relations.last().unwrap().insurance,
        "fulamt_ownpay_amt": "0", "overlmt_selfpay": "0", "preselfpay_amt": "0", "inscp_scp_amt": "0"
    }})
}

/// Bills that only have to be settled, prepared over a server of this process which then lets the store go.
pub fn open_bills(server: &mut Server, count: usize) -> Vec<Value> {
    let bills: Vec<Value> = {
        let desk = server.desk();
        (0..count)
            .map(|n| {
                let p = person(&server.county, "390", 20, n);
                let (visit, total) = outpatient(&desk, &p, "B1", &["21.00", "4.56"]);
                desk.message("2207", settle_input(&p, &visit, "B1", total))
            })
            .collect()
    };
    let running = server.running.take().unwrap();
    server.runtime.block_on(running.stop()).unwrap();
    bills
}
