//! A hospital's system that does not give up: a message without an answer is sent again as it was, to whichever
//! server is there, and what was answered is kept.

use dingan::demo::Hospital;
use dingan::serve::now;
use dingan_connectors::fsi::routes;
use dingan_connectors::sample::{Encounter, Shape, client};
use dingan_core::bundle::Institution;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often a message is sent before the test gives up.
const TRIES: usize = 2_000;

static NUMBER: AtomicU64 = AtomicU64::new(1);

/// An id no other message of this process has.
pub fn msgid(institution: &Institution) -> String {
    format!("{}{:018}", institution.code, NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// A message that was answered.
pub struct Acknowledged {
    pub message: String,
    pub output: String,
}

/// A settlement that was acknowledged.
#[derive(Debug, Clone)]
pub struct Made {
    pub setl_id: String,
    pub output: Value,
    pub encounter: Encounter,
}

/// Says when a thread ends, however it ends, so that nobody waits for one that failed.
pub struct Ends<'a>(pub &'a AtomicU64);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether an answer asks for the same message again.
pub fn asks_again(answer: &Value) -> bool {
    let code = answer["err_code"].as_str().unwrap_or_default();
    ["TRY_AGAIN", "BUSY", "TOO_MANY_REQUESTS", "TOO_SLOW"].contains(&code)
}

/// Whether a message changes nothing, and is answered afresh each time.
pub fn is_query(message: &str) -> bool {
    let message: Value = serde_json::from_str(message).unwrap();
    routes::find(message["infno"].as_str().unwrap()).unwrap().mode == routes::Mode::Query
}

/// Its line to the servers. `whereto` says where to send; it is told whether the last server did not answer.
pub struct Line<F> {
    hospitals: HashMap<SocketAddr, Hospital>,
    whereto: F,
    pub acknowledged: Vec<Acknowledged>,
}

impl<F: FnMut(bool) -> SocketAddr> Line<F> {
    pub fn new(whereto: F) -> Self {
        Self { hospitals: HashMap::new(), whereto, acknowledged: Vec::new() }
    }

    /// Sends until there is an answer, and keeps it where something was done.
    pub fn deliver(&mut self, message: &Value) -> Value {
        let message = message.to_string();
        let mut lost = false;
        for _ in 0..TRIES {
            let address = (self.whereto)(lost);
            let answer = self.hospitals.entry(address).or_insert_with(|| Hospital::new(address)).exchange(&message);
            match answer {
                Ok(a) if asks_again(&a) => std::thread::sleep(Duration::from_millis(20)),
                Ok(a) => {
                    let code = a["infcode"].to_string();
                    if code == "0" {
                        self.acknowledged.push(Acknowledged { message, output: a["output"].to_string() });
                    }
                    return a;
                }
                Err(_) => {
                    lost = true;
                    self.hospitals.remove(&address);
                }
            }
        }
        panic!("no answer after {TRIES} tries");
    }

    fn output(&mut self, message: &Value) -> Result<Value, String> {
        let answer = self.deliver(message);
        match answer["infcode"].to_string().as_str() {
            "0" => Ok(answer["output"].clone()),
            _ => Err(answer["err_code"].as_str().unwrap_or_default().to_owned()),
        }
    }

    /// Plays an encounter to its settlement; the error is the code of a refusal.
    pub fn play(&mut self, encounter: &Encounter) -> Result<Made, String> {
        let output = client::run(encounter, |infno, input| {
            let id = msgid(&encounter.institution);
            self.output(&client::envelope_for(encounter, infno, &id, now(), input))
        });
        match output {
            Ok(output) => Ok(made(output, encounter)),
            Err(client::RunError::Send { error, infno }) => Err(format!("{infno} {error}")),
            Err(e) => Err(e.to_string()),
        }
    }

    /// Takes a settlement back.
    pub fn reverse(&mut self, made: &Made) -> Result<Value, String> {
        let infno = if made.encounter.shape == Shape::Stay { "2305" } else { "2208" };
        self.again(made, infno, json!({"data": {
            "psn_no": made.encounter.person.no, "setl_id": made.setl_id, "mdtrt_id": made.output["setlinfo"]["mdtrt_id"],
        }}))
    }

    /// A further message about an encounter.
    pub fn again(&mut self, made: &Made, infno: &str, input: Value) -> Result<Value, String> {
        let id = msgid(&made.encounter.institution);
        self.output(&client::envelope_for(&made.encounter, infno, &id, now(), input))
    }

    /// Settles a bill that was taken back, as it was sent the first time, under a new id.
    pub fn settle_again(&mut self, made: &Made) -> Result<Made, String> {
        let infno = if made.encounter.shape == Shape::Stay { "2304" } else { "2207" };
        let first = self.acknowledged.iter().rev().find_map(|a| {
            let m: Value = serde_json::from_str(&a.message).ok()?;
            (m["infno"] == infno && a.output.contains(&made.setl_id)).then(|| m["input"].clone())
        });
        let mut input = first.unwrap_or_else(|| panic!("{} was not settled over this line", made.setl_id));
        // what the first was split into may not be what it is split into now
        for part in ["fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt"] {
            input["data"][part] = json!("0");
        }
        Ok(self::made(self.again(made, infno, input)?, &made.encounter))
    }
}

fn made(output: Value, encounter: &Encounter) -> Made {
    let setl_id = output["setlinfo"]["setl_id"].as_str().unwrap_or_else(|| panic!("no setl_id: {output}")).to_owned();
    Made { setl_id, output, encounter: encounter.clone() }
}
