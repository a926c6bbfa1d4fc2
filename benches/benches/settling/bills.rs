//! Open bills: registered, ten lines uploaded, tried; what is left is the 2207.

use crate::wire::{Connection, is_ok, request};
use chrono::TimeDelta;
use dingan::serve::now;
use dingan_connectors::sample::{County, Encounter, Shape, client};
use serde_json::Value;
use std::net::SocketAddr;

/// Lines of a bill.
const LINES: usize = 10;

/// Prepares bills over the interface and gives their 2207 as HTTP requests. Those of one person are far apart.
pub fn prepare(address: SocketAddr, county: &County, first: usize, count: usize, clients: usize) -> Vec<Vec<u8>> {
    let date = (now() - TimeDelta::days(1)).date();
    let mut encounters: Vec<Encounter> = Vec::new();
    let mut size = count * 2;
    while encounters.len() < first + count {
        // the same county and day give the same encounters, more of them as more are asked for
        encounters = county.day(date, first + size).into_iter().filter(|e| e.shape == Shape::Outpatient).collect();
        size *= 2;
    }
    let mut chosen: Vec<(usize, Encounter)> = encounters.into_iter().enumerate().skip(first).take(count).collect();
    for (n, e) in &mut chosen {
        let given = e.lines.clone();
        e.lines = given.iter().cycle().take(LINES).cloned().collect();
        for (i, l) in e.lines.iter_mut().enumerate() {
            l.no = format!("{n}-{i}").as_str().into();
            l.batch = "B1".to_owned();
        }
    }
    let parts: Vec<&[(usize, Encounter)]> = chosen.chunks(count.div_ceil(clients).max(1)).collect();
    std::thread::scope(|scope| {
        let running: Vec<_> = parts.into_iter().map(|part| scope.spawn(move || open_bills(address, part))).collect();
        running.into_iter().flat_map(|r| r.join().expect("a bill could not be prepared")).collect()
    })
}

fn open_bills(address: SocketAddr, part: &[(usize, Encounter)]) -> Vec<Vec<u8>> {
    let mut connection = Connection::open(address);
    let mut out = Vec::new();
    for (n, e) in part {
        let mut step = 0;
        let _ = client::run(e, |infno, input| {
            step += 1;
            let id = format!("{}{:018}", e.institution.code, n * 10 + step);
            let message = request(&client::envelope_for(e, infno, &id, e.settled, input).to_string());
            if infno == "2207" {
                out.push(message);
                return Err(());
            }
            let answer = connection.exchange(&message);
            assert!(is_ok(&answer), "{infno}: {}", String::from_utf8_lossy(&answer));
            let answer: Value = serde_json::from_slice(&answer).map_err(|_| ())?;
            answer.get("output").cloned().ok_or(())
        });
    }
    out
}
