//! Memory for responses: large ones share a budget until their clients have received them.
//!
//! A client that reads slowly keeps its share of the budget, so its responses end while another
//! client waits, like request bodies that arrive too slowly.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use portolan_model::Digest;
use portolan_registry::Result;

use crate::client_address::Client;
use crate::progress::Progress;
use crate::settings::Settings;
use crate::shares::{Share, ShareLimits, Shares, WatchedBody};

/// Size in bytes up to which a response counts for nothing.
pub(crate) const SHORT_RESPONSE: usize = 64 << 10;

/// Budget for the large responses of all clients.
pub(crate) struct ResponseMemory {
    shares: Shares,
    /// Memory of manifests that are being sent. A manifest that many clients read is in memory once.
    shared: Mutex<HashMap<Digest, Weak<Reserved>>>,
}

/// Memory for one response. `None` if the response is short.
pub(crate) struct ReservedMemory(Option<Arc<Reserved>>);

struct Reserved {
    share: Mutex<Share>,
    shares: Shares,
}

impl ResponseMemory {
    pub(crate) fn new(settings: &Settings) -> Self {
        let limits = &settings.limits;
        let shares = Shares::new(ShareLimits {
            // A request that waits takes little memory.
            waiting: limits.response_memory.saturating_mul(64) as u64,
            ..ShareLimits::new(
                settings,
                limits.response_memory,
                "bytes of responses in memory",
            )
        });
        Self {
            shares,
            shared: Mutex::default(),
        }
    }

    /// Waits for memory for a response of up to `bytes` bytes.
    ///
    /// # Errors
    /// Returns the errors of [`Shares::acquire`].
    pub(crate) async fn reserve(&self, client: Client, bytes: usize) -> Result<ReservedMemory> {
        if bytes <= SHORT_RESPONSE {
            return Ok(ReservedMemory(None));
        }
        let share = self.shares.acquire(client, bytes as u64).await?;
        Ok(self.new_memory(share))
    }

    /// Reads content into memory with `read`, and returns it with its memory. `content` returns the
    /// digest and the size of the content, if it is in memory. Content for which there is no memory
    /// is dropped, and read again when there is some.
    ///
    /// # Errors
    /// Returns the errors of `read` and of [`Shares::acquire`].
    pub(crate) async fn read<T, F>(
        &self,
        client: Client,
        read: impl Fn() -> F,
        content: impl Fn(&T) -> Option<(Digest, u64)>,
    ) -> Result<(T, ReservedMemory)>
    where
        F: Future<Output = Result<T>>,
    {
        let first = read().await?;
        let large = content(&first).filter(|(_, bytes)| *bytes > SHORT_RESPONSE as u64);
        let Some((digest, bytes)) = large else {
            return Ok((first, ReservedMemory(None)));
        };
        if let Some(memory) = self.try_share(client, &digest, bytes) {
            return Ok((first, memory));
        }
        drop(first);
        let share = self.shares.acquire(client, bytes).await?;
        Ok((read().await?, self.add_shared(&digest, share)))
    }

    /// Returns memory for content with this digest, if it is being sent already, or if memory is
    /// free.
    fn try_share(&self, client: Client, digest: &Digest, bytes: u64) -> Option<ReservedMemory> {
        let shared = self.lock_shared().get(digest).and_then(Weak::upgrade);
        if shared.is_some() {
            return Some(ReservedMemory(shared));
        }
        let share = self.shares.try_acquire(client, bytes)?;
        Some(self.add_shared(digest, share))
    }

    fn add_shared(&self, digest: &Digest, share: Share) -> ReservedMemory {
        let memory = self.new_memory(share);
        let mut shared = self.lock_shared();
        shared.retain(|_, reserved| reserved.strong_count() > 0);
        if let Some(reserved) = &memory.0 {
            shared.insert(digest.clone(), Arc::downgrade(reserved));
        }
        drop(shared);
        memory
    }

    fn new_memory(&self, share: Share) -> ReservedMemory {
        ReservedMemory(Some(Arc::new(Reserved {
            share: Mutex::new(share),
            shares: self.shares.clone(),
        })))
    }

    fn lock_shared(&self) -> MutexGuard<'_, HashMap<Digest, Weak<Reserved>>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReservedMemory {
    /// Releases what a response of `bytes` bytes does not use.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        if bytes <= SHORT_RESPONSE {
            self.0 = None;
        }
        if let Some(reserved) = &self.0 {
            let mut share = reserved
                .share
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            share.shrink_to(bytes as u64);
        }
    }

    /// Ends the response of `client` with this progress if it is too slow while another client
    /// waits. Returns `None` if the response is short.
    pub(crate) fn watch(&self, client: Client, progress: Arc<Progress>) -> Option<WatchedBody> {
        let reserved = self.0.as_ref()?;
        let share = reserved
            .share
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Some(reserved.shares.watch(client, share.units(), progress))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;
    use futures_util::future::ready;

    use super::*;

    const SIZE: usize = 100_000;

    fn client() -> Client {
        IpAddr::V4(Ipv4Addr::LOCALHOST).into()
    }

    fn memory() -> ResponseMemory {
        let mut settings = Settings::default();
        settings.limits.response_memory = SIZE;
        ResponseMemory::new(&settings)
    }

    fn content() -> impl Fn(&Arc<Vec<u8>>) -> Option<(Digest, u64)> {
        |bytes| Some((Digest::sha256(&bytes[..]), bytes.len() as u64))
    }

    #[tokio::test(start_paused = true)]
    async fn content_that_waits_for_memory_is_not_in_memory() {
        let memory = memory();
        let full = memory.reserve(client(), SIZE).await.unwrap();
        let bytes = Arc::new(vec![1; SIZE]);
        let reads = AtomicUsize::new(0);
        let read = || {
            reads.fetch_add(1, Ordering::Relaxed);
            ready(Ok(Arc::clone(&bytes)))
        };
        let mut reading = Box::pin(memory.read(client(), read, content()));
        assert!(reading.as_mut().now_or_never().is_none());
        assert_eq!(Arc::strong_count(&bytes), 1);
        drop(full);
        let (found, _memory) = reading.await.unwrap();
        assert_eq!(
            (found, reads.load(Ordering::Relaxed)),
            (Arc::clone(&bytes), 2)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_content_counts_once() {
        let memory = memory();
        let read = |number: u8| {
            let read = move || ready(Ok(Arc::new(vec![number; SIZE])));
            memory.read(client(), read, content()).now_or_never()
        };
        let (first, second) = (read(1).unwrap().unwrap(), read(1).unwrap().unwrap());
        drop(first);
        assert!(read(2).is_none());
        drop(second);
        assert!(read(2).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn short_content_never_waits() {
        let memory = memory();
        let mut reserved = memory.reserve(client(), SIZE).await.unwrap();
        assert!(
            memory
                .reserve(client(), SHORT_RESPONSE)
                .now_or_never()
                .is_some()
        );
        let read = || ready(Ok(Arc::new(vec![1; SHORT_RESPONSE])));
        assert!(
            memory
                .read(client(), read, content())
                .now_or_never()
                .is_some()
        );
        reserved.shrink_to(SHORT_RESPONSE);
        assert!(memory.reserve(client(), SIZE).now_or_never().is_some());
    }
}
