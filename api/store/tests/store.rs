//! One suite on both databases: every test runs on a file of SQLite and on a real PostgreSQL server.

use dingan_core::codes::*;
use dingan_core::money::Money;
use dingan_core::person::Person;
use dingan_store::{
    AccountMove, Audit, AuditEntry, AuditHead, Broken, CommitError, Committed, Guard, Invoice, Location, MessageKey,
    NewSettlement, NewVoid, Nonce, Shown, Store, StoreError, StoredSettlement, Verified, VisitDoc, Write,
};
use sqlx::{ConnectOptions as _, Connection as _};
use std::sync::Arc;
use tempfile::TempDir;

/// A store of its own, which can be opened again (and, on PostgreSQL, by a second server beside the first).
struct Place {
    at: Location,
    database: Option<String>,
    _folder: TempDir,
}

impl Place {
    fn sqlite() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        Some(Self { at: Location::Folder(folder.path().to_path_buf()), database: None, _folder: folder })
    }

    fn postgres() -> Option<Self> {
        let server = dingan_test_postgres::shared()?;
        let name = server.database();
        let folder = tempfile::tempdir().unwrap();
        Some(Self { at: Location::parse(&server.url(&name)).unwrap(), database: Some(name), _folder: folder })
    }

    async fn open(&self) -> Store {
        Store::open(&self.at).await.unwrap()
    }

    /// Runs statements behind the program's back.
    async fn sql(&self, text: &str) {
        match (&self.database, &self.at) {
            (Some(name), _) => drop(dingan_test_postgres::shared().unwrap().sql(name, text)),
            (None, Location::Folder(folder)) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("dingan.db"));
                let mut c = options.connect().await.unwrap();
                sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned())).execute(&mut c).await.unwrap();
                c.close().await.unwrap();
            }
            _ => unreachable!("an embedded store of a test is in a folder"),
        }
    }

    /// A second server where the database can have one, else the first again.
    async fn beside(&self, first: &Store) -> Store {
        if self.database.is_some() { self.open().await } else { first.clone() }
    }
}

/// The same test on each database.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => { $(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn sqlite() {
                if let Some(p) = super::Place::sqlite() { super::$name(p).await }
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn postgres() {
                if let Some(p) = super::Place::postgres() { super::$name(p).await }
            }
        }
    )* };
}

on_both!(
    a_change_is_there_when_it_is_answered,
    a_book_that_moved_on_is_a_conflict,
    a_message_is_answered_once,
    keys_of_any_letters_are_found,
    a_message_cancelled_in_advance_is_refused,
    a_change_that_cannot_be_stored_takes_no_other_with_it,
    a_change_that_panics_takes_no_other_with_it,
    a_change_whose_statement_fails_is_left_alone_with_it,
    numbers_become_visible_in_their_order,
    what_is_built_early_has_its_number,
    an_account_is_never_overdrawn,
    answers_go_out_while_others_wait,
    everything_is_there_after_opening_again,
    lists_of_any_length,
    one_changed_byte_of_the_audit_log_is_found,
    the_audit_log_is_one_chain_whoever_writes,
    a_nonce_is_first_once,
    a_bill_is_read_whole,
    a_line_settled_twice_is_found,
    a_store_in_a_newer_form_is_refused,
);

fn person(no: &str, name: &str) -> Person {
    serde_json::from_value(serde_json::json!({
        "no": no, "cert_type": "01", "cert_no": format!("C{no}"), "name": name, "sex": "male", "birth": "1980-01-01",
        "relations": [], "family_account": "F1"
    }))
    .unwrap()
}

fn no_invoice() -> Invoice {
    Invoice { institution: "H1".into(), number: String::new() }
}

fn message(msgid: &str) -> MessageKey {
    MessageKey {
        institution: "H1".into(),
        infno: "2207".to_owned(),
        msgid: msgid.to_owned(),
        input_hash: "h".to_owned(),
    }
}

fn writes(p: Person) -> dingan_store::WriteFn {
    Box::new(move |no| Write { kind: "test", persons: vec![p], answer: format!("{no}"), ..Write::default() })
}

async fn put(store: &Store, p: Person) -> Result<Committed, CommitError> {
    let as_of = store.snapshot().await?.as_of();
    store.commit(Guard { as_of, persons: vec![p.no.clone()], ..Guard::default() }, writes(p)).await
}

async fn move_account(store: &Store, fen: i64) -> Result<Committed, CommitError> {
    let mut snap = store.snapshot().await?;
    let (as_of, state) = (snap.as_of(), snap.family_account("F1").await?);
    drop(snap);
    if (state.balance + Money::fen(fen)).is_negative() {
        return Err(CommitError::Store(StoreError::Busy));
    }
    let accounts = vec![AccountMove::family("F1", Money::fen(fen))];
    store
        .commit(Guard { as_of, accounts, ..Guard::default() }, Box::new(|_| Write { kind: "move", ..Write::default() }))
        .await
}

