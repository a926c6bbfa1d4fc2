//! The county is the same for the same seed, and clean where nothing was planted.

use super::*;
use crate::file::{write_event, write_persons};
use chrono::{Days, Timelike};
use dingan_core::bundle::Bundle;
use dingan_core::codes::{ItemCode, PersonNo, PoolArea, Sex};
use dingan_core::money::{Money, Quantity};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};

fn date(y: i32, m: u32, d: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(y, m, d).unwrap()
}

fn text(encounters: &[Encounter]) -> String {
    let mut out = Vec::new();
    for e in encounters {
        write_event(&mut out, &e.event()).unwrap();
    }
    format!("{}{:?}", String::from_utf8(out).unwrap(), encounters.iter().map(|e| e.planted).collect::<Vec<_>>())
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (a, b, c) = (County::generate(7, 900), County::generate(7, 900), County::generate(8, 900));
    let persons = |county: &County| {
        let mut out = Vec::new();
        write_persons(&mut out, &county.persons).unwrap();
        out
    };
    let day = date(2026, 3, 10);
    assert_eq!(persons(&a), persons(&b));
    assert_ne!(persons(&a), persons(&c));
    assert_eq!(text(&a.day(day, 300)), text(&b.day(day, 300)));
    assert_ne!(text(&a.day(day, 300)), text(&a.day(date(2026, 3, 11), 300)));
    // a larger county begins with the same people
    assert_eq!(County::generate(7, 1000).persons[..900], a.persons[..]);
}

#[test]
fn every_code_stands_in_the_reference_rows() {
    let county = County::generate(1, 6000);
    let bundle = Bundle::new(String::new(), county.reference.clone(), []);
    let diagnoses: HashSet<_> = county.diagnoses.iter().map(|d| &d.code).collect();
    for day in [date(2026, 1, 5), date(2025, 6, 30), date(2022, 2, 28)] {
        for e in county.day(day, 1200) {
            let register = bundle.institution(&e.institution.code, e.begin.date()).unwrap();
            assert_eq!(register, &e.institution);
            assert!(bundle.pool(&e.relation.division, &e.relation.insurance, e.begin.date()).is_some());
            assert!(e.relation.covers(e.begin.date()) && e.relation.covers(e.end.date()));
            assert!(e.diagnoses.iter().all(|d| diagnoses.contains(&d.code)));
            for l in &e.lines {
                assert!(bundle.catalogue.item(&l.item, &PoolArea::default(), l.time.date()).is_some(), "{}", l.item);
                assert!(bundle.practitioner(&l.practitioner, l.time.date()).is_some());
                assert_eq!(l.amount, l.price.times(l.quantity));
            }
        }
    }
}

#[test]
fn a_day_has_the_claims_asked_for_in_the_usual_sizes() {
    let county = County::generate(3, 20_000);
    let encounters = county.day(date(2026, 4, 1), 2000);
    assert!((2000..=2001).contains(&encounters.len()), "{}", encounters.len());
    let stays = encounters.iter().filter(|e| e.shape == Shape::Stay).count();
    assert!((140..=200).contains(&stays), "{stays}");
    assert!(encounters.is_sorted_by_key(|e| e.settled));
    assert_eq!(encounters.iter().map(|e| &e.key).collect::<HashSet<_>>().len(), encounters.len());
    for e in &encounters {
        let sizes = if e.shape == Shape::Stay { 30..=302 } else { 5..=43 };
        assert!(sizes.contains(&e.lines.len()), "{:?} {} {:?}", e.shape, e.lines.len(), e.planted);
        assert!(e.begin <= e.end && e.end <= e.settled && e.settled.date() <= date(2026, 4, 1));
        let numbers: HashSet<_> = e.lines.iter().map(|l| &l.no).collect();
        assert_eq!(numbers.len(), e.lines.len());
        assert!(e.total() > Money::ZERO);
    }
    // a county too small for the day has people come again
    assert_eq!(County::generate(3, 200).day(date(2026, 4, 1), 500).len(), 500);
    assert!(County::generate(3, 0).day(date(2026, 4, 1), 500).is_empty());
}

#[test]
fn every_pattern_is_planted_on_an_ordinary_day() {
    let county = County::generate(5, 15_000);
    for day in [date(2026, 2, 3), date(2026, 2, 4)] {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for e in county.day(day, 1500) {
            if let Some(name) = e.planted {
                *counts.entry(name).or_default() += 1;
            }
        }
        for name in planted::patterns() {
            assert!(counts.contains_key(name), "{name} is missing: {counts:?}");
        }
        let share = counts.values().sum::<usize>() * 100 / 1500;
        assert!((3..=8).contains(&share), "{share} % {counts:?}");
    }
}

