//! Open bills: registered, ten lines uploaded, tried; what is left is the 2207.

use crate::wire::{Connection, is_ok, request};
use chrono::{NaiveDate, TimeDelta};
use dingan::serve::now;
use dingan_connectors::sample::{County, Encounter, Shape, client};
use dingan_core::claim::Line;
use dingan_core::codes::{InstitutionCode, ItemCode};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;

/// Lines of a bill.
const LINES: usize = 10;

/// Days before today on which the first bills are.
const DAYS: i64 = 45;

/// The bills of a county, each time of the day after the last: nobody has two open at once, and who comes again has a
/// past of other days.
pub struct Bills<'c> {
    address: SocketAddr,
    county: &'c County,
    clients: usize,
    date: NaiveDate,
    made: usize,
}

impl<'c> Bills<'c> {
    /// From a county's server, over so many connections.
    pub fn new(address: SocketAddr, county: &'c County, clients: usize) -> Self {
        Self { address, county, clients, date: (now() - TimeDelta::days(DAYS)).date(), made: 0 }
    }

    /// Prepares so many bills of the next day over the interface, and gives their 2207 as HTTP requests.
    pub fn open(&mut self, count: usize) -> Vec<Vec<u8>> {
        assert!(self.date < now().date(), "more rounds than there are days");
        let mut persons = HashSet::new();
        // some are stays, and some people's second
        let day = self.county.day(self.date, count + count / 4 + 50).into_iter();
        let day: Vec<Encounter> = day.filter(|e| e.shape == Shape::Outpatient).collect();
        let charged = charged(&day);
        let first = day.into_iter().filter(|e| persons.insert(e.person.no.clone()));
        let mut chosen: Vec<(usize, Encounter)> = (self.made..).zip(first.take(count)).collect();
        assert_eq!(chosen.len(), count, "too few come on {}", self.date);
        self.date = self.date.succ_opt().expect("a day");
        self.made += count;
        for (n, e) in &mut chosen {
            fill_up(e, *n, charged.get(&e.institution.code).map(Vec::as_slice).unwrap_or_default());
        }
        let parts: Vec<&[(usize, Encounter)]> = chosen.chunks(count.div_ceil(self.clients).max(1)).collect();
        let address = self.address;
        std::thread::scope(|scope| {
            let running: Vec<_> =
                parts.into_iter().map(|part| scope.spawn(move || open_bills(address, part))).collect();
            running.into_iter().flat_map(|r| r.join().expect("a bill could not be prepared")).collect()
        })
    }
}

/// A line of every item that an institution charges for, by institution.
fn charged(encounters: &[Encounter]) -> BTreeMap<InstitutionCode, Vec<Line>> {
    let mut out: BTreeMap<InstitutionCode, BTreeMap<ItemCode, Line>> = BTreeMap::new();
    for e in encounters {
        let of = out.entry(e.institution.code.clone()).or_default();
        for l in &e.lines {
            of.entry(l.item.clone()).or_insert_with(|| l.clone());
        }
    }
    out.into_iter().map(|(code, lines)| (code, lines.into_values().collect())).collect()
}

/// Brings a bill to its ten lines, with others of the institution's items: the same ones again would be charged twice,
/// and the rules would say so of every bill.
fn fill_up(e: &mut Encounter, n: usize, items: &[Line]) {
    let time = e.lines.first().map_or(e.begin, |l| l.time);
    let own: Vec<ItemCode> = e.lines.iter().map(|l| l.item.clone()).collect();
    let others = items.iter().cycle().skip(n % items.len().max(1)).take(items.len()).filter(|l| !own.contains(&l.item));
    let more: Vec<Line> = others.map(|l| Line { time, ..l.clone() }).collect();
    e.lines.extend(more);
    e.lines.truncate(LINES);
    assert_eq!(e.lines.len(), LINES, "{} has too few items", e.institution.code);
    for (i, l) in e.lines.iter_mut().enumerate() {
        l.no = format!("{n}-{i}").as_str().into();
        l.batch = "B1".to_owned();
    }
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
