//! Paper claims: the same decision as online, an invoice settled once whichever way it comes, and a second person
//! above the set amount.

use crate::access::{Office, PASSWORD, api, call};
use crate::county::{Server, money, outpatient, person, settle_input};
use crate::inspect::named;
use crate::program::{dingan, text};
use dingan::serve::now;
use dingan_connectors::sample::County;
use dingan_core::money::Money;
use dingan_http::agency::{ClerkAnswer, ClerkJob};
use serde_json::{Value, json};

fn clerk(office: &Office, name: &str) -> String {
    office.account(name, &["clerk"]);
    let body = json!({"name": name, "password": PASSWORD}).to_string();
    let headers = [("content-type", "application/json".to_owned())];
    call(office.address(), "POST", "/api/v1/session", &headers, &body).1["token"].as_str().unwrap().to_owned()
}

/// A claim of an outpatient visit yesterday with lines of these amounts.
pub fn claim(office: &Office, id: &str, invoice: &str, amounts: &[&str]) -> Value {
    claim_in(&office.county, id, invoice, amounts)
}

/// The same, of any county.
pub fn claim_in(county: &County, id: &str, invoice: &str, amounts: &[&str]) -> Value {
    let institutions = &county.reference.institutions;
    let hospital = institutions.iter().find(|i| i.kind == "1" && i.deductible_level.number() >= 2).unwrap();
    let p = person(county, "390", 20, 0);
    let item = crate::county::plain_item(county);
    let day = (dingan::serve::now() - chrono::TimeDelta::days(1)).format("%Y-%m-%dT09:00:00").to_string();
    let lines: Vec<Value> = amounts
        .iter()
        .enumerate()
        .map(|(i, a)| {
            json!({
                "feedetl_sn": format!("L{i}"), "fee_ocur_time": day, "med_list_codg": item,
                "cnt": "1", "pric": a, "det_item_fee_sumamt": a
            })
        })
        .collect();
    let total: Money = amounts.iter().map(|a| a.parse::<Money>().unwrap()).sum();
    json!({
        "id": id, "fixmedins_code": hospital.code, "psn_no": p.no, "insutype": "390", "med_type": "11", "begntime": day,
        "invono": invoice, "medfee_sumamt": total, "diseinfo": [{"diag_code": "I10.x00"}], "feedetail": lines
    })
}

#[test]
fn a_paper_claim_is_decided_like_any_other_and_its_invoice_settled_once() {
    let office = Office::new();
    let zhang = clerk(&office, "zhang");
    let post = |claim: &Value| api(office.address(), &zhang, "POST", "/api/v1/manual/claims", claim);
    let one = claim(&office, "R1", "INV-1", &["100.00", "33.33"]);
    let (status, settled) = post(&one);
    assert_eq!((status, &settled["state"]), (200, &json!("settled")), "{settled}");
    let amounts = &settled["settlement"]["amounts"];
    assert_eq!(money(amounts, "total"), "133.33".parse().unwrap());
    assert_eq!(
        money(amounts, "total"),
        money(amounts, "funds") + money(amounts, "person") + money(amounts, "hospital")
    );
    assert_eq!(settled["settlement"]["setl_type"], json!("1"));
    // once: the same request, and the same invoice under another
    assert_eq!(post(&one), (200, settled.clone()));
    let mut other = one.clone();
    other["invono"] = json!("INV-2");
    assert_eq!(post(&other).1["code"], json!("MSGID_CONFLICT"));
    let (status, refused) = post(&claim(&office, "R2", "INV-1", &["5.00"]));
    assert_eq!((status, &refused["code"]), (409, &json!("INVOICE_SETTLED")), "{refused}");
    // the funds owe the person what they pay, and nothing to the hospital, which was paid in full
    let (_, ledger) = api(office.address(), &zhang, "GET", "/api/v1/ledger", &Value::Null);
    assert_eq!(ledger["balanced"], json!(true));
    assert_eq!(ledger["accounts"].get("institution"), None, "{ledger}");
    let funds = money(amounts, "funds");
    if !funds.is_zero() {
        assert_eq!(money(&ledger["accounts"], "insured"), -funds, "{ledger}");
    }
    let mut wrong = claim(&office, "R3", "INV-3", &["5.00"]);
    wrong["medfee_sumamt"] = json!("6.00");
    assert_eq!(post(&wrong).1["code"], json!("TOTAL_MISMATCH"));
    let replay = office.runtime.block_on(office.agency().replay(|_| {})).unwrap();
    assert!(replay.different.is_empty() && replay.equal == 1, "{:?}", replay.different);
}

