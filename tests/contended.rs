//! Many at once: one family account that several persons draw on, one hospital that sends more than its share.

use crate::county::*;
use crate::store_of_a_test::Place;
use dingan::demo::Hospital;
use dingan::serve::{Running, now, open_at, profile};
use dingan_core::money::Money;
use dingan_http::agency::{Admissions, PersonRows};
use serde_json::{Value, json};
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// The quantile of times, in milliseconds.
fn quantile(times: &mut [Duration], q: f64) -> f64 {
    times.sort();
    let at = ((times.len() as f64 * q) as usize).min(times.len() - 1);
    times[at].as_secs_f64() * 1000.0
}

/// Two persons settle at the same moment, again and again, with one family account that does not last to the end.
/// `DINGAN_TEST_DRAWS` says how often.
fn family_account(place: Place, servers: usize) {
    let draws: usize = std::env::var("DINGAN_TEST_DRAWS").ok().and_then(|v| v.parse().ok()).unwrap_or(40);
    let server = Server::at(place, 600.max(draws / 4), "default");
    let desk = server.desk();
    // two at a time; after a hundred draws the next two of the same family, so that nobody's history grows endless
    let persons: Vec<_> = (0..2 * draws.div_ceil(100))
        .map(|n| {
            let mut p = person(&server.county, "310", 20, n);
            p.family_account = Some("F1".to_owned());
            p
        })
        .collect();
    let balance = Money::yuan(i64::try_from(draws).unwrap());
    let rows = persons.iter().map(|p| PersonRows {
        person: p.clone(),
        own_balance: Some(Money::ZERO),
        family_balance: Some(balance),
    });
    server.runtime.block_on(server.agency().import_persons(rows.collect(), now(), |_| {})).unwrap();
    let second = (servers > 1).then(|| {
        server.runtime.block_on(async {
            let agency = open_at(&server.place.at).await.unwrap();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            Running::start(agency, profile("default").unwrap(), listener, std::sync::Arc::new(now)).await.unwrap()
        })
    });
    let addresses = [server.address(), second.as_ref().map_or(server.address(), |s| s.address)];
    let bills: Vec<Vec<Value>> = (0..2)
        .map(|side| {
            (0..draws / 2)
                .map(|n| {
                    let p = &persons[n / 50 * 2 + side];
                    let (visit, total) = outpatient(&desk, p, &format!("B{n}"), &["33.30"]);
                    let mut input = settle_input(p, &visit, &format!("B{n}"), total);
                    input["data"]["acct_used_flag"] = json!("2");
                    desk.message("2207", input)
                })
                .collect()
        })
        .collect();
    let start = Barrier::new(2);
    let (mut times, mut drawn) = (Vec::new(), Money::ZERO);
    std::thread::scope(|scope| {
        let running: Vec<_> = bills
            .iter()
            .zip(addresses)
            .map(|(bills, address)| {
                let start = &start;
                scope.spawn(move || {
                    let hospital = Hospital::new(address);
                    let mut own = Vec::new();
                    for bill in bills {
                        start.wait();
                        let began = Instant::now();
                        let answer = hospital.exchange(&bill.to_string()).unwrap();
                        assert_eq!(answer["infcode"].to_string(), "0", "{answer}");
                        own.push((began.elapsed(), money(&answer["output"]["setlinfo"], "acct_mulaid_pay")));
                    }
                    own
                })
            })
            .collect();
        for (t, m) in running.into_iter().flat_map(|r| r.join().unwrap()) {
            times.push(t);
            drawn += m;
        }
    });
    let left = server.runtime.block_on(async {
        server.agency().store().snapshot().await.unwrap().family_account("F1").await.unwrap().balance
    });
    assert_eq!(balance - drawn, left);
    assert!(left.is_zero(), "it does not last to the end: {left}");
    let wrong = server.runtime.block_on(server.agency().store().discrepancies()).unwrap();
    assert_eq!(wrong, Vec::<String>::new());
    server.assert_balanced();
    eprintln!(
        "{draws} draws on one family account, {servers} server(s): p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
        quantile(&mut times, 0.5),
        quantile(&mut times, 0.99),
        quantile(&mut times, 1.0)
    );
    if let Some(s) = second {
        server.runtime.block_on(s.stop()).unwrap();
    }
}

#[test]
fn two_persons_draw_on_one_family_account_at_the_same_moment() {
    family_account(Place::embedded(), 1);
}

#[test]
fn two_persons_draw_on_one_family_account_through_two_servers() {
    if let Some(place) = Place::postgres() {
        family_account(place, 2);
    }
}

/// One hospital that sends more than may wait is turned away at once, with a word on when to come back; the others,
/// which send one message after the other meanwhile, never are.
#[test]
fn a_hospital_that_sends_too_much_is_told_to_come_back_and_others_are_let_in() {
    let server = Server::start(100);
    let agency = server.agency().clone().admitting(Admissions { at_once: 2, of_one: 1, waiting: 1 });
    let running = server.runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        Running::start(agency, profile("default").unwrap(), listener, std::sync::Arc::new(now)).await.unwrap()
    });
    let p = person(&server.county, "390", 20, 0);
    let ask = |institution: &dingan_core::bundle::Institution| {
        let input = json!({"data": {"psn_no": p.no, "mdtrt_cert_type": "02",
            "mdtrt_cert_no": p.cert_no, "psn_cert_type": "01", "certno": p.cert_no, "psn_name": p.name}});
        Hospital::message(institution, "1101", &crate::hospital::msgid(institution), now(), input).to_string()
    };
    let url = format!("http://{}/fsi/api/1101", running.address);
    let send = |body: &str, times: usize| {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let (mut done, mut refused) = (0, 0);
        for _ in 0..times {
            let mut r = agent.post(&url).header("content-type", "application/json").send(body).unwrap();
            let again = r.headers().get("retry-after").cloned();
            let text = r.body_mut().read_to_string().unwrap();
            match r.status().as_u16() {
                200 => done += 1,
                503 => {
                    refused += 1;
                    assert!(again.is_some() && text.contains("TOO_MANY_REQUESTS"), "{text}");
                }
                other => panic!("{other}: {text}"),
            }
        }
        (done, refused)
    };
    let (too_much, others) = server.county.reference.institutions.split_first().unwrap();
    let (done, refused) = std::thread::scope(|scope| {
        let (send, ask) = (&send, &ask);
        let many: Vec<_> = (0..16).map(|_| scope.spawn(move || send(&ask(too_much), 40))).collect();
        let few: Vec<_> = others.iter().take(3).map(|i| scope.spawn(move || send(&ask(i), 40))).collect();
        for f in few {
            assert_eq!(f.join().unwrap(), (40, 0), "another hospital was turned away");
        }
        many.into_iter().map(|m| m.join().unwrap()).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
    });
    assert!(done > 0 && refused > 0, "{done} done, {refused} refused");
    assert!(others.len() >= 3);
}
