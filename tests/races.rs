//! Two at the same instant: one invoice, one task, one bundle.

use crate::access::Office;
use crate::county::{Server, outpatient, person, settle_input};
use crate::manual::{claim, claim_in};
use dingan::serve::now;
use dingan_core::bundle::Institution;
use dingan_core::money::Money;
use dingan_http::agency::{ClerkAnswer, ClerkJob, PaperClaim};
use serde_json::json;
use std::collections::HashSet;

/// Two persons bring the same invoice to two clerks at once, again and again: one of them is paid, whoever it is.
#[test]
fn one_invoice_of_two_persons_is_settled_once() {
    let office = Office::new();
    let other = person(&office.county, "390", 20, 1);
    office.runtime.block_on(office.agency().set_limit(Money::yuan(1_000_000), now())).unwrap();
    for n in 0..10 {
        let invoice = format!("INV-{n}");
        let mut claims: Vec<PaperClaim> = ["A", "B"]
            .iter()
            .map(|who| serde_json::from_value(claim(&office, &format!("{who}{n}"), &invoice, &["30.00"])).unwrap())
            .collect();
        claims[1].psn_no = other.no.to_string();
        let outcomes = office.runtime.block_on(async {
            let tasks: Vec<_> = claims
                .into_iter()
                .map(|c| {
                    let agency = office.agency().acting_as(&format!("clerk of {}", c.id));
                    tokio::spawn(async move { agency.begin(ClerkJob::Claim(c), now()).await })
                })
                .collect();
            let mut out = Vec::new();
            for t in tasks {
                out.push(t.await.unwrap());
            }
            out
        });
        let settled = outcomes.iter().filter(|o| matches!(o, Ok(ClerkAnswer::Done(_)))).count();
        let refused = outcomes.iter().filter(|o| o.as_ref().is_err_and(|r| r.code == "INVOICE_SETTLED")).count();
        assert_eq!((settled, refused), (1, 1), "{outcomes:?}");
    }
}

/// A hospital settles one person's bill and a clerk another's paper claim at once, with one invoice: one of them counts.
#[test]
fn one_invoice_is_settled_online_or_on_paper() {
    let server = Server::start(100);
    let desk = server.desk();
    let other = person(&server.county, "390", 20, 1);
    for n in 0..20 {
        let (invoice, batch) = (format!("INV-{n}"), format!("B{n}"));
        let (visit, total) = outpatient(&desk, &other, &batch, &["30.00"]);
        let mut input = settle_input(&other, &visit, &batch, total);
        input["data"]["invono"] = json!(invoice);
        let message = desk.message("2207", input);
        let paper = claim_in(&server.county, &format!("R{n}"), &invoice, &["30.00"]);
        let paper = ClerkJob::Claim(serde_json::from_value(paper).unwrap());
        let (online, paper) = std::thread::scope(|scope| {
            let online = scope.spawn(|| desk.exchange(&message));
            let paper = server.runtime.block_on(server.agency().acting_as("zhang").begin(paper, now()));
            (online.join().unwrap(), paper)
        });
        match paper {
            Ok(_) => assert_eq!(crate::county::refusal(&online).0, "INVOICE_SETTLED"),
            Err(r) => {
                assert_eq!(r.code, "INVOICE_SETTLED");
                assert_eq!(online["infcode"].to_string(), "0", "{online}");
            }
        }
    }
    server.assert_balanced();
}

/// One clerk says yes and another no at once: what the log says is what was done.
#[test]
fn a_task_is_decided_once() {
    let office = Office::new();
    office.runtime.block_on(office.agency().set_limit(Money::fen(-1), now())).unwrap();
    for n in 0..10 {
        let id = format!("R{n}");
        let claim: PaperClaim = serde_json::from_value(claim(&office, &id, &format!("INV-{n}"), &["30.00"])).unwrap();
        let (yes, no) = office.runtime.block_on(async {
            let agency = office.agency();
            let waits = agency.acting_as("zhang").begin(ClerkJob::Claim(claim), now()).await.unwrap();
            assert!(matches!(waits, ClerkAnswer::Waiting(_)), "{waits:?}");
            let (li, wang, (a, b)) = (agency.acting_as("li"), agency.acting_as("wang"), (id.clone(), id.clone()));
            let yes = tokio::spawn(async move { li.approve(&a, now()).await });
            let no = tokio::spawn(async move { wang.refuse(&b, "发票不清", now()).await });
            (yes.await.unwrap(), no.await.unwrap())
        });
        assert_ne!(yes.is_ok(), no.is_ok(), "{yes:?} {no:?}");
        let log = office.audit();
        let said = |what: &str| log.iter().filter(|r| r.what == what && r.subject == id).count();
        assert_eq!((said("settle claim"), said("task refused")), (usize::from(yes.is_ok()), usize::from(no.is_ok())));
    }
}

/// Imports that begin on the same bundle all go in.
#[test]
fn imports_at_once_lose_nothing() {
    let server = Server::start(20);
    let some = server.county.reference.institutions[0].clone();
    let new = |n: usize| Institution { code: format!("H9999900{n:04}").as_str().into(), ..some.clone() };
    let hashes: Vec<Option<String>> = server.runtime.block_on(async {
        let tasks: Vec<_> = (0..6)
            .map(|n| {
                let (agency, row) = (server.agency().clone(), new(n));
                tokio::spawn(async move { agency.import_institutions(vec![row], now()).await.unwrap().bundle })
            })
            .collect();
        let mut out = Vec::new();
        for t in tasks {
            out.push(t.await.unwrap());
        }
        out
    });
    assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), 6);
    let contents = server.runtime.block_on(server.agency().live_contents()).unwrap();
    let there = |n: usize| contents.rows.institutions.iter().any(|i| i.code == new(n).code);
    let lost: Vec<usize> = (0..6).filter(|n| !there(*n)).collect();
    assert_eq!(lost, Vec::<usize>::new(), "{}", json!(hashes));
}
