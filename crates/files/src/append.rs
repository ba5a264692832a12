//! Writing of streamed content to a file. Frames are gathered into batches of 1 MiB. A blocking
//! thread hashes and writes one batch while the async task gathers the next batch, so no thread
//! waits for a slow sender.

mod early_sync;
mod gather;
mod incoming;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use portolan_registry::{Body, Error, Result};
use tokio::task::spawn_blocking;

use crate::durable::Durability;
use early_sync::EarlySync;
use gather::{Batch, MEMORY, gather};

pub(crate) use incoming::StoredLength;
pub use incoming::{Incoming, OpenFile};

impl Incoming {
    /// Appends `body` to the content. Bytes that arrive before an error are retained. Returns the
    /// content, and the error if there was one. The content is `None` only if the blocking write
    /// did not finish, for example because it panicked. In this case, only the length of the file
    /// shows how many bytes were written.
    ///
    /// Run the future to completion: if it is dropped, a write may still be in progress.
    pub async fn append(self, body: Body) -> (Option<Self>, Result<()>) {
        self.append_with(body, &mut EarlySync::default()).await
    }

    /// Appends `body` like [`Incoming::append`], and syncs large content with `durability` while it
    /// is still arriving. The caller must still sync the file at the end.
    pub async fn append_and_sync(
        self,
        body: Body,
        durability: &Arc<Durability>,
    ) -> (Option<Self>, Result<()>) {
        let mut syncs = EarlySync::new(Arc::clone(durability));
        let (incoming, appended) = self.append_with(body, &mut syncs).await;
        let synced = syncs.finish().await;
        (incoming, appended.and(synced))
    }

    async fn append_with(
        self,
        mut body: Body,
        syncs: &mut EarlySync,
    ) -> (Option<Self>, Result<()>) {
        let mut incoming = self;
        let mut batch = gather(&mut body, &MEMORY).await;
        loop {
            let Batch {
                frames,
                memory,
                end,
            } = batch;
            if frames.is_empty() {
                match end {
                    Some(end) => return (Some(incoming), end),
                    None => batch = gather(&mut body, &MEMORY).await,
                }
                continue;
            }
            let writing = spawn_blocking(move || {
                let written = incoming.write(&frames);
                drop((frames, memory));
                written
            });
            // Gather the next batch while this batch is written.
            let next = match end {
                None => Some(gather(&mut body, &MEMORY).await),
                Some(_) => None,
            };
            let (back, written) = match writing.await {
                Ok(done) => done,
                Err(error) => {
                    return (None, Err(Error::internal("failed to write content", error)));
                }
            };
            let Some(next) = next.filter(|_| written.is_ok()) else {
                return (Some(back), written.and(end.unwrap_or(Ok(()))));
            };
            (incoming, batch) = (back, next);
            if let Err(error) = syncs.start_if_due(&mut incoming).await {
                return (Some(incoming), Err(error));
            }
        }
    }
}
