//! Content of the fake registries: an image with a referrer, and its arrival at a target.

use anyhow::{Context, Result, ensure};
use portolan_model::{Digest, MediaType};
use portolan_testkit::fake_registry::FakeRegistry;
use serde_json::{Value, json};

use crate::interop::builder::{AMD64, Builder, Descriptor};
use crate::interop::document::{Document, Kind, Role};
use crate::interop::media::{OCI, OCI_EMPTY, OCI_INDEX, OCI_MANIFEST};

/// Size of a layer that is not sent in one request.
const LARGE: usize = (1 << 20) + (1 << 18);

/// Returns an image of two small layers.
pub(crate) fn small_image() -> Result<Kind> {
    build("small", |_| Ok(Vec::new()))
}

/// Returns an image with another layer that is not sent in one request.
pub(crate) fn large_image() -> Result<Kind> {
    build("large", |kind| {
        let byte = |position: usize| ((position / 251) ^ position).to_le_bytes()[0];
        let layer: Vec<u8> = (0..LARGE).map(byte).collect();
        let layer = kind.add_blob(OCI.layer, layer);
        let diff_id = layer.digest().to_owned();
        Ok(vec![(layer, diff_id)])
    })
}

/// Returns an index of one image.
pub(crate) fn indexed_image() -> Result<Kind> {
    let mut kind = Builder::new("indexed");
    let image = kind.add_image(OCI, AMD64)?;
    let index = kind.add_index(OCI, [image]);
    Ok(kind.build(&index))
}

/// Returns a small image with a referrer.
pub(crate) fn signed_image() -> Result<Kind> {
    let mut kind = Builder::new("signed");
    let image = kind.add_image(OCI, AMD64)?.without_platform();
    let config = kind.add_blob(OCI_EMPTY, "{}");
    let signature = kind.add_blob("text/plain", "signature");
    kind.add_manifest(
        OCI_MANIFEST,
        json!({
            "schemaVersion": 2,
            "artifactType": "application/vnd.example.signature",
            "config": Value::from(config),
            "layers": [Value::from(signature)],
            "subject": Value::from(image.clone()),
        }),
    );
    Ok(kind.build(&image))
}

fn build(
    name: &'static str,
    more_layers: impl FnOnce(&mut Builder) -> Result<Vec<(Descriptor, String)>>,
) -> Result<Kind> {
    let mut kind = Builder::new(name);
    let mut layers = vec![kind.add_layer(OCI.layer)?, kind.add_layer(OCI.layer)?];
    layers.extend(more_layers(&mut kind)?);
    let image = kind.add_image_with_layers(OCI, AMD64, layers, |_| ());
    Ok(kind.build(&image))
}

/// Returns the referrers of the image: the manifests that no other document contains.
fn referrers(kind: &Kind) -> Vec<&Document> {
    let below = kind.documents_of_top();
    let is_below = |it: &Document| below.iter().any(|other| other.digest == it.digest);
    let manifests = kind.documents.iter().filter(|it| it.role == Role::Manifest);
    manifests.filter(|it| !is_below(it)).collect()
}

/// Returns the tag under which the referrers of a digest are listed for clients without the API.
fn referrers_tag(digest: &str) -> String {
    digest.replacen(':', "-", 1)
}

/// Stores a kind under the tag `v1`.
pub(crate) fn fill(registry: &FakeRegistry, kind: &Kind) -> Result<()> {
    let mut state = registry.state();
    for document in &kind.documents {
        match document.role {
            Role::Blob => state.put_blob(&document.bytes),
            Role::Manifest => {
                let media_type = MediaType::new(&document.media_type);
                state.put_manifest(&media_type, &document.bytes);
            }
        }
    }
    state.tags.insert("v1".into(), kind.top.parse()?);
    Ok(())
}

/// Stores a kind like [`fill`], and lists its referrers under the referrers tag, as clients do for a
/// registry without the API.
pub(crate) fn fill_signed(registry: &FakeRegistry, kind: &Kind) -> Result<()> {
    fill(registry, kind)?;
    let descriptor = |it: &&Document| {
        json!({
            "mediaType": it.media_type,
            "digest": it.digest,
            "size": it.bytes.len(),
            "artifactType": "application/vnd.example.signature",
        })
    };
    let manifests: Vec<_> = referrers(kind).iter().map(descriptor).collect();
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
    let mut state = registry.state();
    let digest = state.put_manifest(&MediaType::new(OCI_INDEX), &index.to_string().into());
    state.tags.insert(referrers_tag(&kind.top), digest);
    Ok(())
}

/// Checks that the target stores the image byte for byte, with its media types, under the tag `v1`.
pub(crate) fn check_image(target: &FakeRegistry, kind: &Kind) -> Result<()> {
    check_documents(target, &kind.documents_of_top())?;
    let tagged = target.state().tags.get("v1").map(Digest::to_string);
    ensure!(tagged.as_ref() == Some(&kind.top), "the tag is {tagged:?}");
    Ok(())
}

/// Checks the image like [`check_image`], its referrers, and that the referrers tag lists them.
pub(crate) fn check_signed_image(target: &FakeRegistry, kind: &Kind) -> Result<()> {
    check_image(target, kind)?;
    let referrers = referrers(kind);
    check_documents(target, &referrers)?;
    let state = target.state();
    let tag = referrers_tag(&kind.top);
    let listed = state.tags.get(&tag).context("no referrers tag")?;
    let (_, list) = &state.manifests[listed];
    let list = String::from_utf8_lossy(list);
    for referrer in referrers {
        let digest = &referrer.digest;
        ensure!(list.contains(digest), "{digest} is not listed by {list}");
    }
    Ok(())
}

fn check_documents(target: &FakeRegistry, documents: &[&Document]) -> Result<()> {
    let state = target.state();
    for document in documents {
        let digest: Digest = document.digest.parse()?;
        let stored = match document.role {
            Role::Blob => state.blobs.get(&digest),
            Role::Manifest => {
                let stored = state.manifests.get(&digest);
                let media_type = stored.map(|(media_type, _)| media_type.as_str());
                ensure!(
                    media_type == Some(&document.media_type),
                    "{digest} is stored as {media_type:?}"
                );
                stored.map(|(_, bytes)| bytes)
            }
        };
        ensure!(stored == Some(&document.bytes), "{digest} did not arrive");
    }
    Ok(())
}
