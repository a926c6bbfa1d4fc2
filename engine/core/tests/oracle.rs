//! The engine held against an independent computation of the same documents: `tests/oracle`, in Python.
//!
//! Its generator draws policies, persons and claims at random and says what must come out. Every amount, line,
//! payment and accumulator entry is compared to the fen; a claim that one side refuses the other must refuse.
//!
//! `DINGAN_ORACLE_CASES` (3000) and `DINGAN_ORACLE_SEED` (1) choose how many cases and which.

#[path = "oracle/case.rs"]
mod case;

use case::{Case, Outcome, Year};
use dingan_core::bundle::Bundle;
use dingan_core::correction::{Books, Drawn, correct, net};
use dingan_core::ledger::{Posting, balances, postings};
use dingan_core::money::Money;
use dingan_core::person::PersonFile;
use dingan_core::policy::check;
use dingan_core::pricing::price;
use dingan_core::rebuild::{Difference, YearEvent, rebuild_year};
use dingan_core::resolve::resolve;
use serde_json::Value;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Differences that are shown; all are counted.
const SHOWN: usize = 3;

#[test]
fn the_engine_and_the_oracle_agree() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: not a number")))
    };
    let (cases, seed) = (number("DINGAN_ORACLE_CASES", 3000), number("DINGAN_ORACLE_SEED", 1));
    let Some((mut generator, stream)) = generate(seed, cases) else { return };

    let (mut read, mut different) = (0, 0);
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        if let Err(difference) = compare(&line) {
            different += 1;
            if different <= SHOWN {
                let file = std::env::temp_dir().join(format!("dingan-oracle-{seed}-{read}.json"));
                std::fs::write(&file, &line).unwrap();
                eprintln!("case {read} of seed {seed}, written to {}:\n{difference}\n", file.display());
            }
        }
        read += 1;
    }
    assert!(generator.wait().unwrap().success(), "the generator failed after {read} cases");
    assert_eq!(read, cases, "the generator stopped early");
    assert_eq!(different, 0, "of {cases} cases of seed {seed}");
}

/// Starts the generator. None where there is no Python to run it, which only a developer's machine may lack.
fn generate(seed: u64, cases: u64) -> Option<(Child, ChildStdout)> {
    let script = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../tests/oracle/generate.py");
    let started = Command::new("python3")
        .arg(script)
        .args(["--seed", &seed.to_string(), "--count", &cases.to_string()])
        .stdout(Stdio::piped())
        .spawn();
    match started {
        Ok(mut child) => {
            let stream = child.stdout.take()?;
            Some((child, stream))
        }
        Err(e) if e.kind() == ErrorKind::NotFound && std::env::var_os("CI").is_none() => {
            // written past the test harness, which shows nothing of a test that passes
            let skipped = b"\n*** SKIPPED: no python3, so the engine was NOT held against the oracle ***\n";
            std::io::stderr().write_all(skipped).unwrap();
            None
        }
        Err(e) => panic!("python3 cannot be started: {e}"),
    }
}

/// Settles a case, and says how the result differs from the expected one.
fn compare(line: &str) -> Result<(), String> {
    let case: Case = serde_json::from_str(line).map_err(|e| format!("the case cannot be read: {e}"))?;
    for policy in &case.policies {
        let errors: Vec<_> = check(policy).into_iter().filter(|p| !p.warning).collect();
        if !errors.is_empty() {
            return Err(format!("the policy is wrong: {errors:#?}"));
        }
    }
    let (claim, file, bundle) = (case.claim(), case.person_file(), case.bundle());
    let outcome = match resolve(claim.clone(), file, &bundle) {
        Ok(facts) => {
            let priced = price(&facts);
            let broken = priced.amounts.broken_identities();
            if !broken.is_empty() {
                return Err(format!("{broken:?} do not hold: {:#?}", priced.amounts));
            }
            Outcome::of(&priced, &claim)
        }
        Err(e) => Outcome::Refused { refused: e.code().to_owned() },
    };
    if outcome != case.expected {
        return Err(difference(&case.expected, &outcome));
    }
    case.year.as_ref().map_or(Ok(()), |year| corrected(&case, year))
}

