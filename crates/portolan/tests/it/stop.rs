//! Ctrl-C and SIGTERM: exit statuses of the toolkit, removal of its temporary files, and the end of
//! the registry with open connections.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portolan_model::fixtures::image;
use portolan_testkit::Process;
use portolan_testkit::proxy::{
    BodyFault, Fault, Method, Proxy, RequestClass, RequestFilter, Trigger,
};

use super::binary;
use super::toolkit::{Server, User};

#[tokio::test]
async fn a_signal_removes_an_incomplete_archive() {
    let (server, person) = (Server::start(), User::new());
    server
        .repository("app")
        .push_image(&image("a"), &["v1"])
        .await;
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let proxy = Proxy::start(server.host().parse().unwrap()).unwrap();
        let blobs = RequestFilter::for_class(Method::GET, RequestClass::Blob);
        proxy.inject(blobs, Trigger::Always, Fault::Response(BodyFault::Stall(1)));
        let source = format!("{}/app:v1", proxy.address());
        let copy = person.command(&["copy", &source, "oci-archive:archives/image.tar:v1"]);
        let mut copy = { copy }
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        proxy.wait_for_stall().unwrap();
        assert!(
            person.path("archives").is_dir(),
            "the content is being collected, in a file without a name"
        );
        Command::new("kill")
            .args([format!("-{signal}"), copy.id().to_string()])
            .status()
            .unwrap();
        assert_eq!(copy.wait().unwrap().code(), Some(status));
        assert_eq!(
            fs::read_dir(person.path("archives")).unwrap().count(),
            0,
            "{signal}"
        );
    }
}

/// Connects to a registry and sends `bytes`.
fn send(process: &Process, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(process.address()).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    stream
}

#[test]
fn a_registry_does_not_wait_for_the_rest_of_a_request_head() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::serve(binary(), folder.path(), &[]).unwrap();
    let _half = send(&process, "GET /v2/ HTTP/1.1\r\nhost: x\r\n");
    let _idle = send(&process, "");
    let began = Instant::now();
    assert_eq!(process.stop().unwrap().code(), Some(0));
    let elapsed = began.elapsed();
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
}

#[test]
fn a_second_signal_ends_requests_in_progress() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::serve(binary(), folder.path(), &[]).unwrap();
    let digest = format!("sha256:{}", "0".repeat(64));
    let request = format!(
        "POST /v2/a/blobs/uploads/?digest={digest} HTTP/1.1\r\nhost: {}\r\ncontent-length: 9\r\n\r\nabc",
        process.address()
    );
    let slow = send(&process, &request);
    let began = Instant::now();
    Command::new("kill")
        .args(["-INT", &process.id().to_string()])
        .status()
        .unwrap();
    // The listener is closed when the shutdown has begun.
    while TcpStream::connect(process.address()).is_ok() {}
    assert_eq!(process.stop().unwrap().code(), Some(0));
    let elapsed = began.elapsed();
    assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");
    drop(slow);
}
