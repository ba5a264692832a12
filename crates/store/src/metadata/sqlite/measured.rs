//! A connection for tests that explains and measures each statement that it runs.

use std::collections::BTreeMap;
use std::path::Path;

use portolan_registry::Result;
use rusqlite::{Connection, StatementStatus};

use super::connection::{self, Statements, bind, storage_error};
use crate::metadata::{Outcome, Statement, Transaction};
use crate::runtime::Timestamp;

/// One open transaction, with the plan and the highest cost of each statement.
pub(crate) struct Measured {
    connection: Connection,
    /// Plans, and steps of SQLite's virtual machine, by statement.
    pub(crate) statements: BTreeMap<&'static str, (Vec<String>, i32)>,
}

impl Measured {
    /// Opens a new file and begins a transaction.
    pub(crate) fn open(path: &Path) -> Self {
        let mut connection = connection::open(path).unwrap();
        connection::migrate(&mut connection, super::MIGRATIONS).unwrap();
        connection.execute_batch("BEGIN").unwrap();
        Self {
            connection,
            statements: BTreeMap::new(),
        }
    }

    /// Runs a script that fills tables.
    pub(crate) fn seed(&self, script: &str) {
        self.connection.execute_batch(script).unwrap();
    }

    fn measure(&mut self, statement: &Statement<'_>) -> rusqlite::Result<Outcome> {
        let plan = self.plan(statement)?;
        let outcome = Statements::new(&self.connection, 1).run_one(statement)?;
        // The statement is in the connection's cache, with the steps of its last run.
        let prepared = self.connection.prepare_cached(statement.sql)?;
        let steps = prepared.reset_status(StatementStatus::VmStep);
        let entry = self.statements.entry(statement.sql).or_default();
        entry.0 = plan;
        entry.1 = entry.1.max(steps);
        Ok(outcome)
    }

    fn plan(&self, statement: &Statement<'_>) -> rusqlite::Result<Vec<String>> {
        let explain = format!("EXPLAIN QUERY PLAN {}", statement.sql);
        let mut prepared = self.connection.prepare_cached(&explain)?;
        bind(&mut prepared, &statement.parameters)?;
        let mut rows = prepared.raw_query();
        let mut plan = Vec::new();
        while let Some(row) = rows.next()? {
            plan.push(row.get(3)?);
        }
        Ok(plan)
    }
}

impl Transaction for Measured {
    fn batch(&mut self, statements: &[Statement<'_>]) -> Result<Vec<Outcome>> {
        let outcomes = statements.iter().map(|statement| self.measure(statement));
        outcomes
            .collect::<rusqlite::Result<_>>()
            .map_err(|error| storage_error(error, "failed to access the metadata"))
    }

    fn now(&self) -> Timestamp {
        1
    }
}
