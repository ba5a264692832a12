//! Load of one round: clients are started, informed of the coming crash, and joined after it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use tokio::task::JoinSet;

use super::ledger::Ledger;
use super::pusher::{Pusher, Round};
use crate::load::{LoadBlob, Random};

const CLIENTS: u64 = 6;
const BASE_LENGTH: usize = 20_000;

/// Running clients.
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
            base: LoadBlob::random(random, BASE_LENGTH),
        });
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let random = Random::new(random.next_u64(), client);
            clients.spawn(Pusher::new(Arc::clone(&round), client, random).run());
        }
        Self { round, clients }
    }

    /// Informs the clients that they must expect broken connections from now on.
    pub(crate) fn expect_crash(&self) {
        self.round.crashing.store(true, Ordering::SeqCst);
    }

    /// Waits for the clients, all of which end at the crash, and returns the faults that they met
    /// before it.
    pub(crate) async fn join(mut self) -> Result<Vec<String>> {
        let mut faults = Vec::new();
        while let Some(ended) = self.clients.join_next().await {
            faults.extend(ended?);
        }
        Ok(faults)
    }
}
