//! Credential files: docker's `config.json`, podman's `auth.json`, and docker's older `.dockercfg`.

use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use portolan_hosts::{AuthDocument, AuthFormat};

/// Path of a credential file.
#[derive(Clone, Debug)]
pub(super) struct AuthPath {
    pub(super) path: PathBuf,
    pub(super) format: AuthFormat,
    /// True if the file must exist, because the user has configured its path.
    pub(super) is_required: bool,
}

/// Parsed credential file. An update preserves the content and order of all other members, because
/// they belong to docker or podman.
#[derive(Clone, Debug)]
pub(super) struct AuthFile {
    auth_path: AuthPath,
    pub(super) document: AuthDocument,
}

impl AuthFile {
    /// Reads the file. A missing file contains no credentials, unless it is required.
    pub(super) fn read(auth_path: &AuthPath) -> Result<Self> {
        let path = auth_path.path.display();
        let bytes = match fs::read(&auth_path.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if auth_path.is_required {
                    bail!("{path} was not used: it does not exist");
                }
                Vec::new()
            }
            Err(error) => return Err(error).with_context(|| format!("{path} was not used")),
        };
        let document = AuthDocument::parse(&bytes, auth_path.format)
            .with_context(|| format!("{path} was not used"))?;
        Ok(Self {
            auth_path: auth_path.clone(),
            document,
        })
    }

    /// Applies `change` to the file, writes the file if `change` returns true, and returns the
    /// result of `change`. A lock is held from reading to writing, so that concurrent updates are
    /// not lost.
    pub(super) fn update(
        auth_path: &AuthPath,
        change: impl FnOnce(&mut AuthDocument) -> Result<bool>,
    ) -> Result<bool> {
        let _lock = lock(&auth_path.path)
            .with_context(|| format!("failed to lock {}", auth_path.path.display()))?;
        let mut file = Self::read(auth_path)?;
        let changed = change(&mut file.document)?;
        if changed {
            file.write()?;
        }
        Ok(changed)
    }

    pub(super) fn auth_path(&self) -> &AuthPath {
        &self.auth_path
    }

    pub(super) fn path(&self) -> &Path {
        &self.auth_path.path
    }

    /// Replaces the file with a new one that is readable only by its owner. The rename is atomic,
    /// so that readers see either the old or the new file. If the path is a symbolic link, its
    /// target is replaced and the link is preserved.
    fn write(&self) -> Result<()> {
        let path = follow_link(self.path());
        self.replace(&path)
            .with_context(|| format!("failed to write credentials to {}", path.display()))
    }

    fn replace(&self, path: &Path) -> Result<()> {
        let folder = create_parent(path)?;
        // `tempfile` creates files with mode 0600, and the rename preserves it.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&self.document.to_bytes()?)?;
        // The content must be on disk before the rename. Otherwise, a crash could leave an empty
        // file.
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

/// Locks a separate file next to `path`, because each change replaces the file at `path`. Dropping
/// the returned file releases the lock. The lock file is never deleted: another process could hold
/// a lock on the deleted file while a third process locks a new file with the same name.
fn lock(path: &Path) -> Result<File> {
    let path = follow_link(path);
    let name = path.file_name().context("the path has no file name")?;
    let lock = create_parent(&path)?.join(format!(".{}.portolan-lock", name.display()));
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(lock)?;
    file.lock()?;
    Ok(file)
}

/// Returns the parent folder of a path. Creates it if it does not exist.
fn create_parent(path: &Path) -> Result<&Path> {
    let folder = path.parent().context("the path has no parent folder")?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    Ok(folder)
}

/// Resolves the symbolic links in a path. A link to a file that does not exist yet is also
/// resolved. Any other path to a missing file is returned unchanged.
fn follow_link(path: &Path) -> PathBuf {
    if let Ok(path) = fs::canonicalize(path) {
        return path;
    }
    match (fs::read_link(path), path.parent()) {
        (Ok(target), Some(folder)) => folder.join(target),
        _ => path.to_owned(),
    }
}
