//! Waits between attempts, and the decision to give up.

use std::sync::Arc;
use std::time::Duration;

use portolan_registry::{Error, Result};

use crate::failure::Failure;
use crate::{Observer, Retry};

/// Waits before another attempt: with exponential backoff and jitter, or for the time that the
/// server asks for.
#[derive(Clone)]
pub(crate) struct Retrier {
    host: Box<str>,
    retry: Retry,
    observer: Arc<dyn Observer>,
}

impl Retrier {
    pub(crate) fn new(host: &str, retry: Retry, observer: Arc<dyn Observer>) -> Self {
        Self {
            host: host.into(),
            retry,
            observer,
        }
    }

    /// Waits before the next attempt, after attempt number `attempt` (starting at 1) ended with
    /// `failure`.
    ///
    /// # Errors
    /// Returns the error of `failure` if no attempts are left, or if the server asks for a wait
    /// longer than [`Retry::max_wait`].
    pub(crate) async fn pause(&self, attempt: u32, failure: Failure) -> Result<()> {
        if attempt >= self.retry.attempts {
            return Err(failure.error);
        }
        let wait = match failure.wait.filter(|asked| !asked.is_zero()) {
            Some(asked) if asked > self.retry.max_wait => {
                return Err(self.wait_limit_error(asked, failure.error));
            }
            Some(asked) => asked,
            None => self.backoff(attempt)?,
        };
        self.observer.retry(&self.host, &failure.error, wait);
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Returns a random time up to a maximum that doubles with each attempt. The jitter prevents
    /// clients that failed together from retrying together.
    fn backoff(&self, attempt: u32) -> Result<Duration> {
        let doubled = self
            .retry
            .initial_wait
            .saturating_mul(2_u32.saturating_pow(attempt - 1));
        let mut chance = [0; 4];
        getrandom::fill(&mut chance)
            .map_err(|error| Error::internal("failed to choose a random wait", error))?;
        let share = f64::from(u32::from_ne_bytes(chance)) / f64::from(u32::MAX);
        Ok(doubled.min(self.retry.max_wait).mul_f64(share))
    }

    fn wait_limit_error(&self, asked: Duration, error: Error) -> Error {
        let longest = self.retry.max_wait.as_secs();
        error.with_suffix(format!(
            "it asks to wait {} seconds, which exceeds the limit of {longest} seconds",
            asked.as_secs()
        ))
    }
}
