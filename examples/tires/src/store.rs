//! The orders, in the company's own SQLite file.
//!
//! A success means durable: WAL with `synchronous = FULL` syncs at every commit. A
//! completion and the event that tells of it are one transaction.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{
    Connection, OptionalExtension as _, Row, TransactionBehavior, params, params_from_iter,
};
use tokio::task::spawn_blocking;

use crate::extract::{Caller, Page};
use crate::order::{Status, TireOrder};
use crate::outbox::{self, Event};

const FILE: &str = "tires.db";

/// How long to wait for another process that holds the file, such as a backup.
const BUSY_MAX: Duration = Duration::from_secs(5);

/// Orders completed in one transaction, so that new orders wait for no more than that.
const COMPLETED_MAX: u32 = 500;

/// An order from inside, without a client, has the empty one: a unique index would let
/// NULL repeat.
const SCHEMA: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS tire_orders (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  car_order_id TEXT NOT NULL,
  car_type TEXT NOT NULL,
  status TEXT NOT NULL,
  client TEXT NOT NULL,
  partner TEXT,
  api_key_id TEXT,
  address TEXT,
  request_id TEXT,
  traceparent TEXT,
  submitted_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  ended_at TEXT
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS tire_orders_by_car_order ON tire_orders (client, car_order_id);
CREATE INDEX IF NOT EXISTS tire_orders_by_client ON tire_orders (client, seq);
CREATE INDEX IF NOT EXISTS tire_orders_by_status ON tire_orders (status, seq);
";

/// The database; clones share one connection.
#[derive(Clone)]
pub(crate) struct Store {
    connection: Arc<Mutex<Connection>>,
}

impl Store {
    /// Opens the file in `folder`, making both if they are missing.
    pub(crate) async fn open(folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.to_owned();
        let opened = spawn_blocking(move || connect(&folder)).await;
        let connection = opened.context("the thread that opens the database ended early")??;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// Does `work` on the connection, alone, on a thread that may block.
    pub(crate) async fn run<T, F>(&self, work: F) -> anyhow::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> anyhow::Result<T> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        let done = spawn_blocking(move || {
            // A thread that panicked left no transaction open: dropping one rolls it
            // back.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut connection)
        });
        done.await.context("the thread that works on the database ended early")?
    }
}

fn connect(folder: &Path) -> anyhow::Result<Connection> {
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let file = folder.join(FILE);
    let connection =
        Connection::open(&file).with_context(|| format!("opening {}", file.display()))?;
    connection.busy_timeout(BUSY_MAX).context("setting the busy timeout")?;
    connection.execute_batch(SCHEMA).context("making the table of orders")?;
    connection.execute_batch(outbox::SCHEMA).context("making the outbox")?;
    Ok(connection)
}

/// What became of a car order that was sent.
pub(crate) enum Placed {
    New(TireOrder),
    /// This client sent it before: the tire order it made, as it stands now.
    Again(TireOrder),
    /// This client sent its id before, for another car.
    Differs,
}

/// Writes a new order and who sent it, unless that client sent the car order before.
pub(crate) fn place(
    connection: &mut Connection,
    order: TireOrder,
    caller: &Caller,
) -> anyhow::Result<Placed> {
    let client = caller.client.as_deref().unwrap_or_default();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(known) = by_car_order(&transaction, client, &order.car_order_id)? {
        let same = known.car_type == order.car_type;
        return Ok(if same { Placed::Again(known) } else { Placed::Differs });
    }
    transaction.execute(
        "INSERT INTO tire_orders
           (id, car_order_id, car_type, status, client, partner, api_key_id, address, request_id,
            traceparent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            order.id,
            order.car_order_id,
            order.car_type,
            order.status,
            client,
            caller.partner,
            caller.api_key_id,
            caller.address,
            caller.request_id,
            caller.traceparent,
        ],
    )?;
    transaction.commit()?;
    Ok(Placed::New(order))
}

fn by_car_order(
    connection: &Connection,
    client: &str,
    car_order_id: &str,
) -> anyhow::Result<Option<TireOrder>> {
    let sql = "SELECT * FROM tire_orders WHERE client = ?1 AND car_order_id = ?2";
    Ok(connection.query_row(sql, params![client, car_order_id], read).optional()?)
}

/// The order of that id, if `client` may see it; without a client all are seen.
pub(crate) fn find(
    connection: &Connection,
    id: &str,
    client: Option<&str>,
) -> anyhow::Result<Option<TireOrder>> {
    let sql = "SELECT * FROM tire_orders WHERE id = ?1 AND (?2 IS NULL OR client = ?2)";
    Ok(connection.query_row(sql, params![id, client], read).optional()?)
}

/// What became of the wish to cancel an order.
pub(crate) enum Cancelled {
    Now,
    Before,
    TooLate,
    UnknownOrder,
}

/// Cancels an order that is not completed yet, if `client` may see it.
pub(crate) fn cancel(
    connection: &mut Connection,
    id: &str,
    client: Option<&str>,
) -> anyhow::Result<Cancelled> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some(order) = find(&transaction, id, client)? else {
        return Ok(Cancelled::UnknownOrder);
    };
    match order.status {
        Status::Completed => Ok(Cancelled::TooLate),
        Status::Cancelled => Ok(Cancelled::Before),
        Status::Submitted => {
            end(&transaction, id, Status::Cancelled)?;
            transaction.commit()?;
            Ok(Cancelled::Now)
        }
    }
}

