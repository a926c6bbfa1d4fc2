//! What is corrected afterwards: reversals, refunds, certificate numbers, calls undone. Each of these once
//! went wrong.

use crate::county::*;
use crate::stay::Stay;
use dingan_core::money::Money;
use dingan_core::person::Person;
use dingan_http::agency::PersonRows;
use serde_json::{Value, json};

fn import(server: &Server, person: Person, own: Option<i64>, family: Option<i64>) {
    let row = PersonRows { person, own_balance: own.map(Money::yuan), family_balance: family.map(Money::yuan) };
    server.runtime.block_on(server.agency().import_persons(vec![row], dingan::serve::now(), |_| {})).unwrap();
}

fn family(server: &Server, id: &str) -> Money {
    server
        .runtime
        .block_on(async { server.agency().store().snapshot().await.unwrap().family_account(id).await.unwrap().balance })
}

fn alive(server: &Server) -> i64 {
    server
        .runtime
        .block_on(async { server.agency().store().snapshot().await.unwrap().counts().await.unwrap() })
        .settlements
}

fn reverse(desk: &Desk<'_>, p: &Person, visit: &str, settled: &Value) -> Value {
    desk.ok("2208", json!({"data": {"psn_no": p.no, "setl_id": settled["setlinfo"]["setl_id"], "mdtrt_id": visit}}))
}

/// What was drawn on a family account goes back to that account, whichever the person belongs to by then.
#[test]
fn a_family_account_gets_back_what_was_drawn_on_it() {
    let server = Server::start(200);
    let desk = server.desk();
    let mut p = person(&server.county, "310", 20, 0);
    p.family_account = Some("F1".to_owned());
    import(&server, p.clone(), Some(3), Some(500));
    let (visit, total) = outpatient(&desk, &p, "B1", &["88.80"]);
    let mut input = settle_input(&p, &visit, "B1", total);
    input["data"]["acct_used_flag"] = json!("2");
    let settled = desk.ok("2207", input);
    assert_identities(&settled);
    let drawn = money(&settled["setlinfo"], "acct_mulaid_pay");
    assert!(!drawn.is_zero(), "{settled}");
    assert_eq!(family(&server, "F1"), Money::yuan(500) - drawn);

    // the person moves to another family
    p.family_account = Some("F2".to_owned());
    import(&server, p.clone(), None, Some(40));
    let reversed = reverse(&desk, &p, &visit, &settled);
    assert_identities(&reversed);
    assert_eq!(family(&server, "F1"), Money::yuan(500));
    assert_eq!(family(&server, "F2"), Money::yuan(40));
    assert_eq!(money(&reversed["setlinfo"], "balc"), Money::yuan(3), "{reversed}");
    server.assert_balanced();
    // the ledger says which account it was
    let posted = server.runtime.block_on(async {
        let id = settled["setlinfo"]["setl_id"].as_str().unwrap().into();
        server.agency().store().snapshot().await.unwrap().ledger(&id).await.unwrap()
    });
    assert!(posted.iter().any(|l| l.account == "account/family/F1" && l.amount == drawn), "{posted:?}");
}

/// A bill asked for under a second message is answered with its settlement, and that answer is kept: after
/// a reversal a retry is told so and settles nothing.
#[test]
fn a_second_message_about_a_settled_bill_keeps_its_answer() {
    let server = Server::start(100);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 0);
    let (visit, total) = outpatient(&desk, &p, "B1", &["88.80"]);
    let input = settle_input(&p, &visit, "B1", total);
    let first = desk.ok("2207", input.clone());
    let second = desk.message("2207", input.clone());
    let told = desk.exchange(&second);
    assert_eq!(told["output"]["setlinfo"]["setl_id"], first["setlinfo"]["setl_id"]);
    reverse(&desk, &p, &visit, &first);
    let retry = desk.exchange(&second);
    assert_eq!(retry["output"], told["output"]);
    assert!(retry["warn_msg"].as_str().unwrap().contains("撤销"), "{retry}");
    assert_eq!(alive(&server), 0);

    // undoing such a message undoes the settlement it was answered with
    desk.ok("2207", input.clone());
    let again = desk.message("2207", input);
    assert_eq!(desk.exchange(&again)["infcode"], json!(0));
    assert_eq!(alive(&server), 1);
    desk.ok("2601", json!({"data": {"psn_no": p.no, "omsgid": again["msgid"], "oinfno": "2207"}}));
    assert_eq!(alive(&server), 0);
    server.assert_balanced();
}

