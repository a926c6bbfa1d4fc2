//! The program as it is run: exit statuses, kill -9, SIGTERM, the commands around a store.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const DINGAN: &str = env!("CARGO_BIN_EXE_dingan");

pub fn dingan(args: &[&str]) -> Output {
    Command::new(DINGAN).args(args).output().unwrap()
}

pub fn text(o: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&o.stdout), String::from_utf8_lossy(&o.stderr))
}

/// A `dingan serve` on a free port; gives its address.
fn serve(data: &Path) -> (Child, String) {
    let mut child = Command::new(DINGAN)
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split_whitespace().find_map(|w| w.strip_prefix("http://")).unwrap_or_else(|| panic!("{line}"));
    (child, address.to_owned())
}

fn get(address: &str, path: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut r = agent.get(format!("http://{address}{path}")).call().unwrap();
    (r.status().as_u16(), r.body_mut().read_to_string().unwrap())
}

#[test]
fn wrong_use_is_two_and_failure_is_one() {
    assert_eq!(dingan(&["frobnicate"]).status.code(), Some(2));
    assert_eq!(dingan(&["--help"]).status.code(), Some(0));
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let missing = dingan(&["import", "persons", "/no/such/file.csv", "--data", data]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing).contains("/no/such/file.csv"), "{}", text(&missing));
    // columns are missing: no row can go in, and that is no success
    let file = folder.path().join("persons.csv");
    std::fs::write(&file, "psn_name\n样例\n").unwrap();
    for kind in ["persons", "knowledge"] {
        let nothing = dingan(&["import", kind, file.to_str().unwrap(), "--data", data]);
        assert_eq!(nothing.status.code(), Some(1), "{kind}: {}", text(&nothing));
        assert!(text(&nothing).contains("nothing was imported"), "{kind}: {}", text(&nothing));
    }
    let outside = dingan(&["serve", "--listen", "0.0.0.0:0", "--data", data]);
    assert_eq!(outside.status.code(), Some(1));
    assert!(text(&outside).contains("loopback"), "{}", text(&outside));
}

#[test]
fn the_demo_keeps_a_store_the_other_commands_read() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("store");
    let d = data.to_str().unwrap();
    let demo =
        dingan(&["demo", "--once", "--claims", "60", "--persons", "300", "--data", d, "--listen", "127.0.0.1:0"]);
    assert!(demo.status.success(), "{}", text(&demo));
    assert!(text(&demo).contains("ledger: balanced"), "{}", text(&demo));

    let replay = dingan(&["replay", "--data", d]);
    assert!(replay.status.success(), "{}", text(&replay));
    assert!(text(&replay).contains("0 differ"), "{}", text(&replay));

    // kill -9 while it serves: what was acknowledged is there, and only one process has the store
    let (mut child, address) = serve(&data);
    let (status, metrics) = get(&address, "/metrics");
    assert_eq!(status, 200);
    assert!(metrics.contains("dingan_requests_in_flight"), "{metrics}");
    let (status, ready) = get(&address, "/ready");
    assert_eq!((status, serde_json::from_str::<Value>(&ready).unwrap()["status"].as_str()), (200, Some("ready")));
    let (status, page) = get(&address, "/");
    assert!(status == 200 && page.contains("定案"), "{status}");
    assert!(get(&address, "/?lang=en").1.contains("ledger balanced"));
    let second = dingan(&["replay", "--data", d]);
    assert_eq!(second.status.code(), Some(1), "{}", text(&second));
    assert!(text(&second).contains("in use"), "{}", text(&second));
    child.kill().unwrap();
    child.wait().unwrap();
    let replay = dingan(&["replay", "--data", d]);
    assert!(replay.status.success() && text(&replay).contains("0 differ"), "{}", text(&replay));

    // SIGTERM ends it cleanly
    let (mut child, _) = serve(&data);
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn policies_are_checked_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let good = std::env::var("CARGO_MANIFEST_DIR").unwrap() + "/../../rules/policies/hainan-resident.toml";
    let checked = dingan(&["policy", "check", &good]);
    assert!(checked.status.success(), "{}", text(&checked));

    let broken = folder.path().join("broken.toml");
    let source = std::fs::read_to_string(&good).unwrap();
    let (at, line) = source.lines().enumerate().find(|(_, l)| l.contains("value = \"0.")).unwrap();
    let bad = source.replacen(line, &line.replacen("value = \"0.", "value = \"7.", 1), 1);
    std::fs::write(&broken, bad).unwrap();
    let refused = dingan(&["policy", "check", broken.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(text(&refused).contains(&format!("broken.toml:{}", at + 1)), "{}", text(&refused));
}

/// Settles bills one after the other against a server that is killed meanwhile; gives the messages
/// that were answered, with their answers.
fn settle_until_killed(server: &str, bills: &[Value], child: &mut Child, kill_after: usize) -> Vec<(Value, String)> {
    let hospital = dingan::demo::Hospital::new(server.parse().unwrap());
    let mut answered = Vec::new();
    std::thread::scope(|scope| {
        let (sender, seen) = std::sync::mpsc::channel();
        scope.spawn(move || {
            for bill in bills {
                match hospital.exchange(&bill.to_string()) {
                    Ok(a) => sender.send((bill.clone(), a["output"].to_string())).unwrap(),
                    Err(_) => break,
                }
            }
        });
        for pair in seen {
            answered.push(pair);
            if answered.len() == kill_after {
                child.kill().unwrap();
            }
        }
    });
    child.wait().unwrap();
    answered
}

#[test]
fn kill_9_loses_nothing_that_was_acknowledged_and_doubles_nothing() {
    use crate::county::*;
    // prepare open bills over a server of this process, then hand the store to the program
    let (folder, bills) = {
        let mut server = Server::embedded(200);
        let bills = open_bills(&mut server, 24);
        let copy = tempfile::tempdir().unwrap();
        for f in std::fs::read_dir(server.place.folder.path()).unwrap().flatten() {
            std::fs::copy(f.path(), copy.path().join(f.file_name())).unwrap();
        }
        (copy, bills)
    };
    let mut kept: Vec<(Value, String)> = Vec::new();
    for kill_after in [3, 5, 7] {
        let (mut child, address) = serve(folder.path());
        let rest = &bills[kept.len()..];
        kept.extend(settle_until_killed(&address, rest, &mut child, kill_after));
    }
    assert!(kept.len() >= 15);
    // every acknowledged answer is there, the rest can still be settled, and nothing is there twice
    let (mut child, address) = serve(folder.path());
    let hospital = dingan::demo::Hospital::new(address.parse().unwrap());
    for (message, answer) in &kept {
        assert_eq!(hospital.exchange(&message.to_string()).unwrap()["output"].to_string(), *answer);
    }
    for message in &bills {
        let a = hospital.exchange(&message.to_string()).unwrap();
        assert_eq!(a["infcode"], serde_json::json!(0), "{a}");
    }
    let ledger: Value = serde_json::from_str(&get(&address, "/api/v1/ledger").1).unwrap();
    assert_eq!(ledger["balanced"], serde_json::json!(true));
    let expected = dingan_core::money::Money::fen(-2556).times_int(24);
    assert_eq!(ledger["accounts"]["institution"], serde_json::json!(expected.to_string()), "{ledger}");
    child.kill().unwrap();
    child.wait().unwrap();
    let replay = dingan(&["replay", "--data", folder.path().to_str().unwrap()]);
    assert!(replay.status.success() && text(&replay).starts_with("24 decisions"), "{}", text(&replay));
}
