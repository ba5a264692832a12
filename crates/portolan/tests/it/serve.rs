//! `portolan serve` from start to stop.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use portolan_model::Digest;
use portolan_model::fixtures::{ImageFixture, image, repository, tag};
use portolan_registry::contract::bare_kind;
use portolan_registry::{
    Context, Error, Kind, Lister, PageRequest, PutManifest, Registry, TagUpdate, Writer,
};
use portolan_testkit::{HttpRegistry, Process};

use super::{binary, portolan, text};

fn serve(data: &Path, arguments: &[&str]) -> (Process, HttpRegistry) {
    let process = Process::serve(binary(), data, arguments).unwrap();
    let registry = HttpRegistry::new(process.address());
    (process, registry)
}

async fn push(registry: &dyn Registry, image: &ImageFixture) -> Result<(), Error> {
    let (context, name) = (Context::anonymous(), repository("team/app"));
    for blob in image.blobs() {
        registry
            .put_blob(&context, &name, &Digest::sha256(&blob), blob.into())
            .await?;
    }
    let options = PutManifest {
        tags: vec![TagUpdate::unconditional(tag("v1"))],
        ..PutManifest::default()
    };
    registry
        .put_manifest(&context, &name, image.bytes(), options)
        .await
        .map(drop)
}

async fn pull(registry: &dyn Registry) -> Bytes {
    let reference = tag("v1").into();
    let read = registry
        .get_manifest(&Context::anonymous(), &repository("team/app"), &reference)
        .await
        .unwrap();
    read.body.collect(usize::MAX).await.unwrap()
}

#[tokio::test]
async fn pushed_content_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let (process, registry) = serve(folder.path(), &[]);
    push(&registry, &image("x")).await.unwrap();
    process.kill().unwrap();
    let began = Instant::now();
    let (_process, registry) = serve(folder.path(), &[]);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(pull(&registry).await, image("x").bytes());
}

#[tokio::test]
async fn sigterm_exits_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let (process, registry) = serve(folder.path(), &[]);
    push(&registry, &image("x")).await.unwrap();
    assert_eq!(process.stop().unwrap().code(), Some(0));
}

#[test]
fn a_second_server_on_the_same_folder_prints_the_address_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let (process, _) = serve(folder.path(), &[]);
    let output = portolan(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data",
        folder.path().to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(7));
    let address = format!("in use by another portolan at http://{}", process.address());
    assert!(
        text(&output.stderr).contains(&address),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn names_an_address_in_use() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (process, _) = serve(first.path(), &[]);
    let address = process.address().to_string();
    let output = portolan(&[
        "serve",
        "--listen",
        &address,
        "--data",
        second.path().to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(7));
    assert!(
        text(&output.stderr).contains(&format!("failed to listen on {address}")),
        "{}",
        text(&output.stderr)
    );
}

#[tokio::test]
async fn applies_the_policy_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portolan.toml");
    fs::write(
        &file,
        "[[policy]]\nrepositories = \"team/**\"\npreset = \"sparse\"\n",
    )
    .unwrap();
    let (_process, registry) = serve(
        &folder.path().join("data"),
        &["--config", file.to_str().unwrap()],
    );
    let put = |name: &str| {
        let name = repository(name);
        let registry = &registry;
        async move {
            let (context, options) = (Context::anonymous(), PutManifest::default());
            registry
                .put_manifest(&context, &name, image("x").bytes(), options)
                .await
        }
    };
    assert!(put("team/app").await.is_ok());
    assert_eq!(
        bare_kind(&put("other").await.unwrap_err()),
        Kind::CONTENT_MISSING
    );
}

#[tokio::test]
async fn rejects_pushes_on_a_full_disk_and_serves_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    // No file can grow beyond 256 KiB, which looks like a full disk to the server.
    let script = "ulimit -f 512; exec \"$0\" serve --listen 127.0.0.1:0 --data \"$1\"";
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .arg(binary())
        .arg(folder.path());
    let process = Process::start(&mut command).unwrap();
    let registry = HttpRegistry::new(process.address());
    let (context, name) = (Context::anonymous(), repository("team/app"));

    push(&registry, &image("x")).await.unwrap();
    let large = Bytes::from(vec![7; 1 << 20]);
    let digest = Digest::sha256(&large);
    let error = registry
        .put_blob(&context, &name, &digest, large.into())
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), Kind::StorageFull, "{error}");
    for shard in fs::read_dir(folder.path().join("uploads")).unwrap() {
        assert!(
            fs::read_dir(shard.unwrap().path())
                .unwrap()
                .next()
                .is_none()
        );
    }
    assert_eq!(pull(&registry).await, image("x").bytes());
    let small = Bytes::from_static(b"small");
    registry
        .put_blob(&context, &name, &Digest::sha256(&small), small.into())
        .await
        .unwrap();
    // The database also cannot grow.
    let mut number = 0;
    let error = loop {
        number += 1;
        if let Err(error) = push(&registry, &image(&number.to_string())).await {
            break error;
        }
    };
    assert_eq!(*error.kind(), Kind::StorageFull, "{error}");
    assert_eq!(
        registry
            .repositories(&context, &PageRequest::first(2))
            .await
            .unwrap()
            .items,
        [name]
    );
}

#[tokio::test]
async fn raises_the_soft_limit_on_open_files() {
    let folder = tempfile::tempdir().unwrap();
    let script = "ulimit -Sn 64; exec \"$0\" serve --listen 127.0.0.1:0 --data \"$1\"";
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .arg(binary())
        .arg(folder.path());
    let process = Process::start(&mut command).unwrap();
    let idle: Vec<_> = (0..100)
        .map(|_| TcpStream::connect(process.address()).unwrap())
        .collect();
    let registry = HttpRegistry::new(process.address());
    push(&registry, &image("x")).await.unwrap();
    assert_eq!(pull(&registry).await, image("x").bytes());
    drop(idle);
}

/// Starts a server whose standard error goes to a pipe, and returns the reader of the pipe.
pub(crate) fn serve_with_log(data: &Path) -> (Process, io::PipeReader) {
    let (reader, log) = io::pipe().unwrap();
    let mut command = Command::new(binary());
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .stderr(log);
    (Process::start(&mut command).unwrap(), reader)
}

#[tokio::test]
async fn a_log_without_a_reader_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (process, reader) = serve_with_log(folder.path());
    drop(reader);
    let registry = HttpRegistry::new(process.address());
    push(&registry, &image("x")).await.unwrap();
    assert_eq!(pull(&registry).await, image("x").bytes());
    assert_eq!(process.stop().unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_log_that_is_not_read_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (process, reader) = serve_with_log(folder.path());
    let registry = HttpRegistry::new(process.address());
    push(&registry, &image("x")).await.unwrap();
    // More lines than the pipe can hold.
    for _ in 0..1000 {
        pull(&registry).await;
    }
    assert_eq!(process.stop().unwrap().code(), Some(0));
    drop(reader);
}

#[test]
fn the_first_line_ends_with_the_url_and_logs_are_json_without_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(binary())
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    let (_, address) = first
        .trim_end()
        .split_once("Portolan is listening on http://")
        .unwrap();
    drop(std::net::TcpStream::connect(address).unwrap());
    Command::new("kill")
        .arg(child.id().to_string())
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let log = text(&output.stderr);
    assert!(
        log.lines()
            .all(|line| line.starts_with('{') && line.ends_with('}')),
        "{log}"
    );
    assert!(log.contains("SIGTERM"), "{log}");
}