/// What was paid on paper is not settled online: by 2207 and 2102, until the paper claim is reversed. The inspectors'
/// checks have nothing to say of paper claims.
#[test]
fn an_invoice_paid_on_paper_is_not_settled_online() {
    let server = Server::start(100);
    let zhang = server.agency().acting_as("zhang");
    let done = |job: ClerkJob| match server.runtime.block_on(zhang.begin(job, now())) {
        Ok(ClerkAnswer::Done(answer)) => answer,
        other => panic!("{other:?}"),
    };
    let paper = claim_in(&server.county, "R1", "INV-1", &["100.00", "33.33"]);
    let paper = done(ClerkJob::Claim(serde_json::from_value(paper).unwrap()));
    let setl_id = paper["setl_id"].as_str().unwrap();
    let desk = server.desk();
    // somebody else's bill: the invoice is what counts
    let p = person(&server.county, "390", 20, 1);
    let (visit, total) = outpatient(&desk, &p, "B1", &["21.00"]);
    let settle = |invoice: &str| {
        let mut input = settle_input(&p, &visit, "B1", total);
        input["data"]["invono"] = json!(invoice);
        input
    };
    let refused = desk.refused("2207", settle("INV-1"));
    assert_eq!(refused, ("INVOICE_SETTLED".to_owned(), "/input/data/invono".to_owned()));
    // each hospital numbers its own invoices: another's with the same number is another
    let elsewhere = server.county.reference.institutions.iter().find(|i| i.code != desk.institution.code).unwrap();
    let mut other = claim_in(&server.county, "R3", "INV-1", &["100.00", "33.33"]);
    other["fixmedins_code"] = json!(elsewhere.code);
    done(ClerkJob::Claim(serde_json::from_value(other).unwrap()));
    for check in ["check-lines", "check-ledger", "check-identities"] {
        assert_eq!(named(&server, check), Vec::<Value>::new(), "{check}");
    }
    let back = json!({"id": "R2", "setl_id": setl_id, "reason": "发票系重复打印"});
    done(ClerkJob::Reversal(serde_json::from_value(back).unwrap()));
    desk.ok("2207", settle("INV-1"));
    assert_eq!(named(&server, "check-ledger"), Vec::<Value>::new());
    // online, one invoice may stand for several bills
    let (visit, total) = outpatient(&desk, &p, "B2", &["21.00"]);
    let mut input = settle_input(&p, &visit, "B2", total);
    input["data"]["invono"] = json!("INV-1");
    desk.ok("2207", input);
}

