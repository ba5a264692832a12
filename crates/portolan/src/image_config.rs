//! Config of an image (image-spec, config.md). Fields that are malformed are ignored.

use std::collections::BTreeMap;

use bytes::Bytes;
use portolan_model::lint::ImageConfig;
use portolan_model::{ChildKind, Descriptor, Manifest, MediaType, Platform};
use portolan_registry::Repository;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::{Failure, Outcome};

/// Fields of an image config that commands show.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfigSummary {
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

impl ConfigSummary {
    fn from_json(bytes: &[u8]) -> Self {
        let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let run = &document["config"];
        Self {
            platform: ImageConfig::read(bytes).platform,
            created: parse_field(&document["created"]),
            user: parse_field(&run["User"]).filter(|user: &String| !user.is_empty()),
            working_dir: parse_field(&run["WorkingDir"])
                .filter(|folder: &String| !folder.is_empty()),
            entrypoint: parse_field(&run["Entrypoint"]).unwrap_or_default(),
            cmd: parse_field(&run["Cmd"]).unwrap_or_default(),
            env: strings(&run["Env"]),
            labels: strings_by_name(&run["Labels"]),
        }
    }
}

/// Deserializes a field, or returns `None` if it has an unexpected type.
fn parse_field<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

/// Returns the strings in an array. Skips other items.
fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(parse_field).collect()
}

/// Returns the members of an object whose values are strings. Skips other members.
fn strings_by_name(value: &Value) -> BTreeMap<String, String> {
    let members = value.as_object().into_iter().flatten();
    members
        .filter_map(|(name, value)| Some((name.clone(), parse_field(value)?)))
        .collect()
}

/// Returns the descriptor of the config of a manifest, if it has one.
pub(crate) fn descriptor(manifest: &Manifest) -> Option<&Descriptor> {
    let config = manifest
        .children()
        .iter()
        .find(|child| child.kind == ChildKind::Config);
    config.map(|config| &config.descriptor)
}

/// Reads the config of an image, or returns `None` if the manifest is not an image.
pub(crate) async fn read(
    repository: &Repository,
    manifest: &Manifest,
) -> Outcome<Option<ConfigSummary>> {
    match descriptor(manifest) {
        Some(config)
            if config
                .media_type
                .as_ref()
                .is_some_and(MediaType::is_image_config) =>
        {
            Ok(Some(ConfigSummary::from_json(
                &read_bytes(repository, config).await?,
            )))
        }
        _ => Ok(None),
    }
}

/// Reads the exact bytes of a config.
pub(crate) async fn read_bytes(repository: &Repository, config: &Descriptor) -> Outcome<Bytes> {
    let bytes = repository.small_blob(&config.digest).await;
    bytes.map_err(|error| {
        let name = repository.full_name(&config.digest);
        Failure::from(error).context(format!("failed to read the config {name}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_invalid_fields() {
        let config = ConfigSummary::from_json(
            br#"{"architecture":"arm","os":"linux","variant":"v7","created":7,
                 "os.features":null,
                 "config":{"Entrypoint":["/app"],"Cmd":null,"User":"","Labels":{"a":"b","c":1},"Env":["A=1",2]}}"#,
        );
        let expected = ConfigSummary {
            platform: Some("linux/arm/v7".parse().unwrap()),
            entrypoint: vec!["/app".into()],
            env: vec!["A=1".into()],
            labels: BTreeMap::from([("a".into(), "b".into())]),
            ..ConfigSummary::default()
        };
        assert_eq!(config, expected);
        assert_eq!(
            ConfigSummary::from_json(b"no JSON"),
            ConfigSummary::default()
        );
    }
}
