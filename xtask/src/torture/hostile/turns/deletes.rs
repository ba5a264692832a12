//! Deletion of repositories whose manifests have as many edges as allowed.

use anyhow::Result;
use bytes::Bytes;
use http::Method;

use super::super::client::HostileClient;
use super::{INDEX, documents};

const MANIFESTS: usize = 4;

/// Fills a repository and deletes it.
pub(crate) fn push_and_delete(client: &mut HostileClient<'_>) -> Result<()> {
    let repository = format!("hostile/deletes-{:x}", client.random.next_u64());
    for number in 0..MANIFESTS {
        let document = documents::edges(&mut client.random, 29_000);
        client.put_manifest(&repository, &format!("t{number}"), INDEX, document)?;
    }
    let target = format!("/api/v1/repositories/{repository}");
    client.send(Method::DELETE, &target, "", Bytes::new())?;
    Ok(())
}
