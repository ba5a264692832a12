//! What an image's config says about it (image-spec, config.md), read leniently.

use std::collections::BTreeMap;

use bytes::Bytes;
use portolan_model::{ChildKind, Descriptor, Manifest, MediaType, Platform};
use portolan_registry::copy::Place;
use portolan_registry::{MAX_MANIFEST_BYTES, verified_digest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::{Failure, Outcome};

/// The parts of a config that people ask for.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) working_dir: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) entrypoint: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cmd: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) env: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
}

impl ImageConfig {
    fn of(bytes: &[u8]) -> Self {
        let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let run = &document["config"];
        Self {
            platform: part(&document),
            created: part(&document["created"]),
            user: part(&run["User"]).filter(|user: &String| !user.is_empty()),
            working_dir: part(&run["WorkingDir"]).filter(|folder: &String| !folder.is_empty()),
            entrypoint: part(&run["Entrypoint"]).unwrap_or_default(),
            cmd: part(&run["Cmd"]).unwrap_or_default(),
            env: part(&run["Env"]).unwrap_or_default(),
            labels: part(&run["Labels"]).unwrap_or_default(),
        }
    }
}

/// A part of the document, if it is what it should be.
fn part<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

/// The descriptor of a manifest's config.
pub(crate) fn descriptor(manifest: &Manifest) -> Option<&Descriptor> {
    let config = manifest
        .children()
        .iter()
        .find(|child| child.kind == ChildKind::Config);
    config.map(|config| &config.descriptor)
}

/// Reads an image's config; nothing for a manifest that is no image.
pub(crate) async fn read(place: &Place, manifest: &Manifest) -> Outcome<Option<ImageConfig>> {
    match descriptor(manifest) {
        Some(config)
            if config
                .media_type
                .as_ref()
                .is_some_and(MediaType::is_image_config) =>
        {
            Ok(Some(ImageConfig::of(&bytes(place, config).await?)))
        }
        _ => Ok(None),
    }
}

/// A config byte for byte.
pub(crate) async fn bytes(place: &Place, config: &Descriptor) -> Outcome<Bytes> {
    let about = |failure: Failure| {
        failure.about(format!(
            "reading the config {}@{}",
            place.name, config.digest
        ))
    };
    let Place {
        registry,
        context,
        repository,
        ..
    } = place;
    let read = registry
        .get_blob(context, repository, &config.digest, None)
        .await;
    let read = read.map_err(|error| about(error.into()))?;
    let bytes = read
        .body
        .collect(MAX_MANIFEST_BYTES)
        .await
        .map_err(|error| about(error.into()))?;
    verified_digest(&bytes, Some(&config.digest)).map_err(|error| about(error.into()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_passed_over() {
        let config = ImageConfig::of(
            br#"{"architecture":"arm","os":"linux","variant":"v7","created":7,
                 "config":{"Entrypoint":["/app"],"Cmd":null,"User":"","Labels":{"a":"b"},"Env":"no list"}}"#,
        );
        let expected = ImageConfig {
            platform: Some("linux/arm/v7".parse().unwrap()),
            entrypoint: vec!["/app".into()],
            labels: BTreeMap::from([("a".into(), "b".into())]),
            ..ImageConfig::default()
        };
        assert_eq!(config, expected);
        assert_eq!(ImageConfig::of(b"no JSON"), ImageConfig::default());
    }
}
