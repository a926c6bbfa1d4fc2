//! The writer: whatever waits goes into one transaction and one sync.
//!
//! ```text
//! BEGIN, numbers, books ─ compare ─ rows ─ COMMIT ─ answers
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
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// Changes written with one sync at most.
const GROUP: usize = 64;

/// What takes longer, a group up to its commit or the commit, is given up, with the connection.
const TIME: Duration = Duration::from_secs(60);

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

async fn connected(options: &Options) -> Result<Conn, sqlx::Error> {
    let mut c = options.connect().await?;
    c.press_quickly().await?;
    c.prepare_counted(&BOOKS).await?;
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
}

pub(crate) struct Writer {
    options: Options,
    /// None after it broke, until the next group.
    connection: Option<Conn>,
    waiting: Waiting,
    /// What the next group will most likely find, once there was one: the number that follows, and how settlements are
    /// written.
    guess: Option<(CommitNo, InRow)>,
    /// Dropped when the connection is closed.
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
            let waiting = Waiting { queue, closing, singly: 0 };
            let writer = Self { options, connection: Some(connection), waiting, guess: None, alive };
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
        while let Some(group) = self.waiting.group().await {
            let mut connection = match self.connection.take() {
                Some(c) => c,
                None => match in_time(connected(&self.options)).await {
                    Ok(c) => c,
                    Err(e) => {
                        self.failed(&e, group.callers, || StoreError::Lost);
                        continue;
                    }
                },
            };
            self.connection = match self.write(&mut connection, group).await {
                Ok(()) => Some(connection),
                Err(e) => cleared(connection, &e).await,
            };
        }
        if let Some(c) = self.connection {
            c.close().await;
        }
        drop(self.alive);
    }

    /// Writes a group, and answers all who wait for it, whatever came of it.
    async fn write(&mut self, c: &mut Conn, group: Group) -> Result<(), sqlx::Error> {
        let Group { callers, guards, builds } = group;
        let Ready { answers, rows, used } = match in_time(self.ready(c, guards, builds)).await {
            Ok(ready) => ready,
            Err(e) => {
                self.failed(&e, callers, || StoreError::Lost);
                return Err(e);
            }
        };
        let written = !rows.is_empty();
        // where nothing may go in, the store stays as it was, its numbers too
        let done = async { if written { in_time(c.commit()).await } else { in_time(c.rollback()).await } };
        // there is time for it while the disk works
        let (done, ()) = tokio::join!(biased; done, async { drop((rows, used)) });
        if let Err(e) = done {
            // of a commit that failed, nobody knows
            self.failed(&e, callers, if written { || StoreError::Unknown } else { || StoreError::Lost });
            return Err(e);
        }
        if written {
            step("store::after_commit");
        }
        for (caller, answer) in callers.into_iter().zip(answers) {
            // a caller that went away finds its answer on retry
            let _ = caller.send(answer);
        }
        Ok(())
    }

    /// Opens the transaction of a group, compares each change with what holds, and writes the rows of those that may
    /// go in: all but the commit.
    async fn ready(&mut self, c: &mut Conn, guards: Vec<Guard>, builds: Vec<Build>) -> Result<Ready, sqlx::Error> {
        step("store::before_begin");
        let guess = self.guess;
        // no other server will have come between, most likely
        let early = async { early(&guards, &builds, guess) };
        let (opened, built) = tokio::join!(biased; Held::open(c, &guards), early);
        let (last, held) = opened?;
        step("store::after_books");
        let first = last + 1 - i64::try_from(guards.len()).unwrap_or(i64::MAX);
        let in_row = held.in_row;
        let right = guess == Some((first, in_row));
        let built = built.into_iter().map(|b| b.filter(|_| right)).collect();
        let ready = write_rows(c, first, held, guards, builds, built).await?;
        // where nothing goes in, the numbers are given back
        self.guess = Some((if ready.rows.is_empty() { first } else { last + 1 }, in_row));
        Ok(ready)
    }

    /// A group was not written.
    fn failed(&mut self, e: &sqlx::Error, callers: Vec<oneshot::Sender<Answer>>, why: fn() -> StoreError) {
        self.waiting.failed(e);
        refuse(callers, e, why);
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

/// Of a group, what may be built early, as it is if the guess is right.
fn early(guards: &[Guard], builds: &[Build], guess: Option<(CommitNo, InRow)>) -> Vec<Option<Change>> {
    let each = (0..).zip(guards.iter().zip(builds));
    let changes = each.map(|(place, (guard, build))| match (guess, build) {
        (Some((first, in_row)), Build::Early(build)) => Some(change(first + place, guard, in_row, build)),
        _ => None,
    });
    changes.collect()
}

/// Compares each change of a group with what holds, and writes the rows of those that may go in, all but the commit.
async fn write_rows(
    c: &mut Conn,
    first: CommitNo,
    mut held: Held,
    guards: Vec<Guard>,
    builds: Vec<Build>,
    built: Vec<Option<Change>>,
) -> Result<Ready, sqlx::Error> {
    let mut rows = Changes::default();
    let mut answers = Vec::with_capacity(guards.len());
    let (mut entries, mut used) = (Vec::new(), Vec::new());
    for ((no, guard), (build, early)) in (first..).zip(guards).zip(builds.into_iter().zip(built)) {
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
