//! Folder with the files of upload sessions.
//!
//! Files are spread over sixteen subfolders, because the kernel creates the files of one folder one
//! after the other. There are two kinds of files:
//!
//! - `ID-ALGORITHM-REPOSITORY-CALLER`: a session ([`SessionName`]). A later process can continue
//!   it.
//! - `part-PROCESS-NUMBER`: content that is received in one call, without a session. Nobody can
//!   continue it, so a later process removes it. `PROCESS` is a random number of the process that
//!   receives it.
//!
//! Other files are not touched. They are logged.

mod search;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use portolan_model::Digest;
use portolan_registry::{Body, Error, Kind, Result, UploadId};

use super::key::{self, KeyFile};
use super::name::ALGORITHMS;
use super::{FoundSession, Owner, SessionFiles, SessionKey, SessionName, Sessions, StagedFile};
use crate::append::{Incoming, OpenFile};
use crate::durable::{Durability, parent, remove};
use crate::{Runtime, file_error, is_absent, run_blocking};

/// Mode of the folders: only the user of the process can see who uploads what.
const FOLDER_MODE: u32 = 0o700;

/// Number of subfolders for the files.
pub(super) const SHARDS: u8 = 16;

/// Settings of a folder for sessions.
#[derive(Clone, Debug)]
pub struct FolderSettings {
    /// Folder of the session files. It must be on the same filesystem as the final place of
    /// complete content, because files are moved there. Only one process may use it at a time
    /// ([`FolderLock`](crate::lock::FolderLock)).
    pub folder: PathBuf,
    /// File with the [`OwnerKey`](super::OwnerKey), in a folder that exists.
    pub key: PathBuf,
    /// Mode of the files, before the system applies the umask. Complete content has the same mode,
    /// because its file is moved.
    pub file_mode: u32,
    /// Syncs and renames files for the sessions. Shared with the folder tree that receives complete
    /// content, so that a failed sync in either one rejects later writes in both.
    pub durability: Arc<Durability>,
}

/// Storage of session files below one folder.
pub struct SessionFolder {
    settings: FolderSettings,
    key: KeyFile,
    /// `PROCESS` in the names of the files that this process receives without a session.
    process: u64,
    /// `NUMBER` in the name of the next file without a session.
    parts: AtomicU64,
}

impl Sessions<SessionFolder> {
    /// Opens the sessions in a folder. Creates the folder if it does not exist. Blocks on disk I/O.
    ///
    /// Does not read the folder: a session of an earlier process is looked up when a call names it,
    /// and listed by [`Sessions::expire`].
    ///
    /// # Errors
    /// Returns an error if the folder cannot be created, if a file has the name of a subfolder, or
    /// if the key cannot be read.
    pub fn in_folder(settings: FolderSettings, runtime: Arc<dyn Runtime>) -> Result<Self> {
        // No sync is needed: a power cut may lose sessions, because no client relies on incomplete
        // content.
        create_folder(&settings.folder)?;
        check_shards(&settings.folder)?;
        let key = KeyFile::open(&settings.key, &*runtime)?;
        let mut process = [0; 8];
        runtime.fill_random(&mut process)?;
        let owner_key = key.key().clone();
        let files = SessionFolder {
            settings,
            key,
            process: u64::from_be_bytes(process),
            parts: AtomicU64::new(0),
        };
        Ok(Self::new(files, owner_key, runtime))
    }

    /// Takes the content out of a session like [`Sessions::finish`], and returns its file.
    ///
    /// # Errors
    /// Returns the errors of [`Sessions::finish`].
    pub async fn finish_file(
        &self,
        owner: &Owner,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<StagedFile> {
        let completed = self.finish(owner, id, offset, body, digest).await?;
        let path = self.files().path(&completed.name);
        Ok(StagedFile::from_session(completed, path))
    }

    /// Receives `body` in one call, without a session, and verifies that it has `digest`.
    ///
    /// # Errors
    /// Returns [`Kind::DigestInvalid`] if the content has another digest or `digest` cannot be
    /// computed, and the error of `body`. In these cases, the received bytes are removed.
    pub async fn receive(&self, digest: &Digest, body: Body) -> Result<StagedFile> {
        if digest.algorithm().hasher().is_none() {
            return Err(Error::digest_unverifiable(digest));
        }
        let files = Arc::clone(self.files());
        let path = files.next_part();
        let (target, creating) = (path.clone(), Arc::clone(&files));
        let create: OpenFile = Arc::new(move || creating.create_at(&target));
        let (incoming, received) = Incoming::create_on_write(create, digest.algorithm())
            .append_and_sync(body, &files.settings.durability)
            .await;
        let digest = digest.clone();
        run_blocking(move || {
            let completed = received.and_then(|()| {
                let lost = || Error::new(Kind::Internal, "the content of an upload was lost");
                let mut incoming = incoming.ok_or_else(lost)?;
                let file = incoming.complete(&digest)?;
                Ok((file, incoming.length()))
            });
            match completed {
                Ok((file, length)) => Ok(StagedFile::new(file, path, length)),
                Err(error) => remove(&path).and(Err(error)),
            }
        })
        .await
    }
}

impl SessionFolder {
    pub(super) fn folder(&self) -> &Path {
        &self.settings.folder
    }

