//! A settlement decided on what its trial read: used where nothing moved on, and never where something did. What moves
//! on is done by a second server on the same store, of which the first hears nothing.

use crate::county::{Desk, Server, line, outpatient, person, plain_item, refusal, serve_agency, settle_input};

use crate::manual::claim_in;
use dingan::demo::Hospital;
use dingan::serve::{Running, now};
use dingan_core::money::Money;
use dingan_http::agency::{Agency, ClerkJob};
use dingan_store::StoredSettlement;
use serde_json::{Value, json};

/// Two servers on one store.
struct Two {
    here: Server,
    there: Option<Running>,
}

impl Two {
    fn new() -> Self {
        let here = Server::start(100);
        let there = here.runtime.block_on(async {
            let agency = Agency::open(here.agency().store().clone(), now()).await.unwrap();
            serve_agency(agency, "default").await
        });
        Self { here, there: Some(there) }
    }

    /// The same hospital at the other server.
    fn desk_there(&self) -> Desk<'_> {
        Desk { hospital: Hospital::new(self.there.as_ref().unwrap().address), ..self.here.desk() }
    }

    fn agency_there(&self) -> &Agency {
        self.there.as_ref().unwrap().agency()
    }

    fn settlement(&self, output: &Value) -> StoredSettlement {
        let id = output["setlinfo"]["setl_id"].as_str().unwrap().into();
        let agency = self.here.agency();
        self.here
            .runtime
            .block_on(async { agency.store().snapshot().await.unwrap().settlement(&id).await.unwrap().unwrap() })
    }

    fn as_of(&self) -> i64 {
        self.here.runtime.block_on(async { self.here.agency().store().snapshot().await.unwrap().as_of() })
    }

    fn assert_replays(&self) {
        let replay = self.here.runtime.block_on(self.here.agency().replay(|_| {})).unwrap();
        assert!(replay.different.is_empty() && replay.unbalanced.is_empty(), "{replay:?}");
    }
}

impl Drop for Two {
    fn drop(&mut self) {
        if let Some(r) = self.there.take() {
            let _ = self.here.runtime.block_on(r.stop());
        }
    }
}

#[test]
fn a_settlement_is_decided_on_what_its_trial_read() {
    let two = Two::new();
    let (desk, p) = (two.here.desk(), person(&two.here.county, "390", 20, 1));
    let (visit, total) = outpatient(&desk, &p, "B1", &["30.00"]);
    desk.ok("2206", settle_input(&p, &visit, "B1", total));
    let tried = two.as_of();
    // somebody else's visit moves the store on, and nothing of this bill
    outpatient(&two.desk_there(), &person(&two.here.county, "390", 20, 2), "B1", &["30.00"]);
    let settled = two.settlement(&desk.ok("2207", settle_input(&p, &visit, "B1", total)));
    assert_eq!(settled.as_of, tried, "it was read again, or never kept");
    assert!(settled.commit_no > tried + 1);
    two.assert_replays();
}

#[test]
fn a_line_that_came_by_another_server_is_seen() {
    let two = Two::new();
    let (desk, p) = (two.here.desk(), person(&two.here.county, "390", 20, 1));
    let (visit, total) = outpatient(&desk, &p, "B1", &["30.00"]);
    desk.ok("2206", settle_input(&p, &visit, "B1", total));
    let more = line(&visit, p.no.as_str(), "B1", "2", &plain_item(&two.here.county), "5.00", "1", "5.00");
    two.desk_there().ok("2204", json!({"feedetail": [more]}));
    // what the trial read would have fitted
    let (code, _) = desk.refused("2207", settle_input(&p, &visit, "B1", total));
    assert_eq!(code, "TOTAL_MISMATCH");
    desk.ok("2207", settle_input(&p, &visit, "B1", total + Money::yuan(5)));
    two.assert_replays();
}

/// Two bills of one person, tried side by side: the second to be settled counts what the first used up.
#[test]
fn a_bill_settled_by_another_server_is_counted() {
    let two = Two::new();
    let (desk, there, p) = (two.here.desk(), two.desk_there(), person(&two.here.county, "390", 20, 1));
    let mut bills = Vec::new();
    for batch in ["B1", "B2"] {
        let (visit, total) = outpatient(&desk, &p, batch, &["300.00"]);
        bills.push(settle_input(&p, &visit, batch, total));
    }
    desk.ok("2206", bills[1].clone());
    let first = two.settlement(&there.ok("2207", bills[0].clone()));
    let second = two.settlement(&desk.ok("2207", bills[1].clone()));
    assert!(second.as_of >= first.commit_no);
    two.here.assert_balanced();
    two.assert_replays();
}

#[test]
fn a_bundle_put_in_force_by_another_server_is_settled_under() {
    let two = Two::new();
    let (desk, p) = (two.here.desk(), person(&two.here.county, "390", 20, 1));
    let (visit, total) = outpatient(&desk, &p, "B1", &["30.00"]);
    desk.ok("2206", settle_input(&p, &visit, "B1", total));
    let before = two.here.runtime.block_on(two.here.agency().live()).unwrap().hash.clone();
    let item = plain_item(&two.here.county);
    let mut rows = two.here.county.reference.catalogue.clone();
    rows.items.clear();
    rows.limits.truncate(1);
    rows.limits.iter_mut().for_each(|l| l.code = item.as_str().into());
    two.here.runtime.block_on(two.agency_there().import_catalogue(rows, now())).unwrap();
    let settled = two.settlement(&desk.ok("2207", settle_input(&p, &visit, "B1", total)));
    assert_ne!(settled.bundle, before);
    two.assert_replays();
}

#[test]
fn an_invoice_paid_on_paper_after_the_trial_is_refused() {
    let two = Two::new();
    let (desk, p) = (two.here.desk(), person(&two.here.county, "390", 20, 1));
    let (visit, total) = outpatient(&desk, &p, "B1", &["30.00"]);
    let mut bill = settle_input(&p, &visit, "B1", total);
    bill["data"]["invono"] = json!("INV-1");
    desk.ok("2206", bill.clone());
    let paper = ClerkJob::Claim(serde_json::from_value(claim_in(&two.here.county, "R1", "INV-1", &["30.00"])).unwrap());
    two.here.runtime.block_on(two.agency_there().acting_as("zhang").begin(paper, now())).unwrap();
    let answer = desk.exchange(&desk.message("2207", bill));
    assert_eq!(refusal(&answer).0, "INVOICE_SETTLED");
}

/// The same message again, and the same bill under another message, are what they were.
#[test]
fn a_repeated_call_is_answered_as_before() {
    let two = Two::new();
    let (desk, p) = (two.here.desk(), person(&two.here.county, "390", 20, 1));
    let (visit, total) = outpatient(&desk, &p, "B1", &["30.00"]);
    let bill = settle_input(&p, &visit, "B1", total);
    desk.ok("2206", bill.clone());
    let message = desk.message("2207", bill.clone());
    let there = two.desk_there();
    let first = there.exchange(&message);
    assert_eq!(desk.exchange(&message)["output"], first["output"]);
    desk.ok("2207", bill);
    two.here.assert_balanced();
    two.assert_replays();
}
