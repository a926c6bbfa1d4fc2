//! One verdict: what a check finds before a bill is settled (3102), what settling it finds, and what the batch finds
//! on the same bills with one, two and eight threads, is the same byte for byte.
//!
//! `DINGAN_TEST_VERDICTS` says how many bills.

use crate::county::{Server, stamp};
use crate::hospital::{Line, msgid};
use crate::served::{DINGAN, args};
use chrono::TimeDelta;
use dingan::serve::{now, open_at};
use dingan_connectors::file::{FileEvent, write_event};
use dingan_connectors::sample::{Encounter, Shape, client};
use dingan_core::claim::Claim;
use dingan_core::codes::SettlementId;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

/// Findings of each settlement, each as it is written.
type Findings = BTreeMap<String, Vec<String>>;

/// The request of a check about an encounter, which the books know by now.
fn check(e: &Encounter, visit: &str) -> Value {
    let order = |l: &dingan_core::claim::Line| {
        json!({"rx_id": l.no, "rxno": l.order_no, "hilist_code": l.item, "hosplist_code": l.hospital_item,
            "cnt": l.quantity, "pric": l.price, "sumamt": l.amount, "drord_begn_date": stamp(l.time),
            "drord_dr_codg": l.practitioner, "curr_drord_flag": "0"})
    };
    let diagnosis = |d: &dingan_core::claim::Diagnosis| {
        json!({"dise_codg": d.code, "dise_name": d.name, "maindise_flag": if d.main { "1" } else { "0" },
            "dias_srt_no": d.order.to_string()})
    };
    let encounter = json!({
        "mdtrt_id": visit, "medins_id": e.institution.code, "adm_date": stamp(e.begin), "med_type": e.med_type,
        "insutype": e.relation.insurance, "setl_totlnum": "0",
        "fsi_diagnose_dtos": e.diagnoses.iter().map(diagnosis).collect::<Vec<_>>(),
        "fsi_order_dtos": e.lines.iter().map(order).collect::<Vec<_>>(),
    });
    let patient = json!({"patn_id": e.person.no, "patn_name": "样例", "gend": e.person.sex.code(),
        "brdy": e.person.birth.to_string(), "curr_mdtrt_id": visit, "fsi_encounter_dtos": [encounter]});
    // 9: on settling
    json!({"data": {"trig_scen": "9", "patient_dtos": [patient]}})
}

/// Plays an encounter; before the bill is settled it is checked. Answers the settlement and the ids of what was found.
fn checked_and_settled(
    line: &mut Line<impl FnMut(bool) -> std::net::SocketAddr>,
    e: &Encounter,
) -> (String, Vec<String>) {
    let mut found = Vec::new();
    let output = client::run(e, |infno, input| {
        let mut send = |infno: &str, input: Value| {
            let answer = line.deliver(&client::envelope_for(e, infno, &msgid(&e.institution), now(), input));
            if answer["infcode"] == 0 { Ok(answer["output"].clone()) } else { Err(answer.to_string()) }
        };
        if matches!(infno, "2207" | "2304") {
            let visit = input["data"]["mdtrt_id"].as_str().unwrap().to_owned();
            let result = send("3102", check(e, &visit))?["result"].clone();
            let rows = result.as_array().cloned().unwrap_or_default();
            found = rows.iter().map(|r| r["jr_id"].as_str().unwrap().to_owned()).collect();
        }
        send(infno, input)
    })
    .unwrap_or_else(|error| panic!("{}: {error}", e.key));
    (output["setlinfo"]["setl_id"].as_str().unwrap().to_owned(), found)
}

/// What `dingan adjudicate` finds, with so many threads.
fn batch(bills: &std::path::Path, at: &dingan_store::Location, threads: usize) -> Findings {
    let out = tempfile::tempdir().unwrap();
    let done = Command::new(DINGAN)
        .env("RAYON_NUM_THREADS", threads.to_string())
        .args(["adjudicate", bills.to_str().unwrap(), "--out", out.path().to_str().unwrap()])
        .args(args(at))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut all = Findings::new();
    for row in std::fs::read_to_string(out.path().join("findings.ndjson")).unwrap().lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        all.entry(row["setl_id"].as_str().unwrap().to_owned()).or_default().push(row["finding"].to_string());
    }
    all.values_mut().for_each(|f| f.sort());
    all
}

