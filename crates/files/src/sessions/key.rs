//! Secret key for hashes of session owners.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use portolan_model::RepositoryName;
use portolan_registry::{Caller, ClientNetwork, Result};
use sha2::{Digest as _, Sha256};

use crate::durable::Durability;
use crate::{Runtime, file_error};

/// Length of a key in bytes.
const LENGTH: usize = 32;

/// Block size of SHA-256 in bytes.
const BLOCK: usize = 64;

/// Secret key of the hashes in the names of session files ([`SessionName`](super::SessionName)).
///
/// Without a key, everyone who can list the folder could guess names of repositories and callers,
/// and compare their hashes with the file names.
#[derive(Clone)]
pub struct OwnerKey(Arc<[u8; LENGTH]>);

impl OwnerKey {
    /// Generates a key.
    ///
    /// # Errors
    /// Returns an error if the system provides no random bytes.
    pub fn generate(runtime: &dyn Runtime) -> Result<Self> {
        let mut key = [0; LENGTH];
        runtime.fill_random(&mut key)?;
        Ok(Self(Arc::new(key)))
    }

    pub(super) fn hash_repository(&self, name: &RepositoryName) -> u128 {
        self.hash(&[b"repository\0", name.as_str().as_bytes()])
    }

    pub(super) fn hash_caller(&self, caller: &Caller) -> u128 {
        match caller {
            Caller::Anonymous => self.hash(&[b"anonymous caller\0"]),
            Caller::Named(name) => self.hash(&[b"named caller\0", name.as_bytes()]),
        }
    }

    /// Returns a hash of the client that opens a session. It has 32 bits, so different clients may
    /// have the same hash and count as one.
    pub(super) fn hash_client(&self, client: Option<ClientNetwork>) -> u32 {
        let hash = match client.map(ClientNetwork::address) {
            None => self.hash(&[b"no client\0"]),
            Some(IpAddr::V4(address)) => self.hash(&[b"client\0", &address.octets()]),
            Some(IpAddr::V6(address)) => self.hash(&[b"client\0", &address.octets()]),
        };
        u32::try_from(hash >> 96).unwrap_or_default()
    }

    /// Returns the first half of the HMAC-SHA-256 (RFC 2104) of the concatenated `parts`. 128 bits
    /// rule out an exhaustive search.
    fn hash(&self, parts: &[&[u8]]) -> u128 {
        let hash = hmac(&*self.0, parts);
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        u128::from_be_bytes(half)
    }

    #[cfg(test)]
    pub(super) fn from_byte(byte: u8) -> Self {
        Self(Arc::new([byte; LENGTH]))
    }
}

/// Prints a placeholder instead of the key.
impl fmt::Debug for OwnerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OwnerKey(…)")
    }
}

/// Returns the HMAC-SHA-256 of the concatenated `parts`. The key must not be longer than a block.
fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let padded = |pad: u8| {
        let mut block = [pad; BLOCK];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        Sha256::new_with_prefix(block)
    };
    let mut inner = padded(0x36);
    for part in parts {
        inner.update(part);
    }
    let mut outer = padded(0x5c);
    outer.update(inner.finalize());
    outer.finalize().into()
}

/// File that stores a key, because later processes need the same key to find the sessions of this
/// process.
pub(super) struct KeyFile {
    path: PathBuf,
    key: OwnerKey,
    is_stored: Mutex<bool>,
}

impl KeyFile {
    /// Reads the key at `path`, or generates a key that [`KeyFile::store`] writes later.
    pub(super) fn open(path: &Path, runtime: &dyn Runtime) -> Result<Self> {
        // An earlier process may have ended while it wrote this file. No other process is writing
        // it now, because only one process uses the folder at a time.
        crate::durable::remove(&path.with_extension("new"))?;
        let stored = read(path)?;
        let is_stored = stored.is_some();
        let key = match stored {
            Some(key) => key,
            None => OwnerKey::generate(runtime)?,
        };
        Ok(Self {
            path: path.to_owned(),
            key,
            is_stored: Mutex::new(is_stored),
        })
    }

    pub(super) fn key(&self) -> &OwnerKey {
        &self.key
    }

    /// Stores the key durably, unless it is stored already. Must be called before the first session
    /// file is created: its name depends on the key, so without the key the session could not be
    /// found again.
    pub(super) fn store(&self, durability: &Durability) -> Result<()> {
        let mut is_stored = self
            .is_stored
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !*is_stored {
            self.write(durability)?;
            *is_stored = true;
        }
        Ok(())
    }

    /// Writes a new file and renames it, so that no process reads an incomplete key.
    fn write(&self, durability: &Durability) -> Result<()> {
        let new = self.path.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .map_err(file_error("create", &new))?;
        file.write_all(&*self.key.0)
            .map_err(file_error("write", &new))?;
        durability.rename(&file, &new, &self.path)
    }
}

/// Reads the key at `path`, or returns `None` if the file does not exist or has a wrong length. In
/// the latter case, the key is replaced, and the sessions of earlier processes become unknown.
fn read(path: &Path) -> Result<Option<OwnerKey>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(file_error("open", path))?,
    };
    let mut bytes = Vec::with_capacity(LENGTH);
    file.take(LENGTH as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(file_error("read", path))?;
    if let Ok(key) = <[u8; LENGTH]>::try_from(bytes) {
        return Ok(Some(OwnerKey(Arc::new(key))));
    }
    tracing::warn!(
        path = %path.display(),
        "the key of the upload sessions is damaged and is replaced; earlier sessions are lost"
    );
    Ok(None)
}

/// Removes the file of a key.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use crate::SystemRuntime;
    use crate::durable::OnFailedSync;

    use super::*;

    #[test]
    fn the_hash_is_hmac_sha_256() {
        // RFC 4231, test cases 1 and 2.
        let hexadecimal = |bytes: [u8; 32]| bytes.map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(
            hexadecimal(hmac(&[0x0b; 20], &[b"Hi ", b"There"])),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            hexadecimal(hmac(b"Jefe", &[b"what do ya want for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_key_is_generated_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("uploads.key");
        let durability = Durability::new(OnFailedSync::ReturnError);
        let first = KeyFile::open(&path, &SystemRuntime).unwrap();
        assert!(!path.exists(), "the first session writes it");
        first.store(&durability).unwrap();
        first.store(&durability).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = KeyFile::open(&path, &SystemRuntime).unwrap();
        assert_eq!(first.key().0, second.key().0);
        let other = KeyFile::open(&folder.path().join("other"), &SystemRuntime).unwrap();
        assert_ne!(first.key().0, other.key().0);
        assert!(!format!("{:?}", first.key()).contains("0x"));
    }

    #[test]
    fn a_process_may_end_while_it_writes_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("uploads.key");
        let durability = Durability::new(OnFailedSync::ReturnError);
        fs::write(path.with_extension("new"), "half").unwrap();
        let file = KeyFile::open(&path, &SystemRuntime).unwrap();
        file.store(&durability).unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), LENGTH);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_key_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("uploads.key");
        for damaged in [&b""[..], &[0; LENGTH - 1], &[0; LENGTH + 1]] {
            fs::write(&path, damaged).unwrap();
            let file = KeyFile::open(&path, &SystemRuntime).unwrap();
            let durability = Durability::new(OnFailedSync::ReturnError);
            file.store(&durability).unwrap();
            assert_eq!(fs::read(&path).unwrap(), &*file.key().0);
        }
    }
}
