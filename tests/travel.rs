//! Shuffle and travel: a county's encounters sent by many clients through several servers at once, in any order,
//! with reversals in between, a bundle swapped and a server killed half-way. Then every decision is made once more,
//! by the batch in the order of commits and by replay, and comes out byte for byte.
//!
//! `DINGAN_TEST_TRAVELLERS` says how many persons.

use crate::hospital::{Acknowledged, Ends, Line, Made};
use crate::served::{Served, replayed};
use crate::store_of_a_test::Place;
use chrono::TimeDelta;
use dingan::batch::Together;
use dingan::demo::settle_in;
use dingan::serve::{now, open_at};
use dingan_connectors::file::FileEvent;
use dingan_connectors::sample::{County, Encounter};
use dingan_core::claim::Claim;
use dingan_core::codes::{PersonNo, SettlementId};
use dingan_core::journal::Journal;
use dingan_core::money::{Money, Price};
use dingan_core::person::{Balances, CommitNo};
use dingan_http::agency::Agency;
use dingan_store::StoredSettlement;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::Duration;

const CLIENTS: usize = 32;

/// A number that follows from others.
fn mixed(n: usize, salt: u64) -> u64 {
    let mut x = (n as u64).wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// What the clients brought home.
#[derive(Default)]
struct Home {
    made: Vec<Made>,
    reversed: BTreeSet<String>,
    refused: BTreeMap<String, usize>,
    acknowledged: Vec<Acknowledged>,
}

/// The encounters of a year, in no order: of one person too, so that several clients have the same person at once.
fn year(county: &County, count: usize) -> Vec<Encounter> {
    let mut all: Vec<Encounter> =
        (1..=10).flat_map(|k| county.day((now() - TimeDelta::days(30 * k)).date(), count.div_ceil(10))).collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|i| mixed(*i, 5));
    let mut at: Vec<(usize, Encounter)> = order.into_iter().zip(all.drain(..)).collect();
    at.sort_by_key(|(i, _)| *i);
    at.into_iter().map(|(_, e)| e).collect()
}

/// Halves what half of the limit prices allow and takes a rule away.
async fn swap_bundle(agency: &Agency) {
    let mut contents = agency.live_contents().await.unwrap();
    for l in contents.rows.catalogue.limits.iter_mut().step_by(2) {
        l.limit = Price::from_units(l.limit.units() / 2);
    }
    contents.rules.pop();
    agency.publish(contents, "swapped under way", now()).await.unwrap();
}

