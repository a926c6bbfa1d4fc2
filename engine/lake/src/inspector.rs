//! Running a query within its limits, beside a server that must go on.
//!
//! Three things together stop a query in time (each alone does not): it computes on threads of its own, its
//! joins give way to others ([`Yielding`]), and whoever waits for its rows holds the clock. What the memory
//! pool cannot see (window functions, decoded pages) is watched as the size of the whole process.

use crate::error::InspectError;
use crate::guard;
use crate::provider::{Moment, Provider};
use crate::source::{Logged, Source};
use crate::sql;
use crate::view::{View, views};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use chrono::NaiveDateTime;
use datafusion::catalog::{MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, config::ConfigOptions};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use dingan_core::person::CommitNo;
use futures::StreamExt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;

/// What a query may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of memory the operators of one query may hold; above, they spill to disk.
    pub memory: usize,
    /// Bytes one query may spill.
    pub spill: u64,
    /// From asking to the last row.
    pub time: Duration,
    /// Rows handed over.
    pub rows: u64,
    /// Queries at once; more wait in line.
    pub at_once: usize,
    /// How long they wait.
    pub wait: Duration,
    /// Threads that compute.
    pub threads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
        Self {
            memory: 512 << 20,
            spill: 4 << 30,
            time: Duration::from_secs(60),
            rows: 1_000_000,
            at_once: 2,
            wait: Duration::from_secs(10),
            threads: cores,
        }
    }
}

/// How much the program may grow while a query runs, in multiples of what its operators may hold.
const GROWTH: usize = 4;

/// Commits a second of others from which on queries rest: hospitals are settling.
const BUSY: f64 = 20.0;

/// The longest rest.
const REST: Duration = Duration::from_millis(500);

/// Until when no query begins. While hospitals settle, queries rest as long as the last one worked: what the database
/// does for them it does at the priority of the rest.
#[derive(Default)]
struct Gate(Mutex<Option<Instant>>);

impl Gate {
    fn closed_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass(&self) {
        let until = *self.closed_until();
        if let Some(until) = until {
            tokio::time::sleep_until(until.into()).await;
        }
    }

    /// A query that took so long is over, while others made so many commits.
    fn close(&self, took: Duration, commits: CommitNo) {
        if commits as f64 > BUSY * took.as_secs_f64() {
            let until = Instant::now() + took.min(REST);
            let mut closed = self.closed_until();
            *closed = Some(closed.map_or(until, |before| before.max(until)));
        }
    }
}

/// What is asked, and by whom.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The text.
    pub sql: String,
    /// Name of the investigation, where the text is one.
    pub named: String,
    /// Who asks.
    pub who: String,
    /// When: local civil time.
    pub at: NaiveDateTime,
}

/// Answers queries. One for a program.
pub struct Inspector {
    source: Arc<dyn Source>,
    views: Vec<Arc<View>>,
    limits: Limits,
    slots: Arc<Semaphore>,
    gate: Arc<Gate>,
    /// Taken out on drop: a runtime must not be dropped where others run.
    cpu: Option<Runtime>,
}

impl Drop for Inspector {
    fn drop(&mut self) {
        if let Some(cpu) = self.cpu.take() {
            cpu.shutdown_background();
        }
    }
}

impl Inspector {
    /// An inspector over a source.
    pub fn new(source: Arc<dyn Source>, limits: Limits) -> std::io::Result<Self> {
        let cpu = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(limits.threads)
            .thread_name("inspect")
            // texts nest, and what is parsed is walked and dropped by recursion
            .thread_stack_size(64 << 20)
            .on_thread_start(step_back)
            .enable_all()
            .build()?;
        let slots = Arc::new(Semaphore::new(limits.at_once));
        Ok(Self { source, views: views(), limits, slots, gate: Arc::default(), cpu: Some(cpu) })
    }

    /// Starts a query. Rows come as they are worked out; dropping the answer stops it.
    pub async fn ask(&self, asked: Asked) -> Result<Answer, InspectError> {
        let began = Instant::now();
        let mut log = Log {
            source: Arc::clone(&self.source),
            gate: Arc::clone(&self.gate),
            asked,
            began,
            reads_from: began,
            on_record: 0,
            as_of: 0,
            rows: 0,
            done: false,
        };
        match self.start(&mut log).await {
            Ok((schema, rows, abort, permit)) => Ok(Answer {
                schema,
                rows,
                abort,
                deadline: tokio::time::Instant::from_std(began + self.limits.time),
                limits: self.limits,
                size_before: resident().unwrap_or(0),
                log,
                _permit: permit,
            }),
            Err(e) => {
                log.end(e.code).await?;
                Err(e)
            }
        }
    }

