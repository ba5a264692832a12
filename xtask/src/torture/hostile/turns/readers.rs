//! Readers that request different large manifests and stall.

use std::io::Read;

use anyhow::{Result, ensure};

use super::super::client::HostileClient;

const REPOSITORY: &str = "hostile/readers";
const MANIFESTS: usize = 30;
const MANIFEST_BYTES: usize = 2_000_000;

/// Stores large manifests of an unknown type, which have no edges.
pub(crate) fn prepare(client: &mut HostileClient<'_>) -> Result<()> {
    for number in 0..MANIFESTS {
        let manifest = format!(r#"{{"a":"{number}{}"}}"#, "x".repeat(MANIFEST_BYTES));
        let tag = format!("t{number}");
        let response = client.put_manifest(REPOSITORY, &tag, "a/b", manifest.into())?;
        ensure!(
            response.status == 201,
            "a large manifest was answered with {}",
            response.status
        );
    }
    Ok(())
}

/// Requests the manifests on many connections, and reads a few bytes per second.
pub(crate) fn stall(client: &mut HostileClient<'_>) -> Result<()> {
    let first = usize::try_from(client.random.range(0, MANIFESTS as u64))?;
    let mut streams = client.open_burst(|number| {
        let number = (first + number) % MANIFESTS;
        format!("GET /v2/{REPOSITORY}/manifests/t{number} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            .into_bytes()
    })?;
    let mut part = [0; 100];
    client.hold(|| {
        // Every other reader does not read at all.
        for stream in streams.iter_mut().step_by(2) {
            let _ = stream.set_nonblocking(true);
            let _ = stream.read(&mut part);
        }
    });
    Ok(())
}
