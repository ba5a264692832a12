//! Errors of file operations. They contain the path. A full disk and exhausted file descriptors have
//! their own kinds.

use std::io;
use std::path::Path;

use portolan_registry::{Error, Kind};
use rustix::io::Errno;

/// Returns a function that converts an error of the operation `action` on `path`.
///
/// The message reads "failed to ACTION PATH: REASON".
pub fn file_error(action: &str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |error| {
        let message = format!("failed to {action} {}", path.display());
        if has_no_descriptor(&error) {
            let message = format!("{message}: too many files are open");
            return Error::new(Kind::Unavailable, message).with_source(error);
        }
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => {
                let message = format!("{message}: no space is left to store content");
                Error::new(Kind::StorageFull, message).with_source(error)
            }
            _ => Error::internal(format!("{message}: {error}"), error),
        }
    }
}

/// Returns whether the process or the system has no file descriptor left.
fn has_no_descriptor(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE))
}

/// Returns whether `error` means that nothing exists at a path.
pub fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_disks_and_limits_have_a_kind_of_their_own() {
        for kind in [
            io::ErrorKind::StorageFull,
            io::ErrorKind::QuotaExceeded,
            io::ErrorKind::FileTooLarge,
        ] {
            let error = file_error("write", Path::new("/data/x"))(kind.into());
            assert_eq!(*error.kind(), Kind::StorageFull);
            assert!(error.message().starts_with("failed to write /data/x: no"));
        }
        let denied = file_error("open", Path::new("x"))(io::ErrorKind::PermissionDenied.into());
        assert_eq!(*denied.kind(), Kind::Internal, "the caller is not to blame");
    }

    #[test]
    fn exhausted_descriptors_are_temporary() {
        for errno in [Errno::MFILE, Errno::NFILE] {
            let error = file_error("open", Path::new("/data/x"))(errno.into());
            assert_eq!(*error.kind(), Kind::Unavailable);
            assert!(error.is_transient());
        }
    }
}
