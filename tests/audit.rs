//! The audit log through the program: what is done is on record, the chain is whole, and one changed byte is found.

use crate::county::*;
use crate::program::{dingan, text};
use dingan_store::Location;
use serde_json::{Value, json};

/// `--data` or `--database` of a server's store.
fn place(server: &Server) -> [String; 2] {
    match &server.place.at {
        Location::Folder(f) => ["--data".to_owned(), f.display().to_string()],
        Location::Postgres(url) => ["--database".to_owned(), url.clone()],
        other => panic!("{other}"),
    }
}

fn audit(server: &Server, args: &[&str]) -> std::process::Output {
    let place = place(server);
    let mut all = vec!["audit"];
    all.extend(args);
    all.extend(place.iter().map(String::as_str));
    dingan(&all)
}

fn rows(server: &Server) -> Vec<Value> {
    let listed = audit(server, &["list", "--json", "--after", "0"]);
    assert!(listed.status.success(), "{}", text(&listed));
    String::from_utf8(listed.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn what_was_done_is_on_record_and_one_changed_byte_is_found() {
    let mut server = Server::start(50);
    crate::inspect::rows(&server, "SELECT count(*) AS n FROM setl_d");
    let rows = rows(&server);
    let whats: Vec<&str> = rows.iter().map(|r| r["what"].as_str().unwrap()).collect();
    assert!(whats.starts_with(&["publish", "publish", "import persons"]), "{whats:?}");
    assert_eq!(whats.iter().filter(|w| **w == "inspect").count(), 2, "began and ended: {whats:?}");
    assert_eq!(rows[1]["detail"]["kind"], json!("sample county"));
    assert_eq!(rows[1]["detail"]["before"], rows[0]["subject"], "each bundle names the one before");
    for (i, r) in rows.iter().enumerate() {
        assert_eq!(r["seq"], json!(i + 1));
    }

    // beside the server that is running
    let whole = audit(&server, &["verify"]);
    assert!(whole.status.success(), "{}", text(&whole));
    let head = text(&whole).trim().rsplit(' ').next().unwrap().to_owned();
    assert!(audit(&server, &["verify", "--head", &head]).status.success());
    assert_eq!(audit(&server, &["verify", "--head", "nonsense"]).status.code(), Some(1));

    let running = server.running.take().unwrap();
    server.runtime.block_on(running.stop()).unwrap();
    match &server.place.at {
        Location::Folder(folder) => {
            let file = folder.join("dingan.db");
            let mut bytes = std::fs::read(&file).unwrap();
            let mark = b"\"kind\":\"sample county\"";
            let at = bytes.windows(mark.len()).position(|w| w == mark).unwrap();
            bytes[at + 8] ^= 1;
            std::fs::write(&file, bytes).unwrap();
        }
        at => {
            let name = at.to_string().rsplit('/').next().unwrap().to_owned();
            let postgres = dingan_test_postgres::shared().unwrap();
            postgres.sql(&name, "UPDATE audit_log SET detail = replace(detail, 'sample', 'rample') WHERE seq = 2");
        }
    }
    let broken = audit(&server, &["verify"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(text(&broken).contains("row 2 "), "{}", text(&broken));
    assert!(!audit(&server, &["verify", "--head", &head]).status.success());
}
