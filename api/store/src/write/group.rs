//! The writer: whatever waits goes into one transaction and one sync.
//!
//! ```text
//! BEGIN, numbers, books ─ compare ─ rows ─ COMMIT ─ answers
//!                                          BEGIN, numbers, books ─ … of the next group, built meanwhile
//! ```
//!
//! Every writer of every server takes the counter's row first and keeps it until its commit. So commits are one
//! after the other, a number becomes visible only after all below it, no two writers wait for each other in a
//! circle, and what is compared cannot move before it is swapped. Grouping pays for that: a group costs little
//! more than one change, and waits for the disk once.

use super::held::{BOOKS, Held, InRow};
use super::tables::Changes;
use super::{Build, CommitError, Committed, Guard, Write};
use crate::db::StoreError;
use crate::sql::{Conn, Options, args, connection_lost};
use dingan_core::person::CommitNo;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// Changes written with one sync at most.
const GROUP: usize = 64;

/// What takes longer, opening a group, putting its rows in or its commit, is given up, with the connection.
const TIME: Duration = Duration::from_secs(60);

/// A second connection is asked for so often.
const SPARE: Duration = Duration::from_secs(10);

type Answer = Result<Committed, CommitError>;

pub(crate) struct Job {
    pub(super) guard: Guard,
    pub(super) build: Build,
    pub(super) done: oneshot::Sender<Answer>,
}

/// The changes of a group, and who waits for them.
#[derive(Default)]
struct Group {
    callers: Vec<oneshot::Sender<Answer>>,
    guards: Vec<Guard>,
    builds: Vec<Build>,
}

impl Group {
    fn of(jobs: Vec<Job>) -> Self {
        let mut group = Self::default();
        for j in jobs {
            group.callers.push(j.done);
            group.guards.push(j.guard);
            group.builds.push(j.build);
        }
        group
    }
}

/// The connections of the writer: one, and on PostgreSQL a spare one for the group that follows. Nothing hangs on the
/// spare: where the database has none to give, groups are opened one after the other.
struct Connections {
    options: Options,
    idle: Vec<Conn>,
    /// The spare one, while it is made.
    coming: Option<JoinHandle<Result<Conn, sqlx::Error>>>,
    /// When it was last asked for.
    asked: Option<Instant>,
}

impl Connections {
    fn new(options: Options, first: Conn) -> Self {
        Self { options, idle: vec![first], coming: None, asked: None }
    }

    /// Whether there is one for the group that follows, while this group has the other. Where there is none it is
    /// asked for, now and then; nobody waits for it.
    async fn spare(&mut self) -> bool {
        if self.options.queues() && self.idle.is_empty() {
            match self.coming.take_if(|c| c.is_finished()) {
                Some(came) => match came.await {
                    Ok(Ok(c)) => self.idle.push(c),
                    Ok(Err(e)) => tracing::warn!(error = %e, "no second connection to write with"),
                    Err(e) => tracing::warn!(error = %e, "no second connection to write with"),
                },
                None if self.coming.is_none() && self.asked.is_none_or(|a| a.elapsed() > SPARE) => {
                    let options = self.options.clone();
                    self.asked = Some(Instant::now());
                    self.coming = Some(tokio::spawn(async move { in_time(connected(&options)).await }));
                }
                None => {}
            }
        }
        !self.idle.is_empty()
    }

    /// Opens the transaction of a group.
    async fn open(&mut self, guards: &[Guard]) -> Result<Open, sqlx::Error> {
        let open = async {
            step("store::before_begin");
            let mut connection = match self.idle.pop() {
                Some(c) => c,
                None => connected(&self.options).await?,
            };
            match Held::open(&mut connection, guards).await {
                Ok((last, held)) => Ok(Open { connection, last, held, built: None }),
                Err(e) => {
                    self.idle.extend(cleared(connection, &e).await);
                    Err(e)
                }
            }
        };
        let open = in_time(open).await;
        step("store::after_books");
        open
    }
}

async fn connected(options: &Options) -> Result<Conn, sqlx::Error> {
    let mut c = options.connect().await?;
    c.press_quickly().await?;
    c.prepare(&BOOKS).await?;
    Ok(c)
}

/// What waits to be written.
struct Waiting {
    queue: mpsc::Receiver<Job>,
    closing: Arc<Notify>,
    /// Changes still to be written one by one: after a group failed by a statement, the change whose it was
    /// shall not take others with it again.
    singly: usize,
}

impl Waiting {
    /// All that waits, at most a group; none when there will be nothing more.
    async fn group(&mut self) -> Option<Group> {
        let most = if self.singly > 0 { 1 } else { GROUP };
        let mut jobs = Vec::with_capacity(most);
        loop {
            tokio::select! {
                count = self.queue.recv_many(&mut jobs, most) => {
                    self.singly = self.singly.saturating_sub(1);
                    return (count > 0).then(|| Group::of(jobs));
                }
                // nothing new is taken in; what is queued still comes out above
                () = self.closing.notified() => self.queue.close(),
            }
        }
    }

