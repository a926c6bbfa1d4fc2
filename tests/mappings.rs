//! An institution's own items and which national item each is: uploaded once, withdrawn once, never two at a time.

use crate::county::*;
use serde_json::{Value, json};

fn mapping(own: &str, item: &str, list_type: &str, begin: &str, end: &str) -> Value {
    json!({
        "fixmedins_hilist_id": own, "fixmedins_hilist_name": "样例院内项目", "list_type": list_type,
        "med_list_codg": item, "begndate": begin, "enddate": end, "spec": "样例规格"
    })
}

#[test]
fn mappings_are_taken_and_withdrawn() {
    let server = Server::start(20);
    let desk = server.desk();
    let items = &server.county.reference.catalogue.items;
    let (a, b) = (&items[0], items.iter().find(|i| i.code != items[0].code).unwrap());
    let of = |i: &dingan_core::bundle::CatalogueItem, own: &str, begin: &str, end: &str| {
        mapping(own, i.code.as_str(), i.list_type.as_str(), begin, end)
    };
    desk.ok(
        "3301",
        json!({"data": [of(a, "OWN1", "2025-01-01", "2026-12-31"), of(b, "OWN2", "2025-01-01", "2026-12-31")]}),
    );

    // the same days again, or another national item for them, is refused; later days are not
    let (code, path) = desk.refused(
        "3301",
        json!({"data": [of(b, "OWN3", "2025-01-01", "2025-12-31"), of(a, "OWN1", "2026-12-31", "2027-12-31")]}),
    );
    assert_eq!((code.as_str(), path.as_str()), ("MAPPING_EXISTS", "/input/data/1/fixmedins_hilist_id"));
    desk.ok("3301", json!({"data": [of(a, "OWN1", "2027-01-01", "2027-12-31")]}));
    assert_eq!(desk.refused("3301", json!({"data": [of(b, "OWN1", "2025-06-01", "2025-06-30")]})).0, "MAPPING_EXISTS");
    // nothing of a refused message was taken
    desk.ok("3301", json!({"data": [of(b, "OWN3", "2025-01-01", "2025-12-31")]}));

    let (code, path) =
        desk.refused("3301", json!({"data": [mapping("OWN4", "NOSUCH", "101", "2025-01-01", "2025-12-31")]}));
    assert_eq!((code.as_str(), path.as_str()), ("ITEM_UNKNOWN", "/input/data/0/med_list_codg"));
    let (code, _) = desk.refused("3301", json!({"data": [of(a, "OWN4", "2025-12-31", "2025-01-01")]}));
    assert_eq!(code, "TIME_RANGE");
    let many: Vec<Value> = (0..101).map(|n| of(a, &format!("M{n}"), "2025-01-01", "2025-12-31")).collect();
    let (code, _) = desk.refused("3301", json!({"data": many}));
    assert_eq!(code, "TOO_MANY");

    let which = json!({
        "fixmedins_code": desk.institution.code, "fixmedins_hilist_id": "OWN2", "list_type": b.list_type,
        "med_list_codg": b.code
    });
    let mut other = which.clone();
    other["fixmedins_code"] = json!("H00000000000");
    assert_eq!(desk.refused("3302", other).0, "INSTITUTION_OTHER");
    desk.ok("3302", which.clone());
    assert_eq!(desk.refused("3302", which).0, "MAPPING_UNKNOWN");
    desk.ok("3301", json!({"data": [of(a, "OWN2", "2025-06-01", "2025-12-31")]}));
}

#[test]
fn a_mapping_sent_again_is_answered_as_before() {
    let server = Server::start(20);
    let desk = server.desk();
    let item = &server.county.reference.catalogue.items[0];
    let input =
        json!({"data": [mapping("OWN1", item.code.as_str(), item.list_type.as_str(), "2025-01-01", "2025-12-31")]});
    let message = desk.message("3301", input);
    let first = desk.exchange(&message);
    assert_eq!(first["infcode"], desk.exchange(&message)["infcode"]);
    assert_eq!(first["infcode"].to_string().trim_matches('"'), "0", "{first}");
}
