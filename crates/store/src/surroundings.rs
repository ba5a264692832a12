//! Checks of the surroundings of a data folder when it is opened: its filesystems and its mode.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use portolan_files::{file_error, is_absent};
use portolan_registry::{Error, Kind, Result};

/// Bits of a mode that give rights to users outside of the owner and the group. The group is
/// accepted: Kubernetes sets it on volumes.
const OTHERS: u32 = 0o007;

/// Checks that the parts of a data folder are on one filesystem, and logs a warning about what is
/// unsafe: a network filesystem, or a folder that every local user can read.
///
/// # Errors
/// Returns [`Kind::Internal`] if `uploads` and `blobs` are on different filesystems: complete
/// uploads are renamed from one to the other.
pub(crate) fn check(folder: &Path) -> Result<()> {
    let [uploads, blobs] = ["uploads", "blobs"].map(|part| folder.join(part));
    if let (Some(from), Some(to)) = (inspect(&uploads)?, inspect(&blobs)?)
        && from.dev() != to.dev()
    {
        let (from, to) = (uploads.display(), blobs.display());
        let message = format!("{from} and {to} are on different filesystems");
        let help = "mount the filesystem at the data folder, not at a folder in it";
        return Err(Error::new(Kind::Internal, message).with_help(help));
    }
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
        check(folder.path()).unwrap();
        fs::create_dir(folder.path().join("uploads")).unwrap();
        symlink("/proc", folder.path().join("blobs")).unwrap();
        let error = check(folder.path()).unwrap_err();
        assert!(error.message().ends_with("are on different filesystems"));
    }

    #[test]
    fn network_filesystems_are_recognized() {
        assert_eq!(network_name(0x6969), Some("NFS"));
        assert_eq!(network_name(0xef53), None, "ext4");
        assert_eq!(network_filesystem(Path::new("/proc")), None);
    }
}
