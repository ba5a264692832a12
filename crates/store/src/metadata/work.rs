//! Queue of work for the threads of a database. The threads send the results back to the callers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use portolan_registry::{Error, Kind, Result};
use serde_json::json;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::{Lookup, Transaction};

/// `Retry-After` for a caller that finds the queue full, in seconds.
const RETRY_AFTER: u32 = 5;

/// Limit on the queued pieces of work.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// Callers wait until there is room.
    Wait(usize),
    /// Callers get [`Kind::TooManyRequests`].
    Reject(usize),
}

/// Queue of work, and the threads that run it. Dropping this value ends the threads.
pub(crate) struct Queue {
    /// `None` only while this value is dropped.
    sender: Option<mpsc::Sender<Box<dyn Work>>>,
    limit: Limit,
    threads: Vec<thread::JoinHandle<()>>,
}

/// Receiving end of a queue. The threads of the queue take work from it.
pub(crate) type Pending = mpsc::Receiver<Box<dyn Work>>;

impl Queue {
    /// Creates a queue without threads, and its receiving end.
    pub(crate) fn new(limit: Limit) -> (Self, Pending) {
        let (Limit::Wait(capacity) | Limit::Reject(capacity)) = limit;
        let (sender, pending) = mpsc::channel(capacity);
        let queue = Self {
            sender: Some(sender),
            limit,
            threads: Vec::new(),
        };
        (queue, pending)
    }

    /// Starts a thread that executes `run`. `run` must take work from the receiving end of the
    /// queue.
    pub(crate) fn start_thread(
        &mut self,
        name: &str,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<()> {
        let started = thread::Builder::new().name(name.into()).spawn(run);
        self.threads.push(started.map_err(|error| {
            Error::internal("failed to start a thread for the metadata", error)
        })?);
        Ok(())
    }

    /// Runs `work` in a transaction on a thread of the queue. It completes even if the caller drops
    /// the returned future.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut dyn Transaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.send(work).await
    }

    /// Runs a lookup on a thread of the queue. Skips it if the caller drops the returned future
    /// before its turn.
    pub(crate) async fn lookup<T: Send + 'static>(&self, lookup: Lookup<T>) -> Result<T> {
        let mut lookup = Some(lookup);
        self.send(move |transaction| match lookup.take() {
            Some(lookup) => (lookup.decode)(transaction.query(&lookup.statement)?),
            None => Err(Error::new(Kind::Internal, "a lookup ran twice")),
        })
        .await
    }

    /// Queues `work` and waits for its result.
    async fn send<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut dyn Transaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            work,
            outcome: None,
            reply,
        };
        let sender = self.sender.as_ref().ok_or_else(stop_error)?;
        // Call `try_send` first: `send` may yield although there is room. If there is room, the
        // work must be queued at the first poll, so that it is done even if the caller drops the
        // future afterwards.
        match sender.try_send(Box::new(job)) {
            Ok(()) => (),
            Err(TrySendError::Full(job)) => match self.limit {
                Limit::Wait(_) => sender.send(job).await.map_err(|_| stop_error())?,
                Limit::Reject(limit) => return Err(full_error(limit)),
            },
            Err(TrySendError::Closed(_)) => return Err(stop_error()),
        }
        answer.await.map_err(|_| stop_error())?
    }
}

/// Waits until the queued work is done. Otherwise the next process could open the database during a
/// transaction of this process. For example, it could delete an object as abandoned although the
/// transaction creates a blob with this object.
impl Drop for Queue {
    fn drop(&mut self) {
        self.sender = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the metadata panicked");
            }
        }
    }
}

fn stop_error() -> Error {
    Error::new(Kind::Internal, "the threads of the metadata have ended")
}

fn full_error(limit: usize) -> Error {
    let message = format!(
        "too many requests for lists are waiting (limit {limit}); retry in {RETRY_AFTER} seconds"
    );
    let kind = Kind::TooManyRequests {
        retry_after: RETRY_AFTER,
    };
    Error::new(kind, message).with_detail(json!({"limit": limit, "retryAfterSeconds": RETRY_AFTER}))
}

fn panic_error() -> Error {
    Error::new(Kind::Internal, "a piece of work on the metadata panicked")
}

/// Piece of work. The trait hides the type of the result, because only the caller that waits for it
/// needs the type.
pub(crate) trait Work: Send {
    /// Returns whether the caller has stopped waiting.
    fn is_abandoned(&self) -> bool;

    /// Runs the work, and returns whether to keep its changes.
    fn perform(&mut self, transaction: &mut dyn Transaction) -> bool;

    /// Sends the result to the caller. `group` is the outcome of the shared commit of this group of
    /// work. If the commit failed, its error is the result.
    fn answer(self: Box<Self>, group: &Result<(), Arc<Error>>);
}

/// Closure to run in a transaction, its outcome once it has run, and the channel that returns the
/// outcome to the caller.
struct Job<T, F> {
    work: F,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnMut(&mut dyn Transaction) -> Result<T> + Send> Work for Job<T, F> {
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn perform(&mut self, transaction: &mut dyn Transaction) -> bool {
        // Handle a panic like an error: only this work is rolled back, because other callers share
        // the thread.
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(transaction)))
            .unwrap_or_else(|_| Err(panic_error()));
        let stays = outcome.is_ok();
        self.outcome = Some(outcome);
        stays
    }

    fn answer(self: Box<Self>, group: &Result<(), Arc<Error>>) {
        let outcome = match (group, self.outcome) {
            // Work that failed reports its own error, even if the commit of the group failed too.
            (_, Some(Err(error))) => Err(error),
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(stop_error()),
            (Err(error), _) => Err(Error::new(error.kind().clone(), "a group of writes failed")
                .with_source(Arc::clone(error))),
        };
        // An error means that the caller has dropped its future. Its work was done anyway, so
        // ignore the error.
        let _ = self.reply.send(outcome);
    }
}
