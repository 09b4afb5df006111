//! The orders, in the company's own SQLite file.
//!
//! A success means durable: WAL with `synchronous = FULL` syncs at every commit. An order
//! and the event that tells of it are one transaction.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{
    Connection, OptionalExtension as _, Row, TransactionBehavior, params, params_from_iter,
};
use tokio::task::spawn_blocking;

use crate::extract::Page;
use crate::order::{CarOrder, Status};
use crate::outbox::{self, Event};

const FILE: &str = "cars.db";

/// How long to wait for another process that holds the file, such as a backup.
const BUSY_MAX: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS car_orders (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  status TEXT NOT NULL,
  type TEXT NOT NULL,
  price TEXT NOT NULL,
  client TEXT NOT NULL,
  idempotency_key TEXT,
  tire_order_id TEXT,
  submitted_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  completed_at TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS car_orders_by_status ON car_orders (status, seq);
CREATE UNIQUE INDEX IF NOT EXISTS car_orders_by_key ON car_orders (client, idempotency_key)
  WHERE idempotency_key IS NOT NULL;
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

/// A client's idempotency key. Two clients may choose the same one.
pub(crate) struct Key {
    pub(crate) client: String,
    pub(crate) key: Option<String>,
}

/// What became of an order that was sent.
pub(crate) enum Placed {
    New(CarOrder),
    /// It was sent before with this key: this is the order it made, as it stands now.
    Again(CarOrder),
    /// The key was sent before with another order.
    KeyReused,
}

/// Writes a new order and its event, unless the key says that this was done before.
pub(crate) fn place(
    connection: &mut Connection,
    order: CarOrder,
    key: &Key,
    event: &Event,
) -> anyhow::Result<Placed> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(known) = by_key(&transaction, key)? {
        let same = known.car_type == order.car_type && known.price == order.price;
        return Ok(if same { Placed::Again(known) } else { Placed::KeyReused });
    }
    transaction.execute(
        "INSERT INTO car_orders (id, status, type, price, client, idempotency_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![order.id, order.status, order.car_type, order.price, key.client, key.key],
    )?;
    outbox::write(&transaction, event)?;
    transaction.commit()?;
    Ok(Placed::New(order))
}

fn by_key(connection: &Connection, key: &Key) -> anyhow::Result<Option<CarOrder>> {
    let Some(idempotency_key) = &key.key else {
        return Ok(None);
    };
    let sql = "SELECT * FROM car_orders WHERE client = ?1 AND idempotency_key = ?2";
    Ok(connection.query_row(sql, params![key.client, idempotency_key], read).optional()?)
}

/// The order of that id.
pub(crate) fn find(connection: &Connection, id: &str) -> anyhow::Result<Option<CarOrder>> {
    let sql = "SELECT * FROM car_orders WHERE id = ?1";
    Ok(connection.query_row(sql, [id], read).optional()?)
}

/// What became of the word that an order is complete.
#[derive(Debug)]
pub(crate) enum Completed {
    Now,
    Before,
    UnknownOrder,
}

/// Completes an order, once.
pub(crate) fn complete(
    connection: &Connection,
    id: &str,
    tire_order_id: Option<&str>,
) -> anyhow::Result<Completed> {
    let changed = connection.execute(
        "UPDATE car_orders SET status = ?2, tire_order_id = ?3,
           completed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
         WHERE id = ?1 AND status = ?4",
        params![id, Status::Completed, tire_order_id, Status::Submitted],
    )?;
    if changed == 1 {
        return Ok(Completed::Now);
    }
    Ok(match find(connection, id)? {
        Some(_) => Completed::Before,
        None => Completed::UnknownOrder,
    })
}

/// One page of orders.
pub(crate) struct Listing {
    pub(crate) orders: Vec<CarOrder>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<i64>,
}

/// The orders of a page, oldest first.
pub(crate) fn list(connection: &Connection, page: &Page) -> anyhow::Result<Listing> {
    let mut sql = "SELECT * FROM car_orders WHERE seq > ?".to_owned();
    let mut values = vec![Value::from(page.after)];
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
    let sql = "SELECT count(*) FROM car_orders WHERE status = ?1";
    Ok(connection.query_row(sql, [status], |row| row.get(0))?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<CarOrder> {
    Ok(CarOrder {
        id: row.get("id")?,
        status: row.get("status")?,
        car_type: row.get("type")?,
        price: row.get("price")?,
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