    /// A group failed.
    fn failed(&mut self, e: &sqlx::Error) {
        if !connection_lost(e) {
            self.singly = GROUP;
        }
    }

    /// As [`Self::group`], if anything waits now and there is no reason for care.
    fn at_once(&mut self) -> Option<Group> {
        let mut jobs = Vec::new();
        while self.singly == 0 && jobs.len() < GROUP {
            match self.queue.try_recv() {
                Ok(j) => jobs.push(j),
                Err(_) => break,
            }
        }
        (!jobs.is_empty()).then(|| Group::of(jobs))
    }
}

/// The transaction of a group: it holds the counter's row, and knows what the group must be compared with.
struct Open {
    connection: Conn,
    last: CommitNo,
    held: Held,
    /// What was built while it was opened.
    built: Option<Built>,
}

/// Of a group, what may be built early, as it is if the group gets these numbers.
struct Built {
    first: CommitNo,
    in_row: InRow,
    changes: Vec<Option<Change>>,
}

impl Built {
    fn early(group: &Group, first: CommitNo, in_row: InRow) -> Self {
        let changes = (first..).zip(group.builds.iter().zip(&group.guards)).map(|(no, (build, guard))| match build {
            Build::Early(build) => Some(change(no, guard, in_row, build)),
            Build::Once(_) => None,
        });
        Self { first, in_row, changes: changes.collect() }
    }
}

type Opened = (Group, Result<Open, sqlx::Error>);

pub(crate) struct Writer {
    connections: Connections,
    waiting: Waiting,
    /// Dropped when the connections are closed.
    alive: watch::Sender<()>,
}

impl Writer {
    /// Starts the writer on a thread of its own: everybody waits for it, and among the tasks that decide and answer it
    /// would wait its turn after every answer of the database, with the counter's row in its hands.
    pub(crate) async fn start(
        options: Options,
        queue: mpsc::Receiver<Job>,
        closing: Arc<Notify>,
        alive: watch::Sender<()>,
    ) -> Result<(), StoreError> {
        let (started, start) = oneshot::channel();
        let write = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(e) => return drop(started.send(Err(sqlx::Error::Io(e)))),
            };
            // a connection belongs to the runtime it was opened in
            let connection = match runtime.block_on(connected(&options)) {
                Ok(connection) => connection,
                Err(e) => return drop(started.send(Err(e))),
            };
            let connections = Connections::new(options, connection);
            let writer = Self { connections, waiting: Waiting { queue, closing, singly: 0 }, alive };
            if started.send(Ok(())).is_ok() {
                runtime.block_on(writer.run());
            }
        };
        let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(write);
        thread.map_err(sqlx::Error::Io)?;
        start.await.map_err(|_| StoreError::Closed)??;
        Ok(())
    }

    async fn run(mut self) {
        let mut opened = None;
        loop {
            let (group, open) = match opened.take() {
                Some(ahead) => ahead,
                None => match self.waiting.group().await {
                    Some(group) => {
                        let open = self.connections.open(&group.guards).await;
                        (group, open)
                    }
                    None => break,
                },
            };
            opened = match open {
                Ok(open) => self.write(group, open).await,
                Err(e) => {
                    self.waiting.failed(&e);
                    refuse(group.callers, &e, || StoreError::Lost);
                    None
                }
            };
        }
        for c in self.connections.idle {
            c.close().await;
        }
        drop(self.alive);
    }

    /// Writes a group. While the disk works, the next one is opened: it waits for the counter, and has it as soon as
    /// this group is there.
    async fn write(&mut self, group: Group, open: Open) -> Option<Opened> {
        let Open { mut connection, last, held, built } = open;
        let in_row = held.in_row;
        let Group { callers, guards, builds } = group;
        let first = last + 1 - i64::try_from(guards.len()).unwrap_or(i64::MAX);
        let ready = in_time(ready(&mut connection, first, held, guards, builds, built)).await;
        let Ready { answers, rows, used } = match ready {
            Ok(ready) => ready,
            Err(e) => {
                self.waiting.failed(&e);
                self.connections.idle.extend(cleared(connection, &e).await);
                refuse(callers, &e, || StoreError::Lost);
                return None;
            }
        };
        let written = !rows.is_empty();
        let commit = async {
            // where nothing may go in, the store stays as it was, its numbers too
            let done = if written { in_time(connection.commit()).await } else { in_time(connection.rollback()).await };
            match done {
                Ok(()) => {
                    if written {
                        step("store::after_commit");
                    }
                    for (caller, answer) in callers.into_iter().zip(answers) {
                        // a caller that went away finds its answer on retry
                        let _ = caller.send(answer);
                    }
                    (Some(connection), Ok(()))
                }
                Err(e) => {
                    // of a commit that failed, nobody knows
                    refuse(callers, &e, if written { || StoreError::Unknown } else { || StoreError::Lost });
                    (cleared(connection, &e).await, Err(e))
                }
            }
        };
        let next = if self.connections.spare().await { self.waiting.at_once() } else { None };
        // there is time for it while the disk works
        let done_with = async { drop((rows, used)) };
        let ((connection, done), opened) = match next {
            None => (tokio::join!(biased; commit, done_with).0, None),
            Some(next) => {
                // no other server will come between, most likely
                let free = if written { last + 1 } else { first };
                let guess = async {
                    done_with.await;
                    Built::early(&next, free, in_row)
                };
                let (committed, opened, built) =
                    tokio::join!(biased; commit, self.connections.open(&next.guards), guess);
                (committed, Some((next, opened.map(|o| Open { built: Some(built), ..o }))))
            }
        };
        self.connections.idle.extend(connection);
        if let Err(e) = done {
            self.waiting.failed(&e);
        }
        opened
    }
}

