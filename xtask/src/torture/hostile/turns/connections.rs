//! Connections without a request, or with a part of one.

use anyhow::Result;

use super::super::client::HostileClient;

/// Bytes of a head that are sent before the client stops.
const HEAD_PART: usize = 60_000;

/// Opens many connections and sends nothing.
pub(crate) fn stay_idle(client: &mut HostileClient<'_>) -> Result<()> {
    let streams = client.open_burst(|_| Vec::new())?;
    client.hold(|| {});
    drop(streams);
    Ok(())
}

/// Sends the beginning of a long head on many connections.
pub(crate) fn send_half_a_head(client: &mut HostileClient<'_>) -> Result<()> {
    let streams = client.open_burst(|_| {
        let mut bytes = b"GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ".to_vec();
        bytes.resize(HEAD_PART, b'a');
        bytes
    })?;
    client.hold(|| {});
    drop(streams);
    Ok(())
}