/// What the knowledge points of the sample say of a clean encounter.
fn offences(county: &County, e: &Encounter) -> Vec<String> {
    let mut found = Vec::new();
    let age = e.person.age_on(e.begin.date());
    let items: HashSet<&ItemCode> = e.lines.iter().map(|l| &l.item).collect();
    let mut per_day: HashMap<(&ItemCode, NaiveDate), Quantity> = HashMap::new();
    for l in &e.lines {
        *per_day.entry((&l.item, l.time.date())).or_default() += l.quantity;
        if l.time < e.begin || l.time > e.end {
            found.push(format!("outside: {}", l.time));
        }
    }
    for k in county.reference.knowledge.iter().filter(|k| items.contains(&k.item)) {
        let number = k.number.unwrap_or_default();
        let bad = match k.table.as_str() {
            "drug-sex" | "item-sex" => (k.word == "male") != (e.person.sex == Sex::Male),
            "child-only" => Quantity::whole(age) >= number,
            "level-min" => Quantity::whole(e.institution.deductible_level.number()) < number,
            "supply-days" => e.lines.iter().any(|l| l.item == k.item && l.supply_days.is_some_and(|d| d > number)),
            "max-per-day" => per_day.iter().any(|((item, _), q)| **item == k.item && *q > number),
            "duplicate-pair" => items.contains(&k.other),
            other => panic!("{other}"),
        };
        if bad {
            found.push(format!("{} {}", k.table, k.item));
        }
    }
    let groups: HashMap<&ItemCode, &str> =
        county.reference.catalogue.items.iter().map(|i| (&i.code, i.drug_group.as_str())).collect();
    let mut given: Vec<&str> = items.iter().map(|i| groups[i]).filter(|g| !g.is_empty()).collect();
    given.sort_unstable();
    if given.windows(2).any(|w| w[0] == w[1]) {
        found.push("two drugs of a group".to_owned());
    }
    let drugs: HashSet<&ItemCode> =
        county.reference.catalogue.items.iter().filter(|i| i.list_type.starts_with('1')).map(|i| &i.code).collect();
    let most = match e.med_type.as_str() {
        "13" => 3,
        "14" => 84,
        _ => 7,
    };
    let beyond = |d: Option<Quantity>| d.is_none_or(|d| d > Quantity::whole(most));
    if e.shape == Shape::Outpatient && e.lines.iter().any(|l| drugs.contains(&l.item) && beyond(l.supply_days)) {
        found.push("a prescription for too long".to_owned());
    }
    let home: HashSet<_> = county
        .reference
        .practitioners
        .iter()
        .filter(|p| p.institution == e.institution.code)
        .map(|p| &p.code)
        .collect();
    if e.lines.iter().any(|l| !home.contains(&l.practitioner)) {
        found.push("stranger".to_owned());
    }
    if e.shape == Shape::Stay {
        let nights = (e.end.date() - e.begin.date()).num_days() as u64;
        let treated = |d: NaiveDate| e.lines.iter().filter(|l| l.time.date() == d && !is_care(l.item.as_str())).count();
        if (0..nights).any(|n| treated(e.begin.date() + Days::new(n)) == 0) {
            found.push("an empty day".to_owned());
        }
    }
    found
}

/// Bed, round, nursing, air-conditioning.
fn is_care(item: &str) -> bool {
    ["0011", "0012"].iter().any(|p| item.starts_with(p))
}

#[test]
fn what_is_not_planted_is_clean_and_what_is_planted_offends() {
    let county = County::generate(11, 12_000);
    let alone = [planted::SPLIT_STAY, planted::OVERLAPPING_STAYS, planted::OUTPATIENT_DURING_STAY];
    for day in [date(2026, 5, 20), date(2026, 5, 21), date(2023, 12, 31)] {
        for e in county.day(day, 1000) {
            let found = offences(&county, &e);
            match e.planted {
                Some(name) if !alone.contains(&name) => assert!(!found.is_empty(), "{name} is clean: {}", e.key),
                _ => assert!(found.is_empty(), "{:?} {found:?}", e.planted),
            }
        }
    }
}

