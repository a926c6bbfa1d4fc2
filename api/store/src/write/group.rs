//! The writer: whatever waits goes into one transaction and one sync.
//!
//! ```text
//! BEGIN, number ─ messages and books, built beside it ─ compare ─ rows ─ COMMIT ─ answers
//! ```
//!
//! Every writer of every server takes the counter's row first and keeps it until its commit. So commits are one
//! after the other, a number becomes visible only after all below it, no two writers wait for each other in a
//! circle, and what is compared cannot move before it is swapped. Grouping pays for that: a group costs little
//! more than one change, and waits for the disk once.

use super::held::Held;
use super::tables::Changes;
use super::{CommitError, Committed, Guard, Write, WriteFn};
use crate::db::StoreError;
use crate::sql::{Conn, Options, args, connection_lost};
use dingan_core::person::CommitNo;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// Changes written with one sync at most.
const GROUP: usize = 64;

/// A group that takes longer is given up, with its connection.
const TIME: Duration = Duration::from_secs(60);

type Answer = Result<Committed, CommitError>;

pub(crate) struct Job {
    pub(super) guard: Guard,
    pub(super) build: WriteFn,
    pub(super) done: oneshot::Sender<Answer>,
}

pub(crate) struct Writer {
    options: Options,
    connection: Option<Conn>,
    queue: mpsc::Receiver<Job>,
    closing: Arc<Notify>,
    /// Dropped when the connection is closed.
    alive: watch::Sender<()>,
    /// Changes still to be written one by one: after a group failed by a statement, the change whose it was
    /// shall not take others with it again.
    singly: usize,
}

/// How far a group came before it failed.
enum Failed {
    /// Not to the commit: nothing of it is there.
    Before(sqlx::Error),
    /// Into the commit: it may be there.
    During(sqlx::Error),
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
            let connection = match runtime.block_on(options.connect()) {
                Ok(connection) => connection,
                Err(e) => return drop(started.send(Err(e))),
            };
            let writer = Self { options, connection: Some(connection), queue, closing, alive, singly: 0 };
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
        let mut jobs = Vec::with_capacity(GROUP);
        loop {
            tokio::select! {
                count = self.queue.recv_many(&mut jobs, GROUP) => {
                    if count == 0 {
                        break;
                    }
                    let mut waiting = std::mem::take(&mut jobs);
                    while self.singly > 0 && !waiting.is_empty() {
                        self.singly -= 1;
                        let later = waiting.split_off(1);
                        self.group(waiting).await;
                        waiting = later;
                    }
                    if !waiting.is_empty() {
                        self.group(waiting).await;
                    }
                }
                // nothing new is taken in; what is queued still comes out above
                () = self.closing.notified() => self.queue.close(),
            }
        }
        if let Some(c) = self.connection {
            c.close().await;
        }
        drop(self.alive);
    }

    async fn group(&mut self, jobs: Vec<Job>) {
        let (mut callers, mut guards, mut builds) = (Vec::new(), Vec::new(), Vec::new());
        for j in jobs {
            callers.push(j.done);
            guards.push(j.guard);
            builds.push(j.build);
        }
        let written = tokio::time::timeout(TIME, self.write(guards, builds)).await.unwrap_or_else(|_| {
            self.connection = None;
            Err(Failed::During(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
        });
        match written {
            Ok(answers) => {
                for (caller, answer) in callers.into_iter().zip(answers) {
                    // a caller that went away finds its answer on retry
                    let _ = caller.send(answer);
                }
            }
            Err(failed) => {
                let (e, unknown) = match &failed {
                    Failed::Before(e) => (e, false),
                    Failed::During(e) => (e, true),
                };
                tracing::error!(error = %e, unknown, changes = callers.len(), "a group of changes was not written; none is acknowledged");
                if !connection_lost(e) {
                    self.singly = GROUP;
                }
                self.clear(e).await;
                for caller in callers {
                    let e = if unknown { StoreError::Unknown } else { StoreError::Lost };
                    let _ = caller.send(Err(e.into()));
                }
            }
        }
    }

    /// After a failure: back to a connection in order, or none.
    async fn clear(&mut self, failed: &sqlx::Error) {
        let Some(mut c) = self.connection.take() else { return };
        if !connection_lost(failed) {
            // where the failed commit ended the transaction, there is nothing to roll back, and that is an error too
            let _ = c.rollback().await;
            if c.rows("SELECT 1", args![]).await.is_ok() {
                self.connection = Some(c);
            }
        }
    }

    async fn write(&mut self, guards: Vec<Guard>, builds: Vec<WriteFn>) -> Result<Vec<Answer>, Failed> {
        let c = match &mut self.connection {
            Some(c) => c,
            empty => empty.insert(self.options.connect().await.map_err(Failed::Before)?),
        };
        let (answers, rows) = prepared(c, guards, builds).await.map_err(Failed::Before)?;
        // where nothing may go in, the store stays as it was, its numbers too
        if answers.iter().all(Result::is_err) {
            c.rollback().await.map_err(Failed::Before)?;
            return Ok(answers);
        }
        step("store::before_rows");
        rows.write(c).await.map_err(Failed::Before)?;
        step("store::before_commit");
        c.commit().await.map_err(Failed::During)?;
        step("store::after_commit");
        Ok(answers)
    }
}

/// A place where a test may end the process.
fn step(_name: &'static str) {
    fail::fail_point!(_name, |_| std::process::abort());
}

/// Opens the transaction, compares each change with what holds, and builds the rows of those that may go in.
async fn prepared(
    c: &mut Conn,
    guards: Vec<Guard>,
    builds: Vec<WriteFn>,
) -> Result<(Vec<Answer>, Changes), sqlx::Error> {
    step("store::before_begin");
    let count = i64::try_from(guards.len()).unwrap_or(i64::MAX);
    let last = c.begin_counted(count).await?;
    step("store::after_number");
    let first: CommitNo = last - count + 1;
    // what takes the number is built while the database looks at the books
    let built = async {
        let numbered = (first..).zip(&guards).zip(builds);
        numbered.map(|((no, guard), build)| (no, built(no, guard, build))).collect::<Vec<_>>()
    };
    let (held, built) = tokio::join!(biased; Held::read(c, &guards), built);
    let mut held = held?;
    step("store::after_books");

    let mut rows = Changes::default();
    let mut answers = Vec::with_capacity(guards.len());
    let mut entries = Vec::new();
    for (guard, (no, built)) in guards.into_iter().zip(built) {
        answers.push(held.check(&guard).and(built).map(|(mut write, mut own)| {
            held.swap(&guard, no, &write, &mut own);
            rows.append(own);
            let at = write.at;
            entries.extend(std::mem::take(&mut write.audit).into_iter().map(|e| (no, at, e)));
            Committed { commit_no: no, answer: write.answer }
        }));
    }
    if !entries.is_empty() {
        rows.audit(crate::audit::chain(c, entries).await?);
    }
    Ok((answers, rows))
}

/// A change and its rows. Rendering is the caller's code: a panic in it must not end the only writer.
fn built(no: CommitNo, guard: &Guard, build: WriteFn) -> Result<(Write, Changes), CommitError> {
    let write = catch_unwind(AssertUnwindSafe(|| build(no)))
        .map_err(|_| StoreError::Damaged { table: "-", reason: "the change could not be built".to_owned() })?;
    let rows = Changes::of(no, guard, &write)?;
    Ok((write, rows))
}
