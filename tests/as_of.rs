//! A file of bills in no order, decided as of a commit, says what was decided online by then, byte for byte: bills
//! that came late, were taken back, or were put right. Looked at once more in the end, it shows what a review of the
//! books shows.

use crate::county::Server;
use crate::hospital::{Line, Made};
use crate::store_of_a_test::Place;
use chrono::{NaiveDateTime, TimeDelta};
use dingan::batch::{AsOf, Batch, Known, adjudicate_known};
use dingan::demo::settle_in;
use dingan::serve::{Running, now, open_at, profile};
use dingan_connectors::file::{Claims, FileEvent, write_event};
use dingan_connectors::sample::{County, Encounter, Shape};
use dingan_core::claim::{Claim, Visit};
use dingan_core::codes::{SettlementId, VisitId};
use dingan_store::StoredSettlement;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A server on whose clock no two messages have the same second.
fn server() -> Server {
    let (place, runtime, county) = (Place::new(), Runtime::new().unwrap(), County::generate(5, 120));
    let running = runtime.block_on(async {
        let agency = open_at(&place.at).await.unwrap();
        settle_in(&agency, &county).await.unwrap();
        let (start, ticks) = (now() + TimeDelta::seconds(1), AtomicI64::new(0));
        let clock = move || start + TimeDelta::seconds(ticks.fetch_add(1, Ordering::Relaxed));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Running::start(agency, profile("default").unwrap(), listener, Arc::new(clock)).await.unwrap()
    });
    Server { runtime, running: Some(running), place, county }
}

/// Encounters in no order, so that most come late; and last a stay at another hospital that lies under one of them.
fn encounters(county: &County) -> Vec<Encounter> {
    let days = [70, 40, 20].map(|d| county.day((now() - TimeDelta::days(d)).date(), 24));
    let mut all: Vec<Encounter> = days.into_iter().flatten().collect();
    all.sort_by_key(|e| e.key.chars().rev().collect::<String>());
    let long = |e: &&Encounter| e.shape == Shape::Stay && (e.end - e.begin).num_days() > 2;
    let mut days = (80..200).map(|d| county.day((now() - TimeDelta::days(d)).date(), 24));
    let stay = days.find_map(|day| day.iter().find(long).cloned()).expect("a stay of some days");
    all.push(stay.clone());
    let mut hospitals = county.reference.institutions.iter();
    let other = hospitals.find(|i| i.kind == "1" && i.code != stay.institution.code).unwrap().clone();
    let earlier = TimeDelta::days(1);
    let mut under = Encounter { key: format!("{}U", stay.key), institution: Arc::new(other), ..stay.clone() };
    under.begin -= earlier;
    under.end -= earlier;
    for l in &mut under.lines {
        l.time -= earlier;
    }
    all.push(under);
    all
}

/// What became of the encounters: settlements by number, and for those put right the one before.
struct Played {
    stored: Vec<StoredSettlement>,
    put_right: BTreeMap<String, String>,
}

fn play(server: &Server) -> Played {
    let address = server.address();
    let mut line = Line::new(move |_| address);
    let mut put_right = BTreeMap::new();
    for (i, e) in encounters(&server.county).iter().enumerate() {
        let made: Made = line.play(e).unwrap_or_else(|error| panic!("{}: {error}", e.key));
        if i % 6 == 2 {
            line.reverse(&made).unwrap();
        }
        if i % 12 == 2 {
            put_right.insert(line.settle_again(&made).unwrap().setl_id, made.setl_id);
        }
    }
    let stored = server.runtime.block_on(async {
        let all = server.agency().store().snapshot().await.unwrap().settlements_after(0, 10_000).await.unwrap();
        all.into_iter().filter(|s| s.reverses.is_none()).collect()
    });
    Played { stored, put_right }
}

