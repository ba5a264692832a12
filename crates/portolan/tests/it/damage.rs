//! Damage of the data folder while the server runs.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use portolan_model::Digest;
use portolan_model::fixtures::{blob, repository};
use portolan_registry::{Context, Reader, Writer};
use portolan_testkit::HttpRegistry;

use super::serve::serve_with_log;

/// Returns the status line and the head of the response to a request without a body.
fn request(address: SocketAddr, method: &str, path: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    write!(
        connection,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).unwrap();
    response
}

fn only_file(folder: &Path) -> PathBuf {
    let entry = fs::read_dir(folder).unwrap().next().unwrap();
    let path = entry.unwrap().path();
    if path.is_dir() {
        only_file(&path)
    } else {
        path
    }
}

#[tokio::test]
async fn a_lost_blob_is_unknown_until_it_is_pushed_again() {
    let folder = tempfile::tempdir().unwrap();
    let (process, mut log) = serve_with_log(folder.path());
    let registry = HttpRegistry::new(process.address());
    let (context, name, content) = (Context::anonymous(), repository("a"), blob("x"));
    let digest = Digest::sha256(&content);
    let push = || registry.put_blob(&context, &name, &digest, content.clone().into());
    push().await.unwrap();
    let file = only_file(&folder.path().join("blobs"));
    fs::remove_file(&file).unwrap();

    let path = format!("/v2/a/blobs/{digest}");
    for method in ["HEAD", "GET", "GET", "HEAD"] {
        let response = request(process.address(), method, &path);
        assert!(response.starts_with("HTTP/1.1 404 "), "{response}");
    }
    let target = format!("/v2/b/blobs/uploads/?mount={digest}&from=a");
    let response = request(process.address(), "POST", &target);
    assert!(response.starts_with("HTTP/1.1 202 "), "{response}");

    push().await.unwrap();
    let read = registry.get_blob(&context, &name, &digest, None).await;
    let bytes = read.unwrap().body.collect(usize::MAX).await.unwrap();
    assert_eq!(bytes, content);
    let response = request(process.address(), "HEAD", &path);
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");

    process.stop().unwrap();
    let mut lines = String::new();
    log.read_to_string(&mut lines).unwrap();
    let mut reports = lines.lines().filter(|line| line.contains("is broken"));
    let report = reports.next().unwrap();
    let parts = ["ERROR", &digest.to_string(), file.to_str().unwrap()];
    assert!(parts.iter().all(|part| report.contains(part)), "{report}");
    assert_eq!(reports.next(), None);
}