#[test]
fn days_fit_each_other() {
    let county = County::generate(2, 2500);
    let mut of: BTreeMap<PersonNo, Vec<Encounter>> = BTreeMap::new();
    for n in 0..70 {
        for e in county.day(date(2026, 1, 1) + Days::new(n), 120) {
            of.entry(e.person.no.clone()).or_default().push(e);
        }
    }
    let (mut clean, mut planted_pairs) = (0, 0);
    for list in of.values() {
        for stay in list.iter().filter(|e| e.shape == Shape::Stay) {
            for other in list.iter().filter(|o| o.key != stay.key) {
                let near = if other.shape == Shape::Stay { Days::new(30) } else { Days::new(0) };
                if other.begin <= stay.end + near && stay.begin <= other.end + near {
                    let part = |a: &Encounter, b: &Encounter| a.planted.is_some() && b.key == format!("{}a", a.key);
                    assert!(part(stay, other) || part(other, stay), "{} {}", stay.key, other.key);
                    planted_pairs += 1;
                }
                clean += 1;
            }
        }
    }
    assert!(clean > 500 && planted_pairs > 20, "{clean} {planted_pairs}");
}

/// Answers like a receiver that settles everything, and remembers what it was sent.
struct Receiver {
    calls: Vec<(String, Value)>,
}

impl Receiver {
    fn answer(&mut self, infno: &str, input: Value) -> Result<Value, String> {
        let split = json!({"fulamt_ownpay_amt": "1.00", "overlmt_selfpay": "0.00", "preselfpay_amt": "0.50", "inscp_scp_amt": "9.00"});
        let output = match infno {
            "2201" => json!({"data": {"mdtrt_id": "V1"}}),
            "2401" => json!({"result": {"mdtrt_id": 77}}),
            "2206" | "2303" => json!({"setlinfo": split}),
            "2207" | "2304" => json!({"setlinfo": {"setl_id": "S1"}}),
            "2203" | "2402" => Value::Null,
            _ => json!({"result": []}),
        };
        self.calls.push((infno.to_owned(), input));
        Ok(output)
    }
}

#[test]
fn the_client_speaks_the_sequences() {
    let county = County::generate(4, 8000);
    let encounters = county.day(date(2026, 6, 1), 800);
    let visit = encounters.iter().find(|e| e.shape == Shape::Outpatient).unwrap();
    let stay = encounters.iter().filter(|e| e.shape == Shape::Stay).max_by_key(|e| e.lines.len()).unwrap();
    assert!(stay.lines.len() > client::BATCH / 2);

    let mut receiver = Receiver { calls: Vec::new() };
    let output = client::run(visit, |infno, input| receiver.answer(infno, input)).unwrap();
    assert_eq!(output["setlinfo"]["setl_id"], "S1");
    assert_eq!(
        receiver.calls.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(),
        ["2201", "2203", "2204", "2206", "2207"]
    );
    let sent = receiver.calls[2].1["feedetail"].as_array().unwrap();
    assert_eq!((sent.len(), &sent[0]["mdtrt_id"]), (visit.lines.len(), &json!("V1")));
    let settled = &receiver.calls[4].1["data"];
    assert_eq!((&settled["preselfpay_amt"], &settled["chrg_bchno"]), (&json!("0.50"), &sent[0]["chrg_bchno"]));
    assert_eq!(settled["medfee_sumamt"], json!(visit.total()));

    let mut receiver = Receiver { calls: Vec::new() };
    client::run(stay, |infno, input| receiver.answer(infno, input)).unwrap();
    let names: Vec<&str> = receiver.calls.iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!((names[0], &names[names.len() - 3..]), ("2401", &["2402", "2303", "2304"][..]));
    let batches: Vec<usize> = receiver
        .calls
        .iter()
        .filter(|(n, _)| n == "2301")
        .map(|(_, i)| i["feedetail"].as_array().unwrap().len())
        .collect();
    assert_eq!((batches.iter().sum::<usize>(), batches.iter().all(|b| *b <= client::BATCH)), (stay.lines.len(), true));
    assert_eq!(receiver.calls[1].1["feedetail"][0]["mdtrt_id"], "77");

    // an error of the caller comes back with the transaction; an answer without an id is told
    let failed = client::run(visit, |infno, _| if infno == "2201" { Ok(json!({})) } else { Err("down") });
    assert_eq!(failed, Err(client::RunError::Output { infno: "2201", pointer: "/data/mdtrt_id" }));
    let failed = client::run(stay, |_, _| Err("down"));
    assert_eq!(failed, Err(client::RunError::Send { infno: "2401", error: "down" }));
}

