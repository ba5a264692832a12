//! Behavior of SQLite: files, versions, threads, and lookups whose callers have gone.

use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use futures_util::FutureExt;
use portolan_model::Digest;
use portolan_model::fixtures::repository;

use super::scenario::{epoch, name};
use super::{all_database_tests, database_tests, open, sqlite};
use crate::metadata::*;
use portolan_files::{Runtime, SystemRuntime};
use portolan_registry::Kind;

all_database_tests!(sqlite());

#[tokio::test]
async fn queued_work_is_done_when_the_database_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let database = open(&path);
    for number in 0..500 {
        let name = repository(&format!("r{number}"));
        let write = database.write(move |transaction| ensure_repository(transaction, &name));
        assert!(write.now_or_never().is_none());
    }
    drop(database);
    let stored: i64 = rusqlite::Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM repositories", [], |row| row.get(0))
        .unwrap();
    assert_eq!(stored, 500);
}

/// Threads of a database that a test blocks. Dropping this value releases them.
struct Blocker {
    _release: mpsc::Sender<()>,
    wait: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Blocker {
    fn new() -> Self {
        let (release, wait) = mpsc::channel();
        Self {
            _release: release,
            wait: Arc::new(Mutex::new(wait)),
        }
    }

    /// Returns a lookup that ends when the threads are released.
    fn lookup(&self) -> Lookup<()> {
        let wait = Arc::clone(&self.wait);
        Lookup::new(Statement::new("SELECT 1", []), move |_| {
            let _ = wait.lock().unwrap().recv();
            Ok(())
        })
    }
}

/// Starts a lookup, and leaves it in the queue or on a thread.
fn start<T>(mut lookup: Pin<&mut impl Future<Output = T>>) {
    assert!(lookup.as_mut().now_or_never().is_none());
}

#[tokio::test]
async fn lookups_that_nobody_waits_for_are_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("test.db"));
    let has_run = Arc::new(AtomicBool::new(false));
    // Block every reading thread, so that the next lookup stays in the queue.
    let blocker = Blocker::new();
    let mut blocked: Vec<_> = (0..8)
        .map(|_| Box::pin(database.lookup(blocker.lookup())))
        .collect();
    for lookup in &mut blocked {
        start(lookup.as_mut());
    }
    let flag = Arc::clone(&has_run);
    let abandoned = Lookup::new(Statement::new("SELECT 1", []), move |_| {
        flag.store(true, Ordering::Relaxed);
        Ok(())
    });
    assert!(database.lookup(abandoned).now_or_never().is_none());
    drop(blocker);
    for lookup in blocked {
        lookup.await.unwrap();
    }
    database.lookup(ping()).await.unwrap();
    drop(database);
    assert!(!has_run.load(Ordering::Relaxed));
}

#[tokio::test]
async fn lists_do_not_delay_short_lookups() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("test.db"));
    let blocker = Blocker::new();
    let list = || Box::pin(database.lookup(blocker.lookup().into_list()));
    // More lists than the database has threads of any kind.
    let mut lists: Vec<_> = (0..20).map(|_| list()).collect();
    for list in &mut lists {
        start(list.as_mut());
    }
    database.lookup(ping()).await.unwrap();
    assert!(lists.iter_mut().all(|list| list.now_or_never().is_none()));
    drop(blocker);
    for list in lists {
        list.await.unwrap();
    }
}

#[tokio::test]
async fn queued_lists_are_limited() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("test.db"));
    let blocker = Blocker::new();
    let mut lists = Vec::new();
    let error = loop {
        let mut list = Box::pin(database.lookup(blocker.lookup().into_list()));
        match list.as_mut().now_or_never() {
            None => lists.push(list),
            Some(outcome) => break outcome.unwrap_err(),
        }
        assert!(lists.len() < 2000, "there is no limit");
    };
    assert_eq!(error.kind(), &Kind::TooManyRequests { retry_after: 5 });
    assert_eq!(error.detail()["limit"], 1024);
    database.lookup(ping()).await.unwrap();
    drop(blocker);
    for list in lists {
        list.await.unwrap();
    }
}