/// How many orders a batch completed, and whether more may wait.
pub(crate) struct Batch {
    pub(crate) completed: usize,
    pub(crate) more: bool,
}

/// Completes the oldest submitted orders, up to 500, each together with its event.
pub(crate) fn complete_batch(connection: &mut Connection) -> anyhow::Result<Batch> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let submitted = oldest_submitted(&transaction)?;
    let completed = submitted.len();
    for (order, traceparent) in submitted {
        let order = order.completed();
        end(&transaction, &order.id, order.status)?;
        let event = Event::new("complete-order", "OrderCompleted", &order.document(), traceparent)?;
        outbox::write(&transaction, &event)?;
    }
    transaction.commit()?;
    Ok(Batch { completed, more: completed >= usize::try_from(COMPLETED_MAX)? })
}

/// Each with the trace of the request that placed it: one trace spans both companies.
fn oldest_submitted(connection: &Connection) -> anyhow::Result<Vec<(TireOrder, Option<String>)>> {
    let mut statement = connection
        .prepare_cached("SELECT * FROM tire_orders WHERE status = ?1 ORDER BY seq LIMIT ?2")?;
    let rows = statement.query_map(params![Status::Submitted, COMPLETED_MAX], |row| {
        Ok((read(row)?, row.get("traceparent")?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn end(connection: &Connection, id: &str, status: Status) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE tire_orders SET status = ?2, ended_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
         WHERE id = ?1",
    )?;
    statement.execute(params![id, status])?;
    Ok(())
}

/// One page of orders.
pub(crate) struct Listing {
    pub(crate) orders: Vec<TireOrder>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<i64>,
}

/// The orders of a page that `client` may see, oldest first; without a client all are
/// seen.
pub(crate) fn list(
    connection: &Connection,
    page: &Page,
    client: Option<&str>,
) -> anyhow::Result<Listing> {
    let mut sql = "SELECT * FROM tire_orders WHERE seq > ?".to_owned();
    let mut values = vec![Value::from(page.after)];
    if let Some(client) = client {
        sql.push_str(" AND client = ?");
        values.push(Value::from(client.to_owned()));
    }
    if let Some(status) = page.status {
        sql.push_str(" AND status = ?");
        values.push(Value::from(status.name().to_owned()));
    }
    // One more than is shown tells whether there is a next page.
    sql.push_str(" ORDER BY seq LIMIT ?");
    values.push(Value::from(i64::from(page.limit) + 1));

    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement
        .query_map(params_from_iter(values), |row| Ok((row.get::<_, i64>("seq")?, read(row)?)))?;
    let mut found = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let limit = usize::try_from(page.limit)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = if more { found.last().map(|(seq, _)| *seq) } else { None };
    Ok(Listing { orders: found.into_iter().map(|(_, order)| order).collect(), next })
}

/// How many orders have a status.
pub(crate) fn count(connection: &Connection, status: Status) -> anyhow::Result<i64> {
    let sql = "SELECT count(*) FROM tire_orders WHERE status = ?1";
    Ok(connection.query_row(sql, [status], |row| row.get(0))?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<TireOrder> {
    Ok(TireOrder {
        id: row.get("id")?,
        car_order_id: row.get("car_order_id")?,
        car_type: row.get("car_type")?,
        status: row.get("status")?,
    })
}

impl ToSql for Status {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.name()))
    }
}

impl FromSql for Status {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::named(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}
