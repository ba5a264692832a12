//! Requests whose client does not wait for the response.

use anyhow::Result;

use super::super::client::HostileClient;
use super::{INDEX, documents, referrers};

/// Sends a request for a list or an expensive check, and disconnects.
pub(crate) fn leave(client: &mut HostileClient<'_>) -> Result<()> {
    let mut stream = client.open()?;
    if client.random.one_in(2) {
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            referrers::LIST
        );
        return client.write(&mut stream, request.as_bytes());
    }
    let document = documents::edges(&mut client.random, 20_000);
    let head = format!(
        "POST /api/v1/repositories/hostile/abandoned/-/check HTTP/1.1\r\nHost: 127.0.0.1\r\n\
         Content-Type: {INDEX}\r\nContent-Length: {}\r\n\r\n",
        document.len()
    );
    client.write(&mut stream, head.as_bytes())?;
    client.write(&mut stream, &document)
}