#[test]
fn above_the_set_amount_a_second_person_decides() {
    let office = Office::new();
    let (zhang, li) = (clerk(&office, "zhang"), clerk(&office, "li"));
    office.runtime.block_on(office.agency().set_limit(Money::fen(-1), dingan::serve::now())).unwrap();
    let one = claim(&office, "R1", "INV-1", &["800.00"]);
    let post = |token: &str, path: &str, body: &Value| api(office.address(), token, "POST", path, body);
    let (status, waiting) = post(&zhang, "/api/v1/manual/claims", &one);
    assert_eq!((status, &waiting["state"]), (202, &json!("waiting")), "{waiting}");
    assert_eq!(post(&zhang, "/api/v1/manual/claims", &one), (202, waiting));
    let (_, tasks) = api(office.address(), &li, "GET", "/api/v1/manual/tasks", &Value::Null);
    assert_eq!((&tasks["items"][0]["id"], &tasks["items"][0]["made_by"]), (&json!("R1"), &json!("zhang")));
    let yes = json!({"approve": true});
    let (status, same) = post(&zhang, "/api/v1/manual/tasks/R1", &yes);
    assert_eq!((status, &same["code"]), (403, &json!("SAME_PERSON")));
    assert_eq!(office.audit().pop().unwrap().what, "refuse");
    let (status, settled) = post(&li, "/api/v1/manual/tasks/R1", &yes);
    assert_eq!((status, &settled["state"]), (200, &json!("settled")), "{settled}");
    assert_eq!(post(&li, "/api/v1/manual/tasks/R1", &yes).1["code"], json!("TASK_DECIDED"));
    assert_eq!(post(&zhang, "/api/v1/manual/claims", &one).0, 200, "the first asks again and sees it settled");
    let row = office.audit().into_iter().find(|r| r.what == "settle claim").unwrap();
    assert!(row.who == "li" && row.detail.contains("\"made_by\":\"zhang\""), "{row:?}");
    // given back
    let two = claim(&office, "R2", "INV-2", &["900.00"]);
    assert_eq!(post(&zhang, "/api/v1/manual/claims", &two).0, 202);
    let (status, no) = post(&li, "/api/v1/manual/tasks/R2", &json!({"approve": false, "reason": "发票不清"}));
    assert_eq!((status, &no["state"]), (200, &json!("refused")));
    assert_eq!(post(&zhang, "/api/v1/manual/claims", &two).1["code"], json!("TASK_REFUSED"));
}

/// A paper claim is reversed by clerks only, once, and its invoice is free again.
#[test]
fn a_paper_claim_is_reversed_and_its_invoice_free_again() {
    let office = Office::new();
    let (zhang, li) = (clerk(&office, "zhang"), clerk(&office, "li"));
    let post = |token: &str, path: &str, body: &Value| api(office.address(), token, "POST", path, body);
    let (_, settled) = post(&zhang, "/api/v1/manual/claims", &claim(&office, "R1", "INV-1", &["800.00"]));
    let setl_id = &settled["settlement"]["setl_id"];
    let funds = money(&settled["settlement"]["amounts"], "funds");
    office.runtime.block_on(office.agency().set_limit(Money::fen(-1), dingan::serve::now())).unwrap();
    let back = json!({"id": "V1", "setl_id": setl_id, "reason": "发票系重复打印"});
    let (status, waits) = post(&zhang, "/api/v1/manual/reversals", &back);
    assert_eq!((status, money(&waits, "funds")), (202, funds), "{waits}");
    let (status, done) = post(&li, "/api/v1/manual/tasks/V1", &json!({"approve": true}));
    assert_eq!((status, &done["settlement"]["init_setl_id"]), (200, setl_id), "{done}");
    assert_eq!(money(&done["settlement"]["amounts"], "funds"), -funds);
    assert_eq!(post(&zhang, "/api/v1/manual/reversals", &back), (200, done), "asked again");
    let again = json!({"id": "V2", "setl_id": setl_id, "reason": "发票系重复打印"});
    let (status, twice) = post(&zhang, "/api/v1/manual/reversals", &again);
    assert_eq!((status, &twice["code"]), (409, &json!("ALREADY_REVERSED")), "{twice}");
    let (status, none) = post(&zhang, "/api/v1/manual/reversals", &json!({"id": "V3", "setl_id": "x", "reason": "y"}));
    assert_eq!((status, &none["code"]), (404, &json!("SETTLEMENT_UNKNOWN")), "{none}");
    let row = office.audit().into_iter().find(|r| r.what == "reverse claim").unwrap();
    assert!(row.who == "li" && row.detail.contains("\"made_by\":\"zhang\""), "{row:?}");
    let (_, ledger) = api(office.address(), &zhang, "GET", "/api/v1/ledger", &Value::Null);
    let left = ledger["accounts"].as_object().unwrap().values().filter(|m| *m != &json!("0.00")).count();
    assert_eq!((&ledger["balanced"], left), (&json!(true), 0), "{ledger}");
    office.runtime.block_on(office.agency().set_limit(Money::yuan(10_000), dingan::serve::now())).unwrap();
    assert_eq!(post(&zhang, "/api/v1/manual/claims", &claim(&office, "R2", "INV-1", &["800.00"])).0, 200);
    let replay = office.runtime.block_on(office.agency().replay(|_| {})).unwrap();
    assert!(replay.different.is_empty() && replay.equal == 2, "{:?}", replay.different);
}

