//! Every decision of a day can be rebuilt, also after persons, catalogue and rules have changed since.

use crate::county::*;
use dingan::demo::send_day;
use dingan_core::money::Price;
use dingan_http::agency::PersonRows;

#[test]
fn a_day_is_rebuilt_byte_for_byte_after_everything_changed() {
    let server = Server::start(400);
    let date = (dingan::serve::now() - chrono::TimeDelta::days(1)).date();
    let day = send_day(server.address(), server.county.day(date, 120), 4);
    assert!(day.settled >= 100, "{day:?}");

    let agency = server.agency();
    server.runtime.block_on(async {
        let now = dingan::serve::now();
        // persons: everybody changes kind and is granted an identity; balances move
        let rows = server.county.persons.iter().map(|p| {
            let mut person = p.person.clone();
            person.birth = person.birth.succ_opt().unwrap();
            for r in &mut person.relations {
                r.person_type = "15".into();
            }
            PersonRows { person, own_balance: Some(dingan_core::money::Money::yuan(7)), family_balance: None }
        });
        agency.import_persons(rows.collect(), now, |_| {}).await.unwrap();
        // catalogue: every limit price halves, every ratio goes
        let mut contents = agency.live_contents().await.unwrap();
        for l in &mut contents.rows.catalogue.limits {
            l.limit = Price::from_units(l.limit.units() / 2);
        }
        contents.rows.catalogue.ratios.clear();
        contents.rows.knowledge.clear();
        // rules: all but one are withdrawn
        contents.rules.truncate(1);
        agency.publish(contents, "changed", now).await.unwrap();
    });

    let report = server.runtime.block_on(agency.replay(|_| {})).unwrap();
    assert_eq!(report.different, Vec::new());
    assert!(report.equal as u64 >= day.settled);
    assert!(report.unbalanced.is_empty());
}

#[test]
fn a_changed_decision_is_found() {
    let server = Server::embedded(50);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 0);
    let (visit, total) = outpatient(&desk, &p, "B1", &["60.00"]);
    desk.ok("2207", settle_input(&p, &visit, "B1", total));
    // one byte of the stored decision, changed behind the program's back
    change(&server, "d=bytearray(c.execute('select decision from settlement').fetchone()[0].encode()); d[-3]^=1");
    let report = server.runtime.block_on(server.agency().replay(|_| {})).unwrap();
    assert_eq!(report.different.len(), 1);
}

/// A program of another version that decides the same way replays the same, and says that it is another.
#[test]
fn another_version_of_the_program_is_told_apart_from_a_difference() {
    let server = Server::embedded(50);
    let desk = server.desk();
    let p = person(&server.county, "390", 20, 0);
    let (visit, total) = outpatient(&desk, &p, "B1", &["60.00"]);
    desk.ok("2207", settle_input(&p, &visit, "B1", total));
    change(
        &server,
        "d=json.loads(c.execute('select decision from settlement').fetchone()[0],parse_float=str); d['engine']='0.0.1'; \
         d=json.dumps(d,separators=(',',':'),ensure_ascii=False).encode()",
    );
    let report = server.runtime.block_on(server.agency().replay(|_| {})).unwrap();
    assert_eq!((report.equal, report.by_other_versions, report.different), (1, 1, Vec::new()));
}

/// Changes the stored decision behind the program's back: `make` binds `d`, its new bytes.
fn change(server: &Server, make: &str) {
    let code = format!(
        "import sqlite3,sys,json; c=sqlite3.connect(sys.argv[1]); {make}; \
         c.execute('update settlement set decision=?',(bytes(d).decode(),)); c.commit()"
    );
    let file = server.place.folder.path().join("dingan.db");
    let status = std::process::Command::new("python3").args(["-c", &code]).arg(&file).status().unwrap();
    assert!(status.success());
}
