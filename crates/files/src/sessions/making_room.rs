//! Removal of old sessions on a full disk.

use std::path::Path;

use portolan_registry::Result;
use rustix::fs::statvfs;

use super::{MIN_IDLE, SessionFolder, Sessions};
use crate::{file_error, run_blocking};

/// Share of the filesystem that should be free again, as a divisor of its size.
const FREE_SHARE: u64 = 100;

impl Sessions<SessionFolder> {
    /// Ends the oldest idle sessions after the content of a write did not fit on the disk: at least
    /// one session, and more until a hundredth of the filesystem is free. Returns the number of
    /// ended sessions. Sessions that a call has used within [`MIN_IDLE`] do not end. Does nothing
    /// while another call of this method runs.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be read.
    pub async fn make_room(&self) -> Result<usize> {
        let Ok(_guard) = self.making_room.try_lock() else {
            return Ok(0);
        };
        let folder = self.files().folder().to_owned();
        self.end_oldest(move || has_room(&folder)).await
    }

    /// Ends the oldest idle sessions until at least one session has ended and `has_room` returns
    /// true. `has_room` may block on disk I/O.
    pub(super) async fn end_oldest(
        &self,
        has_room: impl Fn() -> Result<bool> + Clone + Send + 'static,
    ) -> Result<usize> {
        self.list_earlier().await?;
        let mut ended = 0;
        // The content that did not fit has already been removed. So even if there is free space
        // now, it was not enough for that content, and at least one session has to end.
        while ended == 0 || !run_blocking(has_room.clone()).await? {
            let oldest = self.table.find_oldest();
            let Some((key, state)) = oldest else {
                break;
            };
            if !self.end_if_idle(key, &state, MIN_IDLE).await {
                break;
            }
            ended += 1;
        }
        Ok(ended)
    }
}

fn has_room(folder: &Path) -> Result<bool> {
    let found = statvfs(folder).map_err(|error| file_error("inspect", folder)(error.into()))?;
    Ok(found.f_bavail >= found.f_blocks / FREE_SHARE)
}