#[test]
fn a_place_without_a_write_ahead_log_is_rejected() {
    let runtime: Arc<dyn Runtime> = Arc::new(SystemRuntime);
    let error = Sqlite::open(Path::new(":memory:"), &runtime).err().unwrap();
    assert!(error.message().contains("write-ahead log"), "{error}");
}

#[tokio::test]
async fn metadata_of_a_newer_version_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    drop(open(&path));
    rusqlite::Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 1000)
        .unwrap();
    let runtime: Arc<dyn Runtime> = Arc::new(SystemRuntime);
    let error = Sqlite::open(&path, &runtime).err().unwrap();
    assert!(error.help().unwrap().contains("newer version"), "{error}");
}

#[tokio::test]
async fn files_of_other_programs_are_rejected() {
    for (version, table) in [(-1, None), (0, Some("CREATE TABLE x (y)")), (1, None)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch(table.unwrap_or_default()).unwrap();
        other.pragma_update(None, "user_version", version).unwrap();
        drop(other);
        let runtime: Arc<dyn Runtime> = Arc::new(SystemRuntime);
        let error = Sqlite::open(&path, &runtime).err().unwrap();
        assert!(
            error.message().contains("not a database of portolan"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn writes_do_not_wait_each_time_for_a_program_that_reads_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let database = open(&path);
    let reader = rusqlite::Connection::open(&path).unwrap();
    let count = "SELECT count(*) FROM repositories";
    reader.execute_batch("BEGIN").unwrap();
    reader.query_row(count, [], |_| Ok(())).unwrap();
    let write = |number: usize| {
        let mut bytes = vec![0; 4 << 20];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        let digest = Digest::sha256(&bytes);
        database.write(move |transaction| {
            let store = "INSERT INTO manifest_contents (digest, size, bytes) VALUES (?1, 0, ?2)";
            let parameters = [(&digest).into(), bytes.as_slice().into()];
            transaction.execute(&Statement::new(store, parameters))
        })
    };
    for number in 0..5 {
        write(number).await.unwrap();
    }
    let before = std::time::Instant::now();
    for _ in 0..20 {
        database.write(|_| Ok(())).await.unwrap();
    }
    let elapsed = before.elapsed();
    assert!(elapsed.as_millis() < 1_000, "{elapsed:?}");
}

#[tokio::test]
async fn metadata_of_the_first_version_is_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../sqlite/0001.sql"))
        .unwrap();
    let digest = Digest::sha256(b"{}");
    // The binary form of a SHA-256 digest begins with 1.
    old.execute_batch(&format!(
        "INSERT INTO key_epochs VALUES (1, x'0101010101010101', 'a test', 0, 0);
         INSERT INTO blobs VALUES (300, x'01{}', 2, 1);
         PRAGMA user_version = 1;",
        digest.encoded_part()
    ))
    .unwrap();
    drop(old);
    let lookup = find_blob_content(&digest);
    let found = open(&path).lookup(lookup).await.unwrap().unwrap();
    assert_eq!((found.row.size, found.is_broken), (2, false));
    assert_eq!(found.row.key, epoch(1).key(300));
}

#[tokio::test]
async fn the_content_of_a_removed_database_is_saved() {
    for (removed, saved) in [("test.db", "test.rescued"), ("test.db-wal", "test.db")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let database = open(&path);
        let write = || database.write(|it| ensure_repository(it, &name()));
        write().await.unwrap();
        std::fs::remove_file(folder.path().join(removed)).unwrap();
        write().await.unwrap_err();
        assert!(!folder.path().join("test.db-wal").exists());
        let saved = open(&folder.path().join(saved));
        let listed = saved.lookup(list_repositories("", 10)).await.unwrap();
        assert_eq!(listed, [name()]);
    }
}

#[tokio::test]
async fn committed_work_is_present_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let database = open(&path);
    let write = database.write(|transaction| ensure_repository(transaction, &name()));
    write.await.unwrap();
    drop(database);
    let listed = open(&path).lookup(list_repositories("", 10)).await.unwrap();
    assert_eq!(listed, [name()]);
}
