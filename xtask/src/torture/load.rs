//! The pushing load of one round: begun, told of the coming crash, and joined after it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use tokio::task::JoinSet;

use super::ledger::Ledger;
use super::pusher::{Pusher, Round};
use crate::load::{Blob, Random};

const CLIENTS: u64 = 6;
const BASE_LENGTH: usize = 20_000;

/// Clients that push.
pub(crate) struct Load {
    round: Arc<Round>,
    clients: JoinSet<Option<String>>,
}

impl Load {
    /// Starts the clients of a round.
    pub(crate) fn begin(
        ledger: &Arc<Ledger>,
        address: SocketAddr,
        number: u32,
        random: &mut Random,
    ) -> Self {
        let round = Arc::new(Round {
            number,
            address,
            ledger: Arc::clone(ledger),
            crashing: AtomicBool::new(false),
            base: Blob::random(random, BASE_LENGTH),
        });
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let random = Random::new(random.next(), client);
            clients.spawn(Pusher::new(Arc::clone(&round), client, random).run());
        }
        Self { round, clients }
    }

    /// From now on a broken line is expected.
    pub(crate) fn expect_crash(&self) {
        self.round.crashing.store(true, Ordering::SeqCst);
    }

    /// Waits for the clients, all of which noticed the crash, and answers what they met before it.
    pub(crate) async fn join(mut self) -> Result<Vec<String>> {
        let mut faults = Vec::new();
        while let Some(ended) = self.clients.join_next().await {
            faults.extend(ended?);
        }
        Ok(faults)
    }
}
