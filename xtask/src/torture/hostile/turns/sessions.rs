//! Upload sessions that nobody completes.

use anyhow::Result;
use bytes::Bytes;
use http::Method;

use super::super::client::HostileClient;

/// Number of repositories over which the sessions are spread.
const REPOSITORIES: u64 = 20;

/// Opens an upload session, and sends one byte to some of them.
pub(crate) fn open(client: &mut HostileClient<'_>) -> Result<()> {
    let number = client.random.range(0, REPOSITORIES);
    let target = format!("/v2/hostile/sessions-{number}/blobs/uploads/");
    let response = client.send(Method::POST, &target, "", Bytes::new())?;
    let location = response.header("location");
    if client.random.one_in(8) && location.starts_with('/') {
        let body = Bytes::from_static(b"x");
        client.send(Method::PATCH, location, "application/octet-stream", body)?;
    }
    Ok(())
}
