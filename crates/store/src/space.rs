//! Check of the free space before and during a push.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use portolan_files::{file_error, run_blocking};
use portolan_registry::{Body, Error, Kind, Result};
use rustix::fs::statvfs;

use crate::Reserve;

/// Time for which a measurement of the free space is used, less the bytes that were pushed since.
const MEASUREMENT_LIFETIME: Duration = Duration::from_secs(1);

/// Size of a file system, and the space in it that this process may still use, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Space {
    pub(crate) total: u64,
    pub(crate) free: u64,
}

/// Function that measures the space of the file system of a folder.
pub(crate) type Measure = Box<dyn Fn(&Path) -> io::Result<Space> + Send + Sync>;

/// Guard of the reserve: pushes fail while less than the reserve is free.
pub(crate) struct SpaceGuard {
    folder: PathBuf,
    reserve: Reserve,
    measure: Measure,
    /// Last measurement less the bytes that were pushed since, and its time.
    measured: Mutex<Option<(Instant, Space)>>,
}

impl SpaceGuard {
    pub(crate) fn new(folder: &Path, reserve: Reserve, measure: Measure) -> Arc<Self> {
        Arc::new(Self {
            folder: folder.to_owned(),
            reserve,
            measure,
            measured: Mutex::default(),
        })
    }

    /// Creates a guard that asks the system.
    pub(crate) fn of_system(folder: &Path, reserve: Reserve) -> Arc<Self> {
        Self::new(folder, reserve, Box::new(measure))
    }

    /// Checks that the reserve is free.
    ///
    /// # Errors
    /// Returns [`Kind::StorageFull`] if less is free.
    pub(crate) async fn check(self: &Arc<Self>) -> Result<()> {
        self.reserve_beyond(0).await
    }

    /// Returns `body` with a check before each chunk.
    pub(crate) fn guard(self: &Arc<Self>, body: Body) -> Body {
        let (guard, length) = (Arc::clone(self), body.length());
        let pieces = body.and_then(move |piece| {
            let guard = Arc::clone(&guard);
            async move {
                guard.reserve_beyond(piece.len() as u64).await?;
                Ok(piece)
            }
        });
        match length {
            Some(length) => Body::with_length(length, pieces),
            None => Body::from_stream(pieces),
        }
    }

    /// Checks that the reserve is still free when `pushed` bytes are written.
    async fn reserve_beyond(self: &Arc<Self>, pushed: u64) -> Result<()> {
        let now = Instant::now();
        if let Some(space) = self.subtract(now, pushed)
            && self.judge(space).is_ok()
        {
            return Ok(());
        }
        // Content may have been removed since the last measurement, so a push is rejected only after
        // a new measurement.
        let space = self.measure(now, pushed).await?;
        self.judge(space)
    }

    /// Subtracts `pushed` bytes from the last measurement, and returns it. Returns `None` if it is too
    /// old.
    fn subtract(&self, now: Instant, pushed: u64) -> Option<Space> {
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let (time, space) = measured.as_mut()?;
        if now.saturating_duration_since(*time) >= MEASUREMENT_LIFETIME {
            return None;
        }
        space.free = space.free.saturating_sub(pushed);
        Some(*space)
    }

    async fn measure(self: &Arc<Self>, now: Instant, pushed: u64) -> Result<Space> {
        let guard = Arc::clone(self);
        run_blocking(move || {
            let space = (guard.measure)(&guard.folder);
            let mut space = space.map_err(file_error("measure", &guard.folder))?;
            space.free = space.free.saturating_sub(pushed);
            let measured = &guard.measured;
            *measured.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, space));
            Ok(space)
        })
        .await
    }

    fn judge(&self, space: Space) -> Result<()> {
        if space.free >= self.reserve.bytes_of(space.total) {
            return Ok(());
        }
        let message = format!(
            "{} bytes are free in {}, which is less than storage.reserve ({})",
            space.free,
            self.folder.display(),
            self.reserve
        );
        Err(Error::new(Kind::StorageFull, message))
    }
}

