//! An archive that is written: a temporary file beside the target, which it replaces at the end.

mod spool;
mod storage;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portolan_model::{Digest, Manifest};
use portolan_registry::{Error, Kind, MAX_MANIFEST_BYTES, Result};
use tempfile::TempPath;

use super::entries::Entries;
use super::oci::blob_name;
use super::tar::{Tail, Tar};
use super::{Format, Held};
use crate::content::Content;
use crate::files::{
    Stamp, above, failed, followed, is_absence, keep_permissions, make_folder, sync_folder,
    temporary,
};
use crate::incoming::Incoming;
use crate::index::Index;
use crate::sessions::Sessions;
use spool::Spools;

/// How the names of unfinished archives begin.
const TEMPORARY: &str = ".portolan-archive-";

/// An archive that is written. What was in it before is carried over.
pub struct Draft<F> {
    target: PathBuf,
    format: F,
    /// What the target was when this began.
    before: Option<Stamp>,
    /// Nothing once it is finished.
    temporary: Mutex<Option<TempPath>>,
    finished: AtomicBool,
    tar: Tar,
    index: Mutex<Arc<Index>>,
    contents: Mutex<HashMap<Digest, Content>>,
    /// The names in the archive of what was carried over from a docker-archive.
    names: HashMap<Digest, String>,
    sessions: Sessions<Spools>,
}

impl<F: Format> Draft<F> {
    /// Begins an archive. The target is not touched before the end; where it is a link, that is what
    /// the link leads to.
    ///
    /// # Errors
    /// When there is something at `target` that is no archive of this kind.
    pub(crate) fn create(target: &Path, format: F) -> Result<Self> {
        check_regular(target)?;
        let target = followed(target)?;
        let before = Stamp::at(&target)?;
        let folder = above(&target);
        make_folder(folder)?;
        let (file, temporary) = temporary(folder, TEMPORARY)?.into_parts();
        keep_permissions(&file, &target)?;
        let tar = Tar::new(file);
        let mut held = begin::<F>(&tar)?;
        if before.is_some_and(|before| !before.is_empty()) {
            held = carry_over(&target, &format, &tar)?;
        }
        Ok(Self {
            sessions: Sessions::new(Spools::new(folder, tar.clone())),
            target,
            format,
            before,
            temporary: Mutex::new(Some(temporary)),
            finished: AtomicBool::new(false),
            tar,
            index: Mutex::new(Arc::new(held.index)),
            contents: Mutex::new(held.contents),
            names: held.names,
        })
    }

    /// Puts the archive in its place, durable from then on. Nothing can be added after that.
    ///
    /// # Errors
    /// When it cannot be written, or somebody else has changed the target meanwhile. That stays as it
    /// is then, and what was written is gone.
    pub(crate) fn finish(&self) -> Result<()> {
        let Some(temporary) = lock(&self.temporary).take() else {
            return Err(self.is_finished());
        };
        self.finished.store(true, Ordering::Relaxed);
        let mut tail = self.tar.blocking_tail();
        self.write_list(&mut tail)?;
        tail.finish()?;
        if Stamp::at(&self.target)? != self.before {
            let message = format!(
                "{} was changed by somebody else while it was written, so it is left as it is now; try again",
                self.target.display()
            );
            return Err(Error::new(Kind::PreconditionFailed, message));
        }
        temporary
            .persist(&self.target)
            .map_err(|error| failed("moving into place", &self.target)(error.error))?;
        sync_folder(above(&self.target))
    }

    fn write_list(&self, tail: &mut Tail) -> Result<()> {
        let index = Arc::clone(&lock(&self.index));
        let (name, bytes) = self
            .format
            .list(&index, &self.names, &|digest| self.manifest(digest))?;
        tail.add(name, &bytes).map(drop)
    }

    fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        let content = lock(&self.contents).get(digest).cloned();
        let missing = || {
            Error::new(
                Kind::ContentMissing,
                format!("the manifest {digest} is not there"),
            )
        };
        let bytes = content
            .ok_or_else(missing)?
            .read(MAX_MANIFEST_BYTES as u64)?;
        let index = Arc::clone(&lock(&self.index));
        let media_type = index
            .find(digest)
            .and_then(|descriptor| descriptor.media_type.as_ref());
        Manifest::parse(bytes, media_type)
            .map_err(|error| Error::manifest_unreadable(media_type, &error))
    }

    /// Keeps what has come, and is known to be right, as a blob.
    fn keep(&self, incoming: &Incoming, digest: &Digest) -> Result<()> {
        let mut tail = self.tar.blocking_tail();
        self.check_open()?;
        if self.holds(digest) {
            return Ok(());
        }
        let name = blob_name(digest);
        let content = incoming.content();
        let sealed = self.tar.holds(incoming) && Some(digest) == incoming.digest().as_ref();
        let content = if sealed {
            content
        } else {
            self.part(tail.add_copy(&name, &content)?)
        };
        lock(&self.contents).insert(digest.clone(), content);
        Ok(())
    }

    fn holds(&self, digest: &Digest) -> bool {
        lock(&self.contents).contains_key(digest)
    }

    fn part(&self, range: std::ops::Range<u64>) -> Content {
        Content::Part {
            file: Arc::clone(self.tar.file()),
            range,
        }
    }

    fn check_open(&self) -> Result<()> {
        if self.finished.load(Ordering::Relaxed) {
            Err(self.is_finished())
        } else {
            Ok(())
        }
    }

    fn is_finished(&self) -> Error {
        let message = format!(
            "the archive {} is finished, nothing can be added to it",
            self.target.display()
        );
        Error::new(Kind::Unsupported, message)
    }
}

/// Makes sure that nothing is replaced that is no file as others are, such as a device.
fn check_regular(target: &Path) -> Result<()> {
    match fs::metadata(target) {
        Ok(metadata) if !metadata.is_file() => {
            let message = format!(
                "{} is no regular file, and an archive needs a regular file; name another path",
                target.display()
            );
            Err(Error::new(Kind::Unsupported, message))
        }
        Err(error) if !is_absence(&error) => Err(failed("looking at", target)(error)),
        _ => Ok(()),
    }
}

/// Begins an archive that holds nothing.
fn begin<F: Format>(tar: &Tar) -> Result<Held> {
    let mut tail = tar.blocking_tail();
    for (name, bytes) in F::BEGINNING {
        tail.add(name, bytes)?;
    }
    Ok(Held {
        index: Index::empty(),
        contents: HashMap::new(),
        names: HashMap::new(),
    })
}

/// Copies what the archive at `target` holds, but for its lists, which are written anew.
fn carry_over<F: Format>(target: &Path, format: &F, tar: &Tar) -> Result<Held> {
    let before = Entries::read(target)?;
    let mut tail = tar.blocking_tail();
    for (name, range) in before
        .whole
        .iter()
        .filter(|(name, _)| !F::LISTS.contains(&name.as_str()))
    {
        let whole = Content::Part {
            file: Arc::clone(before.file()),
            range: range.clone(),
        };
        tail.add_raw(&whole)
            .map_err(|error| error.while_doing(format_args!("carrying over {name}")))?;
    }
    drop(tail);
    let held = F::read(&before, &Entries::of(Arc::clone(tar.file()), target)?)?;
    Ok(Held {
        index: format.carry_over(held.index),
        ..held
    })
}

/// A panic elsewhere leaves what is locked as it was.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
