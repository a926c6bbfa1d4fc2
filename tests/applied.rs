//! What clerks do to a settlement afterwards: proposals applied as linked corrections, money taken back, and what pools
//! owe each other for it. Paper claims and their reversal: `manual`.

use crate::access::{PASSWORD, api, call};
use crate::county::*;
use crate::inspect::{assert_checks, rows};
use crate::stay::Stay;
use chrono::TimeDelta;
use dingan::serve::now;
use dingan_core::codes::{PersonNo, SettlementId};
use dingan_core::money::Money;
use dingan_core::person::{AccumulatorEntry, Pause, PauseKind, Person};
use dingan_http::agency::{ClerkAnswer, ClerkJob, Correct, Deduct, PersonRows};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn import(server: &Server, person: Person, own: Option<i64>) {
    let row = PersonRows { person, own_balance: own.map(Money::yuan), family_balance: None };
    server.runtime.block_on(server.agency().import_persons(vec![row], now(), |_| {})).unwrap();
}

/// Suspended from twenty days ago, until some days ago where given.
fn suspended(mut p: Person, insurance: &str, until: Option<i64>) -> Person {
    let day = |ago: i64| (now() - TimeDelta::days(ago)).date();
    p.pauses =
        vec![Pause { insurance: insurance.into(), kind: PauseKind::Suspended, begin: day(20), end: until.map(day) }];
    p
}

fn begin(server: &Server, who: &str, job: ClerkJob) -> Result<ClerkAnswer, &'static str> {
    let agency = server.agency().acting_as(who);
    server.runtime.block_on(agency.begin(job, now())).map_err(|r| r.code)
}

fn done(server: &Server, who: &str, job: ClerkJob) -> Value {
    match begin(server, who, job) {
        Ok(ClerkAnswer::Done(v)) => v,
        other => panic!("{other:?}"),
    }
}

fn correct(id: &str, setl_id: &str, funds: Money) -> ClerkJob {
    ClerkJob::Correction(Correct { id: id.to_owned(), setl_id: setl_id.to_owned(), funds_change: funds })
}

fn entries(server: &Server, p: &PersonNo) -> Vec<AccumulatorEntry> {
    server.runtime.block_on(async { server.agency().store().snapshot().await.unwrap().entries(p).await.unwrap() })
}

/// What accumulators come to, by key and period.
fn sums(entries: &[AccumulatorEntry]) -> BTreeMap<(String, String), Money> {
    let mut out: BTreeMap<(String, String), Money> = BTreeMap::new();
    for e in entries {
        *out.entry((e.key.clone(), e.period.clone())).or_default() += e.amount;
    }
    out.retain(|_, m| !m.is_zero());
    out
}

fn ledger(server: &Server) -> BTreeMap<String, Money> {
    let totals = server
        .runtime
        .block_on(async { server.agency().store().snapshot().await.unwrap().ledger_totals().await.unwrap() });
    totals.into_iter().filter(|(_, m)| !m.is_zero()).collect()
}

fn open(server: &Server) -> Vec<(String, Money)> {
    let rows = server.runtime.block_on(async {
        server.agency().store().snapshot().await.unwrap().open_proposals((0, ""), 100).await.unwrap()
    });
    rows.into_iter()
        .map(|p| (p.proposal.difference.settlement.to_string(), p.proposal.difference.funds_change()))
        .collect()
}

/// Everything rebuilt, and the books sound.
fn sound(server: &Server, decisions: usize) {
    let replay = server.runtime.block_on(server.agency().replay(|_| {})).unwrap();
    assert!(replay.different.is_empty() && replay.unbalanced.is_empty(), "{replay:?}");
    assert_eq!(replay.equal, decisions);
    let wrong = server.runtime.block_on(server.agency().store().discrepancies()).unwrap();
    assert_eq!(wrong, Vec::<String>::new());
    server.assert_balanced();
}