/// Required fields of the inputs, from the tables of the national interface.
const REQUIRED: [(&str, &str, &str); 12] = [
    (
        "2201",
        "/data",
        "psn_no insutype begntime mdtrt_cert_type mdtrt_cert_no psn_cert_type certno psn_type psn_name ipt_otp_no dept_code dept_name caty",
    ),
    ("2203", "/mdtrtinfo", "mdtrt_id psn_no med_type begntime dise_codg dise_name"),
    (
        "2203",
        "/diseinfo/0",
        "diag_type diag_srt_no diag_code diag_name diag_dept dise_dor_no dise_dor_name diag_time vali_flag",
    ),
    (
        "2204",
        "/feedetail/0",
        "feedetl_sn mdtrt_id psn_no chrg_bchno rx_circ_flag fee_ocur_time med_list_codg medins_list_codg det_item_fee_sumamt cnt pric bilg_dept_codg bilg_dept_name bilg_dr_codg bilg_dr_name hosp_appr_flag",
    ),
    (
        "2206",
        "/data",
        "psn_no mdtrt_cert_type mdtrt_cert_no psn_cert_type certno psn_type psn_name med_type medfee_sumamt psn_setlway mdtrt_id chrg_bchno acct_used_flag insutype",
    ),
    (
        "2207",
        "/data",
        "psn_no mdtrt_cert_type mdtrt_cert_no psn_cert_type certno med_type medfee_sumamt psn_setlway mdtrt_id chrg_bchno insutype acct_used_flag fulamt_ownpay_amt overlmt_selfpay preselfpay_amt inscp_scp_amt",
    ),
    (
        "2401",
        "/mdtrtinfo",
        "psn_no insutype begntime mdtrt_cert_type cert_type certno med_type ipt_no atddr_no chfpdr_name adm_diag_dscr adm_dept_codg adm_dept_name adm_bed dscg_maindiag_code dscg_maindiag_name insuplc_admdvs mdtrtarea_admvs",
    ),
    (
        "2401",
        "/diseinfo/0",
        "psn_no diag_type maindiag_flag diag_srt_no diag_code diag_name diag_dept dise_dor_no dise_dor_name diag_time",
    ),
    (
        "2301",
        "/feedetail/0",
        "feedetl_sn mdtrt_id psn_no med_type fee_ocur_time med_list_codg medins_list_codg det_item_fee_sumamt cnt pric bilg_dept_codg bilg_dept_name bilg_dr_codg bilg_dr_name",
    ),
    ("2402", "/dscginfo", "mdtrt_id psn_no insutype endtime dscg_dept_codg dscg_dept_name dscg_way"),
    (
        "2402",
        "/diseinfo/0",
        "mdtrt_id psn_no diag_type maindiag_flag diag_srt_no diag_code diag_name diag_dept dise_dor_no dise_dor_name diag_time",
    ),
    (
        "2304",
        "/data",
        "psn_no mdtrt_cert_type psn_cert_type certno psn_type psn_name medfee_sumamt psn_setlway mdtrt_id insutype acct_used_flag insuplc_admdvs mdtrtarea_admvs mid_setl_flag",
    ),
];

#[test]
fn inputs_have_every_required_field() {
    let county = County::generate(4, 4000);
    for e in county.day(date(2026, 6, 2), 200) {
        let mut receiver = Receiver { calls: Vec::new() };
        client::run(&e, |infno, input| receiver.answer(infno, input)).unwrap();
        for (infno, pointer, fields) in REQUIRED {
            for (_, input) in receiver.calls.iter().filter(|(n, _)| n == infno) {
                let node = input.pointer(pointer).unwrap();
                for field in fields.split(' ') {
                    let given = node.get(field).is_some_and(|v| v.as_str() != Some("") && !v.is_null());
                    assert!(given, "{infno}{pointer}/{field}");
                }
            }
        }
    }
}

#[test]
fn the_envelope_has_every_header_field() {
    let county = County::generate(4, 4000);
    let e = &county.day(date(2026, 6, 2), 10)[0];
    let time = e.settled.with_nanosecond(0).unwrap();
    let id = client::msgid(&e.institution, time, 12_345);
    assert_eq!((id.len(), &id[26..]), (30, "2345"));
    let message = client::envelope_for(e, "2207", &id, time, json!({"data": {}}));
    let fields = "infno msgid mdtrtarea_admvs insuplc_admdvs recer_sys_code dev_no dev_safe_info cainfo signtype infver opter_type opter opter_name inf_time fixmedins_code fixmedins_name sign_no input";
    for field in fields.split(' ') {
        assert!(message.get(field).is_some(), "{field}");
    }
    assert_eq!(message["insuplc_admdvs"], json!(e.relation.division));
    assert_eq!(client::envelope(&e.institution, "1101", &id, time, json!({}))["insuplc_admdvs"], "");
}
