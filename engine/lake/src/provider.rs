//! The views as tables of DataFusion: conditions, columns and limits go down to the source, rows come up in pages.

use crate::source::{Reference, Rows, SourceError, Undecoded};
use crate::view::View;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use chrono::{DateTime, NaiveDateTime};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use dingan_core::look::{Condition, Key, Page, Parts, Wanted};
use futures::{StreamExt, stream};
use std::fmt;
use std::sync::Arc;
use tokio::sync::mpsc;

type Result<T> = datafusion::common::Result<T>;

/// The state of the books a query reads.
#[derive(Clone)]
pub(crate) struct Moment {
    pub(crate) rows: Arc<dyn Rows>,
    pub(crate) reference: Arc<Reference>,
}

/// A view at a moment.
pub(crate) struct Provider {
    view: Arc<View>,
    moment: Moment,
}

impl Provider {
    pub(crate) fn new(view: Arc<View>, moment: Moment) -> Self {
        Self { view, moment }
    }

    /// The condition the source can apply, and whether it means the same there.
    fn condition(&self, e: &Expr) -> Option<(Condition, bool)> {
        let rowset = self.view.rowset()?;
        let (condition, exact) = condition(&self.view, e)?;
        let (Condition::In(key, _) | Condition::From(key, _) | Condition::Until(key, _)) = &condition;
        self.moment.rows.sifts(rowset, *key).then_some((condition, exact))
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({})", self.view.name)
    }
}

#[async_trait]
impl TableProvider for Provider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.view.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|f| match self.condition(f) {
                Some((_, true)) => TableProviderFilterPushDown::Exact,
                Some((_, false)) => TableProviderFilterPushDown::Inexact,
                None => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns: Vec<usize> = projection.cloned().unwrap_or_else(|| (0..self.view.columns.len()).collect());
        let schema = Arc::new(self.view.schema.project(&columns)?);
        let wanted = self.view.rowset().map(|rows| Wanted {
            rows,
            conditions: filters.iter().filter_map(|f| self.condition(f)).map(|(c, _)| c).collect(),
            parts: columns.iter().map(|&i| self.view.columns[i].parts).fold(self.view.own_parts(), both),
            limit: limit.filter(|_| self.view.one_to_one()),
        });
        let part = Part {
            view: Arc::clone(&self.view),
            moment: self.moment.clone(),
            columns,
            schema: Arc::clone(&schema),
            wanted,
        };
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![Arc::new(part)], None, [], false, limit)?))
    }
}

fn both(a: Parts, b: Parts) -> Parts {
    Parts { person: a.person || b.person, visit: a.visit || b.visit, split: a.split || b.split, list: a.list || b.list }
}

/// One scan. Later the files of the lake are parts beside it, with the source above their watermark.
struct Part {
    view: Arc<View>,
    moment: Moment,
    columns: Vec<usize>,
    schema: SchemaRef,
    /// None: the view is made of reference data.
    wanted: Option<Wanted>,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.view.name, self.wanted.as_ref().map(|w| &w.conditions))
    }
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        match &self.wanted {
            None => {
                let batch = self.view.reference(&self.columns, &self.schema, &self.moment.reference);
                let once = stream::iter([batch.map_err(DataFusionError::from)]);
                Box::pin(RecordBatchStreamAdapter::new(schema, once))
            }
            Some(wanted) => {
                let (view, columns, reference) =
                    (Arc::clone(&self.view), self.columns.clone(), Arc::clone(&self.moment.reference));
                let out = Arc::clone(&schema);
                let pages = fetch(&self.moment, wanted.clone()).map(move |page| {
                    let page: Page = page.and_then(|undecoded| undecoded()).map_err(DataFusionError::External)?;
                    let batch: RecordBatch = view.batch(&page, &columns, &out, &reference)?;
                    Ok(batch)
                });
                Box::pin(RecordBatchStreamAdapter::new(schema, pages))
            }
        }
    }
}

/// Pages as they come: one is being used, one waits, one is being fetched. Dropping the stream ends it.
fn fetch(
    moment: &Moment,
    wanted: Wanted,
) -> impl futures::Stream<Item = std::result::Result<Undecoded, SourceError>> + Send + use<> {
    let (tx, rx) = mpsc::channel(1);
    let mut scan = moment.rows.scan(wanted);
    tokio::spawn(async move {
        loop {
            match scan.next().await {
                Ok(Some(page)) => {
                    if tx.send(Ok(page)).await.is_err() {
                        break;
                    }
                }
                Ok(None) => break,
                Err(e) => {
                    let _ = tx.send(Err(e)).await;
                    break;
                }
            }
        }
    });
    stream::unfold(rx, |mut rx| async move { rx.recv().await.map(|page| (page, rx)) })
}

/// What a filter means for the source: `column = 'x'`, `IN`, `OR` of these, and ranges of times.
fn condition(view: &View, e: &Expr) -> Option<(Condition, bool)> {
    match e {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            match (condition(view, left)?.0, condition(view, right)?.0) {
                (Condition::In(a, mut x), Condition::In(b, y)) if a == b => {
                    x.extend(y);
                    Some((Condition::In(a, x), true))
                }
                _ => None,
            }
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (column, op, value) = match (&**left, &**right) {
                (Expr::Column(c), Expr::Literal(v, _)) => (c, *op, v),
                (Expr::Literal(v, _), Expr::Column(c)) => (c, op.swap()?, v),
                _ => return None,
            };
            let key = view.key(column.name())?;
            match op {
                Operator::Eq => text(value).map(|t| (Condition::In(key, vec![t]), true)),
                // a second less or more does no harm: the query looks again
                Operator::Gt | Operator::GtEq => time(key, value).map(|t| (Condition::From(key, t), false)),
                Operator::Lt | Operator::LtEq => time(key, value).map(|t| (Condition::Until(key, t), false)),
                _ => None,
            }
        }
        Expr::InList(InList { expr, list, negated: false }) => {
            let Expr::Column(column) = &**expr else { return None };
            let key = view.key(column.name())?;
            let values: Option<Vec<String>> =
                list.iter().map(|e| if let Expr::Literal(v, _) = e { text(v) } else { None }).collect();
            values.map(|v| (Condition::In(key, v), true))
        }
        _ => None,
    }
}

/// A text to look for. The empty text reads as null in every view, and equals nothing.
fn text(v: &ScalarValue) -> Option<String> {
    v.try_as_str().flatten().filter(|s| !s.is_empty()).map(ToOwned::to_owned)
}

fn time(key: Key, v: &ScalarValue) -> Option<NaiveDateTime> {
    if !matches!(key, Key::SettledAt | Key::FoundAt) {
        return None;
    }
    match v {
        ScalarValue::TimestampMicrosecond(Some(t), None) => DateTime::from_timestamp_micros(*t).map(|t| t.naive_utc()),
        _ => None,
    }
}
