//! Large messages are refused fast.

use super::*;
use std::time::{Duration, Instant};

fn quick(body: &str) -> Seen {
    let start = Instant::now();
    let seen = send_bytes(&Fake::new(), &lenient(), body.as_bytes());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    seen
}

fn lines(n: usize) -> String {
    let line = messages::line("@").to_string();
    let lines: Vec<String> = (1..=n).map(|i| line.replace('@', &i.to_string())).collect();
    message("2204", json!({"feedetail": "@"})).to_string().replace("\"@\"", &format!("[{}]", lines.join(",")))
}

#[test]
fn five_thousand_lines_are_read_and_one_more_is_not() {
    assert!(quick(&lines(5_000)).handled.ok);
    let seen = quick(&lines(5_001));
    assert_eq!(seen.error(), ("LIST_TOO_LONG", "/input/feedetail"));
    assert!(seen.text("err_hint").contains("分批"));
}

#[test]
fn a_million_lines() {
    let body = format!(r#"{{"infno":"2204","input":{{"feedetail":[{}{{}}]}}}}"#, "{},".repeat(1_000_000));
    assert_eq!(quick(&body).error(), ("LIST_TOO_LONG", "/input/feedetail"));
}

#[test]
fn depth_and_size() {
    let deep = format!(r#"{{"infno":"2204","input":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(quick(&deep).error().0, "JSON_TOO_DEEP");
    let wide = format!(r#"{{"infno":"2204",{}"input":{{}}}}"#, r#""a":1,"#.repeat(500_000));
    assert_eq!(quick(&wide).error().0, "MESSAGE_TOO_LARGE");
    let inner = json!(format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000)));
    assert_eq!(
        quick(&message("2204", inner).to_string()).error(),
        ("JSON_TOO_DEEP", "/input/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0")
    );
    let long = message("2404", json!({"data": {"mdtrt_id": "x".repeat(8_000_000), "psn_no": "P1"}}));
    assert_eq!(quick(&long.to_string()).error(), ("FIELD_TOO_LONG", "/input/data/mdtrt_id"));
    let digits = message("2207", messages::of("2207")).to_string().replace("4225.54", &"9".repeat(8_000_000));
    assert_eq!(quick(&digits).error(), ("NUMBER_MALFORMED", "/input/data/medfee_sumamt"));
}

#[test]
fn a_profile_may_lower_the_bounds() {
    let profile = Profile::from_toml("name='x'\ntitle='x'\nregion='460000'\nlimits.lines=1").unwrap();
    let seen = send(&Fake::new(), &profile, &message("2204", messages::of("2204")));
    assert_eq!(seen.error(), ("LIST_TOO_LONG", "/input/feedetail"));
}

#[test]
fn warnings_and_errors_stay_short() {
    let mut data = messages::of("2404");
    for i in 0..1_000 {
        data["data"][format!("unknown_field_number_{i:04}")] = json!("x");
    }
    let seen = quick(&message("2404", data).to_string()).ok();
    assert!(seen.text("warn_msg").chars().count() <= 2_000);
    let bad = lines(5_000).replace("\"A\"", "\"\"");
    let seen = quick(&bad);
    assert!(seen.text("err_msg").contains("共5000处"));
    assert_eq!(seen.errors().len(), 20);
}
