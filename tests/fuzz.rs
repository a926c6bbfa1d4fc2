//! Real messages, changed where it hurts: every transaction there is, with ids of the county's own persons, visits and
//! settlements, so that what comes through the envelope meets the books.
//!
//! Whatever is sent gets an answer; none is a failure of ours; a refused message and a query leave the store as it was;
//! and at the end the books are in order and every decision can be rebuilt. A campaign is known by its seed and plays
//! the same again: `DINGAN_TEST_FUZZ_SECONDS` says how long, `DINGAN_TEST_FUZZ_SEED` where to begin. A seed that found
//! something is kept in `fuzz/seeds.txt`.

use crate::county::*;
use crate::hospital::{asks_again, msgid};
use chrono::TimeDelta;
use dingan::serve::now;
use dingan_connectors::fsi::routes::{Mode, ROUTES, Route, find};
use dingan_connectors::sample::{Encounter, Shape, client};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// One plain message for each transaction, as the interface's own tests have it.
const MESSAGES: &str = include_str!("../connectors/src/fsi/tests/messages.json");

/// Encounters of a campaign.
const ROUNDS: usize = 12;

/// A small generator, so that a campaign is known by its seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Texts that were trouble somewhere.
const TEXTS: [&str; 34] = [
    "",
    " ",
    "-",
    "0",
    "-0",
    "1e9",
    "1E-400",
    "NaN",
    "00",
    "+1",
    "１２",
    "null",
    "true",
    "'",
    "\"",
    "\\",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "😀",
    "%",
    "_",
    "';--",
    "2026-02-30",
    "0000-00-00 00:00:00",
    "9999-12-31 23:59:59",
    "10000-01-01",
    "2026-01-01 24:00:00",
    "1900-01-01",
    "2026-13-01 00:00:00",
    "-1",
    "0.001",
    "92233720368547758.07",
    "99999999999999999999",
];

const NUMBERS: [&str; 16] = [
    "0",
    "-0",
    "-1",
    "1",
    "0.01",
    "-0.01",
    "0.001",
    "1e2",
    "1e400",
    "-1e-400",
    "9007199254740993",
    "92233720368547758.07",
    "92233720368547758.08",
    "-92233720368547758.09",
    "170141183460469231731687303715884105728",
    "0.0000000000000000000000001",
];

/// Every place in a value, as JSON pointers.
fn places(v: &Value, at: &str, out: &mut Vec<String>) {
    match v {
        Value::Object(m) => {
            for (k, v) in m {
                let at = format!("{at}/{}", k.replace('~', "~0").replace('/', "~1"));
                out.push(at.clone());
                places(v, &at, out);
            }
        }
        Value::Array(l) => {
            for (i, v) in l.iter().enumerate() {
                let at = format!("{at}/{i}");
                out.push(at.clone());
                places(v, &at, out);
            }
        }
        _ => {}
    }
}

/// A value instead of another.
fn changed(old: &Value, other: &Value, c: &mut Chance) -> Value {
    let text = old.as_str().map(str::to_owned).unwrap_or_else(|| old.to_string());
    let number = |t: &str| t.parse::<serde_json::Number>().map_or(Value::from(t), Value::Number);
    match c.below(15) {
        0 => Value::Null,
        1 => json!(*c.of(&TEXTS)),
        2 => number(c.of::<&str>(&NUMBERS)),
        3 => json!([old]),
        4 => json!({ "data": old }),
        5 => json!([]),
        6 => json!({}),
        7 => other.clone(),
        8 => match old {
            // what was a text as a number, and the other way round
            Value::String(s) => number(s),
            Value::Number(n) => json!(n.to_string()),
            v => v.clone(),
        },
        9 => match text.parse::<i64>() {
            Ok(n) => json!((n.wrapping_add(c.below(5) as i64 - 2)).to_string()),
            Err(_) => json!(format!("{text}{}", c.of(&TEXTS))),
        },
        10 => match text.split_once('.') {
            Some((whole, part)) => json!(format!("{whole}.{}{}", c.below(10), part.get(1..).unwrap_or_default())),
            None => json!(format!("-{text}")),
        },
        11 => json!(text.repeat(2 + c.below(300))),
        12 => json!(text.chars().take(c.below(text.len().max(1))).collect::<String>()),
        13 => {
            let at = c.below(text.chars().count() + 1);
            let mut letters: Vec<char> = text.chars().collect();
            letters.splice(at..at, c.of(&TEXTS).chars());
            json!(letters.into_iter().collect::<String>())
        }
        _ => match old {
            Value::Array(l) if !l.is_empty() => {
                Value::Array(l.iter().cycle().take(l.len() + 1 + c.below(40)).cloned().collect())
            }
            Value::Object(m) => {
                Value::Object(m.iter().filter(|_| !c.one_in(4)).map(|(k, v)| (k.clone(), v.clone())).collect())
            }
            v => json!([v, v]),
        },
    }
}