/// Measures the space of the file system of `folder`.
fn measure(folder: &Path) -> io::Result<Space> {
    let system = statvfs(folder)?;
    Ok(Space {
        total: system.f_blocks.saturating_mul(system.f_frsize),
        free: system.f_bavail.saturating_mul(system.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use bytes::Bytes;
    use futures_util::stream;
    use portolan_registry::contract::expect_error;

    use super::*;

    /// Guard of 1 % of 1000 bytes, with the free space that a test sets and the number of
    /// measurements.
    struct Fixture {
        guard: Arc<SpaceGuard>,
        free: Arc<AtomicU64>,
        measurements: Arc<AtomicU64>,
    }

    impl Fixture {
        fn new(free: u64) -> Self {
            let (free, measurements) = (Arc::new(AtomicU64::new(free)), Arc::default());
            let (source, counter) = (Arc::clone(&free), Arc::<AtomicU64>::clone(&measurements));
            let measure = move |_: &Path| {
                counter.fetch_add(1, Ordering::Relaxed);
                Ok(Space {
                    total: 1000,
                    free: source.load(Ordering::Relaxed),
                })
            };
            let folder = Path::new("/srv/data");
            Self {
                guard: SpaceGuard::new(folder, Reserve::default(), Box::new(measure)),
                free,
                measurements,
            }
        }

        fn set_free(&self, free: u64) {
            self.free.store(free, Ordering::Relaxed);
            *self.guard.measured.lock().unwrap() = None;
        }
    }

    #[tokio::test]
    async fn pushes_fail_while_less_than_the_reserve_is_free() {
        let fixture = Fixture::new(10);
        fixture.guard.check().await.unwrap();
        fixture.set_free(9);
        let error = expect_error(fixture.guard.check().await, &Kind::StorageFull);
        assert_eq!(
            error.message(),
            "9 bytes are free in /srv/data, which is less than storage.reserve (1%)"
        );
        fixture.set_free(11);
        fixture.guard.check().await.unwrap();
    }

    #[tokio::test]
    async fn measurement_is_used_for_a_short_time() {
        let fixture = Fixture::new(10);
        for _ in 0..100 {
            fixture.guard.check().await.unwrap();
        }
        assert_eq!(fixture.measurements.load(Ordering::Relaxed), 1);
        let (time, _) = fixture.guard.measured.lock().unwrap().unwrap();
        let almost = Duration::from_millis(999);
        assert!(fixture.guard.subtract(time + almost, 0).is_some());
        let outdated = fixture.guard.subtract(time + MEASUREMENT_LIFETIME, 0);
        assert!(outdated.is_none());
    }

    #[tokio::test]
    async fn push_in_progress_ends_when_the_space_runs_out() {
        let fixture = Fixture::new(11);
        let pieces = ["a", "b", "c"].map(|piece| Ok(Bytes::from(piece)));
        let body = Body::with_length(3, stream::iter(pieces));
        let mut guarded = fixture.guard.guard(body);
        assert_eq!(guarded.length(), Some(3));
        assert_eq!(guarded.try_next().await.unwrap().unwrap(), "a");
        fixture.free.store(10, Ordering::Relaxed);
        expect_error(guarded.try_next().await, &Kind::StorageFull);
        assert_eq!(fixture.measurements.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn space_that_becomes_free_is_used_immediately() {
        let fixture = Fixture::new(9);
        expect_error(fixture.guard.check().await, &Kind::StorageFull);
        fixture.free.store(10, Ordering::Relaxed);
        fixture.guard.check().await.unwrap();
    }

    #[test]
    fn system_reports_its_space() {
        let folder = tempfile::tempdir().unwrap();
        let space = measure(folder.path()).unwrap();
        assert!(space.total > 0 && space.free <= space.total, "{space:?}");
    }
}
