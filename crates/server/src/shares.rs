//! Shares of a bounded resource, such as slots for pushes or memory for their bodies.
//!
//! A client that is alone may use everything. While others wait, each unit that becomes free goes
//! to the waiting client that uses the least, and bodies that arrive too slowly end. See
//! `docs/decisions/0060-shares-of-clients.md`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portolan_registry::{Error, Kind, Result};
use serde_json::json;
use tokio::sync::oneshot::Receiver;
use tokio::time::timeout;

use self::state::{Request, State};
use crate::client_address::Client;
use crate::progress::Progress;
use crate::settings::Settings;

mod state;

/// `Retry-After` for a client over the limit, in seconds.
const RETRY_AFTER: u32 = 5;

/// Checks of slow bodies while a request waits for its full time.
const CHECKS: u32 = 10;

/// Resource that clients share.
#[derive(Clone)]
pub(crate) struct Shares(Arc<Pool>);

/// Limits of [`Shares`].
#[derive(Clone, Debug)]
pub(crate) struct ShareLimits {
    /// Units of the resource, such as slots or bytes.
    pub(crate) units: u64,
    /// Units for which requests may wait.
    pub(crate) waiting: u64,
    /// Time that a request waits for its units.
    pub(crate) wait: Duration,
    /// Minimum rate of a body in bytes per second, while another client waits.
    pub(crate) body_rate: u64,
    /// Name of the units in messages.
    pub(crate) unit_name: &'static str,
}

struct Pool {
    limits: ShareLimits,
    state: Mutex<State>,
}

/// Units that a request uses. Dropping them releases them.
pub(crate) struct Share {
    pool: Shares,
    client: Client,
    units: u64,
    /// Request body that the units are for.
    body: Option<WatchedBody>,
}

/// Body of a request or response that counts for a client. If it is too slow while another client
/// waits, it ends. Dropping this value does not end it.
pub(crate) struct WatchedBody {
    pool: Shares,
    id: u64,
}

impl ShareLimits {
    /// Returns limits for `units` units, where requests may wait for as many units again.
    pub(crate) fn new(settings: &Settings, units: usize, unit_name: &'static str) -> Self {
        Self {
            units: units as u64,
            waiting: units as u64,
            wait: settings.timeouts.share,
            body_rate: settings.limits.body_rate,
            unit_name,
        }
    }
}

impl Shares {
    pub(crate) fn new(limits: ShareLimits) -> Self {
        let state = Mutex::new(State::new(limits.units));
        Self(Arc::new(Pool { limits, state }))
    }

    /// Waits for `units` units, or for all units if there are fewer.
    ///
    /// # Errors
    /// Returns [`Kind::TooManyRequests`] if too many requests wait already, or if the units are not
    /// free in time.
    pub(crate) async fn acquire(&self, client: Client, units: u64) -> Result<Share> {
        let units = units.min(self.0.limits.units);
        self.wait_for(Request::new(client, units)).await
    }

    /// Returns `units` units, or all units if there are fewer, if they are free and nobody waits.
    pub(crate) fn try_acquire(&self, client: Client, units: u64) -> Option<Share> {
        let request = Request::new(client, units.min(self.0.limits.units));
        let is_taken = self.state().try_take(&request);
        is_taken.then(|| self.share(&request))
    }

    /// Ends the body with this progress if it is too slow while another client waits. The body is
    /// the reason for which `client` uses `units` units.
    pub(crate) fn watch(&self, client: Client, units: u64, progress: Arc<Progress>) -> WatchedBody {
        let id = self.state().add_body(client, units, progress);
        WatchedBody {
            pool: self.clone(),
            id,
        }
    }

    /// Ends the bodies that have been received too slowly for longer than `time`, even if no client
    /// waits for their units, because the end of the server waits for all bodies.
    pub(crate) fn end_slow_bodies(&self, time: Duration) {
        self.state()
            .end_all_slow_bodies(self.0.limits.body_rate, time);
    }