/// Says to all of a group that it was not written.
fn refuse(callers: Vec<oneshot::Sender<Answer>>, e: &sqlx::Error, why: fn() -> StoreError) {
    tracing::error!(error = %e, why = %why(), changes = callers.len(), "a group of changes was not written; none is acknowledged");
    for caller in callers {
        let _ = caller.send(Err(why().into()));
    }
}

/// A connection after a failure: in order, or none.
async fn cleared(mut c: Conn, failed: &sqlx::Error) -> Option<Conn> {
    if connection_lost(failed) {
        return None;
    }
    // where the failed commit ended the transaction, there is nothing to roll back, and that is an error too
    let _ = c.rollback().await;
    c.rows("SELECT 1", args![]).await.is_ok().then_some(c)
}

async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let late = || sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    tokio::time::timeout(TIME, work).await.unwrap_or_else(|_| Err(late()))
}

/// A place where a test may end the process.
fn step(_name: &'static str) {
    fail::fail_point!(_name, |_| std::process::abort());
}

/// A group that waits for its commit alone.
struct Ready {
    answers: Vec<Answer>,
    /// What was written: nothing where no change may go in.
    rows: Changes,
    /// What is not needed any more. To give it all back takes as long as to write a change.
    used: Vec<Build>,
}

/// Compares each change of a group with what holds, and writes the rows of those that may go in, all but the commit.
async fn ready(
    c: &mut Conn,
    first: CommitNo,
    mut held: Held,
    guards: Vec<Guard>,
    builds: Vec<Build>,
    built: Option<Built>,
) -> Result<Ready, sqlx::Error> {
    // of no use where another server came between
    let built = built.filter(|b| (b.first, b.in_row) == (first, held.in_row));
    let early = built.map_or_else(|| builds.iter().map(|_| None).collect(), |b| b.changes);
    let mut rows = Changes::default();
    let mut answers = Vec::with_capacity(guards.len());
    let (mut entries, mut used) = (Vec::new(), Vec::new());
    for ((no, guard), (build, early)) in (first..).zip(guards).zip(builds.into_iter().zip(early)) {
        let built = || match (early, build) {
            (Some(change), build) => {
                used.push(build);
                change
            }
            (None, Build::Once(build)) => change(no, &guard, held.in_row, build),
            (None, Build::Early(build)) => {
                let change = change(no, &guard, held.in_row, &build);
                used.push(Build::Early(build));
                change
            }
        };
        answers.push(held.check(&guard).and_then(|()| built()).map(|(mut write, mut own)| {
            held.swap(&guard, no, &write, &mut own);
            rows.append(own);
            let at = write.at;
            entries.extend(std::mem::take(&mut write.audit).into_iter().map(|e| (no, at, e)));
            Committed { commit_no: no, answer: write.answer }
        }));
    }
    if answers.iter().all(Result::is_err) {
        return Ok(Ready { answers, rows, used });
    }
    if !entries.is_empty() {
        rows.audit(crate::audit::chain(c, entries).await?);
    }
    step("store::before_rows");
    rows.write(c).await?;
    step("store::before_commit");
    Ok(Ready { answers, rows, used })
}

type Change = Result<(Write, Changes), CommitError>;

/// A change and its rows. Rendering is the caller's code: a panic in it must not end the only writer.
fn change(no: CommitNo, guard: &Guard, in_row: InRow, build: impl FnOnce(CommitNo) -> Write) -> Change {
    let write = catch_unwind(AssertUnwindSafe(|| build(no)))
        .map_err(|_| StoreError::Damaged { table: "-", reason: "the change could not be built".to_owned() })?;
    let rows = Changes::of(no, guard, &write, in_row)?;
    Ok((write, rows))
}