    async fn start(
        &self,
        log: &mut Log,
    ) -> Result<(SchemaRef, mpsc::Receiver<Next>, AbortHandle, OwnedSemaphorePermit), InspectError> {
        let permit = tokio::time::timeout(self.limits.wait, Arc::clone(&self.slots).acquire_owned())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| {
                let at_once = self.limits.at_once;
                InspectError::new("BUSY", format!("{at_once} queries are running already; try again in a while"))
            })?;
        self.gate.pass().await;
        log.reads_from = Instant::now();
        let Some(cpu) = &self.cpu else { return Err(InspectError::new("BUSY", "the program is ending")) };
        // begun on a thread that steps back: what a source starts to read with does so too
        let source = Arc::clone(&self.source);
        let rows = cpu.spawn(async move { source.now().await }).await;
        let rows = rows.map_err(|_| died())?.map_err(InspectError::source)?;
        log.as_of = rows.as_of();
        // nothing is shown that is not on record
        log.on_record = log.write("began").await?;
        let reference = rows.reference().await.map_err(InspectError::source)?;
        let query = Query {
            text: log.asked.sql.clone(),
            at: log.asked.at,
            moment: Moment { rows, reference },
            views: self.views.clone(),
            limits: self.limits,
        };
        let (tx, rx) = mpsc::channel(2);
        let (planned, schema) = oneshot::channel();
        let abort = cpu.spawn(query.run(planned, tx)).abort_handle();
        let guard = AbortOnDrop(abort.clone());
        let schema =
            tokio::time::timeout(self.limits.time, schema).await.map_err(|_| out_of_time(&self.limits))?.map_err(
                |_| InspectError::new("RUN", "the query ended without a word; the log of the program says why"),
            )??;
        std::mem::forget(guard);
        Ok((schema, rx, abort, permit))
    }
}

