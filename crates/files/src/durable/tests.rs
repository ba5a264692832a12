//! Tests of syncs that fail, and of folders that are created concurrently.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::thread;

use super::*;

/// Returns a file that cannot be synced: the kernel rejects `fsync` on a pipe.
fn unsyncable() -> File {
    let (reader, _) = io::pipe().unwrap();
    File::from(std::os::fd::OwnedFd::from(reader))
}

fn tool() -> Durability {
    Durability::new(OnFailedSync::ReturnError)
}

#[test]
fn creates_folders_with_their_parents() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/c");
    tool().make_folder(&path, 0o700).unwrap();
    tool().make_folder(&path, 0o700).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn accepts_a_folder_that_others_create_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..50 {
        let path = folder.path().join(format!("{round}/x/y"));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| tool().make_folder(&path, 0o700).unwrap());
            }
        });
        assert!(path.is_dir());
    }
}

#[test]
fn accepts_folders_that_cannot_be_synced() {
    // A mount point, and a folder on a filesystem that does not support syncs.
    for folder in ["/proc", "/proc/self"] {
        tool().make_folder(Path::new(folder), 0o700).unwrap();
    }
}

#[test]
fn a_file_in_the_place_of_a_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    assert!(tool().make_folder(&path, 0o700).is_err());
    assert!(tool().make_folder(&path.join("below"), 0o700).is_err());
}

#[test]
fn renames_and_replaces() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::write(&to, "old").unwrap();
    fs::write(&from, "new").unwrap();
    tool()
        .rename(&File::open(&from).unwrap(), &from, &to)
        .unwrap();
    assert_eq!(fs::read_to_string(&to).unwrap(), "new");
    assert!(!from.exists());
}

#[test]
fn a_failed_sync_is_never_retried() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::write(&from, "x").unwrap();
    let durability = tool();
    durability.rename(&unsyncable(), &from, &to).unwrap_err();
    assert!(!from.exists(), "nobody can resume it");
    assert!(!to.exists(), "nothing vouches for it");

    fs::write(&from, "x").unwrap();
    let file = File::open(&from).unwrap();
    assert!(durability.sync_file(&file, &from).is_err());
    assert!(durability.rename(&file, &from, &to).is_err());
    assert!(durability.make_folder(folder.path(), 0o700).is_err());
    assert!(!to.exists());
}

#[test]
fn a_file_with_a_new_name_is_placed() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::write(&from, "new").unwrap();
    let file = File::open(&from).unwrap();
    tool().place(&file, &from, &to).unwrap();
    assert_eq!(fs::read_to_string(&to).unwrap(), "new");
    assert!(!from.exists());

    fs::write(&from, "x").unwrap();
    let durability = tool();
    let to = folder.path().join("other");
    durability.place(&unsyncable(), &from, &to).unwrap_err();
    assert!(!from.exists() && !to.exists(), "nobody can use it");
    fs::write(&from, "x").unwrap();
    durability.place(&file, &from, &to).unwrap_err();
    assert!(!to.exists());
}

/// Helper of [`a_failed_sync_ends_a_server`]. That test runs it in a separate process.
#[test]
#[ignore = "it ends the process"]
fn end_of_a_server() {
    let folder = std::env::temp_dir();
    let durability = Durability::new(OnFailedSync::EndProcess);
    drop(durability.sync_file(&unsyncable(), &folder));
}

#[test]
fn a_failed_sync_ends_a_server() {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "durable::tests::end_of_a_server", "--ignored"])
        .output()
        .unwrap()
        .status;
    assert_eq!(status.signal(), Some(6), "the process aborts: {status}");
}

#[test]
fn the_parent_of_a_plain_name_is_the_current_folder() {
    assert_eq!(parent(Path::new("a")), Path::new("."));
    assert_eq!(parent(Path::new("a/b")), Path::new("a"));
    assert_eq!(parent(Path::new("/")), Path::new("/"));
}
