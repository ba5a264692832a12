//! Databases that can store the metadata.

use portolan_registry::Result;

use super::{Lookup, Sqlite, Statement, Transaction};

/// Database that stores the metadata.
pub(crate) enum Database {
    /// One file on a local disk.
    Sqlite(Sqlite),
    /// SQLite with counted statements.
    #[cfg(test)]
    Counting(crate::tests::Counting),
    /// PostgreSQL. Only tests use it, to show that the logic and the statements do not depend on
    /// SQLite.
    #[cfg(all(test, feature = "postgres-tests"))]
    Postgres(super::tests::Postgres),
}

impl Database {
    /// Runs `work` in a transaction. The changes of `work` are durable when this returns.
    ///
    /// `work` may run more than once, so it must have no effects except through the transaction. It
    /// completes even if the caller drops the returned future.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut dyn Transaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match self {
            Self::Sqlite(database) => database.write(work).await,
            #[cfg(test)]
            Self::Counting(database) => database.write(work).await,
            #[cfg(all(test, feature = "postgres-tests"))]
            Self::Postgres(database) => database.write(work).await,
        }
    }

    /// Runs a lookup. It sees all transactions that were committed before the call. If the caller
    /// drops the returned future while the lookup still waits in the queue, the lookup is skipped.
    pub(crate) async fn lookup<T: Send + 'static>(&self, lookup: Lookup<T>) -> Result<T> {
        match self {
            Self::Sqlite(database) => database.lookup(lookup).await,
            #[cfg(test)]
            Self::Counting(database) => database.lookup(lookup).await,
            #[cfg(all(test, feature = "postgres-tests"))]
            Self::Postgres(database) => database.lookup(lookup).await,
        }
    }
}

/// Returns a short lookup that only shows that the database responds.
pub(crate) fn ping() -> Lookup<()> {
    Lookup::new(Statement::new("SELECT 1", []), |_| Ok(()))
}
