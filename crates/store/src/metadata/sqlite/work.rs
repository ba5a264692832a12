//! Work for the database's threads, and the way to its answer.

use std::sync::{Arc, mpsc};
use std::thread;

use portolan_registry::{Error, Kind, Result};
use tokio::sync::oneshot;

use crate::metadata::Transaction;

/// Hands work to threads, which end when this is dropped.
pub(super) struct Queue(mpsc::Sender<Box<dyn Work>>);

/// The end of a queue at which threads take the work.
pub(super) type Waiting = mpsc::Receiver<Box<dyn Work>>;

impl Queue {
    pub(super) fn new() -> (Self, Waiting) {
        let (sender, waiting) = mpsc::channel();
        (Self(sender), waiting)
    }

    /// Has the work done and waits for what comes of it. It is done even if nobody waits.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Fn(&mut dyn Transaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let pending = Pending { work, outcome: None, reply };
        self.0.send(Box::new(pending)).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

/// Starts a thread of the database's.
pub(super) fn start_thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
    let started = thread::Builder::new().name(name.into()).spawn(run);
    started.map(drop).map_err(|error| Error::internal("starting a thread for the metadata", error))
}

fn stopped() -> Error {
    Error::new(Kind::Internal, "the threads that work on the metadata have ended")
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
        let outcome = (self.work)(transaction);
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
            (Err(error), _) => {
                Err(Error::new(error.kind().clone(), "a group of writes failed").with_source(Arc::clone(error)))
            }
        };
        // Whoever asked may have gone away; the work is done all the same.
        let _ = self.reply.send(outcome);
    }
}
