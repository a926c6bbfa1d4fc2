//! Connections kept for reading. sqlx's own pool asks the server whether a connection still lives each time one
//! is given back, a round trip more for every statement or two of ours; here a broken one is found when it is
//! used, and since every read is a statement of its own, the statement is run again on a fresh one.

use crate::db::StoreError;
use crate::sql::{Conn, Options, Row, Value, connection_lost};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a reader waits for a connection.
const WAIT: Duration = Duration::from_secs(10);

/// How long to wait before a statement is tried again after the connection broke.
const AGAIN: [Duration; 3] = [Duration::ZERO, Duration::from_millis(200), Duration::from_millis(800)];

/// Cheap to clone: whoever has the store has it, every request in flight too.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    options: Options,
    idle: Mutex<Vec<Conn>>,
    permits: Arc<Semaphore>,
    size: usize,
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Vec<Conn>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    pub(crate) fn new(options: Options, size: usize) -> Self {
        Self(Arc::new(Shared { options, idle: Mutex::default(), permits: Arc::new(Semaphore::new(size)), size }))
    }

    /// A connection, given back when dropped.
    pub(crate) async fn lease(&self) -> Result<Lease, StoreError> {
        let permit = tokio::time::timeout(WAIT, Arc::clone(&self.0.permits).acquire_owned());
        let permit = permit.await.map_err(|_| StoreError::Busy)?.map_err(|_| StoreError::Closed)?;
        let idle = self.0.idle().pop();
        Ok(Lease { pool: self.clone(), conn: idle, _permit: permit })
    }

    /// Closes what is idle, and what is in use as soon as it comes back; nothing is given out any more.
    pub(crate) async fn close(&self) {
        let all = u32::try_from(self.0.size).unwrap_or(u32::MAX);
        if let Ok(permits) = self.0.permits.acquire_many(all).await {
            permits.forget();
        }
        self.0.permits.close();
        let idle = std::mem::take(&mut *self.0.idle());
        for c in idle {
            c.close().await;
        }
    }
}

pub(crate) struct Lease {
    pool: Pool,
    conn: Option<Conn>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// The rows of a query that stands for itself.
    pub(crate) async fn rows(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let mut tries = AGAIN.iter();
        loop {
            let failed = match self.once(sql, args).await {
                Ok(rows) => return Ok(rows),
                Err(e) => e,
            };
            // a connection that broke while it lay idle says nothing about the server
            if !connection_lost(&failed) {
                return Err(failed.into());
            }
            self.conn = None;
            self.pool.0.idle().clear();
            match tries.next() {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => return Err(failed.into()),
            }
        }
    }

    /// The rows of a statement put together for the purpose. Who asked asks again where the connection broke.
    pub(crate) async fn rows_of(&mut self, sql: String, args: Vec<Value<'static>>) -> Result<Vec<Row>, StoreError> {
        let conn = match &mut self.conn {
            Some(c) => c,
            empty => empty.insert(self.pool.0.options.connect().await?),
        };
        let rows = conn.rows_of(sql, &args).await;
        if rows.as_ref().is_err_and(connection_lost) {
            self.conn = None;
        }
        Ok(rows?)
    }

    async fn once(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<Vec<Row>, sqlx::Error> {
        let conn = match &mut self.conn {
            Some(c) => c,
            empty => empty.insert(self.pool.0.options.connect().await?),
        };
        conn.rows(sql, args).await
    }

    /// The only row of a query, or none.
    pub(crate) async fn row(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(c) = self.conn.take() {
            self.pool.0.idle().push(c);
        }
    }
}
