//! Small indexes whose children were pushed as blobs and are expensive to parse.

use anyhow::Result;

use super::super::client::HostileClient;
use super::{INDEX, documents};
use crate::load::image::digest;

const REPOSITORY: &str = "hostile/children";
const CHILDREN: usize = 4;

/// Number of edges in a child of 1 MiB.
const EDGES: u64 = 12_000;

/// Pushes an index and its children, which become manifests with it.
pub(crate) fn push(client: &mut HostileClient<'_>) -> Result<()> {
    let mut descriptors = Vec::new();
    for _ in 0..CHILDREN {
        let child = documents::edges(&mut client.random, EDGES);
        let digest = digest(&child);
        descriptors.push(serde_json::json!({
            "mediaType": INDEX, "digest": digest, "size": child.len(),
        }));
        client.push_blob(REPOSITORY, &digest, child)?;
    }
    let index = serde_json::json!({
        "schemaVersion": 2, "mediaType": INDEX, "manifests": descriptors,
    });
    client.put_manifest(REPOSITORY, "latest", INDEX, index.to_string().into())?;
    Ok(())
}
