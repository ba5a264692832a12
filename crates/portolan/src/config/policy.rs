//! `[[policy]]`: what may be pushed to which repositories, and what is done about what is found in it.

use std::collections::BTreeMap;

use portolan_model::convert::Format;
use portolan_model::{MediaType, Rule};
use portolan_registry::wrap::PolicyRule;
use portolan_registry::{Deletions, Policy, Preset, Verdict};
use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::error::nearest;

/// One `[[policy]]`. The last one that matches a repository counts, as a whole: nothing of those before it does.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyEntry {
    /// Which repositories: `*` is any part of one component, `**` any number of components.
    pub(crate) repositories: String,
    /// What the rest begins with.
    #[serde(default)]
    pub(crate) preset: Preset,
    /// The types that a manifest may be of, if not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) manifest_types: Option<Vec<String>>,
    /// What tags are set to the converted form of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) normalise: Option<Normalise>,
    /// What may be deleted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) deletion: Deletions,
    /// What is done about the findings of single rules, by their ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) rules: BTreeMap<String, Verdict>,
}

/// The family that what is pushed by a tag is converted to.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Normalise {
    /// OCI's types.
    Oci,
}

impl PolicyEntry {
    /// The entry as a rule, `position` being its place in the list, the first being 0.
    ///
    /// # Errors
    /// [`ConfigError`] with the key that is wrong.
    pub(crate) fn rule(&self, position: usize) -> Result<PolicyRule, ConfigError> {
        let wrong = |key: &str, message: String| {
            ConfigError::Invalid(format!(
                "configuration: entry {} of [[policy]] ({:?}): {key}: {message}",
                position + 1,
                self.repositories
            ))
        };
        let policy = self
            .policy()
            .map_err(|(key, message)| wrong(key, message))?;
        PolicyRule::new(&self.repositories, policy)
            .map_err(|error| wrong("repositories", error.to_string()))
    }

    fn policy(&self) -> Result<Policy, (&'static str, String)> {
        let mut policy = Policy::from(self.preset).with_deletions(self.deletion);
        for (id, verdict) in &self.rules {
            policy = policy.with(
                known_rule(id).map_err(|message| ("rules", message))?,
                *verdict,
            );
        }
        if let Some(types) = &self.manifest_types {
            let types = manifest_types(types).map_err(|message| ("manifest_types", message))?;
            policy = policy.for_manifest_types(types);
        }
        Ok(match self.normalise {
            Some(Normalise::Oci) if policy.takes_only(Format::Oci) => {
                let message = "nothing would ever be converted, since preset = \"oci-only\" refuses what could be; \
                               leave one of the two out";
                return Err(("normalise", message.into()));
            }
            Some(Normalise::Oci) => policy.normalising(Format::Oci),
            None => policy,
        })
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn known_rule(id: &str) -> Result<Rule, String> {
    id.parse().map_err(
        |error| match nearest(id, Rule::ALL.into_iter().map(Rule::id)) {
            Some(nearest) => format!("{error}; did you mean \"{nearest}\"?"),
            None => format!("{error}"),
        },
    )
}

fn manifest_types(types: &[String]) -> Result<Vec<MediaType>, String> {
    if types.is_empty() {
        return Err(
            "an empty list would refuse every manifest; leave the key out to take all types".into(),
        );
    }
    match types.iter().find(|text| !text.contains('/')) {
        Some(text) => Err(format!(
            "\"{text}\" is no media type, as application/vnd.oci.image.index.v1+json is one"
        )),
        None => Ok(types.iter().map(|text| MediaType::new(text)).collect()),
    }
}