#[test]
fn a_check_a_settlement_and_the_batch_find_the_same_on_any_number_of_threads() {
    let count: usize = std::env::var("DINGAN_TEST_VERDICTS").ok().and_then(|n| n.parse().ok()).unwrap_or(120);
    let mut server = Server::start((count * 4).clamp(300, 20_000));
    let days = count.div_ceil(1000);
    let bills: Vec<Encounter> = (0..days)
        .flat_map(|d| server.county.day((now() - TimeDelta::days(3 + 70 * d as i64)).date(), count.div_ceil(days)))
        .collect();
    let stays = bills.iter().filter(|e| e.shape == Shape::Stay).count();
    let address = server.address();
    let mut line = Line::new(move |_| address);
    // in the order of settlement
    let mut order: Vec<&Encounter> = bills.iter().collect();
    order.sort_by(|a, b| (a.settled, &a.key).cmp(&(b.settled, &b.key)));
    let made: Vec<(String, Vec<String>)> = order.iter().map(|e| checked_and_settled(&mut line, e)).collect();

    let (mut settled, mut checked, mut file) = (Findings::new(), Findings::new(), Vec::new());
    server.runtime.block_on(async {
        let mut snap = server.agency().store().snapshot().await.unwrap();
        // findings of checks stand under no settlement
        let of_checks = snap.findings(&SettlementId::default()).await.unwrap();
        let of_checks: BTreeMap<String, String> =
            of_checks.into_iter().map(|f| (f.finding.id.clone(), json!(f.finding).to_string())).collect();
        for (setl, ids) in &made {
            let id = SettlementId::from(setl.as_str());
            let s = snap.settlement(&id).await.unwrap().unwrap();
            let visit = snap.visit(&s.visit).await.unwrap().unwrap().doc.visit;
            let lines = snap.lines_of_settlement(&id).await.unwrap().into_iter().map(|l| l.line).collect();
            let claim = Claim { visit, lines, request: s.request.clone() };
            write_event(&mut file, &FileEvent::Claim { settlement: id.clone(), claim, known: None }).unwrap();
            let mut found: Vec<String> = ids.iter().map(|id| of_checks[id].clone()).collect();
            found.sort();
            if !found.is_empty() {
                checked.insert(setl.clone(), found);
            }
            let mut found: Vec<String> =
                snap.findings(&id).await.unwrap().into_iter().map(|f| json!(f.finding).to_string()).collect();
            found.sort();
            if !found.is_empty() {
                settled.insert(setl.clone(), found);
            }
        }
    });
    assert!(made.len() >= count && stays > 0);
    let sum: usize = settled.values().map(Vec::len).sum();
    assert!(sum * 40 > made.len(), "{sum} findings on {} bills", made.len());
    same(&checked, &settled, "3102");

    let running = server.running.take().unwrap();
    server.runtime.block_on(running.stop()).unwrap();
    let bills = server.place.folder.path().join("bills.ndjson");
    std::fs::write(&bills, file).unwrap();
    for threads in [1, 2, 8] {
        same(&batch(&bills, &server.place.at, threads), &settled, &format!("adjudicate on {threads} threads"));
    }
    println!("{} bills, {stays} stays, {sum} findings: one verdict", made.len());
    server.runtime.block_on(async { open_at(&server.place.at).await.unwrap().store().clone().close().await });
}

fn same(found: &Findings, settled: &Findings, who: &str) {
    for (setl, of_settling) in settled {
        assert_eq!(found.get(setl), Some(of_settling), "{setl}: {who} against settling");
    }
    let more: Vec<&String> = found.keys().filter(|s| !settled.contains_key(*s)).collect();
    assert!(more.is_empty(), "{who} finds something where settling finds nothing: {more:?}");
}
