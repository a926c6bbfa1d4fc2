//! What a crash may do: nothing that was acknowledged is lost, nothing is done twice, whichever step it hits.
//!
//! The program is a test build, in which the places between two steps of the writer can be told to end the process
//! (`FAILPOINTS`), as `kill -9` would at that very place. A hospital plays encounters meanwhile, and sends again under
//! the same `msgid` what got no answer. `DINGAN_TEST_CRASHES` says how many crashes each test makes.

use crate::hospital::{Acknowledged, Ends, Line, Made, is_query, msgid};
use crate::served::{Served, replayed};
use crate::store_of_a_test::Place;
use chrono::TimeDelta;
use dingan::demo::{Hospital, settle_in};
use dingan::serve::{now, open_at};
use dingan_connectors::sample::{County, Encounter};
use dingan_store::Location;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Every place between two steps of a commit.
const PLACES: [&str; 5] =
    ["store::before_begin", "store::after_books", "store::before_rows", "store::before_commit", "store::after_commit"];

/// How many crashes a test makes.
pub fn crashes(small: usize) -> usize {
    std::env::var("DINGAN_TEST_CRASHES").ok().and_then(|v| v.parse().ok()).unwrap_or(small)
}

/// A county in a store that nobody serves.
pub fn founded(at: &Location) -> County {
    let county = County::generate(7, 300);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let agency = open_at(at).await.unwrap();
        settle_in(&agency, &county).await.unwrap();
        agency.store().clone().close().await;
    });
    county
}

/// Encounters without end, each a fresh one.
pub fn encounters(county: &County) -> impl Iterator<Item = Encounter> + '_ {
    (1..).flat_map(|k| county.day((now() - TimeDelta::days(k)).date(), 40))
}

/// What was done while things broke.
#[derive(Default)]
pub struct Done {
    pub made: Vec<Made>,
    pub reversed: usize,
}

impl Done {
    /// Plays the next encounter; every fifth settlement is taken back.
    pub fn play<F: FnMut(bool) -> SocketAddr>(&mut self, line: &mut Line<F>, e: &Encounter) {
        let m = line.play(e).unwrap_or_else(|code| panic!("{code}"));
        if self.made.len() % 5 == 4 {
            line.reverse(&m).unwrap();
            self.reversed += 1;
        }
        self.made.push(m);
    }

    /// All that was acknowledged is answered as it was, by a server that starts now; nothing is there twice; every
    /// decision can be rebuilt and the books are in order.
    pub fn holds(&self, at: &Location, acknowledged: &[Acknowledged]) {
        let ids: BTreeSet<&str> = self.made.iter().map(|m| m.setl_id.as_str()).collect();
        assert_eq!(ids.len(), self.made.len(), "each bill has a settlement of its own");
        let server = Served::start(at);
        let hospital = Hospital::new(server.address);
        for a in acknowledged {
            let again = hospital.exchange(&a.message).unwrap();
            // a query is answered afresh
            let output = again["output"].to_string();
            assert!(output == a.output || is_query(&a.message), "{}\n{again}\n{}", a.message, a.output);
        }
        server.stop();
        assert_eq!(replayed(at), self.made.len(), "settlements that are there and settlements that were acknowledged");
    }
}

/// Crashes at every place in turn, after none to eight commits of the new process, so that every kind of message is hit.
fn crash_everywhere(place: &Place) {
    let count = crashes(14);
    let county = founded(&place.at);
    let mut crash = 0;
    let begin = |crash: usize| {
        let after = crash / PLACES.len() % 9;
        let failpoints = format!("{}={after}*off->return", PLACES[crash % PLACES.len()]);
        Served::with(&place.at, &[], if crash < count { &failpoints } else { "" })
    };
    let mut server = Some(begin(0));
    let finished = std::cell::Cell::new(false);
    let mut line = Line::new(|lost| {
        if lost {
            let gone = server.take().unwrap().ended();
            assert!(!gone.success(), "it was to crash at {}", PLACES[crash % PLACES.len()]);
            crash += 1;
            finished.set(crash >= count);
            server = Some(begin(crash));
        }
        server.as_ref().unwrap().address
    });
    let mut done = Done::default();
    for e in encounters(&county) {
        done.play(&mut line, &e);
        if finished.get() {
            break;
        }
    }
    let acknowledged = line.acknowledged;
    server.take().unwrap().stop();
    done.holds(&place.at, &acknowledged);
    eprintln!("{count} crashes: {} settled, {} taken back, all there", done.made.len(), done.reversed);
}

