//! How long to wait before a request is sent again, and when to give up.

use std::sync::Arc;
use std::time::Duration;

use portolan_registry::{Error, Result};

use crate::failure::Failure;
use crate::{Observer, Retry};

/// Tries again what may pass: doubled waits, by chance shorter, or as long as the other side asks for.
#[derive(Clone)]
pub(crate) struct Persistence {
    host: Box<str>,
    retry: Retry,
    observer: Arc<dyn Observer>,
}

impl Persistence {
    pub(crate) fn new(host: &str, retry: Retry, observer: Arc<dyn Observer>) -> Self {
        Self {
            host: host.into(),
            retry,
            observer,
        }
    }

    /// Waits before the attempt that follows `attempt`, which ended with `failure`.
    ///
    /// # Errors
    /// That of the failure, when it was the last attempt or the wait would be too long.
    pub(crate) async fn pause(&self, attempt: u32, failure: Failure) -> Result<()> {
        if attempt >= self.retry.attempts {
            return Err(failure.error);
        }
        let wait = match failure.wait.filter(|asked| !asked.is_zero()) {
            Some(asked) if asked > self.retry.longest_wait => {
                return Err(self.too_long(asked, failure.error));
            }
            Some(asked) => asked,
            None => self.backoff(attempt)?,
        };
        self.observer.retry(&self.host, &failure.error, wait);
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Any time up to one that doubles with each attempt.
    fn backoff(&self, attempt: u32) -> Result<Duration> {
        let doubled = self
            .retry
            .first_wait
            .saturating_mul(2_u32.saturating_pow(attempt - 1));
        let mut chance = [0; 4];
        getrandom::fill(&mut chance)
            .map_err(|error| Error::internal("choosing how long to wait", error))?;
        let share = f64::from(u32::from_ne_bytes(chance)) / f64::from(u32::MAX);
        Ok(doubled.min(self.retry.longest_wait).mul_f64(share))
    }

    fn too_long(&self, asked: Duration, error: Error) -> Error {
        let longest = self.retry.longest_wait.as_secs();
        error.while_doing(format!(
            "{} wants to be left alone for {} seconds, which is more than the {longest} that are waited",
            self.host,
            asked.as_secs()
        ))
    }
}