/// Takes a place away, or puts it under another name.
fn moved(message: &mut Value, at: &str, c: &mut Chance) {
    let Some((parent, key)) = at.rsplit_once('/') else { return };
    match message.pointer_mut(parent) {
        Some(Value::Object(m)) => {
            let value = m.remove(key);
            let name = match c.below(3) {
                0 => return,
                1 => key.to_uppercase(),
                _ => format!("{key}_x"),
            };
            m.insert(name, value.unwrap_or_default());
        }
        Some(Value::Array(l)) => {
            let at = key.parse().unwrap_or(0);
            if at < l.len() {
                l.remove(at);
            }
        }
        _ => {}
    }
}

/// A message with one to three changes, as bytes.
fn mutated(message: &Value, corpus: &[Value], c: &mut Chance) -> Vec<u8> {
    let mut m = message.clone();
    for _ in 0..1 + c.below(3) {
        let mut all = Vec::new();
        places(&m, "", &mut all);
        // mostly in the input: the envelope is small and soon known
        let inner: Vec<&String> = all.iter().filter(|p| p.starts_with("/input/")).collect();
        if all.is_empty() {
            break;
        }
        let at = if inner.is_empty() || c.one_in(8) { c.of(&all).clone() } else { (*c.of(&inner)).clone() };
        if c.one_in(5) {
            moved(&mut m, &at, c);
            continue;
        }
        let other = c.of(corpus);
        let mut others = Vec::new();
        places(other, "", &mut others);
        let other = others.get(c.below(others.len())).and_then(|p| other.pointer(p)).unwrap_or(&Value::Null);
        if let Some(place) = m.pointer_mut(&at) {
            *place = changed(place, other, c);
        }
    }
    let mut bytes = m.to_string().into_bytes();
    if c.one_in(12) {
        let at = c.below(bytes.len());
        match c.below(5) {
            0 => bytes.truncate(at),
            1 => bytes[at] = c.next() as u8,
            2 => bytes.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
            3 => bytes.splice(at..at, b"[".repeat(200)).for_each(drop),
            // the same key twice
            _ => bytes.splice(1..1, *b"\"infno\":\"2207\",\"input\":{},").for_each(drop),
        }
    }
    bytes
}

/// The server reads no more of a message.
const BODY_MOST: usize = dingan_http::server::BODY_LIMIT;

struct Campaign<'s> {
    seed: u64,
    server: &'s Server,
    agent: ureq::Agent,
    url: String,
    chance: Chance,
    corpus: Vec<Value>,
    sent: usize,
    /// Answers by transaction: done, refused.
    seen: BTreeMap<&'static str, (usize, usize)>,
    log: Vec<String>,
}