#[test]
fn a_crash_at_any_step_loses_and_doubles_nothing() {
    crash_everywhere(&Place::embedded());
}

#[test]
fn a_crash_at_any_step_loses_and_doubles_nothing_on_postgres() {
    if let Some(place) = Place::postgres() {
        crash_everywhere(&place);
    }
}

/// The database ends the writer's session in the middle of its COMMIT, again and again: whether the change is there is
/// not known to the server then, and found out before anything is answered.
#[test]
fn a_session_ended_during_commit_loses_and_doubles_nothing() {
    let Some(place) = Place::postgres() else { return };
    let server = dingan_test_postgres::shared().unwrap();
    let database = place.database().unwrap();
    let county = founded(&place.at);
    let count = crashes(10);
    let served = Served::start(&place.at);
    let ended = AtomicU64::new(0);
    let mut done = Done::default();
    let address = served.address;
    let mut line = Line::new(|_| address);
    std::thread::scope(|scope| {
        let ended = &ended;
        scope.spawn(move || {
            let _ends = Ends(ended);
            for _ in 0..count {
                // looks until it sees one in its COMMIT, and ends that session then
                let hit = server.sql(
                    database,
                    "DO $$ DECLARE n int := 0; stop timestamptz := clock_timestamp() + '20 s'; BEGIN \
                     WHILE n = 0 AND clock_timestamp() < stop LOOP PERFORM pg_stat_clear_snapshot(); \
                     SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) INTO n FROM pg_stat_activity \
                     WHERE datname = current_database() AND state = 'active' AND query = 'COMMIT'; END LOOP; \
                     PERFORM set_config('test.hit', n::text, false); END $$; SELECT current_setting('test.hit')",
                );
                assert_ne!(hit, "0", "no COMMIT was seen for 20 s");
                std::thread::sleep(Duration::from_millis(30));
            }
        });
        for e in encounters(&county) {
            done.play(&mut line, &e);
            if ended.load(Ordering::Relaxed) > 0 {
                break;
            }
        }
    });
    served.stop();
    done.holds(&place.at, &line.acknowledged);
    eprintln!("{count} sessions ended during COMMIT: {} settled, {} taken back", done.made.len(), done.reversed);
}

/// A client that sends a settlement and goes away, at once or while it is worked on, and asks again later.
fn clients_that_go_away(place: &Place) {
    let count = crashes(10);
    let county = founded(&place.at);
    let served = Served::start(&place.at);
    let address = served.address;
    let mut line = Line::new(|_| address);
    let mut done = Done::default();
    for (n, e) in encounters(&county).take(count).enumerate() {
        let pause = Duration::from_micros(n as u64 * 377 % 20_000);
        let hospital = Hospital::new(address);
        let output = dingan_connectors::sample::client::run(&e, |infno, input| {
            let id = msgid(&e.institution);
            let message = dingan_connectors::sample::client::envelope_for(&e, infno, &id, now(), input);
            if infno == "2207" || infno == "2304" {
                let body = message.to_string();
                let mut gone = TcpStream::connect(address).unwrap();
                write!(gone, "POST /fsi/api/x HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len()).unwrap();
                // now and then in the middle of the body
                let sent = if n % 4 == 3 { &body.as_bytes()[..body.len() / 2] } else { body.as_bytes() };
                gone.write_all(sent).unwrap();
                std::thread::sleep(pause);
                drop(gone);
            }
            let answer = hospital.exchange(&message.to_string()).unwrap();
            match answer["infcode"].to_string().as_str() {
                "0" => {
                    line.acknowledged.push(Acknowledged { message: message.to_string(), output: answer["output"].to_string() });
                    Ok(answer["output"].clone())
                }
                _ => Err(answer),
            }
        })
        .unwrap();
        let setl_id = output["setlinfo"]["setl_id"].as_str().unwrap().to_owned();
        done.made.push(Made { setl_id, output, encounter: e });
    }
    served.stop();
    done.holds(&place.at, &line.acknowledged);
}

#[test]
fn a_client_that_goes_away_finds_its_answer_later() {
    clients_that_go_away(&Place::embedded());
}

#[test]
fn a_client_that_goes_away_finds_its_answer_later_on_postgres() {
    if let Some(place) = Place::postgres() {
        clients_that_go_away(&place);
    }
}
