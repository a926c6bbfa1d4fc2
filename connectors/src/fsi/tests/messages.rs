//! One plain message for each transaction: `messages.json`, read here.

use serde_json::{Map, Value, json};

/// Every transaction with an input that is right. 3102 has that of 3101, at the trial of a settlement.
pub fn all() -> Vec<(String, Value)> {
    let mut inputs: Map<String, Value> = serde_json::from_str(include_str!("messages.json")).unwrap();
    let mut in_process = inputs["3101"].clone();
    in_process["data"]["trig_scen"] = json!("9");
    inputs.insert("3102".to_owned(), in_process);
    inputs.into_iter().collect()
}

/// The input of one transaction.
pub fn of(infno: &str) -> Value {
    all().into_iter().find(|(i, _)| *i == infno).unwrap().1
}

/// A fee line.
pub fn line(no: &str) -> Value {
    let mut line = of("2204")["feedetail"][0].clone();
    line["feedetl_sn"] = json!(no);
    line
}

fn an_encounter() -> Value {
    of("3101")["data"]["patient_dtos"][0]["fsi_encounter_dtos"][0].clone()
}

/// An order of 3101.
pub fn order(id: &str, current: &str) -> Value {
    let mut order = an_encounter()["fsi_order_dtos"][0].clone();
    (order["rx_id"], order["curr_drord_flag"]) = (json!(id), json!(current));
    order
}

/// An encounter of 3101.
pub fn encounter(id: &str, orders: Vec<Value>) -> Value {
    let mut encounter = an_encounter();
    (encounter["mdtrt_id"], encounter["fsi_order_dtos"]) = (json!(id), json!(orders));
    encounter
}