/// A stay that was settled, its id, and what the funds paid.
fn settled_stay<'d, 's>(desk: &'d Desk<'s>, p: &Person) -> (Stay<'d, 's>, String, Money) {
    let mut stay = Stay::admit(desk, p.clone());
    stay.lines(4000);
    stay.discharge();
    let settled = desk.ok("2304", stay.input("0"));
    let funds = money(&settled["setlinfo"], "fund_pay_sumamt");
    assert!(!funds.is_zero(), "{settled}");
    (stay, settled["setlinfo"]["setl_id"].as_str().unwrap().to_owned(), funds)
}

#[test]
fn a_proposal_is_applied_as_a_linked_correction_and_goes_with_a_reversal() {
    let server = Server::start(100);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 0);
    server.runtime.block_on(server.agency().set_limit(Money::yuan(1_000_000), now())).unwrap();
    let (stay, id, funds) = settled_stay(&desk, &p);
    let (before, was) = (sums(&entries(&server, &p.no)), ledger(&server));
    assert_eq!(begin(&server, "zhang", correct("K0", &id, funds)), Err("NOT_PROPOSED"));
    assert_eq!(begin(&server, "zhang", correct("K0", "nothing", funds)), Err("SETTLEMENT_UNKNOWN"));

    // it becomes known that contributions were not paid: nothing changes but for what is proposed
    import(&server, suspended(p.clone(), "390", None), None);
    assert_eq!(open(&server), [(id.clone(), -funds)]);
    assert_eq!(ledger(&server), was);
    assert_eq!(begin(&server, "zhang", correct("K1", &id, Money::fen(1))), Err("PROPOSAL_MOVED"));
    let first = done(&server, "zhang", correct("K1", &id, -funds));
    assert_eq!(first["init_setl_id"], json!(id));
    assert_eq!(money(&first["amounts"], "funds"), Money::ZERO);
    assert_eq!(money(&first["amounts"], "cash"), money(&first["amounts"], "total"));
    assert_eq!(ledger(&server).get("insured"), Some(&funds), "the person owes what the funds paid");
    assert_eq!(open(&server), []);
    let now_accumulated = sums(&entries(&server, &p.no));
    assert_ne!(now_accumulated, before);
    let would = server.runtime.block_on(server.agency().proposals_now(&p.no)).unwrap();
    assert_eq!(would, Vec::new(), "a corrected settlement does not differ any more");
    // once
    assert_eq!(done(&server, "zhang", correct("K1", &id, -funds)), first);
    assert_eq!(begin(&server, "zhang", correct("K1", &id, funds)), Err("MSGID_CONFLICT"));
    assert_eq!(begin(&server, "zhang", correct("K2", &id, Money::ZERO)), Err("NOTHING_TO_CORRECT"));
    sound(&server, 2);
    let log = server
        .runtime
        .block_on(async { server.agency().store().snapshot().await.unwrap().audit(0, 1000).await.unwrap() });
    let row = log.iter().find(|r| r.what == "apply proposal").unwrap();
    assert!(row.who == "zhang" && row.subject == "K1" && row.detail.contains(&id), "{row:?}");

    // the arrears were paid for before the stay: all is as it was
    import(&server, suspended(p.clone(), "390", Some(15)), None);
    assert_eq!(open(&server), [(id.clone(), funds)]);
    done(&server, "li", correct("K3", &id, funds));
    assert_eq!(ledger(&server), was);
    assert_eq!(sums(&entries(&server, &p.no)), before);
    sound(&server, 3);

    // suspended after all, and then the hospital reverses: the correction goes with it
    import(&server, suspended(p.clone(), "390", None), None);
    done(&server, "li", correct("K4", &id, -funds));
    let answer = stay.reverse(&json!(id));
    assert_identities(&answer);
    assert_eq!(money(&answer["setlinfo"], "fund_pay_sumamt"), -funds, "the hospital gives back what it was paid");
    assert_eq!(ledger(&server), BTreeMap::new());
    assert_eq!(entries(&server, &p.no), []);
    assert_eq!(begin(&server, "li", correct("K5", &id, funds)), Err("ALREADY_REVERSED"));
    sound(&server, 4);

    // inspectors see what became of it, and by how much
    let sql = format!(
        "SELECT k.kind, k.fund_chg_amt, k.fund_pay_sumamt, k.refd_setl_flag, \
         k.psn_pay + k.fund_pay_sumamt - s.medfee_sumamt AS rest \
         FROM correction k JOIN setl_d s ON s.setl_id = k.init_setl_id \
         WHERE k.init_setl_id = '{id}' ORDER BY k.commit_no"
    );
    let seen = rows(&server, &sql);
    let number = |m: Money| serde_json::from_str::<Value>(&m.to_string()).unwrap();
    let row = |change: Money, after: Money| {
        json!({"kind": "correction", "fund_chg_amt": number(change), "fund_pay_sumamt": number(after),
               "rest": number(Money::ZERO), "refd_setl_flag": "1"})
    };
    assert_eq!(seen, [row(-funds, Money::ZERO), row(funds, funds), row(-funds, Money::ZERO)]);
    assert_checks(&server);
}

