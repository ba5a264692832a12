//! Memory after a burst of large requests.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::json;

use super::super::fault::Fault;
use super::super::http::exchange;
use super::super::scene::Scene;
use crate::interop::media::OCI;
use crate::load::process::resident_memory;

pub(super) const FAULTS: &[Fault] = &[Fault {
    name: "memory-after-a-burst",
    check: memory_after_a_burst,
}];

/// Number of clients that push and check at the same time.
const CLIENTS: usize = 8;

/// Number of readers that request a manifest and do not read it.
const STALLED_READERS: usize = 60;

/// Memory that may remain in use, in bytes: mostly what the connections to the database cache. An
/// allocator that returns no memory keeps more than 100 MiB.
const REMAINING: u64 = 64 << 20;

fn memory_after_a_burst(scene: &Scene) -> Result<()> {
    // Without a cache, which would keep the manifests in memory.
    let server = scene.serve("[storage.cache]\nmemory = \"0B\"\n")?;
    let address = server.address();
    let before = resident_memory(server.pid())?;
    let (checked, pushed) = (index_of_children(2 << 20), index_of_size(4_000_000));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (checked, pushed) = (&checked, &pushed);
                scope.spawn(move || run_client(address, number, checked, pushed))
            })
            .collect();
        clients
            .into_iter()
            .try_for_each(|client| client.join().map_err(|_| anyhow!("a client panicked"))?)
    })?;
    let readers: Vec<_> = (0..STALLED_READERS)
        .map(|_| stalled_reader(address))
        .collect::<Result<_>>()?;
    sleep(Duration::from_secs(1));
    drop(readers);
    let mut after = 0;
    for _ in 0..100 {
        sleep(Duration::from_millis(100));
        // The allocator returns memory while it is in use.
        exchange(address, "GET /healthz HTTP/1.1", b"")?;
        after = resident_memory(server.pid())?;
        if after < before + REMAINING {
            return Ok(());
        }
    }
    ensure!(
        after < before + REMAINING,
        "the server used {} MiB before the burst, and uses {} MiB after it",
        before >> 20,
        after >> 20
    );
    Ok(())
}

/// Checks and pushes a manifest.
fn run_client(address: SocketAddr, number: usize, checked: &str, pushed: &str) -> Result<()> {
    let check = "POST /api/v1/repositories/app/-/check HTTP/1.1";
    let response = exchange(address, check, checked.as_bytes())?;
    ensure!(
        [200, 429].contains(&response.status),
        "a check: {}",
        response.status
    );
    let push = format!("PUT /v2/app/manifests/v{number} HTTP/1.1");
    let response = exchange(address, &push, pushed.as_bytes())?;
    ensure!(
        response.status == 201,
        "a push: {}",
        String::from_utf8_lossy(&response.body)
    );
    Ok(())
}

/// Connects a client that requests the pushed manifest and reads nothing.
fn stalled_reader(address: SocketAddr) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).context("failed to connect a reader")?;
    write!(
        stream,
        "GET /v2/app/manifests/v0 HTTP/1.1\r\nHost: {address}\r\n\r\n"
    )?;
    Ok(stream)
}

/// Returns an index of about `size` bytes that consists of children.
fn index_of_children(size: usize) -> String {
    let mut children = String::new();
    for number in 0_u64.. {
        let child = json!({
            "mediaType": OCI.manifest, "digest": format!("sha256:{number:064x}"), "size": 1000,
            "platform": {"os": "linux", "architecture": "amd64", "variant": number.to_string()}
        });
        let separator = if children.is_empty() { "" } else { "," };
        let _ = write!(children, "{separator}{child}");
        if children.len() > size {
            break;
        }
    }
    let media_type = OCI.index;
    format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","manifests":[{children}]}}"#)
}

/// Returns an index of about `size` bytes without children.
fn index_of_size(size: usize) -> String {
    let index = json!({
        "schemaVersion": 2, "mediaType": OCI.index, "manifests": [],
        "annotations": {"text": "x".repeat(size)}
    });
    index.to_string()
}
