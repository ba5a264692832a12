//! Removal of old sessions on a full disk.

use std::path::Path;
use std::time::Duration;

use portolan_registry::Result;
use rustix::fs::statvfs;

use super::{MIN_IDLE, SessionFolder, Sessions};
use crate::{file_error, run_blocking};

/// Share of the filesystem that should be free again, as a divisor of its size.
const FREE_SHARE: u64 = 100;

impl Sessions<SessionFolder> {
    /// Ends the oldest idle sessions after the content of a write did not fit on the disk: at least
    /// one session, and more until a hundredth of the filesystem is free. Returns the number of
    /// ended sessions. Sessions that a call has used within [`MIN_IDLE`] do not end. `expiry` is
    /// the maximum idle time of a session. Does nothing while another call of this method runs.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be read.
    pub async fn make_room(&self, expiry: Duration) -> Result<usize> {
        let Ok(_guard) = self.making_room.try_lock() else {
            return Ok(0);
        };
        let folder = self.files().folder().to_owned();
        self.end_oldest(expiry, move || has_room(&folder)).await
    }

    /// Ends the oldest idle sessions until at least one session has ended and `has_room` returns
    /// true. Ends all sessions that were idle for half of `expiry`, then those that were idle for a
    /// quarter, and so on. Does not sort the sessions, because there may be a million of them.
    /// `has_room` may block on disk I/O.
    pub(super) async fn end_oldest(
        &self,
        expiry: Duration,
        has_room: impl Fn() -> Result<bool> + Clone + Send + 'static,
    ) -> Result<usize> {
        let (mut idle, mut ended) = (expiry, 0);
        // The content that did not fit has already been removed. So even if there is free space
        // now, it was not enough for that content, and at least one session has to end.
        while idle > MIN_IDLE && (ended == 0 || !run_blocking(has_room.clone()).await?) {
            idle = (idle / 2).max(MIN_IDLE);
            ended += self.end_idle(idle).await? + self.end_earlier(idle).await?;
        }
        Ok(ended)
    }
}

fn has_room(folder: &Path) -> Result<bool> {
    let found = statvfs(folder).map_err(|error| file_error("inspect", folder)(error.into()))?;
    Ok(found.f_bavail >= found.f_blocks / FREE_SHARE)
}
