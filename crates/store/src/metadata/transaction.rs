//! Statements, the lookups and transactions that run them, and their outcomes.

use portolan_registry::{Error, Kind, Result};

use super::{Parameter, Row};
use crate::runtime::Timestamp;

/// SQL statement with a constant text, and the values of its placeholders `?1`, `?2`, ….
#[derive(Clone, Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) sql: &'static str,
    pub(crate) parameters: Vec<Parameter<'a>>,
    /// True if the statement must change exactly one row. [`require_changes`] checks this.
    pub(crate) changes_one: bool,
}

impl<'a> Statement<'a> {
    pub(crate) fn new<const N: usize>(sql: &'static str, parameters: [Parameter<'a>; N]) -> Self {
        Self {
            sql,
            parameters: parameters.into(),
            changes_one: false,
        }
    }

    /// Requires that the statement changes exactly one row.
    pub(crate) fn changing_one(self) -> Self {
        Self {
            changes_one: true,
            ..self
        }
    }
}

/// Returns an error if a statement that must change one row has changed another number of rows.
/// Such a statement inserts a row with values from other tables. If a row is missing there, it
/// would silently insert nothing.
pub(crate) fn require_changes(statements: &[Statement<'_>], outcomes: &[Outcome]) -> Result<()> {
    let mut pairs = statements.iter().zip(outcomes);
    match pairs.find(|(statement, outcome)| statement.changes_one && outcome.changed != 1) {
        Some((statement, outcome)) => {
            let message = format!(
                "the metadata changed {} rows instead of one in {}",
                outcome.changed, statement.sql
            );
            Err(Error::new(Kind::Internal, message))
        }
        None => Ok(()),
    }
}

/// Outcome of one statement.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Rows of a query, or of the clause `RETURNING`.
    pub(crate) rows: Vec<Row>,
    /// Number of rows that the statement inserted, updated or deleted.
    pub(crate) changed: u64,
}

/// Access to the database within one transaction. Each database has its own implementation.
///
/// An error ends the transaction. It must not be handled inside, because PostgreSQL runs no
/// statement after one that failed.
pub(crate) trait Transaction {
    /// Runs statements in order, and returns one outcome for each. No statement can use the outcome
    /// of another statement, so a remote database can receive all of them in one round trip.
    fn batch(&mut self, statements: &[Statement<'_>]) -> Result<Vec<Outcome>>;

    /// Returns the start time of the transaction, by the clock of the database. All stored times
    /// come from this clock, so that times of several processes can be compared.
    fn now(&self) -> Timestamp;

    /// Runs one statement and returns the number of rows that it changed.
    fn execute(&mut self, statement: &Statement<'_>) -> Result<u64> {
        Ok(self.run(statement)?.changed)
    }

    /// Runs one query and returns its rows.
    fn query(&mut self, statement: &Statement<'_>) -> Result<Vec<Row>> {
        Ok(self.run(statement)?.rows)
    }

    /// Runs one statement.
    fn run(&mut self, statement: &Statement<'_>) -> Result<Outcome> {
        let outcomes = self.batch(std::slice::from_ref(statement))?;
        outcomes.into_iter().next().ok_or_else(|| {
            Error::new(
                Kind::Internal,
                "the database returned no outcome of a statement",
            )
        })
    }
}

/// Function that decodes the rows of a [`Lookup`].
type Decode<T> = Box<dyn FnOnce(Vec<Row>) -> Result<T> + Send>;

/// Read of the database: one statement that runs outside of any transaction, and the function that
/// decodes its rows.
pub(crate) struct Lookup<T> {
    pub(crate) statement: Statement<'static>,
    pub(crate) decode: Decode<T>,
    /// True if the lookup may read many rows, so that it must not delay lookups of single rows.
    pub(crate) is_list: bool,
}

impl<T: 'static> Lookup<T> {
    pub(crate) fn new(
        statement: Statement<'static>,
        decode: impl FnOnce(Vec<Row>) -> Result<T> + Send + 'static,
    ) -> Self {
        Self {
            statement,
            decode: Box::new(decode),
            is_list: false,
        }
    }

    /// Marks this lookup as a list.
    pub(crate) fn into_list(self) -> Self {
        Self {
            is_list: true,
            ..self
        }
    }

    /// Returns a lookup that decodes every row.
    pub(crate) fn rows(
        statement: Statement<'static>,
        decode: fn(Row) -> Result<T>,
    ) -> Lookup<Vec<T>> {
        Lookup::new(statement, move |rows| {
            rows.into_iter().map(decode).collect()
        })
    }

    /// Returns a lookup that decodes the first row. The result is `None` if there is no row.
    pub(crate) fn first(
        statement: Statement<'static>,
        decode: fn(Row) -> Result<T>,
    ) -> Lookup<Option<T>> {
        Lookup::new(statement, move |rows| {
            rows.into_iter().next().map(decode).transpose()
        })
    }

    /// Runs the lookup inside a transaction, so that it sees the changes of that transaction.
    pub(crate) fn run(self, transaction: &mut dyn Transaction) -> Result<T> {
        (self.decode)(transaction.query(&self.statement)?)
    }
}
