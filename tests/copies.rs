//! Copies taken while a hospital sends, made into a store elsewhere, and checked: what was acknowledged before the copy
//! began is in it and answered as then, every decision can be rebuilt, the books are in order.

use crate::crash::{encounters, founded};
use crate::hospital::{Acknowledged, Ends, Line, is_query};
use crate::served::{DINGAN, Served, args, replayed};
use crate::store_of_a_test::Place;
use dingan::demo::Hospital;
use dingan_store::Location;
use dingan_test_postgres::Postgres;
use std::cell::RefCell;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Copies taken in one test.
const COPIES: usize = 3;

fn done(c: &mut Command) {
    let o = c.output().unwrap();
    assert!(o.status.success(), "{c:?}: {}{}", String::from_utf8_lossy(&o.stdout), String::from_utf8_lossy(&o.stderr));
}

/// Sends through a server while `copy` is called, and looks at what `restore` makes of each copy.
fn under_load(at: &Location, copy: impl Fn(usize), restore: impl Fn(usize) -> Location) {
    let county = founded(at);
    let served = Served::start(at);
    let (address, stop, settled, ended) = (served.address, AtomicU64::new(0), AtomicUsize::new(0), AtomicU64::new(0));
    let acknowledged: Mutex<Vec<Acknowledged>> = Mutex::default();
    let mut before = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ends = Ends(&ended);
            let mut line = Line::new(|_| address);
            for e in encounters(&county) {
                line.play(&e).unwrap();
                acknowledged.lock().unwrap().append(&mut line.acknowledged);
                settled.fetch_add(1, Ordering::Relaxed);
                if stop.load(Ordering::Relaxed) > 0 {
                    break;
                }
            }
        });
        let _stop = Ends(&stop);
        for n in 0..COPIES {
            while settled.load(Ordering::Relaxed) < 5 * (n + 1) {
                assert_eq!(ended.load(Ordering::Relaxed), 0, "nobody sends any more");
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            before.push((acknowledged.lock().unwrap().len(), settled.load(Ordering::Relaxed)));
            copy(n);
        }
    });
    served.stop();
    let acknowledged = acknowledged.into_inner().unwrap();
    for (n, (messages, settled)) in before.into_iter().enumerate() {
        let elsewhere = restore(n);
        let decisions = replayed(&elsewhere);
        assert!(decisions >= settled, "{decisions} decisions in a copy begun after {settled}");
        let server = Served::start(&elsewhere);
        let hospital = Hospital::new(server.address);
        for a in acknowledged[..messages].iter().filter(|a| !is_query(&a.message)) {
            assert_eq!(hospital.exchange(&a.message).unwrap()["output"].to_string(), a.output, "{}", a.message);
        }
        server.stop();
        eprintln!("copy {n}: {decisions} decisions, {settled} acknowledged before it began");
    }
}

#[test]
fn a_backup_taken_under_load_is_whole_elsewhere() {
    let place = Place::embedded();
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = |n: usize| elsewhere.path().join(format!("copy{n}.db"));
    under_load(
        &place.at,
        |n| done(Command::new(DINGAN).arg("backup").arg(copy(n)).args(args(&place.at))),
        |n| {
            let at = Location::Folder(elsewhere.path().join(format!("restored{n}")));
            done(Command::new(DINGAN).arg("restore").arg(copy(n)).args(args(&at)));
            at
        },
    );
}

/// The way of docs/operations.md: `pg_dump -Fc` while servers serve, `pg_restore --create` on another server.
#[test]
fn a_dump_of_postgres_taken_under_load_is_whole_elsewhere() {
    let Some(place) = Place::postgres() else { return };
    let here = dingan_test_postgres::shared().unwrap();
    let name = place.database().unwrap().to_owned();
    let files = tempfile::tempdir().unwrap();
    let file = |n: usize| files.path().join(format!("copy{n}.dump"));
    let on = |server: &Postgres, program: &str| {
        let mut c = Command::new(server.programs().join(program));
        c.args(["-U", "postgres", "-h"]).arg(server.folder());
        c
    };
    // one for each copy: `--create` gives the database its old name
    let elsewhere = RefCell::new(Vec::new());
    under_load(
        &place.at,
        |n| done(on(here, "pg_dump").args(["-Fc", &name, "-f"]).arg(file(n))),
        |n| {
            let there = Postgres::start(&["shared_buffers=16MB"]);
            done(on(&there, "pg_restore").args(["--create", "--dbname", "postgres"]).arg(file(n)));
            let at = Location::parse(&there.url(&name)).unwrap();
            elsewhere.borrow_mut().push(there);
            at
        },
    );
}
