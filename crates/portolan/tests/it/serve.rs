//! `portolan serve` from its start to whatever ends it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use portolan_model::Digest;
use portolan_model::fixtures::{Image, image, repository, tag};
use portolan_registry::{Context, Error, Kind, PutManifest, Registry, TagUpdate, Writer};
use portolan_testkit::{HttpRegistry, Process};

use super::{binary, portolan, text};

fn serve(data: &Path, arguments: &[&str]) -> (Process, HttpRegistry) {
    let process = Process::serve(binary(), data, arguments).unwrap();
    let registry = HttpRegistry::new(process.address());
    (process, registry)
}

async fn push(registry: &dyn Registry, image: &Image) -> Result<(), Error> {
    let (context, name) = (Context::anonymous(), repository("team/app"));
    for blob in image.blobs() {
        registry
            .put_blob(&context, &name, &Digest::sha256(&blob), blob.into())
            .await?;
    }
    let options = PutManifest {
        tags: vec![TagUpdate::always(tag("v1"))],
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
async fn what_was_pushed_survives_a_kill() {
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
async fn sigterm_ends_it_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let (process, registry) = serve(folder.path(), &[]);
    push(&registry, &image("x")).await.unwrap();
    assert_eq!(process.stop().unwrap().code(), Some(0));
}

#[test]
fn a_second_one_on_the_same_folder_is_told_where_the_first_is() {
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
fn an_address_that_is_taken_is_named() {
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
        text(&output.stderr).contains(&format!("listening on {address}")),
        "{}",
        text(&output.stderr)
    );
}

#[tokio::test]
async fn the_policy_of_the_file_counts() {
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
        *put("other").await.unwrap_err().kind(),
        Kind::ContentMissing
    );
}

#[tokio::test]
async fn without_room_pushes_are_refused_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    // No file may grow beyond 256 KiB: to the server that is a disk without room.
    let script =
        "trap '' XFSZ; ulimit -f 512; exec \"$0\" serve --listen 127.0.0.1:0 --data \"$1\"";
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
    assert!(
        fs::read_dir(folder.path().join("uploads"))
            .unwrap()
            .next()
            .is_none()
    );
    assert_eq!(pull(&registry).await, image("x").bytes());
    let small = Bytes::from_static(b"small");
    registry
        .put_blob(&context, &name, &Digest::sha256(&small), small.into())
        .await
        .unwrap();
}

#[test]
fn the_first_line_is_the_address_and_logs_are_json_off_a_terminal() {
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
        .split_once("Portolan listens on http://")
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
