//! Work for the database's threads, and the way to its answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;

use portolan_registry::{Error, Kind, Result};
use tokio::sync::oneshot;

use crate::metadata::Transaction;

/// Hands work to threads, which end when this is dropped.
pub(super) struct Queue {
    /// There until this is dropped.
    sender: Option<mpsc::Sender<Box<dyn Work>>>,
    threads: Vec<thread::JoinHandle<()>>,
}

/// The end of a queue at which threads take the work.
pub(super) type Waiting = mpsc::Receiver<Box<dyn Work>>;

impl Queue {
    pub(super) fn new() -> (Self, Waiting) {
        let (sender, waiting) = mpsc::channel();
        (
            Self {
                sender: Some(sender),
                threads: Vec::new(),
            },
            waiting,
        )
    }

    /// Starts a thread that takes work from the other end.
    pub(super) fn start_thread(
        &mut self,
        name: &str,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<()> {
        let started = thread::Builder::new().name(name.into()).spawn(run);
        self.threads.push(
            started
                .map_err(|error| Error::internal("starting a thread for the metadata", error))?,
        );
        Ok(())
    }

    /// Has the work done and waits for what comes of it. It is done even if nobody waits.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Fn(&mut dyn Transaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let pending = Pending {
            work,
            outcome: None,
            reply,
        };
        self.sender
            .as_ref()
            .and_then(|sender| sender.send(Box::new(pending)).ok())
            .ok_or_else(stopped)?;
        answer.await.map_err(|_| stopped())?
    }
}

/// What was handed over is done first, and waited for: whoever opens the file next must not meet work
/// of before, such as a blob whose object was taken for abandoned.
impl Drop for Queue {
    fn drop(&mut self) {
        self.sender = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that works on the metadata has panicked");
            }
        }
    }
}

fn stopped() -> Error {
    Error::new(
        Kind::Internal,
        "the threads that work on the metadata have ended",
    )
}

fn panicked() -> Error {
    Error::new(Kind::Internal, "work on the metadata has panicked")
}

/// A piece of work whose result's type only its sender knows.
pub(super) trait Work: Send {
    /// Does the work; answers whether its changes are to stay.
    fn perform(&mut self, transaction: &mut dyn Transaction) -> bool;

    /// Tells whoever waits what came of it, or why the whole group failed.
    fn answer(self: Box<Self>, group: &Result<(), Arc<Error>>);
}

struct Pending<T, F> {
    work: F,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: Fn(&mut dyn Transaction) -> Result<T> + Send> Work for Pending<T, F> {
    fn perform(&mut self, transaction: &mut dyn Transaction) -> bool {
        // Work that panics is undone like work that fails: the thread is everybody's.
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(transaction)))
            .unwrap_or_else(|_| Err(panicked()));
        let stays = outcome.is_ok();
        self.outcome = Some(outcome);
        stays
    }

    fn answer(self: Box<Self>, group: &Result<(), Arc<Error>>) {
        let outcome = match (group, self.outcome) {
            // What it refused it refuses whatever became of the others.
            (_, Some(Err(error))) => Err(error),
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(stopped()),
            (Err(error), _) => Err(Error::new(error.kind().clone(), "a group of writes failed")
                .with_source(Arc::clone(error))),
        };
        // Whoever asked may have gone away; the work is done all the same.
        let _ = self.reply.send(outcome);
    }
}
