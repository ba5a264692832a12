//! Archive under construction. Its content is collected in an unnamed temporary file. At the end,
//! the archive is written to its destination.

mod destination;
mod order;
mod spool;
mod storage;

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use portolan_files::SystemRuntime;
use portolan_files::sessions::{Completed, OwnerKey, Sessions};
use portolan_model::{Digest, Manifest};
use portolan_registry::{Error, Kind, MAX_MANIFEST_BYTES, Result};

use super::content_file::ContentFile;
use super::oci::blob_name;
use super::tar_index::TarIndex;
use super::tar_output::TarOutput;
use super::{ArchiveContents, ArchiveFormat};
use crate::content::Content;
use crate::index::LayoutIndex;
use crate::spool::{Budget, Spool};
use destination::{Destination, TargetPath};
use spool::{SpoolFiles, unnamed_file};

/// Archive under construction. It begins with the contents of the archive that it replaces.
pub struct ArchiveWriter<F> {
    destination: Destination,
    format: F,
    /// Archive that is replaced.
    existing: Option<TarIndex>,
    finished: AtomicBool,
    content_file: ContentFile,
    budget: Budget,
    index: Mutex<Arc<LayoutIndex>>,
    contents: Mutex<HashMap<Digest, Content>>,
    /// File names of the content that comes from an existing docker-archive, by digest.
    names: HashMap<Digest, String>,
    sessions: Sessions<SpoolFiles>,
}

impl<F: ArchiveFormat> ArchiveWriter<F> {
    /// Creates an archive. The target does not change before [`ArchiveWriter::finish`]. If `target`
    /// is a symbolic link, the file that it points to is replaced. Content is collected in the
    /// folder of the target, because its filesystem needs the space anyway.
    ///
    /// # Errors
    /// Returns an error if `target` is not an archive of this format, or not a regular file.
    pub(crate) fn create(target: &Path, format: F) -> Result<Self> {
        let target = TargetPath::open(target)?;
        let existing = target
            .existing()
            .map(TarIndex::open_for_append)
            .transpose()?;
        let spool = Spool {
            folder: target.folder().to_owned(),
            limit: u64::MAX,
        };
        Self::new(Destination::Path(target), format, existing, &spool)
    }

    /// Creates an archive that [`ArchiveWriter::finish`] writes to `output`. `name` is the name of
    /// the output in messages.
    pub(crate) fn create_stream(
        name: String,
        output: Box<dyn Write + Send>,
        format: F,
        spool: &Spool,
    ) -> Result<Self> {
        Self::new(Destination::stream(name, output), format, None, spool)
    }

    fn new(
        destination: Destination,
        format: F,
        existing: Option<TarIndex>,
        spool: &Spool,
    ) -> Result<Self> {
        let held = match &existing {
            Some(entries) => F::read(entries)?,
            None => ArchiveContents::empty(),
        };
        let content_file = ContentFile::new(unnamed_file(&spool.folder)?);
        // Sessions do not outlive the process, so neither does their key.
        let key = OwnerKey::generate(&SystemRuntime)?;
        let spools = SpoolFiles::new(&spool.folder, content_file.clone());
        Ok(Self {
            destination,
            index: Mutex::new(Arc::new(format.index_for_append(held.index))),
            format,
            existing,
            finished: AtomicBool::new(false),
            content_file,
            budget: Budget::new(spool.limit),
            contents: Mutex::new(held.contents),
            names: held.names,
            sessions: Sessions::new(spools, key, Arc::new(SystemRuntime)),
        })
    }

    /// Writes the archive to its destination, durably. Nothing can be added afterwards.
    ///
    /// # Errors
    /// Returns an error if the archive cannot be written, or [`Kind::PreconditionFailed`] if the
    /// target has changed since the archive was created. In these cases, the target stays
    /// unchanged, and the new archive is removed.
    pub(crate) fn finish(&self) -> Result<()> {
        if self.finished.swap(true, Ordering::Relaxed) {
            return Err(self.finished_error());
        }
        // Wait until no blob is being added.
        let _tail = self.content_file.lock_tail_blocking();
        self.destination.write(|output| self.write_tar(output))
    }

    fn write_tar(&self, output: &mut dyn Write) -> Result<()> {
        let mut tar = TarOutput::new(output);
        for (name, bytes) in F::INITIAL_FILES {
            tar.add(name, &Content::Bytes(Bytes::from_static(bytes)))?;
        }
        for (name, entry) in self.existing.iter().flat_map(TarIndex::raw_entries) {
            if !F::LIST_FILES.contains(&name) {
                tar.add_raw(&entry).map_err(|error| {
                    error.with_prefix(format_args!(
                        "failed to copy {name} from the existing archive"
                    ))
                })?;
            }
        }
        let index = Arc::clone(&lock(&self.index));
        self.write_contents(&mut tar, &index)?;
        let (name, bytes) = self
            .format
            .render_list(&index, &self.names, &|digest| self.read_manifest(digest))?;
        tar.add(name, &Content::Bytes(bytes.into()))?;
        tar.finish()
    }

    /// Writes the new contents in a fixed order. Skips manifests that the format does not store as
    /// files, because they are not in the content file.
    fn write_contents<W: Write>(&self, tar: &mut TarOutput<W>, index: &LayoutIndex) -> Result<()> {
        let contents = lock(&self.contents).clone();
        for digest in order::digests_in_order(index, &contents) {
            if let Some(content) = contents.get(&digest)
                && self.content_file.has(content)
            {
                tar.add(&blob_name(&digest), content)?;
            }
        }
        Ok(())
    }

    fn read_manifest(&self, digest: &Digest) -> Result<Manifest> {
        let content = lock(&self.contents).get(digest).cloned();
        let missing = || {
            Error::new(
                Kind::CONTENT_MISSING,
                format!("manifest {digest} was not found in the archive"),
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

    /// Stores verified content as a blob.
    fn commit_blob(&self, completed: &Completed, digest: &Digest) -> Result<()> {
        let mut tail = self.content_file.lock_tail_blocking();
        self.check_open()?;
        if self.has_content(digest) {
            return Ok(());
        }
        let content = Content::from_completed(completed);
        let content = if self.content_file.has(&content) {
            content
        } else {
            self.content_at(tail.add_copy(&content)?)
        };
        lock(&self.contents).insert(digest.clone(), content);
        Ok(())
    }

    fn has_content(&self, digest: &Digest) -> bool {
        lock(&self.contents).contains_key(digest)
    }

    fn content_at(&self, range: std::ops::Range<u64>) -> Content {
        Content::Part {
            file: Arc::clone(self.content_file.file()),
            range,
        }
    }

    fn check_open(&self) -> Result<()> {
        if self.finished.load(Ordering::Relaxed) {
            Err(self.finished_error())
        } else {
            Ok(())
        }
    }

    fn finished_error(&self) -> Error {
        let message = format!(
            "the archive {} is finished, and nothing can be added to it",
            self.destination
        );
        Error::new(Kind::Unsupported, message)
    }
}

/// Locks a mutex. Poisoning does not matter: a panic elsewhere does not leave the value
/// inconsistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