/// The file: every bill, what was taken back, and the visits the books knew before each.
async fn rows(server: &Server, played: &Played) -> Vec<FileEvent> {
    let mut snap = server.agency().store().snapshot().await.unwrap();
    let last = snap.as_of();
    let mut known: BTreeMap<VisitId, Visit> = BTreeMap::new();
    let mut rows = Vec::new();
    for s in &played.stored {
        snap.go_to(s.as_of);
        for v in snap.visits(&s.person).await.unwrap() {
            if known.insert(v.visit.id.clone(), v.visit.clone()).as_ref() != Some(&v.visit) {
                rows.push(FileEvent::Visit { visit: v.visit, known: Some(s.time) });
            }
        }
        let visit = snap.visit(&s.visit).await.unwrap().unwrap().doc.visit;
        snap.go_to(last);
        let lines = snap.lines_of_settlement(&s.id).await.unwrap().into_iter().map(|l| l.line).collect();
        let claim = Claim { visit, lines, request: s.request.clone() };
        // what was taken back and sent anew stands in the file as one number that says two things
        let before = played.put_right.get(s.id.as_str());
        let settlement = before.map_or(s.id.clone(), |b| SettlementId::from(b.as_str()));
        rows.push(FileEvent::Claim { settlement, claim, known: None });
        let corrected = played.put_right.values().any(|b| b.as_str() == s.id.as_str());
        if let Some(no) = s.reversed_commit.filter(|_| !corrected) {
            let (_, time) = snap.commit(no).await.unwrap().unwrap();
            let (settlement, of, person) = (format!("R{no}").as_str().into(), s.id.clone(), s.person.clone());
            rows.push(FileEvent::Reversal { settlement, of, person, time, known: None });
        }
    }
    let mut text = Vec::new();
    for r in rows.iter().rev() {
        write_event(&mut text, r).unwrap();
        // sent twice
        write_event(&mut text, r).unwrap();
    }
    Claims::new("bills.ndjson", text.as_slice()).map(Result::unwrap).collect()
}

/// That the batch decided what was decided online up to a commit, and nothing else.
fn same(batch: &Batch, played: &Played, until: i64) -> usize {
    let mut decided: BTreeMap<(&str, NaiveDateTime), Vec<u8>> = BTreeMap::new();
    for row in &batch.rows {
        assert_eq!(row.refused, None, "{}", row.setl_id);
        let Some(d) = &row.decision else { continue };
        let of_row = |s: &&StoredSettlement| match row.corrects {
            true => played.put_right.get(s.id.as_str()).is_some_and(|b| b.as_str() == row.setl_id.as_str()),
            false => s.id == row.setl_id,
        };
        let s = played.stored.iter().find(of_row).unwrap_or_else(|| panic!("{} was never settled", row.setl_id));
        assert!(decided.insert((s.id.as_str(), s.time), d.to_bytes()).is_none(), "{} stands twice", s.id);
    }
    let mut count = 0;
    for s in played.stored.iter().filter(|s| s.commit_no <= until) {
        let bytes = decided.remove(&(s.id.as_str(), s.time)).unwrap_or_else(|| panic!("{} is missing", s.id));
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        assert_eq!(text(&bytes), text(&s.decision), "{}", s.id);
        count += 1;
    }
    assert!(decided.is_empty(), "decided too early: {:?}", decided.keys());
    count
}

