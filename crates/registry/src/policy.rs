//! Repository policies: the verdict on each finding about a pushed manifest, the accepted media
//! types, and the content that may be deleted.

mod enforce;
mod types;

use std::collections::BTreeMap;

use portolan_model::convert::ImageFormat;
use portolan_model::lint::RuleScope;
use portolan_model::{Finding, MediaType, Rule, Severity};
use serde::{Deserialize, Serialize};

use crate::Result;
pub(crate) use enforce::enforce;

/// Policy of a repository: a verdict per rule, the accepted media types, and the permitted
/// deletions.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    verdicts: BTreeMap<Rule, Verdict>,
    /// Required format of all media types, if the policy requires a format.
    required_format: Option<ImageFormat>,
    /// Media types that a manifest may have, if the policy restricts them.
    manifest_types: Option<Vec<MediaType>>,
    /// Target format of the conversion of manifests that are pushed by tag, if the policy converts
    /// them.
    normalize: Option<ImageFormat>,
    deletions: Deletions,
}

/// Content that callers may delete from a repository.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Deletions {
    /// Content that no stored manifest references. Other content requires a forced deletion.
    #[default]
    Unreferenced,
    /// All content, as if the caller forced each deletion.
    Always,
    /// No content and no tags. Tags can still be set to other manifests.
    Never,
}

/// Decision of a policy about a [`Finding`]: its consequence for the push of a manifest.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The repository stores the manifest.
    Accept,
    /// The repository stores the manifest, and the response contains a warning.
    Warn,
    /// The repository does not store the manifest.
    Reject,
}

/// [`Finding`] with the verdict of a policy.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct JudgedFinding {
    /// Finding about a manifest.
    #[serde(flatten)]
    pub finding: Finding,
    /// Verdict of the policy on the finding.
    pub verdict: Verdict,
}

/// Policy with a name, for the configuration.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Accepts everything that the specification allows. All referenced content must be present.
    #[default]
    Open,
    /// Like [`Preset::Open`], but also accepts manifests whose referenced content is missing.
    Sparse,
    /// Like [`Preset::Open`], but requires OCI media types.
    OciOnly,
    /// Like [`Preset::Open`], but requires Docker media types.
    DockerOnly,
}

/// Rules whose findings reject a manifest by default: no client can use the content, clients
/// interpret it in different ways, or the policy does not allow its media type. By default,
/// findings of other rules are accepted or reported as warnings.
const REJECTED_BY_DEFAULT: [Rule; 8] = [
    Rule::TwoShapes,
    Rule::MalformedField,
    Rule::MalformedDigest,
    Rule::SizeOutOfRange,
    Rule::MediaTypeMismatch,
    Rule::MissingChild,
    Rule::SizeMismatch,
    Rule::TypeNotAllowed,
];

impl Policy {
    /// Creates the policy for a copy target without a configured policy, such as an OCI layout.
    ///
    /// The target accepts what another registry has already accepted, but rejects missing
    /// referenced content unless `sparse` is set.
    pub fn for_copies(sparse: bool) -> Self {
        let missing = if sparse {
            Verdict::Accept
        } else {
            Verdict::Reject
        };
        let lenient = REJECTED_BY_DEFAULT
            .into_iter()
            .fold(Self::default(), |policy, rule| {
                policy.with_verdict(rule, Verdict::Warn)
            });
        lenient.with_verdict(Rule::MissingChild, missing)
    }

    /// Sets the verdict on findings of a rule.
    #[must_use]
    pub fn with_verdict(mut self, rule: Rule, verdict: Verdict) -> Self {
        self.verdicts.insert(rule, verdict);
        self
    }

    /// Restricts the media types of manifests. Does not restrict the content that they reference.
    #[must_use]
    pub fn with_manifest_types(mut self, types: Vec<MediaType>) -> Self {
        self.manifest_types = Some(types);
        self
    }

    /// Converts manifests that are pushed by tag to `format`. The tags point to the converted
    /// manifest.
    #[must_use]
    pub fn with_normalization(mut self, format: ImageFormat) -> Self {
        self.normalize = Some(format);
        self
    }

    /// Sets the content that callers may delete.
    #[must_use]
    pub fn with_deletions(mut self, deletions: Deletions) -> Self {
        self.deletions = deletions;
        self
    }

    /// Returns the content that callers may delete.
    pub fn deletions(&self) -> Deletions {
        self.deletions
    }

    /// Returns the target format of the conversion of manifests that are pushed by tag, or `None`
    /// if the policy does not convert them.
    pub fn normalization(&self) -> Option<ImageFormat> {
        self.normalize
    }

    /// Returns whether the policy rejects media types that do not belong to `format`.
    pub fn accepts_only(&self, format: ImageFormat) -> bool {
        self.required_format == Some(format)
            && self.verdict(Rule::TypeNotAllowed) == Verdict::Reject
    }

    /// Returns the verdict on findings of `rule`.
    ///
    /// By default, rules that make content unusable have [`Verdict::Reject`], and other warnings
    /// and errors have [`Verdict::Warn`]. Rules about the complete tree have [`Verdict::Accept`] by
    /// default: a push reads the complete tree only if the policy sets another verdict.
    pub fn verdict(&self, rule: Rule) -> Verdict {
        self.verdicts
            .get(&rule)
            .copied()
            .unwrap_or_else(|| default_verdict(rule))
    }

    /// Returns whether the policy needs the complete tree below a manifest to check it.
    pub fn needs_tree(&self) -> bool {
        self.verdicts
            .iter()
            .any(|(rule, verdict)| rule.scope() == RuleScope::Tree && *verdict != Verdict::Accept)
    }

    /// Adds the verdict of the policy to a finding.
    pub fn assign_verdict(&self, finding: Finding) -> JudgedFinding {
        JudgedFinding {
            verdict: self.verdict(finding.rule),
            finding,
        }
    }

    /// Adds the verdicts to the findings, and returns them unless a verdict is [`Verdict::Reject`].
    ///
    /// # Errors
    /// Returns [`ContentMissing`](crate::Kind::ContentMissing) if only missing content is rejected,
    /// and [`ManifestInvalid`](crate::Kind::ManifestInvalid) otherwise. The kind lists every
    /// finding with its verdict, rejected findings first. If content is missing, findings of
    /// [`Rule::NotNormalized`] are removed, because missing content cannot be converted either.
    pub fn judge(&self, findings: Vec<Finding>) -> Result<Vec<JudgedFinding>> {
        enforce(
            findings
                .into_iter()
                .map(|finding| self.assign_verdict(finding))
                .collect(),
        )
    }
}

fn default_verdict(rule: Rule) -> Verdict {
    match rule.severity() {
        _ if REJECTED_BY_DEFAULT.contains(&rule) => Verdict::Reject,
        _ if matches!(rule.scope(), RuleScope::Tree | RuleScope::Layers) => Verdict::Accept,
        Severity::Info => Verdict::Accept,
        Severity::Warning | Severity::Error => Verdict::Warn,
    }
}

impl From<Preset> for Policy {
    fn from(preset: Preset) -> Self {
        match preset {
            Preset::Open => Self::default(),
            Preset::Sparse => Self::default().with_verdict(Rule::MissingChild, Verdict::Accept),
            Preset::OciOnly => Self {
                required_format: Some(ImageFormat::Oci),
                ..Self::default()
            },
            Preset::DockerOnly => Self {
                required_format: Some(ImageFormat::Docker),
                ..Self::default()
            },
        }
    }
}

#[cfg(test)]
mod tests;
