//! Nothing twice: the same message, the same bill, calls undone before they came.

use crate::county::*;
use dingan_connectors::desk::Desk as _;
use serde_json::{Value, json};

fn settlements(server: &Server) -> i64 {
    server
        .runtime
        .block_on(async { server.agency().store().snapshot().await.unwrap().counts().await.unwrap().settlements })
}

#[test]
fn the_same_message_gets_the_same_answer() {
    let mut server = Server::start(100);
    let p = person(&server.county, "390", 20, 0);
    let (message, first, visit) = {
        let desk = server.desk();
        let (visit, total) = outpatient(&desk, &p, "B1", &["88.80"]);
        let message = desk.message("2207", settle_input(&p, &visit, "B1", total));
        let first = desk.exchange(&message);
        assert_eq!(first["infcode"], json!(0), "{first}");
        let again = desk.exchange(&message);
        assert_eq!(again["output"].to_string(), first["output"].to_string());
        // keys in another order, numbers as strings: the same input
        let mut same: Value = serde_json::from_str(&message.to_string()).unwrap();
        same["input"]["data"]["medfee_sumamt"] = json!("88.8");
        assert_eq!(desk.exchange(&same)["output"].to_string(), first["output"].to_string());
        // the same id for another input is a conflict, not somebody else's answer
        let mut other = message.clone();
        other["input"]["data"]["invono"] = json!("FP123");
        assert_eq!(refusal(&desk.exchange(&other)), ("MSGID_CONFLICT".to_owned(), "/msgid".to_owned()));
        (message, first, visit)
    };
    server.restart();
    let desk = server.desk();
    assert_eq!(desk.exchange(&message)["output"].to_string(), first["output"].to_string(), "after a restart");
    assert_eq!(settlements(&server), 1);

    // the same bill under a new id: the same settlement, said so
    let total = "88.80".parse().unwrap();
    let new_id = desk.exchange(&desk.message("2207", settle_input(&p, &visit, "B1", total)));
    assert_eq!(new_id["output"]["setlinfo"]["setl_id"], first["output"]["setlinfo"]["setl_id"]);
    assert!(new_id["warn_msg"].as_str().unwrap().contains("此前已结算"), "{new_id}");
    assert_eq!(settlements(&server), 1);

    // after a reversal: the same answer, with the reversal said
    let setl_id = &first["output"]["setlinfo"]["setl_id"];
    desk.ok("2208", json!({"data": {"psn_no": p.no, "setl_id": setl_id, "mdtrt_id": visit}}));
    let after = desk.exchange(&message);
    assert_eq!(after["output"].to_string(), first["output"].to_string());
    assert!(after["warn_msg"].as_str().unwrap().contains("撤销"), "{after}");
    assert_eq!(settlements(&server), 0);
    // and the bill can be settled again
    let anew = desk.ok("2207", settle_input(&p, &visit, "B1", total));
    assert_ne!(anew["setlinfo"]["setl_id"], *setl_id);
    server.assert_balanced();
}

#[test]
fn a_reversal_before_the_call_it_cancels() {
    let server = Server::start(100);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 1);
    let (visit, total) = outpatient(&desk, &p, "B1", &["50.00"]);
    let late = desk.message("2207", settle_input(&p, &visit, "B1", total));
    let undo = json!({"data": {"psn_no": p.no, "omsgid": late["msgid"], "oinfno": "2207"}});
    desk.ok("2601", undo.clone());
    assert_eq!(refusal(&desk.exchange(&late)).0, "MESSAGE_CANCELLED");
    assert_eq!(settlements(&server), 0);

    // a call that did arrive is undone once, however often it is asked
    let message = desk.message("2207", settle_input(&p, &visit, "B1", total));
    assert_eq!(desk.exchange(&message)["infcode"], json!(0));
    let undo = json!({"data": {"psn_no": p.no, "omsgid": message["msgid"], "oinfno": "2207"}});
    for _ in 0..2 {
        desk.ok("2601", undo.clone());
        assert_eq!(settlements(&server), 0);
    }
    server.assert_balanced();
}

#[test]
fn what_became_of_a_message() {
    let server = Server::start(100);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 2);
    let (visit, total) = outpatient(&desk, &p, "B1", &["12.34"]);
    let message = desk.message("2207", settle_input(&p, &visit, "B1", total));
    let first = desk.exchange(&message);
    let msgid = message["msgid"].as_str().unwrap();

    let by = dingan_connectors::desk::Caller {
        insured_at: Default::default(),
        institution: desk.institution.code.clone(),
        infno: String::new(),
        msgid: String::new(),
        input_hash: String::new(),
        operator: String::new(),
        now: dingan::serve::now(),
    };
    let fate = server.runtime.block_on(server.agency().fate(&by, msgid)).unwrap();
    assert_eq!(fate.len(), 1);
    assert_eq!(json!(fate[0].settlement), first["output"]["setlinfo"]["setl_id"]);
    assert!(!fate[0].reversed);

    let shown = desk.ok("D2601", json!({"data": {"omsgid": msgid}}));
    assert!(shown.to_string().contains(first["output"]["setlinfo"]["setl_id"].as_str().unwrap()), "{shown}");
}

#[test]
fn many_hospitals_settle_one_bill_at_once() {
    let server = Server::start(100);
    let p = person(&server.county, "390", 20, 3);
    let desk = server.desk();
    let (visit, total) = outpatient(&desk, &p, "B1", &["77.00"]);
    let messages: Vec<Value> = (0..16).map(|_| desk.message("2207", settle_input(&p, &visit, "B1", total))).collect();
    let address = server.address();
    let ids: Vec<String> = std::thread::scope(|s| {
        let handles: Vec<_> = messages
            .iter()
            .map(|m| {
                s.spawn(move || {
                    let answer = dingan::demo::Hospital::new(address).exchange(&m.to_string()).unwrap();
                    if answer["infcode"] == json!(0) {
                        answer["output"]["setlinfo"]["setl_id"].to_string()
                    } else {
                        answer.to_string()
                    }
                })
            })
            .collect();
        handles.into_iter().map(|h| h.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|i| *i == ids[0] && i.contains("2")), "{ids:?}");
    assert_eq!(settlements(&server), 1);
    server.assert_balanced();
}