/// What the institution has given back is not asked of the person as well, whichever comes first.
#[test]
fn the_funds_get_nothing_back_twice() {
    let server = Server::start(100);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 0);
    server.runtime.block_on(server.agency().set_limit(Money::yuan(1_000_000), now())).unwrap();
    let (stay, id, funds) = settled_stay(&desk, &p);
    let deduct = |n: &str, amount: Money| {
        let (id, setl_id, reason) = (n.to_owned(), id.clone(), "重复收费".to_owned());
        ClerkJob::Deduction(Deduct { id, setl_id, amount, reason })
    };
    done(&server, "zhang", deduct("D1", Money::fen(1)));
    import(&server, suspended(p, "390", None), None);
    assert_eq!(open(&server), [(id.clone(), -funds)]);
    let was = ledger(&server);
    assert_eq!(begin(&server, "zhang", correct("K1", &id, -funds)), Err("DEDUCTED_ALREADY"));
    assert_eq!(begin(&server, "zhang", deduct("D2", funds)), Err("DEDUCTION_REFUSED"));
    assert_eq!(ledger(&server), was);
    // the way out that the refusal names
    stay.reverse(&json!(id));
    assert_eq!(ledger(&server), BTreeMap::new());
    sound(&server, 2);
}

/// What was paid by account goes back to the account when the funds pay after all; nobody is paid it in cash.
#[test]
fn what_an_account_paid_too_much_goes_back_to_it() {
    let server = Server::start(100);
    let desk = server.desk();
    let p = person(&server.county, "310", 20, 0);
    server.runtime.block_on(server.agency().set_limit(Money::yuan(1_000_000), now())).unwrap();
    import(&server, suspended(p.clone(), "310", None), Some(100_000));
    let mut stay = Stay::admit(&desk, p.clone());
    stay.lines(4000);
    stay.discharge();
    let mut input = stay.input("0");
    input["data"]["acct_used_flag"] = json!("1");
    let settled = desk.ok("2304", input);
    let s = &settled["setlinfo"];
    let drawn = money(s, "acct_pay");
    assert!(money(s, "fund_pay_sumamt").is_zero() && !drawn.is_zero(), "{s}");
    let id = s["setl_id"].as_str().unwrap();
    import(&server, suspended(p.clone(), "310", Some(15)), None);
    let [(of, funds)] = &open(&server)[..] else { panic!("{:?}", open(&server)) };
    assert_eq!(of, id);
    let made = done(&server, "zhang", correct("K1", id, *funds));
    let a = &made["amounts"];
    assert_eq!(money(a, "person"), money(a, "account") + money(a, "cash"));
    let back = drawn - money(a, "account");
    assert!(!back.is_zero(), "{made}");
    let own = server.runtime.block_on(async {
        server.agency().store().snapshot().await.unwrap().person(&p.no).await.unwrap().unwrap().own.balance
    });
    assert_eq!(own, Money::yuan(100_000) - drawn + back);
    let owed = ledger(&server).get("insured").copied().unwrap_or_default();
    assert_eq!(-owed, *funds - back);
    sound(&server, 2);
    // and a reversal gives the rest back
    stay.reverse(&json!(id));
    let own = server.runtime.block_on(async {
        server.agency().store().snapshot().await.unwrap().person(&p.no).await.unwrap().unwrap().own.balance
    });
    assert_eq!((own, ledger(&server)), (Money::yuan(100_000), BTreeMap::new()));
    sound(&server, 2);
}