async fn a_change_is_there_when_it_is_answered(place: Place) {
    let store = place.open().await;
    assert_eq!(store.snapshot().await.unwrap().as_of(), 0);
    let done = put(&store, person("P1", "a")).await.unwrap();
    assert_eq!((done.commit_no, done.answer.as_str()), (1, "1"));
    let other = place.beside(&store).await;
    let mut snap = other.snapshot().await.unwrap();
    let found = snap.person(&"P1".into()).await.unwrap().unwrap();
    assert_eq!((found.person.name.as_str(), found.as_of), ("a", 1));
    assert_eq!(snap.persons_by_cert("cp1").await.unwrap(), vec![PersonNo::from("P1")]);
    // as it was known before
    let mut before = other.snapshot_at(0).await.unwrap();
    assert!(before.person(&"P1".into()).await.unwrap().is_none());
}

async fn a_book_that_moved_on_is_a_conflict(place: Place) {
    let store = place.open().await;
    put(&store, person("P1", "a")).await.unwrap();
    let stale = Guard { as_of: 0, persons: vec!["P1".into()], ..Guard::default() };
    match store.commit(stale, writes(person("P1", "b"))).await {
        Err(CommitError::Conflict(book)) => assert_eq!(book, "P1"),
        other => panic!("{other:?}"),
    }
    let mut snap = store.snapshot().await.unwrap();
    assert_eq!(snap.person(&"P1".into()).await.unwrap().unwrap().person.name, "a");
    // another person's book is another
    let other = Guard { as_of: 0, persons: vec!["P2".into()], ..Guard::default() };
    store.commit(other, writes(person("P2", "b"))).await.unwrap();
}

async fn a_message_is_answered_once(place: Place) {
    let store = place.open().await;
    let other = place.beside(&store).await;
    let tries = (0..40).map(|i| {
        let store = if i % 2 == 0 { store.clone() } else { other.clone() };
        tokio::spawn(async move {
            let guard = Guard { message: Some(message("M1")), ..Guard::default() };
            store.commit(guard, Box::new(move |_| Write { answer: format!("a{i}"), ..Write::default() })).await
        })
    });
    let mut done = Vec::new();
    for t in tries.collect::<Vec<_>>() {
        match t.await.unwrap() {
            Ok(c) => done.push(c.answer),
            Err(CommitError::Answered) => {}
            Err(e) => panic!("{e}"),
        }
    }
    assert_eq!(done.len(), 1);
    let mut snap = store.snapshot().await.unwrap();
    let kept = snap.message(&"H1".into(), "2207", "M1").await.unwrap().unwrap();
    assert_eq!(kept.answer.as_deref(), Some(done[0].as_str()));
}

async fn a_message_cancelled_in_advance_is_refused(place: Place) {
    let store = place.open().await;
    let undo = Guard { message: Some(message("M2")), cancels: Some(message("M1")), ..Guard::default() };
    store.commit(undo.clone(), Box::new(|_| Write::default())).await.unwrap();
    let late = Guard { message: Some(message("M1")), ..Guard::default() };
    assert!(matches!(store.commit(late, Box::new(|_| Write::default())).await, Err(CommitError::Answered)));
    let again = Guard { message: Some(message("M3")), ..undo };
    assert!(matches!(store.commit(again, Box::new(|_| Write::default())).await, Err(CommitError::Answered)));
    let mut snap = store.snapshot().await.unwrap();
    assert_eq!(snap.message(&"H1".into(), "2207", "M1").await.unwrap().unwrap().answer, None);
}

/// Sends changes so that they are likely to be one group.
async fn together(store: &Store, changes: Vec<(Guard, dingan_store::WriteFn)>) -> Vec<Result<Committed, CommitError>> {
    let running: Vec<_> = changes
        .into_iter()
        .map(|(guard, build)| {
            let store = store.clone();
            tokio::spawn(async move { store.commit(guard, build).await })
        })
        .collect();
    let mut out = Vec::new();
    for r in running {
        out.push(r.await.unwrap());
    }
    out
}

async fn a_change_that_cannot_be_stored_takes_no_other_with_it(place: Place) {
    let store = place.open().await;
    let guard = |n: &str| Guard { persons: vec![n.into()], ..Guard::default() };
    let long = "x".repeat(5000);
    let mut changes: Vec<(Guard, dingan_store::WriteFn)> =
        (0..20).map(|i| (guard(&format!("P{i}")), writes(person(&format!("P{i}"), "a")))).collect();
    changes.insert(7, (guard("N\0"), writes(person("N\0", "a"))));
    changes.insert(9, (guard(&long), writes(person(&long, "a"))));
    let results = together(&store, changes).await;
    for (i, r) in results.into_iter().enumerate() {
        assert_eq!(r.is_ok(), i != 7 && i != 9, "{i}: {r:?}");
    }
    // a text of any length and any other character is stored as it is
    let odd = format!("\u{1}'\";--\\ 汉字 🀄 {long}{long}");
    put(&store, person("Q", &odd)).await.unwrap();
    let mut snap = store.snapshot().await.unwrap();
    assert_eq!(snap.person(&"Q".into()).await.unwrap().unwrap().person.name, odd);
}