impl<'s> Campaign<'s> {
    fn new(server: &'s Server, seed: u64) -> Self {
        Self {
            seed,
            server,
            agent: ureq::Agent::config_builder().http_status_as_error(false).build().into(),
            url: format!("http://{}/fsi/api/rsfComIfsService/callService", server.address()),
            chance: Chance(seed),
            corpus: plain_messages().values().cloned().collect(),
            sent: 0,
            seen: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// Everything a message could change.
    fn contents(&self) -> (i64, dingan_store::Counts) {
        self.server.runtime.block_on(async {
            let mut snap = self.server.agency().store().snapshot().await.unwrap();
            (snap.as_of(), snap.counts().await.unwrap())
        })
    }

    fn last_commit(&self) -> i64 {
        self.server.runtime.block_on(async { self.server.agency().store().snapshot().await.unwrap().as_of() })
    }

    /// Sends, and holds the answer to what must hold of any.
    fn send(&mut self, route: &'static Route, body: &[u8]) -> Value {
        self.sent += 1;
        let before = self.last_commit();
        let said = |what: &str, more: &str| -> ! {
            panic!("{what} (seed {}): {}\n{more}", self.seed, String::from_utf8_lossy(body));
        };
        let answer = self.agent.post(&self.url).header("content-type", "application/json").send(body);
        let mut answer = answer.unwrap_or_else(|e| said("no answer", &e.to_string()));
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().unwrap_or_else(|e| said("no body", &e.to_string()));
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|e| said("no JSON", &e.to_string()));
        // nothing else is sent meanwhile: nothing may be too much, and nothing may have failed
        if status != 200 || asks_again(&answer) {
            said(&format!("status {status}"), &text);
        }
        let done = match answer["infcode"].to_string().as_str() {
            "0" => true,
            "-1" => false,
            _ => said("no infcode", &text),
        };
        // a body may have become that of another transaction
        let sent: Option<&Route> = serde_json::from_slice::<Value>(body).ok().and_then(|m| find(m["infno"].as_str()?));
        let sent = sent.unwrap_or(route);
        // a check keeps what it found, so that the hospital can answer to it (3103)
        let keeps = sent.mode == Mode::Change || matches!(sent.base, "3101" | "3102");
        let changes = done && keeps;
        let after = self.last_commit();
        if !changes && after != before {
            said("the store changed", &text);
        }
        let seen = self.seen.entry(route.infno).or_default();
        *if done { &mut seen.0 } else { &mut seen.1 } += 1;
        answer
    }

    /// Sends a body that is too large to be read: told so, or cut off in the middle.
    fn send_too_much(&mut self, body: &[u8]) {
        self.sent += 1;
        let before = self.last_commit();
        if let Ok(answer) = self.agent.post(&self.url).header("content-type", "application/json").send(body) {
            assert_eq!(answer.status().as_u16(), 413, "seed {}: {} bytes", self.seed, body.len());
        }
        assert_eq!(self.last_commit(), before, "seed {}", self.seed);
    }

    /// Sends a message, some changed ones before and after it, and gives the answer to the message itself.
    fn around(&mut self, route: &'static Route, message: &Value) -> Value {
        for _ in 0..self.chance.below(4) {
            let mut other = message.clone();
            // now and then under the id of the message itself
            if !self.chance.one_in(6) {
                other["msgid"] = json!(self.fresh_id(message));
            }
            let body = mutated(&other, &self.corpus, &mut self.chance);
            if body.len() > BODY_MOST { self.send_too_much(&body) } else { drop(self.send(route, &body)) }
        }
        let answer = self.send(route, message.to_string().as_bytes());
        self.corpus.push(message["input"].clone());
        if self.corpus.len() > 200 {
            let at = self.chance.below(200);
            self.corpus.swap_remove(at);
        }
        answer
    }

    fn fresh_id(&mut self, message: &Value) -> String {
        format!(
            "{}{:018}",
            message["fixmedins_code"].as_str().unwrap_or("H"),
            self.chance.next() % 1_000_000_000_000_000_000
        )
    }

    /// Plays an encounter, and after it whatever else there is to say about it.
    fn round(&mut self, e: &Encounter) {
        let mut ids = BTreeMap::from([("V1", String::new()), ("S1", String::new())]);
        let played = client::run(e, |infno, input| {
            let route = find(infno).unwrap();
            let message = client::envelope_for(e, infno, &msgid(&e.institution), now(), input);
            let answer = self.around(route, &message);
            for (name, pointers) in
                [("V1", ["/output/data/mdtrt_id", "/output/result/mdtrt_id"]), ("S1", ["/output/setlinfo/setl_id", ""])]
            {
                let found = pointers.iter().filter(|p| !p.is_empty()).find_map(|p| answer.pointer(p)?.as_str());
                if let Some(id) = found.filter(|id| !id.is_empty()) {
                    ids.insert(name, id.to_owned());
                }
            }
            match answer["infcode"].to_string().as_str() {
                "0" => Ok(answer["output"].clone()),
                // a changed message before it may be what is in the way
                _ => Err(()),
            }
        });
        if played.is_err() {
            self.log.push(e.key.clone());
        }
        let plain = plain_messages();
        for _ in 0..30 {
            let infno = *self.chance.of(&ROUTES.iter().map(|r| r.infno).collect::<Vec<_>>());
            let route = find(infno).unwrap();
            let mut input = plain[route.base].clone();
            own(&mut input, "", e, &ids, &plain_item(&self.server.county));
            let message = client::envelope_for(e, infno, &msgid(&e.institution), now(), input);
            self.around(route, &message);
        }
    }
}

/// A plain input for each transaction.
fn plain_messages() -> Map<String, Value> {
    let mut all: Map<String, Value> = serde_json::from_str(MESSAGES).unwrap();
    let mut in_process = all["3101"].clone();
    in_process["data"]["trig_scen"] = json!("9");
    all.insert("3102".to_owned(), in_process);
    all
}

/// Puts what is the encounter's own into a plain message.
fn own(v: &mut Value, key: &str, e: &Encounter, ids: &BTreeMap<&str, String>, item: &str) {
    match v {
        Value::Object(m) => m.iter_mut().for_each(|(k, v)| own(v, k, e, ids, item)),
        Value::Array(l) => l.iter_mut().for_each(|v| own(v, key, e, ids, item)),
        Value::String(s) => {
            let new = match (key, s.as_str()) {
                (_, "P1") => e.person.no.to_string(),
                (_, "V1" | "S1") => ids[s.as_str()].clone(),
                (_, "张某某") => e.person.name.clone(),
                ("certno" | "mdtrt_cert_no", _) => e.person.cert_no.clone(),
                ("insutype", _) => e.relation.insurance.to_string(),
                ("psn_type", _) => e.relation.person_type.to_string(),
                ("fixmedins_code" | "medins_code", _) => e.institution.code.to_string(),
                ("med_list_codg" | "hilist_code", "A") => item.to_owned(),
                ("chrg_bchno", _) => e.lines.first().map_or_else(|| "B1".to_owned(), |l| l.batch.clone()),
                ("medfee_sumamt", _) => e.total().to_string(),
                (_, t) if t.starts_with("2026-0") && t.len() == 19 => stamp(e.begin),
                (_, t) if t.starts_with("2026-0") && t.len() == 10 => e.begin.date().to_string(),
                _ => return,
            };
            *s = new;
        }
        _ => {}
    }
}

/// One campaign on a store of its own; gives how many messages it sent.
fn campaign(seed: u64) -> usize {
    let server = Server::start(120);
    // the county's people differ from day to day: a campaign that holds today must hold on any other
    let day = (now() - TimeDelta::days(1 + seed as i64 % 28)).date();
    let encounters = server.county.day(day, ROUNDS + 1);
    let (last, played) = encounters.split_last().unwrap();
    let mut c = Campaign::new(&server, seed);
    let before = c.contents();
    for e in played {
        c.round(e);
    }
    assert_ne!(c.contents(), before, "something was done");
    let unseen: Vec<_> = ROUTES.iter().map(|r| r.infno).filter(|i| !c.seen.contains_key(i)).collect();
    assert!(unseen.len() < 12, "the campaign met too few transactions: {unseen:?}");
    let (sent, refused): (usize, usize) = (c.sent, c.seen.values().map(|(_, r)| r).sum());
    assert!(refused * 4 > sent && refused < sent, "{refused} of {sent} were refused");

    // the books are as they must be, and go on as ever
    let wrong = server.runtime.block_on(server.agency().store().discrepancies()).unwrap();
    assert_eq!(wrong, Vec::<String>::new(), "seed {seed}");
    server.assert_balanced();
    let report = server.runtime.block_on(server.agency().replay(|_| {})).unwrap();
    assert_eq!((&report.different, &report.unbalanced), (&Vec::new(), &Vec::new()), "seed {seed}");
    let hospital = dingan::demo::Hospital::new(server.address());
    let went_on = client::run(last, |infno, input| {
        hospital.send(client::envelope_for(last, infno, &msgid(&last.institution), now(), input)).map(|(o, _)| o)
    });
    let stays = last.shape == Shape::Stay;
    assert!(went_on.is_ok(), "seed {seed}: a stay {stays}: {:?}", went_on.err());
    sent
}

#[test]
fn mutated_messages_are_answered_and_leave_the_books_in_order() {
    let kept = include_str!("fuzz/seeds.txt").lines().filter_map(|l| l.split(' ').next()?.parse::<u64>().ok());
    let number = |name: &str, or: u64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(or);
    let until = Instant::now() + Duration::from_secs(number("DINGAN_TEST_FUZZ_SECONDS", 5));
    let mut sent: usize = kept.map(campaign).sum();
    let first = number("DINGAN_TEST_FUZZ_SEED", 1);
    let mut campaigns = 0;
    while campaigns == 0 || Instant::now() < until {
        sent += campaign(first + campaigns);
        campaigns += 1;
    }
    eprintln!("{sent} messages in {campaigns} campaigns from seed {first}");
}