/// Lets this thread, and those it starts, compute only where no other has anything to do: on a busy machine a
/// settlement passes through a dozen threads, and must not queue behind a query at each.
fn step_back() {
    use thread_priority::*;
    #[cfg(target_os = "linux")]
    let done = set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Min,
        ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle),
    );
    #[cfg(not(target_os = "linux"))]
    let done = set_current_thread_priority(ThreadPriority::Min);
    if let Err(e) = done {
        tracing::warn!(error = %e, "inspection runs at the priority of the rest");
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn died() -> InspectError {
    let mut e = InspectError::new("RUN", "the query failed inside; standard error of the program says where");
    e.hint = Some("write it another way; a join without an equality often is the cause".to_owned());
    e
}

fn out_of_time(limits: &Limits) -> InspectError {
    let mut e = InspectError::new("TIME", format!("the query was stopped after {} s", limits.time.as_secs()));
    e.hint = Some("narrow it by time, person or hospital".to_owned());
    e
}

/// Rows, or the end: a channel that closes without it means that the query failed on its way.
type Next = Result<Option<RecordBatch>, InspectError>;

/// Rows of a query. Dropping it stops the query.
pub struct Answer {
    schema: SchemaRef,
    rows: mpsc::Receiver<Next>,
    abort: AbortHandle,
    deadline: tokio::time::Instant,
    limits: Limits,
    size_before: usize,
    log: Log,
    _permit: OwnedSemaphorePermit,
}

impl Answer {
    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The state of the books that was read.
    pub fn as_of(&self) -> i64 {
        self.log.as_of
    }

    /// The next rows; none at the end. After an error there is nothing more.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, InspectError> {
        let next = match self.wait().await {
            Err(e) => Err(e),
            Ok(None) => Ok(None),
            Ok(Some(batch)) => {
                self.log.rows += batch.num_rows() as u64;
                if self.log.rows > self.limits.rows {
                    let message = format!("the query gives more than {} rows", self.limits.rows);
                    let mut e = InspectError::new("ROWS", message);
                    e.hint = Some("add a LIMIT, or let the query count".to_owned());
                    Err(e)
                } else {
                    Ok(Some(batch))
                }
            }
        };
        match &next {
            Ok(Some(_)) => {}
            Ok(None) => self.log.end("ok").await?,
            Err(e) => {
                self.abort.abort();
                self.log.end(e.code).await?;
            }
        }
        next
    }

    /// The next rows, as long as time and memory last. Some operators hold memory the pool is not told of,
    /// so the size of the whole program is looked at too.
    async fn wait(&mut self) -> Result<Option<RecordBatch>, InspectError> {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        loop {
            tokio::select! {
                biased;
                rows = self.rows.recv() => return rows.unwrap_or_else(|| Err(died())),
                () = tokio::time::sleep_until(self.deadline) => return Err(out_of_time(&self.limits)),
                _ = tick.tick() => {
                    if resident().is_some_and(|now| now > self.size_before + self.limits.memory * GROWTH) {
                        let mut e = InspectError::new("MEMORY", "the query was stopped: the program was growing too large");
                        e.hint = Some("narrow the query by time, person or hospital".to_owned());
                        return Err(e);
                    }
                }
            }
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.abort.abort();
        if let Some(entry) = self.log.take_end("cancelled") {
            let source = Arc::clone(&self.log.source);
            if let Ok(handle) = Handle::try_current() {
                handle.spawn(async move {
                    if let Err(e) = source.log(entry).await {
                        tracing::error!(error = %e, "the end of an inspection could not be logged");
                    }
                });
            }
        }
    }
}

/// The audit of one query: one row when it begins to read, one when it ends.
struct Log {
    source: Arc<dyn Source>,
    gate: Arc<Gate>,
    asked: Asked,
    began: Instant,
    /// When its turn came.
    reads_from: Instant,
    /// The commit of its first row.
    on_record: CommitNo,
    as_of: i64,
    rows: u64,
    done: bool,
}

impl Log {
    fn entry(&self, result: &str) -> Logged {
        Logged {
            at: self.asked.at,
            who: self.asked.who.clone(),
            sql: self.asked.sql.clone(),
            named: self.asked.named.clone(),
            as_of: self.as_of,
            rows: self.rows,
            took: self.began.elapsed(),
            result: result.to_owned(),
        }
    }

    async fn write(&self, result: &str) -> Result<CommitNo, InspectError> {
        let written = self.source.log(self.entry(result)).await;
        written.map_err(|e| InspectError::new("LOG", format!("the query could not be put on record: {e}")))
    }

    fn take_end(&mut self, result: &str) -> Option<Logged> {
        (!std::mem::replace(&mut self.done, true)).then(|| self.entry(result))
    }

    async fn end(&mut self, result: &str) -> Result<(), InspectError> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(());
        }
        let last = self.write(result).await?;
        if self.on_record > 0 {
            self.gate.close(self.reads_from.elapsed(), last - self.on_record - 1);
        }
        Ok(())
    }
}

/// A query on its way.
struct Query {
    text: String,
    at: NaiveDateTime,
    moment: Moment,
    views: Vec<Arc<View>>,
    limits: Limits,
}

type Planned = oneshot::Sender<Result<SchemaRef, InspectError>>;

impl Query {
    async fn run(self, planned: Planned, rows: mpsc::Sender<Next>) {
        let mut planned = Some(planned);
        let statement = match guard::parse(&self.text) {
            Ok(s) => sql::rewrite(s, self.at),
            Err(e) => return refuse(&mut planned, e),
        };
        // hash joins are fast and cannot spill, merge joins can: they are the second try
        for hash_join in [true, false] {
            let mut sent = false;
            match self.attempt(&statement, hash_join, &mut planned, &rows, &mut sent).await {
                Ok(()) => return,
                Err(e) if hash_join && !sent && InspectError::exhausted(&e) => {}
                Err(e) => {
                    let _ = rows.send(Err(InspectError::from_run(&e))).await;
                    return;
                }
            }
        }
    }

