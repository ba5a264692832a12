//! Checks of the surroundings of a data folder when it is opened: its filesystems and its mode.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use portolan_files::durable::remove;
use portolan_files::{file_error, is_absent};
use portolan_registry::{Error, Kind, Result};

/// Name of a file that shows whether files can be renamed.
const PROBE: &str = ".probe";

/// Bits of a mode that give rights to users outside of the owner and the group. The group is
/// accepted: Kubernetes sets it on volumes.
const OTHERS: u32 = 0o007;

/// Checks that the parts of a data folder are on one filesystem, and logs a warning about what is
/// unsafe: a network filesystem, or a folder that every local user can read.
///
/// # Errors
/// Returns [`Kind::Internal`] if `uploads` and `blobs` are on different filesystems: complete
/// uploads are renamed from one to the other. Both must exist.
pub(crate) fn check(folder: &Path) -> Result<()> {
    check_rename(&folder.join("uploads"), &folder.join("blobs"))?;
    if let Some(mode) = inspect(folder)?.map(|found| found.mode())
        && mode & OTHERS != 0
    {
        tracing::warn!(
            folder = %folder.display(),
            mode = %format!("{:o}", mode & 0o7777),
            "every local user can read the data folder; run `chmod o= FOLDER`"
        );
    }
    if let Some(name) = network_filesystem(folder) {
        tracing::warn!(
            folder = %folder.display(),
            filesystem = name,
            "the data folder is on a network filesystem: locks may exclude only processes on this \
             host, and syncs may not reach the disk; use a local filesystem"
        );
    }
    Ok(())
}

/// Checks that a file can be renamed from `uploads` to `blobs`. Two mounts of one filesystem do not
/// allow it, although the files are on the same device.
fn check_rename(uploads: &Path, blobs: &Path) -> Result<()> {
    let [from, to] = [uploads, blobs].map(|folder| folder.join(PROBE));
    fs::write(&from, "").map_err(file_error("write", &from))?;
    let renamed = fs::rename(&from, &to);
    let removed = remove(if renamed.is_ok() { &to } else { &from });
    match renamed {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let (uploads, blobs) = (uploads.display(), blobs.display());
            let message = format!("{uploads} and {blobs} are on different filesystems or mounts");
            let help = "mount the filesystem at the data folder, not at a folder in it";
            Err(Error::new(Kind::Internal, message).with_help(help))
        }
        renamed => renamed.map_err(file_error("rename", &from)).and(removed),
    }
}

/// Returns the metadata of a folder, or `None` if it does not exist.
fn inspect(folder: &Path) -> Result<Option<Metadata>> {
    match fs::metadata(folder) {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(file_error("inspect", folder)(error)),
    }
}

/// Returns the name of the filesystem of a folder if it is a network filesystem.
#[cfg(target_os = "linux")]
fn network_filesystem(folder: &Path) -> Option<&'static str> {
    let found = rustix::fs::statfs(folder).ok()?;
    // The type has 32 bits, in a field that is wider and signed on most systems.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "only the lower 32 bits are the type"
    )]
    network_name(found.f_type as u32)
}

#[cfg(not(target_os = "linux"))]
fn network_filesystem(_: &Path) -> Option<&'static str> {
    None
}

/// Returns the name of a network filesystem by the type that Linux reports (`statfs(2)`).
#[cfg(target_os = "linux")]
fn network_name(kind: u32) -> Option<&'static str> {
    Some(match kind {
        0x6969 => "NFS",
        0x517b | 0xfe53_4d42 => "SMB",
        0xff53_4d42 => "CIFS",
        0x0102_1997 => "9P",
        0x6573_5546 => "FUSE",
        0x00c3_6400 => "Ceph",
        0x0bd0_0bd0 => "Lustre",
        0x5346_414f => "AFS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn parts_on_different_filesystems_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let [uploads, blobs] = ["uploads", "blobs"].map(|part| folder.path().join(part));
        fs::create_dir(&uploads).unwrap();
        fs::create_dir(&blobs).unwrap();
        check(folder.path()).unwrap();
        assert_eq!(fs::read_dir(&blobs).unwrap().count(), 0);
        fs::remove_dir(&blobs).unwrap();
        symlink("/dev/shm", &blobs).unwrap();
        let error = check(folder.path()).unwrap_err();
        assert!(error.message().contains("different filesystems"), "{error}");
        assert_eq!(fs::read_dir(&uploads).unwrap().count(), 0);
    }

    #[test]
    fn network_filesystems_are_recognized() {
        assert_eq!(network_name(0x6969), Some("NFS"));
        assert_eq!(network_name(0xef53), None, "ext4");
        assert_eq!(network_filesystem(Path::new("/proc")), None);
    }
}
