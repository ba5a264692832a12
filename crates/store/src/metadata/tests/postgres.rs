//! Metadata in PostgreSQL: a small adapter that shows that the logic, the statements and the full
//! store do not depend on SQLite.
//!
//! The environment variable `PORTOLAN_TEST_POSTGRES` contains the address of a server. `cargo xtask
//! services` starts this server. Each test uses its own schema. The adapter runs all writes on one
//! connection, because locks between several writers are not tested here.

use std::collections::HashMap;
use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use portolan_registry::{Error, Result};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls};

use super::{Fresh, all_database_tests, database_tests, scenario};
use crate::metadata::work::{Limit, Pending, Queue};
use crate::metadata::*;
use crate::runtime::Timestamp;

const TABLES: &str = concat!(
    include_str!("../postgres/0001.sql"),
    include_str!("../postgres/0002.sql"),
    include_str!("../postgres/0003.sql")
);
/// Number of connections for lookups.
const READERS: usize = 2;

all_database_tests!(fresh());

fn fresh() -> Fresh {
    Fresh {
        database: Arc::new(Database::Postgres(Postgres::open().unwrap())),
        _keep: Box::new(()),
    }
}

/// Metadata in a schema of a PostgreSQL server.
pub(crate) struct Postgres {
    writer: Queue,
    readers: Queue,
}

impl Postgres {
    /// Creates a schema with the tables.
    pub(crate) fn open() -> Result<Self> {
        static SCHEMAS: AtomicU64 = AtomicU64::new(0);
        let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
        let schema = format!("test_{}_{number}", std::process::id());
        let (mut writer, mut pending) = Queue::new(Limit::Wait(1024));
        let (created, is_created) = std::sync::mpsc::channel();
        let name = schema.clone();
        writer.start_thread("postgres-write", move || {
            let mut connection = Connection::open(&name);
            connection.create(&name);
            let _ = created.send(());
            write(&mut connection, &mut pending);
        })?;
        is_created
            .recv()
            .map_err(|error| Error::internal("failed to create the tables", error))?;
        let (mut readers, pending) = Queue::new(Limit::Wait(1024));
        let pending = Arc::new(Mutex::new(pending));
        for _ in 0..READERS {
            let (name, pending) = (schema.clone(), Arc::clone(&pending));
            readers.start_thread("postgres-read", move || {
                read(&mut Connection::open(&name), &pending);
            })?;
        }
        Ok(Self { writer, readers })
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut dyn Transaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.write(work).await
    }

    pub(crate) async fn lookup<T: Send + 'static>(&self, lookup: Lookup<T>) -> Result<T> {
        self.readers.lookup(lookup).await
    }
}

fn write(connection: &mut Connection, pending: &mut Pending) {
    while let Some(mut work) = pending.blocking_recv() {
        connection.begin();
        let stays = work.perform(connection);
        connection.script(if stays { "COMMIT" } else { "ROLLBACK" });
        work.answer(&Ok(()));
    }
}

fn read(connection: &mut Connection, pending: &Mutex<Pending>) {
    let receive = || {
        let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.blocking_recv()
    };
    while let Some(mut work) = receive() {
        if !work.is_abandoned() {
            work.perform(connection);
            work.answer(&Ok(()));
        }
    }
}

/// Connection with its own async runtime, for the thread that uses it.
struct Connection {
    runtime: tokio::runtime::Runtime,
    client: Client,
    prepared: HashMap<&'static str, tokio_postgres::Statement>,
    now: Timestamp,
}