    fn shard(&self, number: u8) -> PathBuf {
        shard(&self.settings.folder, number)
    }

    fn path(&self, name: &SessionName) -> PathBuf {
        self.shard(name.shard()).join(name.to_string())
    }

    /// Returns an unused path for content that is received without a session.
    fn next_part(&self) -> PathBuf {
        let number = self.parts.fetch_add(1, Ordering::Relaxed);
        let shard = u8::try_from(number % u64::from(SHARDS)).unwrap_or_default();
        self.shard(shard)
            .join(format!("part-{:016x}-{number:x}", self.process))
    }

    /// Creates a file. Creates the subfolder if it does not exist yet.
    fn create_at(&self, path: &Path) -> Result<File> {
        match self.try_create(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create_folder(parent(path))?;
                self.try_create(path)
            }
            created => created,
        }
        .map_err(file_error("create", path))
    }

    fn try_create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(self.settings.file_mode)
            .open(path)
    }

    /// Removes the folder and its key if the folder contains no session, so that an unused folder
    /// leaves no trace.
    ///
    /// The caller must still hold the lock on the folder, and must not use it afterwards.
    pub fn remove_if_unused(&self) {
        let folder = &self.settings.folder;
        let mut is_empty = true;
        for number in 0..SHARDS {
            let removed = std::fs::remove_dir(self.shard(number));
            is_empty &= removed.is_ok() || !self.shard(number).exists();
        }
        // Without sessions, the key has no use. With sessions, it is needed to find them again.
        if is_empty {
            drop(key::remove(&self.settings.key));
            drop(std::fs::remove_dir(folder));
        }
    }
}

#[async_trait]
impl SessionFiles for SessionFolder {
    fn create(&self, name: &SessionName) -> Result<File> {
        self.key.store(&self.settings.durability)?;
        self.create_at(&self.path(name))
    }

    fn open(&self, name: &SessionName) -> Result<File> {
        let path = self.path(name);
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        opened.map_err(|error| {
            if is_absent(&error) {
                let message = "the file of this upload was removed; start the upload again";
                return Error::new(Kind::UploadUnknown, message);
            }
            file_error("open", &path)(error)
        })
    }

    fn find(&self, key: &SessionKey) -> Result<Option<FoundSession>> {
        for algorithm in ALGORITHMS {
            let name = SessionName {
                key: *key,
                algorithm,
            };
            let found = self.inspect(&name)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn remove(&self, name: &SessionName) -> Result<()> {
        remove(&self.path(name))
    }

    fn close(&self, incoming: &mut Incoming, reopen: OpenFile) -> Result<()> {
        if let Some(file) = incoming.file() {
            // The kernel reports a write-back error to descriptors that are open when it happens.
            // Without this sync, an error that happens while the file is closed could be missed.
            self.settings
                .durability
                .sync_file(file, &self.settings.folder)?;
        }
        incoming.close(reopen);
        Ok(())
    }

    async fn append(&self, incoming: Incoming, body: Body) -> (Option<Incoming>, Result<()>) {
        incoming
            .append_and_sync(body, &self.settings.durability)
            .await
    }
}

impl SessionFolder {
    /// Inspects the file of a session, if it exists. Symbolic links and folders are not sessions.
    pub(super) fn inspect(&self, name: &SessionName) -> Result<Option<FoundSession>> {
        let path = self.path(name);
        let metadata = match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return Ok(None),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(file_error("inspect", &path)(error)),
        };
        let modified = metadata.modified();
        Ok(Some(FoundSession {
            algorithm: name.algorithm.clone(),
            length: metadata.len(),
            modified: modified.map_err(file_error("inspect", &path))?,
        }))
    }
}

/// Returns the path of a subfolder.
fn shard(folder: &Path, number: u8) -> PathBuf {
    folder.join(format!("{number:x}"))
}

/// Returns an error if something other than a folder has the name of a subfolder.
///
/// Without this check, one in sixteen uploads would fail, and that is hard to diagnose.
fn check_shards(folder: &Path) -> Result<()> {
    for number in 0..SHARDS {
        let shard = shard(folder, number);
        match std::fs::symlink_metadata(&shard) {
            Err(error) if is_absent(&error) => (),
            Err(error) => return Err(file_error("inspect", &shard)(error)),
            // A link to a folder is accepted.
            Ok(_) if shard.is_dir() => (),
            Ok(_) => {
                let message = format!(
                    "{} must be a folder, because upload sessions use it",
                    shard.display()
                );
                return Err(Error::new(Kind::Internal, message).with_help("move the file away"));
            }
        }
    }
    Ok(())
}

/// Creates a folder for session files, if it does not exist.
fn create_folder(folder: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
        .map_err(file_error("create the folder", folder))
}
