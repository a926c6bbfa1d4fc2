//! Rules as their authors work with them: a folder made, tested and put in force on a running server, refused when it
//! is wrong, and asked why.

use crate::county::*;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn dingan(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dingan")).args(args).output().unwrap()
}

fn text(o: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&o.stdout), String::from_utf8_lossy(&o.stderr))
}

fn good(args: &[&str]) -> String {
    let o = dingan(args);
    assert!(o.status.success(), "{args:?}: {}", text(&o));
    text(&o)
}

fn bad(args: &[&str]) -> String {
    let o = dingan(args);
    assert_eq!(o.status.code(), Some(1), "{args:?}: {}", text(&o));
    text(&o)
}

fn get(server: &Server, path: &str) -> Value {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut r = agent.get(format!("http://{}{path}", server.address())).call().unwrap();
    serde_json::from_str(&r.body_mut().read_to_string().unwrap()).unwrap()
}

/// Changes a file of the rule.
fn edit(folder: &Path, file: &str, from: &str, to: &str) {
    let path = folder.join(file);
    let before = std::fs::read_to_string(&path).unwrap();
    assert!(before.contains(from), "{before}");
    std::fs::write(path, before.replace(from, to)).unwrap();
}

#[test]
fn a_rule_goes_live_on_a_running_server_and_says_why() {
    let home = tempfile::tempdir().unwrap();
    let library = home.path().join("library");
    let made = good(&[
        "rules",
        "new",
        "conduct",
        "dear-visit",
        "--title",
        "单次费用过高",
        "--library",
        library.to_str().unwrap(),
    ]);
    let folder = PathBuf::from(made.trim());
    let code = folder.file_name().unwrap().to_str().unwrap().split('-').next().unwrap().to_owned();
    assert!(!dingan_rules::embedded_sources().iter().any(|s| s.path.contains(&code)), "{code} is free");
    let f = folder.to_str().unwrap();
    assert!(good(&["rules", "check", f]).contains("0 problems"));
    assert!(good(&["rules", "test", f]).contains("4 cases hold"));
    assert!(good(&["rules", "coverage", f]).contains("0 not reached"));

    // what is wrong is said with line and column, and changes nothing in force
    let server = Server::start(100);
    let url = format!("http://{}", server.address());
    let publish = ["rules", "publish", f, "--server", &url];
    let before = get(&server, "/ready")["bundle"].clone();
    edit(&folder, "rule.rhai", "claim.amount >", "claim.amuont >");
    assert!(
        bad(&["rules", "check", f]).contains("rule.rhai:1:10: no property `amuont`"),
        "{}",
        bad(&["rules", "check", f])
    );
    assert!(bad(&publish).contains("no property `amuont`"));
    edit(&folder, "rule.rhai", "claim.amuont >", "claim.amount / 2 >");
    assert!(bad(&["rules", "check", f]).contains("`/` on an amount"));
    edit(&folder, "rule.rhai", "claim.amount / 2 >", "claim.amount >=");
    assert!(bad(&publish).contains("exactly the limit"), "the boundary case fails");
    edit(&folder, "rule.rhai", "claim.amount >=", "claim.amount >");
    assert_eq!(get(&server, "/ready")["bundle"], before);

    // in force: the next claim meets it, without a restart
    edit(&folder, "rule.toml", "\"draft\"", "\"active\"");
    assert!(good(&publish).contains("is in force"));
    let live = get(&server, "/ready")["bundle"].clone();
    assert_ne!(live, before);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 0);
    let (visit, total) = outpatient(&desk, &p, "B1", &["900.00", "200.00"]);
    let settled = desk.ok("2207", settle_input(&p, &visit, "B1", total));
    let setl_id = settled["setlinfo"]["setl_id"].as_str().unwrap();
    let why = get(&server, &format!("/api/v1/settlements/{setl_id}/why/{code}"));
    assert_eq!(why["raised"], 1, "{why}");
    let condition = why["conditions"].as_array().unwrap().last().unwrap();
    assert_eq!((condition["actual"].as_str(), condition["wanted"].as_str()), (Some("1100.00"), Some("1000.00")));
    assert_eq!(condition["by"], "100.00");

    // why not, of a rule that was silent
    let (visit, total) = outpatient(&desk, &p, "B2", &["300.00"]);
    let settled = desk.ok("2207", settle_input(&p, &visit, "B2", total));
    let silent = settled["setlinfo"]["setl_id"].as_str().unwrap();
    let why = get(&server, &format!("/api/v1/settlements/{silent}/why/{code}"));
    assert_eq!((why["raised"].as_u64(), why["ran"].as_bool()), (Some(0), Some(true)), "{why}");
    assert_eq!(why["conditions"].as_array().unwrap().last().unwrap()["by"], "700.00");
    assert_eq!(get(&server, &format!("/api/v1/settlements/{silent}/why/DG9999"))["code"], "RULE_UNKNOWN");

    // another judgement under the same version is refused
    edit(&folder, "rule.toml", "value = \"1000\"", "value = \"900\"");
    assert!(bad(&publish).contains("raise `version`"));
    assert_eq!(get(&server, "/ready")["bundle"], live);
    server.assert_balanced();
}

#[test]
fn the_library_is_listed_and_documented() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("docs");
    let listed = good(&["rules", "list", "--data", home.path().join("none").to_str().unwrap()]);
    assert!(listed.contains("88 of the 88 national ones"), "{listed}");
    assert!(listed.contains("unavailable, and what each needs:"), "{listed}");
    good(&["rules", "docs", "--out", out.to_str().unwrap()]);
    let page = std::fs::read_to_string(out.join("DG1001.md")).unwrap();
    assert!(page.contains("| severity | breach |") && page.contains("```case flagged"), "{page}");
    assert!(std::fs::read_to_string(out.join("README.md")).unwrap().contains("[DG4009](DG4009.md)"));
}