fn travel(place: &Place, servers: usize) {
    let persons: usize = std::env::var("DINGAN_TEST_TRAVELLERS").ok().and_then(|v| v.parse().ok()).unwrap_or(60);
    let county = County::generate(11, persons);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let shared = matches!(place.at, dingan_store::Location::Postgres(_));
    // one more on the same database, where there may be one
    let mut beside = None;
    runtime.block_on(async {
        let agency = open_at(&place.at).await.unwrap();
        settle_in(&agency, &county).await.unwrap();
        if shared { beside = Some(agency) } else { agency.store().clone().close().await }
    });
    let all = year(&county, persons * 2);
    let count = all.len();
    let queue = Mutex::new(VecDeque::from(all));
    let done = AtomicUsize::new(0);
    let running: Mutex<Vec<Served>> = Mutex::new((0..servers).map(|_| Served::start(&place.at)).collect());
    let addresses = RwLock::new(running.lock().unwrap().iter().map(|s| s.address).collect::<Vec<SocketAddr>>());
    // settlements that whoever comes by in the second half takes back
    let later = Mutex::new(Vec::<Made>::new());
    let (home, ended) = (Mutex::new(Home::default()), AtomicU64::new(0));
    let begun = std::time::Instant::now();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (queue, done, addresses, later, home, ended) = (&queue, &done, &addresses, &later, &home, &ended);
            scope.spawn(move || {
                let _ends = Ends(ended);
                let mut turn = client;
                let mut line = Line::new(|lost| {
                    turn += 1;
                    if lost {
                        std::thread::sleep(Duration::from_millis(30));
                    }
                    for _ in 0..6_000 {
                        let all = addresses.read().unwrap();
                        match all.len() {
                            0 => drop(all),
                            n => return all[mixed(turn, 1) as usize % n],
                        }
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    panic!("no server comes back");
                });
                let mut own = Home::default();
                loop {
                    let Some(e) = queue.lock().unwrap().pop_front() else { break };
                    let what = mixed(done.load(Ordering::Relaxed), 2) % 10;
                    match line.play(&e) {
                        Ok(m) if what == 0 => {
                            // taken back at once, and settled once more
                            line.reverse(&m).unwrap();
                            own.reversed.insert(m.setl_id.clone());
                            own.made.push(line.settle_again(&m).unwrap());
                            own.made.push(m);
                        }
                        Ok(m) if what == 1 && done.load(Ordering::Relaxed) < count / 2 => later.lock().unwrap().push(m),
                        Ok(m) => own.made.push(m),
                        Err(code) => *own.refused.entry(code).or_default() += 1,
                    }
                    if done.fetch_add(1, Ordering::Relaxed) >= count / 2
                        && let Some(m) = later.lock().unwrap().pop()
                    {
                        line.reverse(&m).unwrap();
                        own.reversed.insert(m.setl_id.clone());
                        own.made.push(m);
                    }
                }
                let mut home = home.lock().unwrap();
                home.made.append(&mut own.made);
                home.reversed.append(&mut own.reversed);
                home.acknowledged.append(&mut line.acknowledged);
                for (code, n) in own.refused {
                    *home.refused.entry(code).or_default() += n;
                }
            });
        }
        let wait_for = |share: usize| {
            while done.load(Ordering::Relaxed) < count * share / 100 && ended.load(Ordering::Relaxed) == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        if let Some(agency) = &beside {
            wait_for(40);
            runtime.block_on(swap_bundle(agency));
        }
        wait_for(50);
        let first = running.lock().unwrap().remove(0);
        // whoever is sending to it finds out
        addresses.write().unwrap().retain(|a| *a != first.address);
        first.kill();
        if !shared {
            runtime.block_on(async {
                let agency = open_at(&place.at).await.unwrap();
                swap_bundle(&agency).await;
                agency.store().clone().close().await;
            });
        }
        let next = Served::start(&place.at);
        addresses.write().unwrap().push(next.address);
        running.lock().unwrap().push(next);
    });
    let seconds = begun.elapsed().as_secs_f64();
    for s in running.into_inner().unwrap() {
        s.stop();
    }
    let mut home = home.into_inner().unwrap();
    home.made.append(&mut later.into_inner().unwrap());
    eprintln!(
        "{persons} persons, {servers} server(s): {} settled, {} taken back, refused {:?}, {:.0} messages/s",
        home.made.len(),
        home.reversed.len(),
        home.refused,
        home.acknowledged.len() as f64 / seconds
    );
    // two stays of a person at once, which the shuffle made; and trials of the old bundle settled under the new
    let refused = |code: &str| home.refused.iter().filter(|(c, _)| c.ends_with(code)).map(|(_, n)| n).sum::<usize>();
    let (at_once, swapped) = (refused("2401 STAY_OPEN"), refused("PARTS_MISMATCH"));
    assert_eq!(at_once + swapped, home.refused.values().sum::<usize>(), "{:?}", home.refused);
    assert!(at_once * 20 <= count && swapped <= CLIENTS, "{:?}", home.refused);

    let decisions = runtime.block_on(async {
        let agency = match beside {
            Some(a) => a,
            None => open_at(&place.at).await.unwrap(),
        };
        let stored = stored(&agency).await;
        acknowledged_is_stored(&home, &stored);
        deductibles_are_used_once(&stored);
        assert_eq!(agency.store().discrepancies().await.unwrap(), Vec::<String>::new());
        decided_again(&county, &agency, &stored).await;
        agency.store().clone().close().await;
        stored.len()
    });
    assert_eq!(replayed(&place.at), decisions);
}

/// Every settlement, in the order of commits.
async fn stored(agency: &Agency) -> Vec<StoredSettlement> {
    let mut out: Vec<StoredSettlement> = Vec::new();
    loop {
        let after = out.last().map_or(0, |s| s.commit_no);
        let page = agency.store().snapshot().await.unwrap().settlements_after(after, 500).await.unwrap();
        if page.is_empty() {
            return out;
        }
        out.extend(page);
    }
}

/// What was acknowledged is there, and nothing else.
fn acknowledged_is_stored(home: &Home, stored: &[StoredSettlement]) {
    let made: BTreeSet<&str> = home.made.iter().map(|m| m.setl_id.as_str()).collect();
    assert_eq!(made.len(), home.made.len(), "no two bills have one settlement");
    assert_eq!(made, stored.iter().map(|s| s.id.as_str()).collect());
    let taken_back: BTreeSet<String> =
        stored.iter().filter(|s| s.reversed_commit.is_some()).map(|s| s.id.to_string()).collect();
    assert_eq!(home.reversed, taken_back);
    let by_id: HashMap<&str, &StoredSettlement> = stored.iter().map(|s| (s.id.as_str(), s)).collect();
    for m in &home.made {
        let s = by_id[m.setl_id.as_str()];
        assert_eq!(crate::county::money(&m.output["setlinfo"], "fund_pay_sumamt"), s.amounts.funds, "{}", m.setl_id);
        assert_eq!(crate::county::money(&m.output["setlinfo"], "psn_cash_pay"), s.amounts.cash, "{}", m.setl_id);
    }
}

