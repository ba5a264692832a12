//! Upload sessions.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::super::fault::Fault;
use super::super::http::{RawResponse, exchange};
use super::super::scene::Scene;
use super::partial_uploads;
use crate::interop::document::Algorithm;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "partial-uploads-of-a-repository-are-limited",
        check: partial_uploads_are_limited,
    },
    Fault {
        name: "upload-of-a-vanished-client",
        check: upload_of_a_vanished_client,
    },
];

/// Time after which a response is not immediate. The old program waited for a minute.
const IMMEDIATE: Duration = Duration::from_secs(5);

/// Idle time after which a session may end before it expires.
const IDLE: Duration = Duration::from_secs(61);

/// Opens a session, and returns its path.
pub(super) fn open(address: SocketAddr) -> Result<String> {
    let opened = exchange(address, "POST /v2/app/blobs/uploads/ HTTP/1.1", b"")?;
    let location = opened.header("location").next().context("no location")?;
    let path = location.find("/v2/").map(|start| &location[start..]);
    Ok(path.context("the location has no path")?.to_owned())
}

/// Sends a request that must be answered immediately.
fn immediate(address: SocketAddr, head: &str, body: &[u8]) -> Result<RawResponse> {
    let start = Instant::now();
    let response = exchange(address, head, body).with_context(|| head.to_owned())?;
    ensure!(
        start.elapsed() < IMMEDIATE,
        "{head} took {:?}",
        start.elapsed()
    );
    Ok(response)
}

/// Returns the offset of a session when no more bytes arrive.
fn settled_offset(address: SocketAddr, session: &str) -> Result<usize> {
    let mut before = 0;
    loop {
        let status = immediate(address, &format!("GET {session} HTTP/1.1"), b"")?;
        ensure!(status.status == 204, "the status is {status:?}");
        let range = status.header("range").next();
        let last = range.and_then(|range| range.strip_prefix("0-"));
        let last: usize = last.context("no range")?.parse()?;
        if last > 0 && last == before {
            return Ok(last + 1);
        }
        before = last;
        sleep(Duration::from_millis(100));
    }
}

fn upload_of_a_vanished_client(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let address = server.address();
    for method in ["PATCH", "PUT"] {
        let content: Vec<u8> = method.bytes().cycle().take(5 << 20).collect();
        let digest = Algorithm::Sha256.digest(&content);
        let session = open(address)?;
        let mut vanished = TcpStream::connect(address)?;
        write!(
            vanished,
            "PATCH {session} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            content.len()
        )?;
        vanished.write_all(&content[..3 << 20])?;
        let offset = settled_offset(address, &session)?;
        let range = format!("Content-Range: {offset}-{}", content.len() - 1);
        let target = match method {
            "PUT" => format!("{session}?digest={digest}"),
            _ => session.clone(),
        };
        let newer = immediate(
            address,
            &format!("{method} {target} HTTP/1.1\n{range}"),
            &content[offset..],
        )?;
        ensure!(
            [201, 202].contains(&newer.status),
            "the newer {method}: {newer:?}"
        );
        let older = RawResponse::read(&mut vanished)?;
        ensure!(older.status == 416, "the older PATCH: {older:?}");
        if method == "PATCH" {
            let put = format!("PUT {session}?digest={digest} HTTP/1.1");
            let finished = immediate(address, &put, b"")?;
            ensure!(
                finished.status == 201,
                "the session is not finished: {finished:?}"
            );
        }
        let blob = exchange(
            address,
            &format!("GET /v2/app/blobs/{digest} HTTP/1.1"),
            b"",
        )?;
        ensure!(blob.body == content, "the blob has other bytes");
    }
    Ok(())
}

fn partial_uploads_are_limited(scene: &Scene) -> Result<()> {
    let server = scene.serve("[storage.uploads]\nper_repository = 2\n")?;
    let start = |content: &[u8]| {
        let session = open(server.address())?;
        let sent = exchange(
            server.address(),
            &format!("PATCH {session} HTTP/1.1"),
            content,
        )?;
        ensure!(sent.status == 202, "the chunk was rejected: {sent:?}");
        Ok(session)
    };
    let old = [start(b"one")?, start(b"two")?, start(b"three")?];
    sleep(IDLE);
    let new = start(b"four")?;
    let status = |session: &str| {
        let status = exchange(server.address(), &format!("GET {session} HTTP/1.1"), b"")?;
        anyhow::Ok(status.status)
    };
    ensure!(status(&new)? == 204, "the newest session ended");
    ensure!(status(&old[0])? == 404, "the oldest session is still open");
    let partial = partial_uploads(&scene.path("registry-1"))?;
    ensure!(partial.len() == 2, "the uploads are {partial:?}");
    Ok(())
}
