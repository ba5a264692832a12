//! Heads of requests with long lists: tags, and digests in `If-Match`.

use std::fmt::Write as _;

use anyhow::Result;

use super::super::client::HostileClient;

/// Longest head that the server accepts by default.
const HEAD_BYTES: usize = 65_000;

/// Sends a head of which one half are tags, and the other half are digests.
pub(crate) fn push(client: &mut HostileClient<'_>) -> Result<()> {
    let mut head = String::from("PUT /v2/hostile/heads/manifests/a?tag=b");
    let mut number = 0;
    while head.len() < HEAD_BYTES / 2 {
        number += 1;
        let _ = write!(head, "&tag=t{number}");
    }
    head.push_str(" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nIf-Match: \"a:b\"");
    while head.len() < HEAD_BYTES {
        head.push_str(",\"a:b\"");
    }
    head.push_str("\r\n\r\n{}");
    let mut stream = client.open()?;
    client.write(&mut stream, head.as_bytes())?;
    client.read_status(&mut stream, "PUT with many tags")?;
    Ok(())
}
