//! A disk without room: changes are refused with the word to come again, nothing acknowledged is lost, and once there is
//! room the same messages go in.

use crate::crash::{Done, crashes, encounters, founded};
use crate::hospital::{Acknowledged, Line, Made, asks_again, msgid};
use crate::served::Served;
use dingan::demo::Hospital;
use dingan::serve::now;
use dingan_connectors::sample::client;
use dingan_store::Location;
use dingan_test_postgres::Postgres;
use serde_json::Value;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A file system of its own, of so many MiB; None where this process may not make one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new(mib: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m,mode=0777"), "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success());
        if !made {
            let _ = writeln!(std::io::stderr().lock(), "\n*** SKIPPED: a small disk takes the right to mount ***\n");
        }
        made.then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills it up to a last few KiB.
    fn fill(&self, but: usize) {
        let mut file = std::fs::File::create(self.path().join("filler")).unwrap();
        let (piece, mut length) = (vec![0_u8; 4096], 0_u64);
        while file.write_all(&piece).is_ok() {
            length += piece.len() as u64;
        }
        file.set_len(length.saturating_sub(but as u64 * 1024)).unwrap();
    }

    fn free(&self) {
        std::fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Plays encounters while the disk fills up, is full, and is given room again, some times over. `mend` brings the
/// database back where it ended for want of room.
fn full_disk(at: &Location, disk: &SmallDisk, mut mend: impl FnMut()) {
    let times = crashes(2).min(20);
    let county = founded(at);
    let served = Served::start(at);
    let address = served.address;
    let hospital = Hospital::new(address);
    let mut next = encounters(&county);
    let mut done = Done::default();
    let mut acknowledged = Vec::new();
    for time in 0..times {
        disk.fill(64 + 512 * (time % 3));
        // one message gets no further than the full disk: refused, with the word to come again
        let mut full = false;
        while !full {
            let e = next.next().unwrap();
            let mut line = Line::new(|_| address);
            let mut refused: Option<Value> = None;
            let output = client::run(&e, |infno, input| {
                let id = msgid(&e.institution);
                let message = client::envelope_for(&e, infno, &id, now(), input);
                let mut answer = hospital.exchange(&message.to_string());
                if answer.as_ref().is_ok_and(asks_again) {
                    if refused.is_none() {
                        // what was acknowledged can still be read
                        let asked = acknowledged.iter().rev().find(|a: &&Acknowledged| a.message.contains("\"2207\""));
                        if let Some(a) = asked.filter(|_| matches!(at, Location::Folder(_))) {
                            assert_eq!(hospital.exchange(&a.message).unwrap()["output"].to_string(), a.output);
                        }
                        disk.free();
                        mend();
                    }
                    refused = answer.ok();
                    answer = Ok(line.deliver(&message));
                }
                let answer = answer.unwrap();
                assert_eq!(answer["infcode"].to_string(), "0", "{infno}: {answer}");
                let output = answer["output"].clone();
                line.acknowledged.push(Acknowledged { message: message.to_string(), output: output.to_string() });
                Ok::<Value, String>(output)
            })
            .unwrap();
            acknowledged.append(&mut line.acknowledged);
            let setl_id = output["setlinfo"]["setl_id"].as_str().unwrap().to_owned();
            done.made.push(Made { setl_id, output, encounter: e });
            full = refused.is_some();
        }
    }
    served.stop();
    done.holds(at, &acknowledged);
    eprintln!("{times} times a full disk: {} settled, all there", done.made.len());
}

#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    if let Some(disk) = SmallDisk::new(96) {
        full_disk(&Location::Folder(disk.path().join("data")), &disk, || {});
    }
}

#[test]
fn a_full_disk_refuses_and_loses_nothing_on_postgres() {
    if !dingan_test_postgres::found() {
        return;
    }
    let Some(disk) = SmallDisk::new(256) else { return };
    let folder = disk.path().join("pg");
    std::fs::create_dir(&folder).unwrap();
    // small segments, so that the log too needs room soon: for want of it the server ends itself
    let settings = ["shared_buffers=32MB", "max_wal_size=8MB", "min_wal_size=2MB", "autovacuum=off"];
    let server = Postgres::start_in(folder, &["--wal-segsize=1"], &settings);
    let at = Location::parse(&server.url(&server.database())).unwrap();
    full_disk(&at, &disk, || server.mend());
}
