//! Bodies that do not end: one byte per second, or nothing after the beginning.

use std::io::Write;

use anyhow::Result;

use super::super::client::HostileClient;

/// Bytes of a manifest that are sent before the client stops.
const MANIFEST_PART: usize = 4_000_000;

/// Bytes of a blob that are sent before the client stops.
const BLOB_PART: usize = 1_000_000;

/// Sends manifests and blobs on many connections, one byte per second.
pub(crate) fn trickle(client: &mut HostileClient<'_>) -> Result<()> {
    let mut streams = client.open_burst(|number| {
        if number % 2 == 0 {
            manifest_head(number, 100)
        } else {
            blob_head(100)
        }
    })?;
    client.hold(|| {
        for stream in &mut streams {
            let _ = stream.write(b"{");
        }
    });
    Ok(())
}

/// Sends manifests without their last bytes on many connections.
pub(crate) fn stop_before_the_end(client: &mut HostileClient<'_>) -> Result<()> {
    let streams = client.open_burst(|number| {
        let mut bytes = manifest_head(number, 4 << 20);
        bytes.resize(bytes.len() + MANIFEST_PART, b' ');
        bytes
    })?;
    client.hold(|| {});
    drop(streams);
    Ok(())
}

/// Sends the beginnings of large blobs on many connections.
pub(crate) fn stop_in_a_blob(client: &mut HostileClient<'_>) -> Result<()> {
    let streams = client.open_burst(|_| {
        let mut bytes = blob_head(100_000_000);
        bytes.resize(bytes.len() + BLOB_PART, 0);
        bytes
    })?;
    client.hold(|| {});
    drop(streams);
    Ok(())
}

fn manifest_head(number: usize, length: usize) -> Vec<u8> {
    format!(
        "PUT /v2/hostile/bodies/manifests/t{number} HTTP/1.1\r\nHost: 127.0.0.1\r\n\
         Content-Type: a/b\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes()
}

fn blob_head(length: usize) -> Vec<u8> {
    let zeros = "0".repeat(64);
    format!(
        "POST /v2/hostile/bodies/blobs/uploads/?digest=sha256:{zeros} HTTP/1.1\r\n\
         Host: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes()
}
