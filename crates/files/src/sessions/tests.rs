//! Tests of sessions in a folder. `restart` simulates that the process is killed: only files
//! remain.

mod clients;
mod commit;
mod crash;
mod limits;
mod takeover;
mod time;

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use portolan_model::fixtures::repository;
use portolan_model::{Algorithm, Digest};
use portolan_registry::contract::expect_error;
use portolan_registry::{Body, Caller, ClientNetwork, Kind, Result, Upload, UploadId};

use super::*;
use crate::durable::{Durability, OnFailedSync};
use crate::{Runtime, SystemRuntime};

/// Runtime whose clocks stand still until a test moves them. Random bytes come from the system.
#[derive(Debug)]
struct TestRuntime {
    started: (Instant, SystemTime),
    /// Seconds that have passed since the start, by the monotonic clock and by the wall clock.
    monotonic: AtomicU64,
    wall: AtomicU64,
}

impl TestRuntime {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            started: (Instant::now(), SystemTime::now()),
            monotonic: AtomicU64::new(0),
            wall: AtomicU64::new(0),
        })
    }

    fn advance(&self, seconds: u64) {
        self.monotonic.fetch_add(seconds, Ordering::Relaxed);
        self.set_wall_forward(seconds);
    }

    fn set_wall_forward(&self, seconds: u64) {
        self.wall.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Runtime for TestRuntime {
    fn instant(&self) -> Instant {
        self.started.0 + Duration::from_secs(self.monotonic.load(Ordering::Relaxed))
    }

    fn now(&self) -> SystemTime {
        self.started.1 + Duration::from_secs(self.wall.load(Ordering::Relaxed))
    }

    fn fill_random(&self, bytes: &mut [u8]) -> Result<()> {
        SystemRuntime.fill_random(bytes)
    }
}

fn open_sessions(data: &Path, runtime: &Arc<TestRuntime>) -> Result<Sessions<SessionFolder>> {
    let settings = FolderSettings {
        folder: data.join("uploads"),
        key: data.join("uploads.key"),
        file_mode: 0o600,
        durability: Arc::new(Durability::new(OnFailedSync::ReturnError)),
    };
    let runtime: Arc<dyn Runtime> = Arc::<TestRuntime>::clone(runtime);
    Sessions::in_folder(settings, runtime)
}

/// Process with sessions in a data folder.
struct Process {
    sessions: Sessions<SessionFolder>,
    runtime: Arc<TestRuntime>,
    data: PathBuf,
}

impl Process {
    fn start(data: &Path) -> Self {
        Self::start_with(data, TestRuntime::new())
    }

    fn start_with(data: &Path, runtime: Arc<TestRuntime>) -> Self {
        Self {
            sessions: open_sessions(data, &runtime).unwrap(),
            runtime,
            data: data.to_owned(),
        }
    }

    /// Simulates the death of this process, and a new process with the same folder.
    fn restart(self) -> Self {
        let (data, runtime) = (self.data.clone(), Arc::clone(&self.runtime));
        // Destructors do not run when a process is killed.
        std::mem::forget(self);
        Self::start_with(&data, runtime)
    }

    async fn open(&self, owner: &Owner) -> UploadId {
        self.open_for(owner, None::<ClientNetwork>).await
    }

    async fn open_for(&self, owner: &Owner, client: impl Into<Option<ClientNetwork>>) -> UploadId {
        let opened = self.sessions.open(owner, client.into(), &Algorithm::Sha256);
        opened.await.unwrap().id
    }

    async fn open_with(&self, owner: &Owner, content: &'static str) -> UploadId {
        self.open_with_for(owner, None::<ClientNetwork>, content)
            .await
    }

    async fn open_with_for(
        &self,
        owner: &Owner,
        client: impl Into<Option<ClientNetwork>>,
        content: &'static str,
    ) -> UploadId {
        let id = self.open_for(owner, client).await;
        self.append(owner, &id, Some(0), content).await.unwrap();
        id
    }

    async fn append(
        &self,
        owner: &Owner,
        id: &UploadId,
        offset: Option<u64>,
        content: &'static str,
    ) -> Result<Upload> {
        let body = Bytes::from(content).into();
        self.sessions.append(owner, id, offset, body).await
    }

    async fn offset(&self, owner: &Owner, id: &UploadId) -> Result<u64> {
        self.sessions
            .status(owner, id)
            .await
            .map(|upload| upload.offset)
    }

    async fn finish(
        &self,
        owner: &Owner,
        id: &UploadId,
        rest: &'static str,
        whole: &str,
    ) -> Result<StagedFile> {
        let digest = Digest::sha256(whole.as_bytes());
        let body = Bytes::from(rest).into();
        self.sessions
            .finish_file(owner, id, None, body, &digest)
            .await
    }

    /// Moves complete content to its final path.
    fn place(&self, staged: StagedFile) -> PathBuf {
        let to = self.data.join("blob");
        let durability = Durability::new(OnFailedSync::ReturnError);
        staged.place(&durability, &to).unwrap();
        drop(staged);
        to
    }

    fn files(&self) -> Vec<PathBuf> {
        files(&self.data.join("uploads"))
    }
}

/// Returns the files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn client(number: u8) -> ClientNetwork {
    IpAddr::from([192, 0, 2, number]).into()
}

