//! `[[policy]]` entries: the manifests that repositories accept, and the [`Verdict`] on each lint
//! finding.

use std::collections::BTreeMap;

use portolan_model::convert::ImageFormat;
use portolan_model::{MediaType, Rule};
use portolan_registry::wrap::PolicyRule;
use portolan_registry::{Deletions, Policy, Preset, Verdict};
use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::error::most_similar;
use crate::usage::ValueError;

/// One `[[policy]]` entry. For each repository, only the last matching entry applies. Entries are
/// not merged.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyEntry {
    /// Pattern of repository names: `*` matches any part of one component, `**` any number of
    /// components.
    pub(crate) repositories: String,
    /// Preset with the defaults for the other keys.
    #[serde(default)]
    pub(crate) preset: Preset,
    /// Media types of the manifests to accept. If absent, all media types are accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) manifest_types: Option<Vec<String>>,
    /// Media type family to convert manifests to when they are pushed by tag. The tags point to the
    /// converted manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) normalize: Option<Normalize>,
    /// Content that may be deleted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) deletion: Deletions,
    /// Verdict on the findings of each rule, by rule id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) rules: BTreeMap<String, Verdict>,
}

/// Media type family that manifests pushed by tag are converted to.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Normalize {
    /// OCI media types.
    Oci,
}

impl PolicyEntry {
    /// Converts the entry to a policy rule. `position` is its index in `[[policy]]`, starting at 0.
    ///
    /// # Errors
    /// Returns [`ConfigError::Invalid`] with the key whose value is invalid.
    pub(crate) fn to_rule(&self, position: usize) -> Result<PolicyRule, ConfigError> {
        let invalid = |key: &str, ValueError { message, help }: ValueError| ConfigError::Invalid {
            message: format!(
                "invalid configuration: entry {} of [[policy]] ({:?}): {key}: {message}",
                position + 1,
                self.repositories
            ),
            help,
        };
        let policy = self
            .to_policy()
            .map_err(|(key, message)| invalid(key, message))?;
        PolicyRule::new(&self.repositories, policy)
            .map_err(|error| invalid("repositories", pattern_error(&error.to_string())))
    }

    fn to_policy(&self) -> Result<Policy, (&'static str, ValueError)> {
        let mut policy = Policy::from(self.preset).with_deletions(self.deletion);
        for (id, verdict) in &self.rules {
            policy = policy.with_verdict(
                parse_rule(id).map_err(|message| ("rules", message))?,
                *verdict,
            );
        }
        if let Some(types) = &self.manifest_types {
            let types =
                parse_manifest_types(types).map_err(|message| ("manifest_types", message))?;
            policy = policy.with_manifest_types(types);
        }
        Ok(match self.normalize {
            Some(Normalize::Oci) if policy.accepts_only(ImageFormat::Oci) => {
                let message = "no manifest would ever be converted, since preset = \"oci-only\" rejects everything that could be";
                return Err((
                    "normalize",
                    ValueError::new(message, "remove one of the two"),
                ));
            }
            Some(Normalize::Oci) => policy.with_normalization(ImageFormat::Oci),
            None => policy,
        })
    }
}

/// Separates the reason why a pattern is invalid from the suggestion, which follows a semicolon in
/// the text of the registry.
fn pattern_error(text: &str) -> ValueError {
    match text.split_once("; ") {
        Some((message, help)) => ValueError::new(message, help),
        None => text.to_owned().into(),
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn parse_rule(id: &str) -> Result<Rule, ValueError> {
    id.parse::<Rule>().map_err(|error| ValueError {
        message: error.to_string(),
        help: most_similar(id, Rule::ALL.into_iter().map(Rule::id))
            .map(|nearest| format!("did you mean `{nearest}`?")),
    })
}

fn parse_manifest_types(types: &[String]) -> Result<Vec<MediaType>, ValueError> {
    if types.is_empty() {
        return Err(ValueError::new(
            "an empty list would reject every manifest",
            "remove the key to accept all types",
        ));
    }
    match types.iter().find(|text| !text.contains('/')) {
        Some(text) => Err(ValueError::new(
            format!("\"{text}\" is not a media type"),
            "write a type such as application/vnd.oci.image.index.v1+json",
        )),
        None => Ok(types.iter().map(|text| MediaType::new(text)).collect()),
    }
}