/// 2207 and its variant 2207A are one transaction to whoever undoes it.
#[test]
fn undoing_a_call_does_not_ask_under_which_variant_it_came() {
    let server = Server::start(100);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 1);
    let (visit, total) = outpatient(&desk, &p, "B1", &["50.00"]);
    let input = settle_input(&p, &visit, "B1", total);
    let call = desk.message("2207A", input.clone());
    assert_eq!(desk.exchange(&call)["infcode"], json!(0));
    desk.ok("2601", json!({"data": {"psn_no": p.no, "omsgid": call["msgid"], "oinfno": "2207"}}));
    assert_eq!(alive(&server), 0);
    // and in advance
    let late = desk.message("2207A", input);
    desk.ok("2601", json!({"data": {"psn_no": p.no, "omsgid": late["msgid"], "oinfno": "2207"}}));
    assert_eq!(refusal(&desk.exchange(&late)).0, "MESSAGE_CANCELLED");
    assert_eq!(alive(&server), 0);
}

/// An outpatient bill is reversed as a whole, so no other bill may hold a refund of its lines.
#[test]
fn an_outpatient_line_cannot_refund_one_of_another_bill() {
    let server = Server::start(100);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 2);
    let (visit, total) = outpatient(&desk, &p, "B1", &["30.00", "20.00"]);
    desk.ok("2207", settle_input(&p, &visit, "B1", total));
    let mut refund = line(&visit, p.no.as_str(), "B2", "9", &plain_item(&server.county), "30.00", "-1", "-30.00");
    refund["init_feedetl_sn"] = json!("1");
    let (code, path) = desk.refused("2204", json!({"feedetail": [refund]}));
    assert_eq!((code.as_str(), path.as_str()), ("REFUND_IN_OUTPATIENT", "/input/feedetail/0/init_feedetl_sn"));
}

#[test]
fn a_bill_without_lines_cannot_be_settled() {
    let server = Server::start(100);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 3);
    let (visit, total) = outpatient(&desk, &p, "B1", &["30.00"]);
    desk.ok("2207", settle_input(&p, &visit, "B1", total));
    for infno in ["2206", "2207"] {
        let (code, _) = desk.refused(infno, settle_input(&p, &visit, "NOPE", Money::ZERO));
        assert_eq!(code, "NO_LINES");
    }
    assert_eq!(alive(&server), 1);
}

/// A certificate number belongs to who holds it now, in either case of its letters.
#[test]
fn a_corrected_certificate_number_finds_its_holder() {
    let server = Server::start(100);
    let desk = server.desk();
    let (mut wrong, mut right) = (person(&server.county, "390", 20, 0), person(&server.county, "390", 20, 1));
    let ask = |no: &str, name: &str| {
        json!({"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": no, "psn_cert_type": "01", "certno": no,
            "psn_name": name}})
    };
    // a number ending in X, given to the wrong person by mistake and then corrected
    let number = "46002819000101999X";
    let before = wrong.cert_no.clone();
    wrong.cert_no = number.to_owned();
    import(&server, wrong.clone(), None, None);
    wrong.cert_no = before;
    import(&server, wrong.clone(), None, None);
    assert_eq!(desk.refused("1101", ask(number, "")).0, "PERSON_UNKNOWN");
    right.cert_no = number.to_owned();
    import(&server, right.clone(), None, None);
    for no in [number, "46002819000101999x"] {
        let found = desk.ok("1101", ask(no, &right.name));
        assert_eq!(found["baseinfo"]["psn_no"], json!(right.no));
    }

    // two who hold the same number now: nobody is picked by chance
    wrong.cert_no = number.to_lowercase();
    import(&server, wrong.clone(), None, None);
    assert_eq!(desk.refused("1101", ask(number, "")).0, "CERT_AMBIGUOUS");
    if wrong.name != right.name {
        let found = desk.ok("1101", ask(number, &wrong.name));
        assert_eq!(found["baseinfo"]["psn_no"], json!(wrong.no));
    }
}

/// A reversal between two parts of a stay proposes nothing about the second part: its deductible was
/// charged by the first, which lives on.
#[test]
fn a_reversal_between_the_parts_of_a_stay_proposes_nothing() {
    let server = Server::start(200);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 4);
    let mut stay = Stay::admit(&desk, p.clone());
    stay.lines(600);
    let mid = desk.ok("2304", stay.input("1"));
    assert!(!money(&mid["setlinfo"], "act_pay_dedc").is_zero());
    stay.unsettled = Money::ZERO;

    let (visit, total) = outpatient(&desk, &p, "B1", &["5.00"]);
    let between = desk.ok("2207", settle_input(&p, &visit, "B1", total));
    stay.lines(300);
    stay.discharge();
    let last = desk.ok("2304", stay.input("0"));
    assert!(money(&last["setlinfo"], "act_pay_dedc").is_zero());

    let answer = desk.exchange(&desk.message(
        "2208",
        json!({"data": {"psn_no": p.no, "setl_id": between["setlinfo"]["setl_id"], "mdtrt_id": visit}}),
    ));
    assert_eq!(answer["infcode"], json!(0), "{answer}");
    let stored = server
        .runtime
        .block_on(async { server.agency().store().snapshot().await.unwrap().proposals(&p.no).await.unwrap() });
    assert_eq!(stored, Vec::new());
    let now = server.runtime.block_on(server.agency().proposals_now(&p.no)).unwrap();
    assert_eq!(now, Vec::new());
}