/// A person's yearly deductible is charged up to the standard and never again: what a settlement charges is what the
/// living settlements before it have left, or as much of that as the bill comes to.
fn deductibles_are_used_once(stored: &[StoredSettlement]) {
    let mut years: HashMap<(PersonNo, i32, String), Vec<&StoredSettlement>> = HashMap::new();
    let mut checked = 0;
    for s in stored {
        let decision: serde_json::Value = serde_json::from_slice(&s.decision).unwrap();
        let policy = decision["policies"][0]["id"].as_str().unwrap_or_else(|| panic!("no policy in {decision}"));
        let before = years.entry((s.person.clone(), s.year, policy.to_owned())).or_default();
        let lives = |o: &&&StoredSettlement| o.reversed_commit.is_none_or(|r| r > s.commit_no);
        let charged: Money = before.iter().filter(lives).map(|o| o.amounts.deductible).sum();
        let a = &s.amounts;
        let due = (a.deductible_standard - charged).max(Money::ZERO);
        assert_eq!(a.deductible_due, due, "{}: standard {}, charged before {charged}", s.id, a.deductible_standard);
        assert!(a.deductible == due || (a.deductible < due && a.hifp.is_zero()), "{}: {a:?}", s.id);
        checked += usize::from(!a.deductible_standard.is_zero());
        before.push(s);
    }
    assert!(checked * 2 > stored.len(), "{checked} of {} have a deductible", stored.len());
}

/// Decides everything once more with the batch, group of persons by group, in the order of commits, each under the
/// bundle it was decided under.
async fn decided_again(county: &County, agency: &Agency, stored: &[StoredSettlement]) {
    let mut group_of: HashMap<PersonNo, String> = HashMap::new();
    let mut groups: HashMap<String, Together> = HashMap::new();
    for p in &county.persons {
        let key = p.person.family_account.clone().unwrap_or_else(|| p.person.no.to_string());
        let balances =
            Balances { own: p.own_balance.unwrap_or_default(), family: p.family_balance.unwrap_or_default() };
        groups.entry(key.clone()).or_default().add(Journal::new(p.person.clone(), balances));
        group_of.insert(p.person.no.clone(), key);
    }
    enum What<'s> {
        Settled(&'s StoredSettlement),
        TakenBack(&'s StoredSettlement),
    }
    let mut events: BTreeMap<CommitNo, What<'_>> = BTreeMap::new();
    for s in stored {
        assert!(events.insert(s.commit_no, What::Settled(s)).is_none(), "one commit, one settlement");
        if let Some(no) = s.reversed_commit {
            assert!(events.insert(no, What::TakenBack(s)).is_none(), "one commit, one reversal");
        }
    }
    let mut snap = agency.store().snapshot().await.unwrap();
    for (no, what) in events {
        let s = match &what {
            What::Settled(s) | What::TakenBack(s) => s,
        };
        let group = groups.get_mut(&group_of[&s.person]).unwrap();
        let runtime = agency.bundle(&s.bundle).await.unwrap();
        match what {
            What::TakenBack(_) => {
                let settlement = SettlementId::from(format!("R{no}"));
                let person = s.person.clone();
                let (of, time) = (s.id.clone(), s.time);
                let row = group.decide(FileEvent::Reversal { settlement, of, person, time, known: None }, &runtime);
                let row = row.unwrap();
                assert_eq!(row.refused, None);
            }
            What::Settled(s) => {
                // registrations are commits too, and rules look at visits that are not settled yet
                snap.go_to(s.as_of);
                for v in snap.visits(&s.person).await.unwrap() {
                    group.know(v.visit);
                }
                let visit = snap.visit(&s.visit).await.unwrap().unwrap().doc.visit;
                let lines = snap.lines_of_settlement(&s.id).await.unwrap().into_iter().map(|l| l.line).collect();
                let claim = Claim { visit, lines, request: s.request.clone() };
                let row = group.decide(FileEvent::Claim { settlement: s.id.clone(), claim, known: None }, &runtime);
                let row = row.unwrap();
                let decision = row.decision.unwrap_or_else(|| panic!("{}: {:?}", s.id, row.refused));
                let bytes = decision.to_bytes();
                let at = bytes.iter().zip(&s.decision).position(|(a, b)| a != b).unwrap_or(0);
                let around =
                    |b: &[u8]| String::from_utf8_lossy(&b[at.saturating_sub(80)..(at + 80).min(b.len())]).into_owned();
                assert!(
                    bytes == s.decision,
                    "{} in the batch differs from what was settled: …{}… against …{}…",
                    s.id,
                    around(&bytes),
                    around(&s.decision)
                );
            }
        }
    }
}

#[test]
fn a_year_through_two_servers_is_decided_alike_by_the_batch_and_by_replay() {
    if let Some(place) = Place::postgres() {
        travel(&place, 2);
    }
}

#[test]
fn a_year_through_one_embedded_server_is_decided_alike_by_the_batch_and_by_replay() {
    travel(&Place::embedded(), 1);
}
