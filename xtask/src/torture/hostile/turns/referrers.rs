//! Lists of referrers with large annotations.

use anyhow::{Result, ensure};

use super::super::client::HostileClient;
use crate::load::LoadBlob;
use crate::load::image::MANIFEST;

/// Path of the list.
pub(super) const LIST: &str = "/v2/hostile/referrers/referrers/sha256:\
    0000000000000000000000000000000000000000000000000000000000000000";

const REPOSITORY: &str = "hostile/referrers";
const REFERRERS: usize = 16;

/// Number of small annotations in a referrer: about 3 MiB.
const ANNOTATIONS: usize = 70_000;

/// Stores the referrers of one subject.
pub(crate) fn prepare(client: &mut HostileClient<'_>) -> Result<()> {
    let config = LoadBlob::new("{}");
    client.push_blob(REPOSITORY, &config.digest, config.bytes.clone())?;
    let subject = LIST.rsplit('/').next().unwrap_or_default();
    for number in 0..REFERRERS {
        let annotations: serde_json::Map<_, _> = (0..ANNOTATIONS)
            .map(|key| (format!("key-{key}"), format!("value-{key}-{number}").into()))
            .collect();
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": "a/b",
            "config": {
                "mediaType": "application/vnd.oci.empty.v1+json",
                "digest": config.digest,
                "size": 2,
            },
            "layers": [],
            "subject": { "mediaType": MANIFEST, "digest": subject, "size": 1 },
            "annotations": annotations,
        });
        let manifest = LoadBlob::new(manifest.to_string());
        let response =
            client.put_manifest(REPOSITORY, &manifest.digest, MANIFEST, manifest.bytes)?;
        ensure!(
            response.status == 201,
            "a referrer was answered with {}: {}",
            response.status,
            String::from_utf8_lossy(&response.body)
        );
    }
    Ok(())
}

/// Requests the list.
pub(crate) fn list(client: &mut HostileClient<'_>) -> Result<()> {
    client.get(LIST)?;
    Ok(())
}