/// The same work by the program's own commands.
#[test]
fn the_commands_do_clerks_work() {
    let office = Office::new();
    let (zhang, li) = (clerk(&office, "zhang"), clerk(&office, "li"));
    office.runtime.block_on(office.agency().set_limit(Money::fen(-1), dingan::serve::now())).unwrap();
    let server = format!("http://{}", office.address());
    let run = |token: &str, args: &[&str]| {
        let mut all = args.to_vec();
        all.extend(["--server", &server, "--token", token]);
        let o = dingan(&all);
        (o.status.code().unwrap(), text(&o))
    };
    let file = office.place.folder.path().join("claim.json");
    std::fs::write(&file, claim(&office, "R1", "INV-1", &["800.00"]).to_string()).unwrap();
    let file = file.to_str().unwrap();
    let (code, said) = run(&zhang, &["manual", "settle", file]);
    assert!(code == 0 && said.contains("waiting"), "{said}");
    let (_, tasks) = run(&li, &["manual", "tasks"]);
    assert!(tasks.contains("\"kind\":\"claim\"") && tasks.contains("zhang"), "{tasks}");
    let (code, said) = run(&zhang, &["manual", "approve", "R1"]);
    assert!(code == 1 && said.contains("SAME_PERSON"), "{said}");
    let (code, said) = run(&li, &["manual", "approve", "R1"]);
    assert_eq!(code, 0, "{said}");
    let settled: Value = serde_json::from_str(&said).unwrap();
    let setl_id = settled["settlement"]["setl_id"].as_str().unwrap();
    let (code, said) = run(&zhang, &["manual", "reverse", setl_id, "--id", "V1", "--reason", "重复"]);
    assert!(code == 0 && said.contains("waiting"), "{said}");
    let (code, said) = run(&li, &["manual", "refuse", "V1", "--reason", "没有重复"]);
    assert!(code == 0 && said.contains("refused"), "{said}");
    let change = ["manual", "correct", setl_id, "--id", "K1", "--funds-change", "-1.00"];
    let (code, said) = run(&zhang, &change);
    assert!(code == 1 && said.contains("NOT_PROPOSED"), "{said}");
    let deduct = ["manual", "deduct", setl_id, "--id", "D1", "--amount", "1.00", "--reason", "x"];
    let (code, said) = run(&zhang, &deduct);
    assert!(code == 1 && said.contains("SETTLED_ON_PAPER"), "{said}");
    let none = (0, "no rows\n".to_owned());
    assert_eq!(run(&zhang, &["manual", "proposals"]), none);
    assert_eq!(run(&zhang, &["clearing", "2026-01"]), none);
    assert_eq!(run(&zhang, &["clearing", "2026-01", "460000", "440100"]), none);
    assert_eq!(run(&zhang, &["clearing", "2026-01", "460000"]).0, 2);
    let (code, said) = run("dgs_0", &["manual", "tasks"]);
    assert!(code == 1 && said.contains("SESSION_OVER"), "{said}");
}