#[test]
fn a_file_as_of_a_commit_says_what_was_decided_by_then_and_looking_back_what_a_review_shows() {
    let server = server();
    let played = play(&server);
    assert!(played.put_right.len() > 3 && played.stored.iter().any(|s| s.reversed_commit.is_some()));
    server.runtime.block_on(async {
        let agency = server.agency();
        let rows = rows(&server, &played).await;
        let count = played.stored.len();
        let last = agency.store().snapshot().await.unwrap().as_of();
        for at in [count / 5, count / 2, count * 4 / 5] {
            let s = &played.stored[at];
            let as_of = Some(AsOf::Commit(s.commit_no));
            let batch = adjudicate_known(agency, rows.clone(), Known { as_of, look_back: false }).await.unwrap();
            assert_eq!(same(&batch, &played, s.commit_no), at + 1);
            assert!(batch.not_yet_known > 0);
            let as_of = Some(AsOf::Moment(s.time));
            let again = adjudicate_known(agency, rows.clone(), Known { as_of, look_back: false }).await.unwrap();
            same(&again, &played, s.commit_no);
        }

        // rules and prices of a later day change nothing of what was known before
        let mut contents = agency.live_contents().await.unwrap();
        contents.rules.pop();
        agency.publish(contents, "a rule less", now()).await.unwrap();
        let as_of = Some(AsOf::Commit(last));
        let batch = adjudicate_known(agency, rows.clone(), Known { as_of, look_back: true }).await.unwrap();
        assert_eq!(same(&batch, &played, last), count);
        assert!(batch.repeated >= rows.len() / 4 && batch.not_yet_known == 0, "{} repeated", batch.repeated);
        let hash = |b: &[u8]| serde_json::from_slice::<serde_json::Value>(b).unwrap()["bundle"].to_string();
        let now_live = adjudicate_known(agency, rows, Known::default()).await.unwrap();
        let of_now = now_live.rows.iter().find_map(|r| r.decision.as_ref()).unwrap();
        assert_ne!(hash(&of_now.to_bytes()), hash(&played.stored[0].decision));

        // the books, reviewed by the rules of then, show the same
        let contents = dingan_http::bundles::Contents::from_parts(
            &agency.store().snapshot().await.unwrap().bundle(&played.stored[0].bundle).await.unwrap().unwrap(),
        );
        agency.publish(contents.unwrap(), "as before", now()).await.unwrap();
        agency.review(now(), |_| {}).await.unwrap();
        let mut snap = agency.store().snapshot().await.unwrap();
        let mut of_review = BTreeSet::new();
        for s in played.stored.iter().filter(|s| s.reversed_commit.is_none()) {
            let first: serde_json::Value = serde_json::from_slice(&s.decision).unwrap();
            let first: BTreeSet<&str> =
                first["findings"].as_array().into_iter().flatten().filter_map(|f| f["id"].as_str()).collect();
            let number = played.put_right.get(s.id.as_str()).map_or(s.id.as_str(), String::as_str);
            for f in snap.findings(&s.id).await.unwrap() {
                if f.status == "open" && !first.contains(f.finding.id.as_str()) {
                    of_review.insert((number.to_owned(), f.finding.rule.clone(), f.finding.id.clone()));
                }
            }
        }
        let later: BTreeSet<_> =
            batch.later.iter().map(|l| (l.setl_id.to_string(), l.finding.rule.clone(), l.finding.id.clone())).collect();
        assert_eq!(later, of_review);
        assert!(later.iter().any(|(_, rule, _)| rule == "DG4001"), "the stay that lay under another: {later:?}");
    });
}

/// What a number that stands again may do: it takes the place of what lives of the same person, and nothing else.
#[test]
fn a_number_takes_the_place_of_what_lives_of_the_same_person() {
    let server = Server::start(120);
    let day = server.county.day((now() - TimeDelta::days(20)).date(), 40);
    let mut bills = day.iter().filter(|e| e.shape == Shape::Outpatient).map(Encounter::event);
    let FileEvent::Claim { settlement: id, claim, .. } = bills.next().unwrap() else { panic!() };
    let FileEvent::Claim { claim: other, .. } = bills.find(|e| *e.person() != claim.visit.person).unwrap() else {
        panic!()
    };
    let at = |hours: i64| Some(claim.request.time.max(other.request.time) + TimeDelta::hours(hours));
    let bill =
        |claim: &Claim, hours| FileEvent::Claim { settlement: id.clone(), claim: claim.clone(), known: at(hours) };
    let back = |hours| FileEvent::Reversal {
        settlement: "R1".into(),
        of: id.clone(),
        person: claim.visit.person.clone(),
        time: at(hours).unwrap(),
        known: None,
    };
    let less = Claim { lines: claim.lines[1..].to_vec(), ..claim.clone() };
    let mut nowhere = less.clone();
    nowhere.visit.institution = "H00000000000".into();
    let decided = |events: Vec<FileEvent>| -> Vec<(bool, bool, Option<String>)> {
        let rows = server.runtime.block_on(adjudicate_known(server.agency(), events, Known::default())).unwrap().rows;
        rows.into_iter().map(|r| (r.decision.is_some(), r.corrects, r.refused)).collect()
    };
    let (done, right) = ((true, false, None), (true, true, None));
    assert!(claim.lines.len() > 1);
    assert_eq!(decided(vec![bill(&less, 1), bill(&claim, 0)]), [done.clone(), right], "put right, whatever the order");
    // another person's: refused, wherever it stands
    let [(false, false, Some(why)), first] = &decided(vec![bill(&other, 1), bill(&claim, 0)])[..] else { panic!() };
    assert!(why.contains("another psn_no"), "{why}");
    assert_eq!(first, &done);
    // refused: the first stands, and can be taken back
    let [first, (false, true, Some(_)), (false, false, None)] =
        &decided(vec![bill(&claim, 0), bill(&nowhere, 1), back(2)])[..]
    else {
        panic!()
    };
    assert_eq!(first, &done);
    // taken back already: a bill like any other
    assert_eq!(decided(vec![bill(&claim, 0), back(1), bill(&less, 2)])[2], done);
}