fn owner(name: &str) -> Owner {
    Owner {
        repository: repository(name),
        caller: Caller::Anonymous,
    }
}

#[tokio::test]
async fn content_arrives_in_several_calls() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open(&owner).await;
    assert_eq!(process.offset(&owner, &id).await.unwrap(), 0);
    assert_eq!(process.files(), Vec::<PathBuf>::new(), "no byte, no file");
    process.append(&owner, &id, Some(0), "0123").await.unwrap();
    let created = process.files();
    assert_eq!(created.len(), 1);
    process.append(&owner, &id, None, "45").await.unwrap();
    let early = process.append(&owner, &id, Some(4), "x").await;
    expect_error(early, &Kind::OutOfOrder { offset: 6 });
    assert_eq!(process.offset(&owner, &id).await.unwrap(), 6);
    let staged = process.finish(&owner, &id, "67", "01234567").await.unwrap();
    assert_eq!(staged.length(), 8);
    assert_eq!(process.files(), created, "one file from the first byte on");
    let blob = process.place(staged);
    assert_eq!(fs::read(blob).unwrap(), b"01234567");
    assert_eq!(process.files(), Vec::<PathBuf>::new());
    expect_error(process.offset(&owner, &id).await, &Kind::UploadUnknown);
    assert_eq!(process.sessions.table.len(), 0);
}

#[tokio::test]
async fn the_folder_and_its_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    process.open_with(&owner, "x").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = process.files().remove(0);
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    assert_eq!(mode(&folder.path().join("uploads")), 0o700);
    assert_eq!(mode(&folder.path().join("uploads.key")), 0o600);
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(SessionName::parse(name).is_some(), "{name}");
}

#[tokio::test]
async fn wrong_content_and_cancelled_sessions_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let wrong = process.open_with(&owner, "x").await;
    let finished = process.finish(&owner, &wrong, "", "y").await;
    expect_error(finished, &Kind::DigestInvalid);
    let cancelled = process.open_with(&owner, "x").await;
    process.sessions.cancel(&owner, &cancelled).await.unwrap();
    let empty = process.open(&owner).await;
    process.sessions.cancel(&owner, &empty).await.unwrap();
    for id in [wrong, cancelled, empty] {
        expect_error(process.offset(&owner, &id).await, &Kind::UploadUnknown);
    }
    assert_eq!(process.files(), Vec::<PathBuf>::new());
    assert_eq!(process.sessions.table.len(), 0);
}

#[tokio::test]
async fn a_session_may_end_without_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open(&owner).await;
    let staged = process.finish(&owner, &id, "", "").await.unwrap();
    let blob = process.place(staged);
    assert_eq!(fs::read(blob).unwrap(), b"");
}

#[tokio::test]
async fn content_in_one_call_needs_no_session() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    let digest = Digest::sha256(b"0123");
    let receive = |body: Body| process.sessions.receive(&digest, body);
    let staged = receive(Bytes::from("0123").into()).await.unwrap();
    let blob = process.place(staged);
    assert_eq!(fs::read(blob).unwrap(), b"0123");
    let wrong = receive(Bytes::from("x").into()).await;
    expect_error(wrong, &Kind::DigestInvalid);
    let broken = portolan_registry::contract::incomplete_body(b"01");
    expect_error(receive(broken).await, &Kind::BodyIncomplete);
    drop(receive(Bytes::from("0123").into()).await.unwrap());
    let empty = Digest::sha256(b"");
    let staged = process.sessions.receive(&empty, Body::empty()).await;
    assert_eq!(staged.unwrap().length(), 0);
    assert_eq!(process.files(), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_and_folders_are_created_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let process = Arc::new(Process::start(folder.path()));
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let process = Arc::clone(&process);
        running.spawn(async move { process.open_with(&owner("a"), "0123").await });
    }
    let ids = running.join_all().await;
    assert_eq!(process.files().len(), 100);
    for id in ids {
        assert_eq!(process.offset(&owner("a"), &id).await.unwrap(), 4);
    }
}