/// Through `/api/v1`: a second person above the set amount, who is not the first.
#[test]
fn above_the_set_amount_a_second_person_applies_it() {
    let server = Server::start(100);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 0);
    let (_, id, funds) = settled_stay(&desk, &p);
    import(&server, suspended(p, "390", None), None);
    let token = |name: &str| {
        let headers = [("content-type", "application/json".to_owned())];
        let body = json!({"name": name, "password": PASSWORD}).to_string();
        call(server.address(), "POST", "/api/v1/session", &headers, &body).1["token"].as_str().unwrap().to_owned()
    };
    for name in ["zhang", "li"] {
        server.runtime.block_on(server.agency().add_account(name, &["clerk".to_owned()], PASSWORD, now())).unwrap();
    }
    let (zhang, li) = (token("zhang"), token("li"));
    // a server looks every two seconds whether anyone is known
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let ask = |token: &str, method: &str, path: &str, body: Value| api(server.address(), token, method, path, &body);
    let (_, listed) = ask(&zhang, "GET", "/api/v1/manual/proposals", Value::Null);
    let row = &listed["items"][0];
    assert_eq!((&row["setl_id"], money(row, "funds_change")), (&json!(id), -funds), "{listed}");
    let body = json!({"id": "K1", "setl_id": id, "funds_change": -funds});
    let (status, waiting) = ask(&zhang, "POST", "/api/v1/manual/corrections", body.clone());
    assert_eq!((status, &waiting["state"], money(&waiting, "funds")), (202, &json!("waiting"), funds), "{waiting}");
    let (_, tasks) = ask(&li, "GET", "/api/v1/manual/tasks", Value::Null);
    assert_eq!(tasks["items"][0]["kind"], json!("correction"));
    let yes = json!({"approve": true});
    let (status, same) = ask(&zhang, "POST", "/api/v1/manual/tasks/K1", yes.clone());
    assert_eq!((status, &same["code"]), (403, &json!("SAME_PERSON")));
    let (status, made) = ask(&li, "POST", "/api/v1/manual/tasks/K1", yes);
    assert_eq!((status, &made["settlement"]["init_setl_id"]), (200, &json!(id)), "{made}");
    assert_eq!(ask(&zhang, "POST", "/api/v1/manual/corrections", body), (200, made));
    assert_eq!(ask(&zhang, "GET", "/api/v1/manual/proposals", Value::Null).1["items"], json!([]));
    sound(&server, 2);
}