async fn a_change_that_panics_takes_no_other_with_it(place: Place) {
    let store = place.open().await;
    let changes: Vec<(Guard, dingan_store::WriteFn)> = (0..10)
        .map(|i| {
            let build: dingan_store::WriteFn = if i == 4 {
                Box::new(|_| std::panic::resume_unwind(Box::new("rendering failed")))
            } else {
                writes(person(&format!("P{i}"), "a"))
            };
            (Guard { persons: vec![format!("P{i}").as_str().into()], ..Guard::default() }, build)
        })
        .collect();
    for (i, r) in together(&store, changes).await.into_iter().enumerate() {
        assert_eq!(r.is_ok(), i != 4, "{i}: {r:?}");
    }
    put(&store, person("P4", "a")).await.unwrap();
}

/// A group that failed by a statement is not written. Sent again, its changes go one by one, and only the one that failed
/// fails again.
async fn a_change_whose_statement_fails_is_left_alone_with_it(place: Place) {
    let store = place.open().await;
    let mut left: Vec<usize> = (0..12).collect();
    for attempt in 0..2 {
        let changes = left.iter().map(|i| {
            let build: dingan_store::WriteFn = if *i == 4 {
                // a line that is not there
                let void = NewVoid { visit: "V".into(), lines: vec!["1".into()] };
                Box::new(|_| Write { kind: "test", void: Some(void), ..Write::default() })
            } else {
                writes(person(&format!("P{i}"), "a"))
            };
            (Guard { persons: vec![format!("P{i}").as_str().into()], ..Guard::default() }, build)
        });
        let results = together(&store, changes.collect()).await;
        let failed = results.iter().zip(&left).filter(|(r, _)| r.is_err()).map(|(_, i)| *i);
        left = failed.collect();
        assert!(left.contains(&4), "attempt {attempt}: {left:?}");
    }
    assert_eq!(left, [4]);
}

/// What a snapshot's number means: whatever is read up to it is the same whenever it is read, and everything
/// acknowledged before the snapshot was taken is in it. Two servers write where there can be two.
async fn keys_of_any_letters_are_found(place: Place) {
    let store = place.open().await;
    let odd = ["a\"b", "a\\", "'; --", "$q$", "$q$$qq$'{}", "{a,b}", "", " ", "NULL", "门诊,一", "a\nb", "$1", "}$q"];
    for key in odd {
        for again in [false, true] {
            let mut asked = message(key);
            asked.input_hash = "h".to_owned();
            let guard = Guard { message: Some(asked), persons: vec![key.into()], ..Guard::default() };
            let put = store.commit(guard, Box::new(|_| Write { kind: "test", ..Write::default() })).await;
            match put {
                Ok(_) => assert!(!again, "{key:?}"),
                Err(CommitError::Answered) => assert!(again, "{key:?}"),
                Err(e) => panic!("{key:?}: {e}"),
            }
        }
        // its book moved on, and is found too
        let guard = Guard { as_of: 0, persons: vec![key.into()], ..Guard::default() };
        let stale = store.commit(guard, Box::new(|_| Write { kind: "test", ..Write::default() })).await;
        assert!(matches!(stale, Err(CommitError::Conflict(k)) if k == key), "{key:?}");
    }
}

/// Two servers take numbers in turns: what each has built for the number it expected is built again, or would say the
/// wrong one.
async fn what_is_built_early_has_its_number(place: Place) {
    let first = place.open().await;
    let second = place.beside(&first).await;
    let built = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut writers = Vec::new();
    for w in 0..16 {
        let store = if w % 2 == 0 { first.clone() } else { second.clone() };
        let built = Arc::clone(&built);
        writers.push(tokio::spawn(async move {
            for n in 0..40 {
                let p = person(&format!("W{w}"), &format!("{n}"));
                let as_of = store.snapshot().await.unwrap().as_of();
                let guard = Guard { as_of, persons: vec![p.no.clone()], ..Guard::default() };
                let built = Arc::clone(&built);
                let build = move |no| {
                    built.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    Write { kind: "test", persons: vec![p.clone()], answer: format!("{no}"), ..Write::default() }
                };
                let done = store.commit_early(guard, Box::new(build)).await.unwrap();
                assert_eq!(done.answer, format!("{}", done.commit_no));
            }
        }));
    }
    for w in writers {
        w.await.unwrap();
    }
    let built = built.load(std::sync::atomic::Ordering::Relaxed);
    // where two servers write, some of it was built for a number that another took
    assert!(if place.database.is_some() { built > 640 } else { built == 640 }, "{built}");
}

