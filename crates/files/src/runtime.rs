//! Clocks and random numbers. They are passed in, so that tests can control both.

use std::fmt;
use std::time::{Instant, SystemTime};

use portolan_registry::{Error, Result};

/// Source of time and random bytes.
pub trait Runtime: fmt::Debug + Send + Sync + 'static {
    /// Returns the time of the monotonic clock.
    fn instant(&self) -> Instant;

    /// Returns the time of the wall clock.
    fn now(&self) -> SystemTime;

    /// Fills `bytes` with random bytes that an attacker cannot predict.
    ///
    /// # Errors
    /// Returns [`Kind::Internal`](portolan_registry::Kind::Internal) if the system provides no
    /// random bytes.
    fn fill_random(&self, bytes: &mut [u8]) -> Result<()>;
}

/// Clocks and random number generator of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRuntime;

impl Runtime for SystemRuntime {
    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn fill_random(&self, bytes: &mut [u8]) -> Result<()> {
        getrandom::fill(bytes)
            .map_err(|error| Error::internal("failed to get random bytes from the system", error))
    }
}
