//! Durability that `kill -9` cannot see: a trace of the system calls shows the sync of the log before each answer, and
//! the same look at a server that does not sync finds that it does not.

use crate::county::*;
use crate::served::{DINGAN, Served, args};
use crate::store_of_a_test::Place;
use dingan::demo::Hospital;
use dingan_store::Location;
use dingan_test_postgres::{Postgres, bound};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

const CALLS: &str = "trace=write,writev,sendto,sendmsg,fsync,fdatasync,pwrite64";

/// Bills of a trace.
const BILLS: usize = 5;

/// Whether system calls can be looked at; in CI they must.
fn traceable() -> bool {
    if Command::new("strace").arg("-V").output().is_ok() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "CI needs strace (see .ci/run)");
    let _ = writeln!(std::io::stderr().lock(), "\n*** SKIPPED: no strace found; this test did not run ***\n");
    false
}

/// The log is synced between the commit's write and the answer's; with the sync switched off the same look finds
/// that it is not.
#[test]
fn the_log_is_synced_before_the_answer_leaves() {
    if !traceable() {
        return;
    }
    assert!(synced_before_every_answer(""), "an answer left before its sync");
    assert!(!synced_before_every_answer("store::no_sync=return"), "the look cannot fail, so it shows nothing");
}

fn synced_before_every_answer(places: &str) -> bool {
    let mut server = Server::at(Place::embedded(), 100, "default");
    let bills = open_bills(&mut server, BILLS);
    let trace = server.place.folder.path().join("trace");
    let mut c = bound("strace");
    c.args(["-f", "-qq", "-y", "-s", "300", "-e", CALLS, "-o"]).arg(&trace);
    c.args([DINGAN, "serve", "--listen", "127.0.0.1:0"]).args(args(&server.place.at)).env("FAILPOINTS", places);
    let served = Served::of(&mut c);
    settle(&served, &bills);
    let pid = Command::new("pgrep").arg("-P").arg(served.pid().to_string()).output().unwrap();
    let pid = String::from_utf8_lossy(&pid.stdout).trim().to_owned();
    Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    served.ended();
    let trace = std::fs::read_to_string(&trace).unwrap();
    // with fsync it would wait for the times of the file too, which are in the file system's journal
    assert!(!trace.lines().any(|l| l.contains(" fsync(") && l.contains("-wal>")), "see .cargo/config.toml");
    synced(&trace, "dingan.db-wal>")
}

fn settle(served: &Served, bills: &[Value]) {
    let hospital = Hospital::new(served.address);
    for bill in bills {
        assert_eq!(hospital.exchange(&bill.to_string()).unwrap()["infcode"].to_string(), "0");
    }
}

/// Whether each answer of a trace left when the log, known by its path, had been written and synced since the answer
/// before, and not written since.
fn synced(trace: &str, log: &str) -> bool {
    let (mut dirty, mut syncs, mut answers, mut good) = (false, 0, 0, true);
    // a call that others interrupt is split in two: the end of a sync is what counts
    let mut syncing = BTreeSet::new();
    for l in trace.lines() {
        let pid = l.split(' ').next().unwrap_or_default();
        let ended = |syncing: &mut BTreeSet<&str>| l.contains("sync resumed>") && syncing.remove(pid);
        if l.contains("pwrite64(") && l.contains(log) {
            dirty = true;
        } else if (l.contains("fdatasync(") || l.contains("fsync(")) && l.contains(log) {
            if l.contains("<unfinished") {
                syncing.insert(pid);
            } else if l.ends_with("= 0") {
                (dirty, syncs) = (false, syncs + 1);
            }
        } else if ended(&mut syncing) && l.ends_with("= 0") {
            (dirty, syncs) = (false, syncs + 1);
        }
        if l.contains("HTTP/1.1 200 OK") {
            answers += 1;
            good &= !dirty && syncs > 0;
            syncs = 0;
        }
    }
    assert_eq!(answers, BILLS, "the trace shows every answer");
    good
}

/// The same on PostgreSQL, looking at its processes and ours in one trace.
#[test]
fn the_log_of_postgres_is_synced_before_the_answer_leaves() {
    if !traceable() || !dingan_test_postgres::found() {
        return;
    }
    assert!(synced_by_postgres(&[], ""), "an answer left before its sync");
    let finds_nothing = "the look cannot fail, so it shows nothing";
    assert!(!synced_by_postgres(&[], "store::no_sync=return"), "synchronous_commit off: {finds_nothing}");
    assert!(!synced_by_postgres(&["fsync=off"], ""), "fsync off: {finds_nothing}");
}

fn synced_by_postgres(settings: &[&str], places: &str) -> bool {
    // nothing else shall write the log, or sync it for us
    let quiet = ["autovacuum=off", "wal_writer_delay=10s", "shared_buffers=32MB", "bgwriter_lru_maxpages=0"];
    let database = Postgres::start(&[&quiet[..], settings].concat());
    let at = Location::parse(&database.url(&database.database())).unwrap();
    let place = Place { at: at.clone(), folder: tempfile::tempdir().unwrap() };
    let mut server = Server::at(place, 100, "default");
    let bills = open_bills(&mut server, BILLS);
    let served = Served::with(&at, &[], places);

    let of = database.process().to_string();
    let children = Command::new("pgrep").args(["-P", &of]).output().unwrap();
    let mut processes: Vec<String> = String::from_utf8_lossy(&children.stdout).lines().map(str::to_owned).collect();
    processes.extend([of, served.pid().to_string()]);
    let trace = server.place.folder.path().join("trace");
    let mut c = bound("strace");
    c.args(["-f", "-y", "-s", "60", "-e", CALLS, "-o"]).arg(&trace);
    c.args(processes.iter().flat_map(|p| ["-p", p]));
    let mut looking = c.stderr(Stdio::piped()).spawn().unwrap();
    // it says of each process when it looks at it
    let mut said = BufReader::new(looking.stderr.take().unwrap()).lines();
    for p in &processes {
        let line = said.by_ref().map_while(Result::ok).find(|l| l.contains("attached"));
        assert!(line.is_some(), "strace does not look at {p}");
    }
    let rest = std::thread::spawn(move || said.for_each(drop));
    settle(&served, &bills);
    served.stop();
    Command::new("kill").args(["-INT", &looking.id().to_string()]).status().unwrap();
    looking.wait().unwrap();
    rest.join().unwrap();
    synced(&std::fs::read_to_string(&trace).unwrap(), "/pg_wal/")
}