/// Insured elsewhere, cared for here: what is owed for a month is the ledger's, and what is taken back later is
/// credited in the month it is taken back.
#[test]
fn a_later_deduction_is_credited_in_the_next_clearing() {
    let server = Server::start(400);
    let desk = server.desk();
    server.runtime.block_on(server.agency().set_limit(Money::yuan(1_000_000), now())).unwrap();
    let away: Vec<Person> = (0..3)
        .map(|n| {
            let mut p = person(&server.county, "310", 20, n);
            for r in &mut p.relations {
                r.division = "440100".into();
            }
            p
        })
        .collect();
    for p in &away {
        import(&server, p.clone(), None);
    }
    let mut ids = Vec::new();
    for p in &away {
        let mut stay = Stay::admit(&desk, p.clone());
        stay.lines(4000);
        stay.discharge();
        let settled = desk.ok("2304", stay.input("0"));
        ids.push((settled["setlinfo"]["setl_id"].as_str().unwrap().to_owned(), settled));
    }
    let cleared = |month: &str| {
        let path = format!("/api/v1/clearing/{month}");
        let headers: [(&str, String); 0] = [];
        call(server.address(), "GET", &path, &headers, "")
    };
    let statement = |month: &str, from: &Value, to: &Value| {
        let path = format!("/api/v1/clearing/{month}/{}/{}?limit=2", from.as_str().unwrap(), to.as_str().unwrap());
        let (mut rows, mut after) = (Vec::new(), String::new());
        loop {
            let (status, page) = call(server.address(), "GET", &format!("{path}{after}"), &[], "");
            assert_eq!(status, 200, "{page}");
            rows.extend(page["items"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return rows,
            }
        }
    };
    // each pair's statement adds up to its total, and the totals of all months to the ledger
    let check = |months: &[String]| {
        let mut sums: BTreeMap<String, Money> = BTreeMap::new();
        for m in months {
            let (status, totals) = cleared(m);
            assert_eq!(status, 200, "{totals}");
            for t in totals.as_array().unwrap() {
                let rows = statement(m, &t["from"], &t["to"]);
                let sum: Money = rows.iter().map(|r| money(r, "optins_pay_sumamt")).sum();
                assert_eq!((sum, json!(rows.len())), (money(t, "amount"), t["count"].clone()), "{t}");
                let account = format!("clearing/{}/{}", t["from"].as_str().unwrap(), t["to"].as_str().unwrap());
                *sums.entry(account).or_default() -= sum;
            }
        }
        sums.retain(|_, m| !m.is_zero());
        let posted: BTreeMap<String, Money> =
            ledger(&server).into_iter().filter(|(a, _)| a.starts_with("clearing/")).collect();
        assert_eq!(sums, posted);
        posted
    };
    let (this, later) = (now(), now() + TimeDelta::days(40));
    let months = [this.format("%Y-%m").to_string(), later.format("%Y-%m").to_string()];
    assert!(!check(&months).is_empty());
    let (id, settled) = ids.iter().find(|(_, s)| money(&s["setlinfo"], "fund_pay_sumamt") > Money::yuan(100)).unwrap();
    let deduct = |n: &str, yuan: i64| {
        let (id, setl_id) = (n.to_owned(), id.clone());
        ClerkJob::Deduction(Deduct { id, setl_id, amount: Money::yuan(yuan), reason: "重复收费".to_owned() })
    };
    let agency = server.agency().acting_as("zhang");
    let taken = server.runtime.block_on(agency.begin(deduct("D1", 60), later)).unwrap();
    assert!(matches!(taken, ClerkAnswer::Done(_)), "{taken:?}");
    check(&months);
    let rows: Vec<Value> = cleared(&months[1]).1.as_array().unwrap().clone();
    let credit = rows.iter().find(|r| money(r, "amount").is_negative()).unwrap();
    assert_eq!((money(credit, "amount"), &credit["count"]), (-Money::yuan(60), &json!(1)), "{rows:?}");
    let row = &statement(&months[1], &credit["from"], &credit["to"])[0];
    assert_eq!((&row["kind"], &row["init_setl_id"]), (&json!("deduction"), &json!(id)));
    // never more than the funds paid
    let paid = money(&settled["setlinfo"], "fund_pay_sumamt");
    let rest = paid - Money::yuan(60) + Money::fen(1);
    let (n, setl_id, reason) = ("D2".to_owned(), id.clone(), "x".to_owned());
    let too_much = ClerkJob::Deduction(Deduct { id: n, setl_id, amount: rest, reason });
    assert_eq!(begin(&server, "zhang", too_much), Err("DEDUCTION_REFUSED"));
    sound(&server, ids.len() + 1);
    // the reversal takes all of it back, the deduction too
    let s: SettlementId = id.as_str().into();
    let visit = server.runtime.block_on(async {
        server.agency().store().snapshot().await.unwrap().settlement(&s).await.unwrap().unwrap().visit
    });
    let p = &settled["setlinfo"]["psn_no"];
    desk.ok("2305", json!({"data": {"psn_no": p, "setl_id": id, "mdtrt_id": visit}}));
    check(&months);
    for (wrong, status) in [("2026-13", 400), ("2026-1", 400), ("x", 400), ("2026-01", 200)] {
        assert_eq!(cleared(wrong).0, status, "{wrong}");
    }
}