async fn numbers_become_visible_in_their_order(place: Place) {
    let first = place.open().await;
    let second = place.beside(&first).await;
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let written = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut writers = Vec::new();
    for w in 0..8 {
        let store = if w % 2 == 0 { first.clone() } else { second.clone() };
        let (stop, written) = (Arc::clone(&stop), Arc::clone(&written));
        writers.push(tokio::spawn(async move {
            let mut n = 0_usize;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                n += 1;
                let done = put(&store, person(&format!("W{w}"), &format!("{n}"))).await.unwrap();
                // the own change is in every snapshot from now on, on either server
                assert!(store.snapshot().await.unwrap().as_of() >= done.commit_no);
                written.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }));
    }
    async fn names(store: &Store, as_of: i64) -> Vec<Option<String>> {
        let mut snap = store.snapshot_at(as_of).await.unwrap();
        let mut out = Vec::new();
        for w in 0..8 {
            let found = snap.person(&format!("W{w}").as_str().into()).await.unwrap();
            out.push(found.map(|s| s.person.name));
        }
        out
    }
    let mut seen = Vec::new();
    while seen.len() < 60 || written.load(std::sync::atomic::Ordering::Relaxed) < 40 {
        let store = if seen.len() % 2 == 0 { &second } else { &first };
        let as_of = store.snapshot().await.unwrap().as_of();
        seen.push((as_of, names(store, as_of).await));
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for w in writers {
        w.await.unwrap();
    }
    for (as_of, then) in seen {
        assert_eq!(names(&first, as_of).await, then, "as of {as_of}");
    }
}

async fn an_account_is_never_overdrawn(place: Place) {
    let first = place.open().await;
    let second = place.beside(&first).await;
    move_account(&first, 5_000).await.unwrap();
    let drawing = (0..8).map(|w| {
        let store = if w % 2 == 0 { first.clone() } else { second.clone() };
        tokio::spawn(async move {
            let mut drawn = 0;
            loop {
                match move_account(&store, -70).await {
                    Ok(_) => drawn += 70,
                    Err(CommitError::Conflict(_)) => {}
                    Err(CommitError::Store(StoreError::Busy)) => return drawn,
                    Err(e) => panic!("{e}"),
                }
            }
        })
    });
    let mut drawn = 0;
    for d in drawing.collect::<Vec<_>>() {
        drawn += d.await.unwrap();
    }
    let left = first.snapshot().await.unwrap().family_account("F1").await.unwrap().balance;
    assert_eq!(Money::fen(5_000 - drawn), left);
    assert_eq!(left, Money::fen(5_000 % 70));
    // and not by a decision that was wrong either
    let as_of = first.snapshot().await.unwrap().as_of();
    let accounts = vec![AccountMove::family("F1", Money::fen(-10_000))];
    let too_much = first.commit(Guard { as_of, accounts, ..Guard::default() }, Box::new(|_| Write::default())).await;
    assert!(matches!(too_much, Err(CommitError::Conflict(_))), "{too_much:?}");
}

async fn answers_go_out_while_others_wait(place: Place) {
    let store = place.open().await;
    let many = (0..500).map(|i| {
        let guard = Guard { persons: vec![format!("P{i}").as_str().into()], ..Guard::default() };
        (guard, writes(person(&format!("P{i}"), "a")))
    });
    let results = together(&store, many.collect()).await;
    let numbers: std::collections::BTreeSet<i64> = results.into_iter().map(|r| r.unwrap().commit_no).collect();
    assert_eq!(numbers.len(), 500);
    assert_eq!(store.snapshot().await.unwrap().counts().await.unwrap().persons, 500);
}

async fn everything_is_there_after_opening_again(place: Place) {
    let store = place.open().await;
    for i in 0..5 {
        put(&store, person("P1", &format!("{i}"))).await.unwrap();
    }
    store.close().await;
    let store = place.open().await;
    let mut snap = store.snapshot().await.unwrap();
    assert_eq!(snap.as_of(), 5);
    assert_eq!(snap.person(&"P1".into()).await.unwrap().unwrap().person.name, "4");
    drop(snap);
    assert_eq!(put(&store, person("P1", "5")).await.unwrap().commit_no, 6);
    let closed = store.clone();
    store.close().await;
    assert!(put(&closed, person("P1", "6")).await.is_err());
}

async fn lists_of_any_length(place: Place) {
    let store = place.open().await;
    let mut persons: Vec<Person> = (0..777).map(|i| person(&format!("P{i:03}"), "a")).collect();
    let guard = Guard { persons: persons.iter().map(|p| p.no.clone()).collect(), ..Guard::default() };
    let all = std::mem::take(&mut persons);
    store.commit(guard, Box::new(move |_| Write { persons: all, ..Write::default() })).await.unwrap();
    assert_eq!(store.snapshot().await.unwrap().counts().await.unwrap().persons, 777);
    let mut snap = store.snapshot().await.unwrap();
    assert!(snap.find_lines(&"V".into(), &[]).await.unwrap().is_empty());
    let many: Vec<LineNo> = (0..40_000).map(|i| format!("{i}").as_str().into()).collect();
    assert!(snap.find_lines(&"V".into(), &many).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_second_connection_writes_on() {
    let Some(place) = Place::postgres() else { return };
    let (server, name) = (dingan_test_postgres::shared().unwrap(), place.database.clone().unwrap());
    // the writer's and one that reads
    server.sql("postgres", "DROP ROLE IF EXISTS few");
    server.sql("postgres", "CREATE ROLE few LOGIN CONNECTION LIMIT 2");
    server.sql("postgres", &format!("ALTER DATABASE {name} OWNER TO few"));
    server.sql(&name, "ALTER SCHEMA public OWNER TO few");
    let url = server.url(&name).replace("postgres://postgres@", "postgres://few@");
    let store = Store::open(&Location::parse(&url).unwrap()).await.unwrap();
    assert_eq!(store.snapshot().await.unwrap().as_of(), 0);
    let mut writers = Vec::new();
    for w in 0..16 {
        let store = store.clone();
        writers.push(tokio::spawn(async move {
            for n in 0..20 {
                let p = person(&format!("W{w}"), &format!("{n}"));
                let guard = Guard { as_of: i64::MAX, persons: vec![p.no.clone()], ..Guard::default() };
                store.commit(guard, writes(p)).await.unwrap();
            }
        }));
    }
    for w in writers {
        w.await.unwrap();
    }
    assert_eq!(store.snapshot().await.unwrap().as_of(), 320);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_finished_while_servers_run() {
    let Some(place) = Place::postgres() else { return };
    let (server, name) = (dingan_test_postgres::shared().unwrap(), place.database.clone().unwrap());
    let form = "SELECT count(*) FROM setting WHERE name = 'history' AND value = 'lines'";
    let store = place.open().await;
    // no older server knows a new store
    assert_eq!(server.sql(&name, form).trim(), "1");
    // one that an older server made, and may be serving
    for older in ["DELETE FROM setting WHERE name", "UPDATE setting SET value = 'settlement' WHERE name"] {
        let rows = "ALTER TABLE old_settlement_line RENAME TO settlement_line";
        place.sql(&format!("{older} = 'history'; {rows}; DELETE FROM setting WHERE name = 'needs'")).await;
        let other = place.beside(&store).await;
        put(&other, person("P1", "a")).await.unwrap();
        settle(&other, "S1", "V1", &[("1", 1)]).await;
        assert_eq!(server.sql(&name, form).trim(), "0");
        for id in ["S2", "S3"] {
            assert!(Store::finish_upgrade(&place.at, |_| ()).await.unwrap());
            assert_eq!(server.sql(&name, form).trim(), "1");
            settle(&store, id, "V1", &[("2", 1)]).await;
            // what an older server reads first of all that it does with lines
            assert_eq!(server.sql(&name, "SELECT to_regclass('settlement_line') IS NULL").trim(), "t");
        }
        let in_rows = "SELECT (SELECT count(*) FROM settlement WHERE lines IS NULL), count(*) FROM settled_in_rows";
        assert_eq!(server.sql(&name, in_rows).trim(), "1|1");
        place.sql("DELETE FROM settlement; DELETE FROM old_settlement_line").await;
    }
}

/// Who reads the lines holds up nobody but the upgrade.
#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_waits_for_who_reads() {
    let Some(place) = Place::postgres() else { return };
    let (server, name) = (dingan_test_postgres::shared().unwrap(), place.database.clone().unwrap());
    let store = place.open().await;
    place
        .sql("DELETE FROM setting WHERE name = 'history'; ALTER TABLE old_settlement_line RENAME TO settlement_line")
        .await;
    let mut reader = sqlx::PgConnection::connect(&server.url(&name)).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM settlement_line").execute(&mut reader).await.unwrap();
    let waited = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let upgrade = tokio::spawn({
        let (at, waited) = (place.at.clone(), Arc::clone(&waited));
        let waits = move |_| _ = waited.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async move { Store::finish_upgrade(&at, waits).await.unwrap() }
    });
    for n in 0..20 {
        let write = put(&store, person("P1", &n.to_string()));
        tokio::time::timeout(std::time::Duration::from_secs(10), write).await.unwrap().unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(!upgrade.is_finished());
    assert!(waited.load(std::sync::atomic::Ordering::Relaxed) > 0);
    reader.close().await.unwrap();
    assert!(upgrade.await.unwrap());
    settle(&store, "S1", "V1", &[("1", 1)]).await;
    assert_eq!(server.sql(&name, "SELECT lines IS NULL FROM settlement").trim(), "f");
}

/// A program that does not know how a store is written does not open it.
async fn a_store_in_a_newer_form_is_refused(place: Place) {
    place.open().await.close().await;
    place.open().await.close().await;
    place.sql("UPDATE setting SET value = '9999' WHERE name = 'needs'").await;
    assert!(matches!(Store::open(&place.at).await, Err(StoreError::TooNew { needs: 9999, .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_is_mended() {
    let Some(place) = Place::postgres() else { return };
    let store = place.open().await;
    put(&store, person("P1", "a")).await.unwrap();
    let server = dingan_test_postgres::shared().unwrap();
    for i in 0..5 {
        server.sql(
            "postgres",
            &format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
                place.database.as_deref().unwrap()
            ),
        );
        // reading mends itself; of a change it is said that nothing of it is stored, or that it is not known
        let mut done = put(&store, person("P1", &format!("b{i}"))).await;
        for _ in 0..3 {
            match done {
                Ok(_) => break,
                Err(CommitError::Store(StoreError::Lost | StoreError::Unknown)) => {
                    done = put(&store, person("P1", &format!("b{i}"))).await;
                }
                Err(e) => panic!("{e}"),
            }
        }
        done.unwrap();
    }
    store.ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_may_make_the_schema_at_once() {
    let Some(place) = Place::postgres() else { return };
    let opened: Vec<_> = (0..6)
        .map(|_| {
            let at = place.at.clone();
            tokio::spawn(async move { Store::open(&at).await.map(|_| ()) })
        })
        .collect();
    for o in opened {
        o.await.unwrap().unwrap();
    }
}

#[test]
fn a_place_is_shown_without_its_password() {
    let at = Location::parse("postgres://clerk:secret@db.example/books?sslmode=require").unwrap();
    assert_eq!(at.to_string(), "postgres://db.example/books");
    assert!(Location::parse("mysql://a:b@c").unwrap_err().to_string().contains("mysql"));
    assert!(!Location::parse("clerk:secret@db").unwrap_err().to_string().contains("secret"));
    assert_eq!(Location::parse("sqlite:/tmp/a.db").unwrap(), Location::File("/tmp/a.db".into()));
}

fn noted(subject: &str) -> Write {
    let entry = AuditEntry {
        who: "WHO".to_owned(),
        what: "WHAT",
        subject: subject.to_owned(),
        detail: r#"{"detail":"DETAIL"}"#.to_owned(),
    };
    Write { kind: "test", audit: vec![entry], ..Write::default() }
}

impl Place {
    /// Overwrites a part of the row with this subject, past the program.
    fn tamper(&self, subject: &str, column: &str, from: &str, to: &str) {
        match (&self.database, &self.at) {
            (Some(name), _) => {
                let server = dingan_test_postgres::shared().unwrap();
                let set = format!("{column} = replace({column}, '{from}', '{to}')");
                let sql = format!("UPDATE audit_log SET {set} WHERE subject = '{subject}' RETURNING {column}");
                let now = server.sql(name, &sql);
                assert!(now.contains(to), "{now}");
            }
            (None, Location::Folder(folder)) => {
                // the row lies in the file as one run of bytes, found by its subject
                let file = folder.join("dingan.db");
                let mut bytes = std::fs::read(&file).unwrap();
                let find = |what: &str, after: usize| {
                    let what = what.as_bytes();
                    after + bytes[after..].windows(what.len()).position(|w| w == what).unwrap()
                };
                let row = find(subject, 0) - 40;
                let at = find(from, row);
                assert!(at - row < 150, "{column}");
                bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
                std::fs::write(&file, bytes).unwrap();
            }
            _ => unreachable!(),
        }
    }
}

async fn verified(place: &Place, head: Option<&AuditHead>) -> Verified {
    let audit = Audit::open(&place.at).await.unwrap();
    let v = audit.verify(head).await.unwrap();
    audit.close().await;
    v
}

async fn one_changed_byte_of_the_audit_log_is_found(place: Place) {
    let store = place.open().await;
    assert_eq!(verified(&place, None).await.head.seq, 0);
    for n in 1..=5 {
        store.commit(Guard::default(), Box::new(move |_| noted(&format!("SUBJECT{n}")))).await.unwrap();
    }
    // also beside a server that is running
    let whole = verified(&place, None).await;
    assert_eq!((whole.head.seq, &whole.broken), (5, &None));
    let audit = Audit::open(&place.at).await.unwrap();
    let rows = audit.after(0, 100).await.unwrap();
    assert_eq!(audit.last(1).await.unwrap(), rows[4..]);
    audit.close().await;
    store.close().await;

    let hash = &rows[2].hash[..8];
    let other_hash = format!("{}{}", &hash[..7], if hash.ends_with('0') { "1" } else { "0" });
    for (column, from, to) in [
        ("who", "WHO", "WHp"),
        ("what", "WHAT", "XHAT"),
        ("subject", "SUBJECT3", "SUBJECT7"),
        ("detail", "DETAIL", "DETAIm"),
        ("at", "1970-01-01", "1970-01-02"),
        ("hash", hash, &other_hash),
    ] {
        place.tamper("SUBJECT3", column, from, to);
        let found = verified(&place, None).await;
        assert_eq!((found.head.seq, found.broken), (2, Some(Broken::Hash(3))), "{column}");
        place.tamper(if column == "subject" { to } else { "SUBJECT3" }, column, to, from);
        assert_eq!(verified(&place, None).await.broken, None, "{column}");
    }
    let head = whole.head;
    assert_eq!(verified(&place, Some(&head)).await.broken, None);
    let other = AuditHead { seq: 4, hash: rows[0].hash.clone() };
    assert_eq!(verified(&place, Some(&other)).await.broken, Some(Broken::Head(other)));
    if let Some(name) = &place.database {
        let server = dingan_test_postgres::shared().unwrap();
        server.sql(name, "DELETE FROM audit_log WHERE seq = 5");
        assert_eq!(verified(&place, None).await.broken, None, "only a noted head tells what was cut off");
        assert_eq!(verified(&place, Some(&head)).await.broken, Some(Broken::Head(head)));
        server.sql(name, "DELETE FROM audit_log WHERE seq = 2");
        assert_eq!(verified(&place, None).await.broken, Some(Broken::Missing(2)));
    }
}

async fn the_audit_log_is_one_chain_whoever_writes(place: Place) {
    let first = place.open().await;
    let second = place.beside(&first).await;
    let mut tasks = Vec::new();
    for n in 0..80 {
        let store = if n % 2 == 0 { first.clone() } else { second.clone() };
        // every third change has nothing to be put on record
        let write = move |_| if n % 3 == 0 { Write::default() } else { noted(&n.to_string()) };
        tasks.push(tokio::spawn(async move { store.commit(Guard::default(), Box::new(write)).await.unwrap() }));
    }
    for t in tasks {
        t.await.unwrap();
    }
    let v = verified(&place, None).await;
    assert_eq!((v.head.seq, v.broken), (53, None));
    let audit = Audit::open(&place.at).await.unwrap();
    let rows = audit.after(0, 100).await.unwrap();
    assert!(rows.is_sorted_by(|a, b| a.commit_no < b.commit_no), "in the order of commits");
    audit.close().await;
    first.close().await;
}

async fn a_nonce_is_first_once(place: Place) {
    let first = place.open().await;
    let second = place.beside(&first).await;
    assert_eq!(first.forgets_nonces(), place.database.is_none());
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let store = if n % 2 == 0 { first.clone() } else { second.clone() };
            tokio::spawn(async move { store.first_use("K", "N", 100, 400).await.unwrap() })
        })
        .collect();
    let mut new = 0;
    for t in tasks {
        new += usize::from(t.await.unwrap() == Nonce::First);
    }
    assert_eq!(new, 1);
    assert_eq!(first.first_use("K2", "N", 100, 400).await.unwrap(), Nonce::First, "keys have nonces of their own");
    // more than are kept before old ones are looked for
    for n in 0..2500 {
        assert_eq!(second.first_use("K", &format!("x{n}"), 500, 500 + n).await.unwrap(), Nonce::First);
    }
    assert_eq!(first.first_use("K", "x2499", 501, 900).await.unwrap(), Nonce::Again);
    first.close().await;
}

/// What one statement reads of a bill is what the others read one by one.
async fn a_bill_is_read_whole(place: Place) {
    let store = place.open().await;
    let from = chrono::NaiveDateTime::default();
    let (snap, nothing) = store.bill(&"V1".into(), &"P1".into(), from, &no_invoice()).await.unwrap();
    assert_eq!((snap.as_of(), nothing.visit, nothing.unsettled, nothing.settled), (0, None, Vec::new(), Vec::new()));
    assert!(nothing.person.is_none());
    drop(snap);

    put(&store, person("P1", "a")).await.unwrap();
    move_account(&store, 700).await.unwrap();
    let doc = |id: &str| -> VisitDoc {
        serde_json::from_value(serde_json::json!({
            "id": id, "person": "P1", "institution": "H1", "insurance": "310", "med_type": "11",
            "begin": "2026-03-01T08:00:00"
        }))
        .unwrap()
    };
    let line = |no: &str| -> dingan_core::claim::Line {
        serde_json::from_value(serde_json::json!({
            "no": no, "batch": "B1", "time": "2026-03-01T08:00:00", "item": "A", "amount": "1.00", "quantity": "1",
            "price": "1"
        }))
        .unwrap()
    };
    // the later lines stand before the earlier ones in the table
    for (visit, numbers) in [("V2", vec!["9"]), ("V1", vec!["7", "30"]), ("V1", vec!["2"])] {
        let as_of = store.snapshot().await.unwrap().as_of();
        let write = Write {
            visit: Some((doc(visit), false)),
            lines: Some((visit.into(), numbers.into_iter().map(line).collect())),
            ..Write::default()
        };
        let guard = Guard { as_of, persons: vec!["P1".into()], ..Guard::default() };
        store.commit(guard, Box::new(move |_| write)).await.unwrap();
    }
    let (mut snap, mut bill) = store.bill(&"V1".into(), &"P1".into(), from, &no_invoice()).await.unwrap();
    assert_eq!(bill.visit, snap.visit(&"V1".into()).await.unwrap());
    assert_eq!(bill.unsettled, snap.unsettled_lines(&"V1".into()).await.unwrap());
    let numbers: Vec<&str> = bill.unsettled.iter().map(|l| l.line.no.as_str()).collect();
    assert_eq!(numbers, ["30", "7", "2"]);
    let (state, read) = (bill.person.take().unwrap(), snap.person(&"P1".into()).await.unwrap().unwrap());
    assert_eq!((&state.person, state.as_of, &state.own, &state.family), (&read.person, 5, &read.own, &read.family));
    assert_eq!(state.family.as_ref().map(|f| f.balance), Some(Money::fen(700)));
    // both ways: as it was read with the bill, and read again for what is older
    for history_from in [from, chrono::NaiveDateTime::MIN] {
        let (mut snap, mut bill) = store.bill(&"V1".into(), &"P1".into(), from, &no_invoice()).await.unwrap();
        let file = bill.file(&mut snap, &state, history_from).await.unwrap();
        assert_eq!(file.visits.iter().map(|v| v.id.as_str()).collect::<Vec<_>>(), ["V2"]);
        assert_eq!((file.as_of, file.balances.family), (5, Money::fen(700)));
    }
}

/// A settlement of a visit by the lines it holds: their numbers, and the commits that brought them.
async fn settle(store: &Store, id: &'static str, visit: &'static str, lines: &[(&str, i64)]) {
    let lines = lines.iter().map(|(no, brought)| ((*no).into(), *brought, Money::fen(100))).collect();
    let day = chrono::NaiveDate::default();
    let row = StoredSettlement {
        id: id.into(),
        commit_no: 0,
        person: "P1".into(),
        visit: visit.into(),
        institution: "H1".into(),
        batch: String::new(),
        time: day.into(),
        year: 1970,
        reverses: None,
        reversed_commit: None,
        as_of: 0,
        bundle: String::new(),
        msgid: String::new(),
        invoice: String::new(),
        request: serde_json::from_value(serde_json::json!({
            "time": "1970-01-01T00:00:00", "account_use": "none", "mid_stay": false, "by_quota": false
        }))
        .unwrap(),
        shown: Shown {
            person_type: "11".into(),
            civil_servant: false,
            division: "469026".into(),
            place: Default::default(),
            days: (day, day),
            centre: false,
        },
        amounts: Default::default(),
        decision: b"{}".to_vec(),
    };
    let settlement = NewSettlement { row, lines, history: Vec::new(), entries: Vec::new(), postings: Vec::new() };
    let write = Write { settlement: Some(settlement), ..Write::default() };
    store.commit(Guard::default(), Box::new(move |_| write)).await.unwrap();
}

/// Whatever form either settlement is in.
async fn a_line_settled_twice_is_found(place: Place) {
    let store = place.open().await;
    let old = "UPDATE setting SET value = 'rows' WHERE name = 'history'; \
               ALTER TABLE old_settlement_line RENAME TO settlement_line";
    let new = "UPDATE setting SET value = 'lines' WHERE name = 'history'; \
               ALTER TABLE settlement_line RENAME TO old_settlement_line";
    place.sql(old).await;
    settle(&store, "S1", "V1", &[("1", 1), ("2", 1)]).await;
    settle(&store, "S2", "V2", &[("1", 1)]).await;
    place.sql(new).await;
    settle(&store, "S3", "V1", &[("2", 3), ("3", 1)]).await;
    settle(&store, "S4", "V3", &[("1", 1), ("2", 1)]).await;
    assert_eq!(store.discrepancies().await.unwrap(), Vec::<String>::new());
    for (id, visit, lines) in [
        ("S5", "V1", vec![("1", 1)]),
        ("S6", "V4", vec![("1", 1), ("1", 1)]),
        ("S7", "V5", vec![("1", 1)]),
        ("S8", "V5", vec![("1", 1)]),
    ] {
        settle(&store, id, visit, &lines).await;
    }
    place.sql(old).await;
    settle(&store, "S9", "V3", &[("2", 1)]).await;
    let twice = ["V1", "V3", "V4", "V5"].map(|v| format!("{v}: bill settled twice"));
    assert_eq!(store.discrepancies().await.unwrap(), twice);
}