impl Connection {
    fn open(schema: &str) -> Self {
        let address = env::var("PORTOLAN_TEST_POSTGRES")
            .expect("PORTOLAN_TEST_POSTGRES is set; run `cargo xtask services`");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&address, NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        });
        let connection = Self {
            runtime,
            client,
            prepared: HashMap::new(),
            now: 0,
        };
        connection.script(&format!("SET search_path TO {schema}"));
        connection
    }

    fn create(&self, schema: &str) {
        self.script(&format!("CREATE SCHEMA {schema}; {TABLES}"));
        self.script("SET enable_seqscan = off");
    }

    fn script(&self, sql: &str) {
        self.runtime
            .block_on(self.client.batch_execute(sql))
            .unwrap();
    }

    /// Begins a transaction and reads the server's clock.
    fn begin(&mut self) {
        self.script("BEGIN");
        let clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        let row = self.runtime.block_on(self.client.query_one(clock, &[]));
        self.now = row.unwrap().get(0);
    }

    /// Runs the statements in one round trip, after each of them was prepared.
    async fn pipeline(
        client: &Client,
        prepared: &mut HashMap<&'static str, tokio_postgres::Statement>,
        statements: &[Statement<'_>],
    ) -> Result<Vec<Outcome>, tokio_postgres::Error> {
        for statement in statements {
            if !prepared.contains_key(statement.sql) {
                let text = client.prepare(&dialect(statement.sql)).await?;
                prepared.insert(statement.sql, text);
            }
        }
        let prepared = &*prepared;
        let running = statements.iter().map(|statement| async move {
            let bound: Vec<_> = statement.parameters.iter().map(Bound).collect();
            let bound = bound.iter().map(|value| value as &(dyn ToSql + Sync));
            let rows = client.query_raw(&prepared[statement.sql], bound).await?;
            let mut rows = Box::pin(rows);
            let mut found = Vec::new();
            while let Some(row) = rows.try_next().await? {
                found.push(decode(&row));
            }
            Ok(Outcome {
                changed: rows.rows_affected().unwrap_or_default(),
                rows: found,
            })
        });
        try_join_all(running).await
    }
}

/// Returns a statement with the placeholders of PostgreSQL: `$1` for `?1`.
fn dialect(sql: &str) -> String {
    sql.replace('?', "$")
}

impl Transaction for Connection {
    fn batch(&mut self, statements: &[Statement<'_>]) -> Result<Vec<Outcome>> {
        let work = Self::pipeline(&self.client, &mut self.prepared, statements);
        self.runtime
            .block_on(work)
            .map_err(|error| Error::internal("failed to access the metadata", error))
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

#[derive(Debug)]
struct Bound<'a>(&'a Parameter<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self.0 {
            Parameter::Null => Ok(IsNull::Yes),
            Parameter::Integer(number) => number.to_sql_checked(kind, out),
            Parameter::Text(text) => text.as_ref().to_sql_checked(kind, out),
            Parameter::Bytes(bytes) => bytes.as_ref().to_sql_checked(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn decode(row: &tokio_postgres::Row) -> Row {
    let columns = row.columns().iter().enumerate();
    let values = columns.map(|(position, column)| match *column.type_() {
        Type::INT8 => row.get::<_, Option<i64>>(position).map(Value::Integer),
        Type::INT4 => row
            .get::<_, Option<i32>>(position)
            .map(|number| Value::Integer(number.into())),
        Type::BYTEA => row.get::<_, Option<Vec<u8>>>(position).map(Value::Bytes),
        _ => row.get::<_, Option<String>>(position).map(Value::Text),
    });
    Row::new(values.map(|value| value.unwrap_or(Value::Null)).collect())
}

/// Explains each statement before it runs.
struct Explaining<'a>(&'a mut dyn Transaction, Vec<String>);

impl Transaction for Explaining<'_> {
    fn batch(&mut self, statements: &[Statement<'_>]) -> Result<Vec<Outcome>> {
        for statement in statements {
            let explain: &'static str = Box::leak(format!("EXPLAIN {}", statement.sql).into());
            let plan = self.0.query(&Statement {
                sql: explain,
                parameters: statement.parameters.clone(),
                changes_one: false,
            })?;
            let lines = plan.into_iter().map(|mut row| row.text());
            let lines = lines.collect::<Result<Vec<_>>>()?;
            self.1
                .push(format!("{}\n{}", statement.sql, lines.join("\n")));
        }
        self.0.batch(statements)
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// Tables with a few rows for each process that ever ran, or for objects that are being deleted.
const SMALL: [&str; 3] = ["key_epochs", "key_ranges", "unreferenced_objects"];

#[tokio::test]
async fn every_statement_uses_an_index() {
    let plans = |transaction: &mut dyn Transaction| {
        let mut explaining = Explaining(transaction, Vec::new());
        scenario::run_everything(&mut explaining)?;
        Ok(explaining.1)
    };
    let plans = fresh().database.write(plans).await.unwrap();
    for plan in plans {
        let scans = plan.lines().filter(|line| line.contains("Seq Scan on"));
        for scan in scans {
            let is_small = SMALL.iter().any(|table| scan.contains(table));
            assert!(is_small, "{plan}");
        }
    }
}
