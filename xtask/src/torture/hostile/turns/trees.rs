//! Trees of large indexes, read slowly.

use std::io::Read;

use anyhow::{Result, ensure};

use super::super::client::HostileClient;
use super::INDEX;

const REPOSITORY: &str = "hostile/trees";

/// Number of descriptors, each with fields that findings are about.
const DESCRIPTORS: usize = 26_000;

/// Stores a large index.
pub(crate) fn prepare(client: &mut HostileClient<'_>) -> Result<()> {
    let descriptors: Vec<_> = (0..DESCRIPTORS)
        .map(|number| {
            serde_json::json!({
                "mediaType": "a/b", "digest": format!("sha256:{number:064x}"), "size": -1, "platform": 3,
            })
        })
        .collect();
    let index = serde_json::json!({
        "schemaVersion": 2, "mediaType": INDEX, "manifests": descriptors,
    });
    let response = client.put_manifest(REPOSITORY, "large", INDEX, index.to_string().into())?;
    ensure!(
        response.status == 201,
        "the large index was answered with {}: {}",
        response.status,
        String::from_utf8_lossy(&response.body)
    );
    Ok(())
}

/// Requests the tree of the index, reads a part of the response, and stalls.
pub(crate) fn read(client: &mut HostileClient<'_>) -> Result<()> {
    let target = format!("/api/v1/repositories/{REPOSITORY}/-/tree/large");
    if client.random.one_in(2) {
        client.get(&target)?;
        return Ok(());
    }
    let mut stream = client.open()?;
    let request = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    client.write(&mut stream, request.as_bytes())?;
    client.read_status(&mut stream, &target)?;
    let mut part = [0; 100];
    client.hold(|| {
        let _ = stream.read(&mut part);
    });
    Ok(())
}