/// Settles the visits of a year one after the other, reverses one, and holds what the others would be now against
/// the oracle: the proposals, and for the rest what they were settled at.
fn corrected(case: &Case, year: &Year) -> Result<(), String> {
    let (mut file, bundle) = (case.person_file(), case.bundle());
    let (mut events, mut posted) = (Vec::new(), Vec::new());
    for (n, at) in year.visits.iter().enumerate() {
        let claim = case.claim_of(at);
        let facts = resolve(claim.clone(), file.clone(), &bundle).map_err(|e| format!("visit {n}: {e}"))?;
        let priced = price(&facts);
        let outcome = Outcome::of(&priced, &claim);
        if outcome != at.expected {
            return Err(format!("visit {n} of the year\n{}", difference(&at.expected, &outcome)));
        }
        posted.push(postings(&facts, &priced));
        file.entries.extend(priced.entries);
        events.push(YearEvent { settlement: format!("S{n}").into(), claim, decided: priced.amounts });
    }
    let unchanged = rebuild_year(&events, &file, &bundle);
    if !unchanged.is_empty() {
        return Err(format!("a year rebuilt from its own settlements differs: {unchanged:#?}"));
    }
    events.remove(year.reversed);
    posted.remove(year.reversed);
    let differences = rebuild_year(&events, &file, &bundle);
    for (event, want) in events.iter().zip(&year.after) {
        let now = match differences.iter().find(|d| d.settlement == event.settlement) {
            Some(d) => d.now.as_ref().map(Outcome::amounts_of),
            None => Some(Outcome::amounts_of(&event.decided)),
        };
        if now != want.amounts() {
            return Err(format!(
                "{:?} after the reversal of visit {}: {now:?}, oracle {want:?}",
                event.settlement, year.reversed
            ));
        }
    }
    applied(&mut events, &mut posted, &differences, &file, &bundle)
}

/// Applies the proposals, the last one first: each posts what balances and brings the books to what the oracle wants,
/// and then nothing differs any more but for what cannot be settled now.
fn applied(
    events: &mut [YearEvent],
    posted: &mut [Vec<Posting>],
    differences: &[Difference],
    file: &PersonFile,
    bundle: &Bundle,
) -> Result<(), String> {
    for d in differences.iter().rev() {
        let Some(now) = &d.now else { continue };
        let at = events.iter().position(|e| e.settlement == d.settlement).ok_or("a proposal for no settlement")?;
        let of_account = |p: &&Posting| p.account.starts_with("account/");
        let drawn = |p: &Posting| Drawn { account: p.account.clone(), amount: p.amount };
        let drawn = net(&posted[at]).iter().filter(of_account).map(drawn).collect();
        let books = Books { posted: posted[at].clone(), drawn };
        let c = correct(events, file, bundle, &d.settlement, &books).ok_or("a proposal that cannot be applied")?;
        posted[at].extend(c.postings.iter().cloned());
        let on = |account: &str| -> Money {
            posted[at].iter().filter(|p| p.account.starts_with(account)).map(|p| p.amount).sum()
        };
        let person = on("account/") + on("cash/") + on("insured/");
        let right = (on("fund/"), on("hospital-borne/"), person) == (now.funds, now.hospital, now.person);
        if !right || !balances(&c.postings) || c.now.account != on("account/") || c.now.cash.is_negative() {
            return Err(format!("{:?} corrected to {now:?}: posted {:?}", d.settlement, posted[at]));
        }
        events[at].decided = c.now;
    }
    match rebuild_year(events, file, bundle).iter().all(|d| d.now.is_none()) {
        true => Ok(()),
        false => Err("a year whose proposals are applied still differs".to_owned()),
    }
}

/// What differs, field by field, and then both results.
fn difference(expected: &Outcome, outcome: &Outcome) -> String {
    let (expected, outcome) = (serde_json::to_value(expected).unwrap(), serde_json::to_value(outcome).unwrap());
    let mut out = String::new();
    if let (Value::Object(want), Value::Object(got)) = (&expected, &outcome) {
        for (name, want) in want {
            let got = got.get(name).unwrap_or(&Value::Null);
            if want != got {
                out += &format!("  {name}\n    oracle {want}\n    engine {got}\n");
            }
        }
    }
    format!("{out}  oracle: {expected}\n  engine: {outcome}")
}