    async fn attempt(
        &self,
        statement: &Statement,
        hash_join: bool,
        planned: &mut Option<Planned>,
        rows: &mpsc::Sender<Next>,
        sent: &mut bool,
    ) -> Result<(), DataFusionError> {
        let context = match self.context(hash_join) {
            Ok(c) => c,
            Err(e) => {
                refuse(planned, InspectError::new("RUN", e.to_string()));
                return Ok(());
            }
        };
        let state = context.state();
        let plan = match state.statement_to_plan(statement.clone()).await {
            Ok(plan) => plan,
            Err(e) => {
                refuse(planned, InspectError::from_plan(&e, &self.text));
                return Ok(());
            }
        };
        if let Err(e) = guard::verify(&plan) {
            refuse(planned, e);
            return Ok(());
        }
        let physical = match state.create_physical_plan(&plan).await {
            Ok(p) => p,
            Err(e) if InspectError::exhausted(&e) => return Err(e),
            Err(e) => {
                refuse(planned, InspectError::from_plan(&e, &self.text));
                return Ok(());
            }
        };
        if let Some(planned) = planned.take() {
            let _ = planned.send(Ok(physical.schema()));
        }
        let mut stream = execute_stream(physical, context.task_ctx())?;
        loop {
            match stream.next().await {
                None => {
                    let _ = rows.send(Ok(None)).await;
                    return Ok(());
                }
                Some(Err(e)) => return Err(e),
                Some(Ok(b)) if b.num_rows() == 0 => {}
                Some(Ok(b)) => {
                    *sent = true;
                    if rows.send(Ok(Some(b))).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn context(&self, hash_join: bool) -> Result<SessionContext, DataFusionError> {
        let pool = FairSpillPool::new(self.limits.memory);
        let top = NonZeroUsize::MIN.saturating_add(4);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(TrackConsumersPool::new(pool, top)))
            .with_max_temp_directory_size(self.limits.spill)
            .build_arc()?;
        let mut config = SessionConfig::new()
            .with_target_partitions(self.limits.threads)
            .with_information_schema(true)
            .with_default_catalog_and_schema("dingan", "public");
        let options = config.options_mut();
        options.optimizer.prefer_hash_join = hash_join;
        options.sql_parser.parse_float_as_decimal = true;
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_physical_optimizer_rule(Arc::new(Yielding))
            .build();
        let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(sql::DateArithmetic)];
        planners.extend(state.expr_planners().iter().cloned());
        let state = SessionStateBuilder::new_from_existing(state).with_expr_planners(planners).build();
        let context = SessionContext::new_with_state(state);
        sql::register(&context)?;
        let schema = MemorySchemaProvider::new();
        for v in &self.views {
            let provider = Provider::new(Arc::clone(v), self.moment.clone());
            schema.register_table(v.name.to_owned(), Arc::new(provider))?;
        }
        schema.register_table("dual".to_owned(), sql::dual()?)?;
        let catalog = MemoryCatalogProvider::new();
        datafusion::catalog::CatalogProvider::register_schema(&catalog, "public", Arc::new(schema))?;
        context.register_catalog("dingan", Arc::new(catalog));
        Ok(context)
    }
}

fn refuse(planned: &mut Option<Planned>, e: InspectError) {
    if let Some(p) = planned.take() {
        let _ = p.send(Err(e));
    }
}

/// Joins produce without end and give way at their leaves only; wrapped, they give way at each batch.
#[derive(Debug)]
struct Yielding;

impl PhysicalOptimizerRule for Yielding {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let wrapped = plan.transform_up(|p| {
            Ok(if p.name().ends_with("JoinExec") {
                Transformed::yes(Arc::new(CooperativeExec::new(p)) as Arc<dyn ExecutionPlan>)
            } else {
                Transformed::no(p)
            })
        });
        wrapped.map(|t| t.data)
    }

    fn name(&self) -> &str {
        "yielding_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Bytes of memory the program holds, where the system says so.
fn resident() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_rest_only_while_others_write() {
        let gate = Gate::default();
        gate.close(Duration::from_secs(10), 30);
        assert_eq!(*gate.closed_until(), None, "three commits a second are no reason");
        let before = Instant::now();
        gate.close(Duration::from_millis(200), 40);
        let until = gate.closed_until().unwrap();
        assert!(until >= before + Duration::from_millis(200) && until <= Instant::now() + Duration::from_millis(200));
        // never longer than the longest rest, and never shorter for a shorter query after a long one
        gate.close(Duration::from_secs(50), 50_000);
        let long = gate.closed_until().unwrap();
        assert!(long <= Instant::now() + REST);
        gate.close(Duration::from_millis(1), 40);
        assert_eq!(gate.closed_until().unwrap(), long);
    }
}
