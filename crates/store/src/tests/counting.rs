//! Database that counts statements and round trips.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use portolan_registry::Result;

use crate::metadata::{Lookup, Outcome, Sqlite, Statement, Transaction};
use crate::runtime::Timestamp;

/// Number of statements and of round trips.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    statements: AtomicUsize,
    round_trips: AtomicUsize,
}

impl Counts {
    fn add(&self, statements: usize) {
        self.statements.fetch_add(statements, Ordering::Relaxed);
        self.round_trips.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of statements and of round trips, and resets both to zero.
    pub(super) fn take(&self) -> (usize, usize) {
        (
            self.statements.swap(0, Ordering::Relaxed),
            self.round_trips.swap(0, Ordering::Relaxed),
        )
    }
}

/// SQLite database that counts all statements except BEGIN and COMMIT.
pub(crate) struct Counting {
    pub(super) inner: Sqlite,
    pub(super) counts: Arc<Counts>,
}

impl Counting {
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut dyn Transaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let counts = Arc::clone(&self.counts);
        let counted = move |inner: &mut dyn Transaction| {
            work(&mut CountingTransaction {
                inner,
                counts: &counts,
            })
        };
        self.inner.write(counted).await
    }

    pub(crate) async fn lookup<T: Send + 'static>(&self, lookup: Lookup<T>) -> Result<T> {
        self.counts.add(1);
        self.inner.lookup(lookup).await
    }
}

struct CountingTransaction<'a> {
    inner: &'a mut dyn Transaction,
    counts: &'a Counts,
}

impl Transaction for CountingTransaction<'_> {
    fn batch(&mut self, statements: &[Statement<'_>]) -> Result<Vec<Outcome>> {
        self.counts.add(statements.len());
        self.inner.batch(statements)
    }

    fn now(&self) -> Timestamp {
        self.inner.now()
    }
}