    async fn wait_for(&self, request: Request) -> Result<Share> {
        if self.0.limits.units == 0 {
            return Err(self.full());
        }
        let (id, granted) = {
            let mut state = self.state();
            if state.try_take(&request) {
                return Ok(self.share(&request));
            }
            state
                .enqueue(request, self.0.limits.waiting)
                .ok_or_else(|| self.full())?
        };
        let _waiting = Waiting { shares: self, id };
        self.release(|_| ());
        self.wait_for_grant(&request, granted).await
    }

    async fn wait_for_grant(
        &self,
        request: &Request,
        mut granted: Receiver<Share>,
    ) -> Result<Share> {
        let ShareLimits {
            wait, body_rate, ..
        } = self.0.limits;
        let pause = wait / CHECKS;
        for check in 1..=CHECKS {
            match timeout(pause, &mut granted).await {
                Ok(share) => return share.map_err(|_| self.full()),
                Err(_) if check < CHECKS => self.state().end_slow_bodies(body_rate, pause),
                Err(_) => self.state().end_slowest_bodies(request, wait),
            }
            self.state().resolve_deadlock(pause);
            // What was reserved may have become free.
            self.release(|_| ());
        }
        // A body that has just ended releases its units at once.
        let last = timeout(pause, granted).await;
        last.map_err(|_| self.full())?.map_err(|_| self.full())
    }

    /// Releases units, and gives free units to requests that wait for them.
    fn release(&self, change: impl FnOnce(&mut State)) {
        let mut granted = Vec::new();
        {
            let mut state = self.state();
            change(&mut state);
            while let Some((request, reply)) = state.next_grant() {
                granted.push((reply, self.share(&request)));
            }
        }
        for (reply, share) in granted {
            // If the request has ended, this drops the share, and the next request gets it.
            let _ = reply.send(share);
        }
    }

    fn share(&self, request: &Request) -> Share {
        Share {
            pool: self.clone(),
            client: request.client,
            units: request.units,
            body: None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn full(&self) -> Error {
        let ShareLimits {
            units, unit_name, ..
        } = self.0.limits;
        let message =
            format!("too many {unit_name} (limit {units}); retry in {RETRY_AFTER} seconds");
        let kind = Kind::TooManyRequests {
            retry_after: RETRY_AFTER,
        };
        Error::new(kind, message)
            .with_detail(json!({"limit": units, "retryAfterSeconds": RETRY_AFTER}))
    }
}

impl Share {
    /// Waits until this share has `units` units. If all units belong to requests that wait for more
    /// and to bodies that have stalled, a request of the client that uses the most is rejected,
    /// because otherwise none could continue.
    ///
    /// # Errors
    /// Returns the errors of [`Shares::acquire`].
    pub(crate) async fn grow_to(&mut self, units: u64) -> Result<()> {
        let request = Request {
            held: self.units,
            ..Request::new(self.client, units.saturating_sub(self.units))
        };
        let mut more = self.pool.wait_for(request).await?;
        self.units += std::mem::take(&mut more.units);
        if let Some(body) = &self.body {
            self.pool.state().set_units(body.id, self.units);
        }
        Ok(())
    }

    pub(crate) fn units(&self) -> u64 {
        self.units
    }

    /// Releases units until `units` are left.
    pub(crate) fn shrink_to(&mut self, units: u64) {
        let released = self.units.saturating_sub(units);
        self.units -= released;
        self.put_back(released);
    }

    /// Registers the request body that the units are for. If it is too slow while another client
    /// waits, it ends.
    pub(crate) fn register_body(&mut self, progress: Option<Arc<Progress>>) {
        self.body = progress.map(|progress| self.pool.watch(self.client, self.units, progress));
    }

    fn put_back(&self, units: u64) {
        if units > 0 {
            self.pool
                .release(|state| state.put_back(self.client, units));
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.body = None;
        self.put_back(self.units);
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.pool.state().remove_body(self.id);
    }
}

/// Request that waits. Dropping it removes it from the queue.
struct Waiting<'a> {
    shares: &'a Shares,
    id: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shares.release(|state| state.remove_waiting(self.id));
    }
}

#[cfg(test)]
mod tests;
