//! `--policy`: predicts whether a registry with a given policy would accept a push of the image.

use std::collections::HashSet;
use std::path::Path;
use std::str::FromStr;

use anyhow::anyhow;
use portolan_model::lint::{LintDocument, LintTree};
use portolan_model::{Digest, Finding, RepositoryName};
use portolan_registry::wrap::{PolicyRules, is_fixed_by_normalization, normalized_digest};
use portolan_registry::{Error, JudgedFinding, Policy, Preset, Verdict};
use serde::Serialize;
use serde_json::{Value, json};

use super::findings::MAX_LOCATIONS;
use super::fix::FixRenderer;
use crate::config::{self, ConfigError};
use crate::failure::{Failure, Outcome, Status};
use crate::image_ref::Location;
use crate::output::{Text, format_count, short_digest};
use crate::resolve::ImageSource;

/// Value of `--policy`: the name of a preset, or the path of a configuration file.
#[derive(Clone, Debug)]
pub(super) struct PolicyArg(String);

impl FromStr for PolicyArg {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.into()))
    }
}

/// Decision of a policy on an image: the result of pushing all documents of its tree.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyDecision {
    policy: String,
    /// Repository whose policy applies, or `None` if the image is on disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    accepted: bool,
    /// Digest of the converted image that the tags would point to, if the policy converts the
    /// image.
    #[serde(skip_serializing_if = "Option::is_none")]
    normalized: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Rejection>,
    findings: Vec<JudgedFinding>,
}

/// Error of the first document whose push the policy would reject.
#[derive(Serialize)]
struct Rejection {
    code: String,
    message: String,
}

impl PolicyArg {
    /// Evaluates the policy for a push of `tree`. The tree was read from `source`.
    pub(super) fn evaluate(
        &self,
        location: &Location,
        source: &ImageSource,
        tree: &LintTree,
    ) -> Outcome<PolicyDecision> {
        let repository = location.host().map(|_| &source.repository.name);
        let policy = self.policy(location, repository)?;
        let (normalized, not_normalized) = match policy
            .normalization()
            .map(|format| normalized_digest(tree, format))
        {
            Some(Ok(digest)) => (digest, None),
            Some(Err(finding)) => (None, Some(*finding)),
            None => (None, None),
        };
        let (mut judged, mut rejection) = (Vec::new(), None);
        for (position, document) in tree.documents().iter().enumerate() {
            let mut findings = findings(&policy, position, document);
            // Only the first document, the root of the tree, is pushed with tags and therefore
            // converted. So a failed conversion is a finding about the root.
            findings.extend(not_normalized.clone().filter(|_| position == 0));
            rejection = rejection.or_else(|| policy.judge(findings.clone()).err());
            judged.extend(
                findings
                    .into_iter()
                    .map(|finding| policy.assign_verdict(finding)),
            );
        }
        // The conversion fixes these findings, so the registry would not warn about them.
        if normalized.is_some() && rejection.is_none() {
            for judged in judged
                .iter_mut()
                .filter(|judged| is_fixed_by_normalization(judged.finding.rule))
            {
                judged.verdict = Verdict::Accept;
            }
        }
        judged.sort_by_key(|judged| std::cmp::Reverse(judged.verdict));
        Ok(PolicyDecision {
            policy: self.0.clone(),
            repository: repository.map(ToString::to_string),
            accepted: rejection.is_none(),
            normalized: normalized.filter(|_| rejection.is_none()),
            error: rejection.as_ref().map(Rejection::from_error),
            findings: judged,
        })
    }

    /// Returns the preset, or the policy in the configuration file that applies to `repository`.
    fn policy(
        &self,
        location: &Location,
        repository: Option<&RepositoryName>,
    ) -> Result<Policy, ConfigError> {
        if let Ok(preset) = serde_json::from_value::<Preset>(self.0.as_str().into()) {
            return Ok(preset.into());
        }
        let path = Path::new(&self.0);
        if !path.exists() {
            if self.0.contains(['/', '.']) {
                return Err(ConfigError::FileNotFound(path.to_owned()));
            }
            let message = format!("\"{}\" is neither a file nor a preset", self.0);
            let help = "the presets are open, sparse, oci-only and docker-only";
            return Err(ConfigError::invalid(message).with_help(help));
        }
        let rules = PolicyRules::from(config::load(Some(path))?.policies()?);
        let Some(repository) = repository else {
            let message = format!(
                "{location} is not in a repository, so no entry of {} can match",
                self.0
            );
            return Err(ConfigError::invalid(message).with_help("use a preset"));
        };
        Ok(rules.policy(repository).unwrap_or_default())
    }
}

/// Returns the findings that the policy evaluates when the document is pushed: findings about types
/// that `policy` does not accept, and lint findings.
fn findings(policy: &Policy, position: usize, document: &LintDocument) -> Vec<Finding> {
    let digest = (position > 0).then(|| document.digest.clone());
    let types = policy.check_types(&document.manifest).into_iter();
    let types = types.map(|finding| Finding {
        document: digest.clone(),
        ..finding
    });
    types.chain(document.findings.iter().cloned()).collect()
}

impl Rejection {
    fn from_error(error: &Error) -> Self {
        Self {
            code: error.kind().code().to_string(),
            message: error.message().into(),
        }
    }
}

impl PolicyDecision {
    /// Builds the JSON form of the decision.
    pub(super) fn to_json(&self, fixes: &FixRenderer) -> Value {
        let mut report = json!(self);
        let findings = report["findings"].as_array_mut().into_iter().flatten();
        for (value, JudgedFinding { finding, .. }) in findings.zip(&self.findings) {
            value["fix"] = fixes.render(finding.fix, &finding.digest).into();
        }
        report
    }

    /// Renders the decision, after the findings that the policy rejects or warns about, grouped by
    /// rule.
    pub(super) fn to_text(&self, fixes: &FixRenderer) -> Text {
        let judged: Vec<_> = self
            .findings
            .iter()
            .filter(|judged| judged.verdict != Verdict::Accept)
            .collect();
        let mut rules: Vec<_> = judged.iter().map(|judged| judged.finding.rule).collect();
        let mut seen = HashSet::new();
        rules.retain(|rule| seen.insert(*rule));
        let mut text = Text::default();
        for rule in rules {
            let findings = judged
                .iter()
                .filter(|judged| judged.finding.rule == rule)
                .copied();
            write_rule(&findings.collect::<Vec<_>>(), fixes, &mut text);
        }
        if let Some(digest) = &self.normalized {
            text.line(format_args!(
                "The tags would point to {digest}, the image converted to OCI types."
            ));
        }
        text.with_line(self.summary())
    }

    /// Renders the decision in one line.
    fn summary(&self) -> String {
        let to = self
            .repository
            .as_ref()
            .map_or_else(String::new, |repository| format!(" to {repository}"));
        let policy = &self.policy;
        let warnings = self
            .findings
            .iter()
            .filter(|judged| judged.verdict == Verdict::Warn);
        let warnings = warnings.map(|judged| judged.finding.count()).sum();
        match &self.error {
            Some(Rejection { code, message }) => {
                format!("policy {policy} rejects a push{to}: {code}: {message}")
            }
            None if warnings == 0 => format!("policy {policy} accepts a push{to}"),
            None => format!(
                "policy {policy} accepts a push{to} with {}",
                format_count(warnings, "warning")
            ),
        }
    }

    /// Returns a failure if the policy rejects the push.
    pub(super) fn to_outcome(&self) -> Outcome {
        if self.accepted {
            Ok(())
        } else {
            Err(Failure::new(
                Status::Findings,
                anyhow!("the policy rejects a push of the image"),
            ))
        }
    }
}

/// Writes the findings of one rule, with their fix commands.
fn write_rule(judged: &[&JudgedFinding], fixes: &FixRenderer, text: &mut Text) {
    let Some(JudgedFinding {
        finding: first,
        verdict,
    }) = judged.first()
    else {
        return;
    };
    let verdict = if *verdict == Verdict::Reject {
        "reject"
    } else {
        "warn  "
    };
    text.line(format_args!("  {verdict}  {}", first.rule));
    for JudgedFinding { finding, .. } in judged.iter().take(MAX_LOCATIONS) {
        let document = finding
            .document
            .as_ref()
            .map(|digest| short_digest(digest).to_owned());
        let pointer = [document.unwrap_or_default(), finding.pointer.clone()].join(" ");
        text.line(format_args!("    {}: {}", pointer.trim(), finding.message));
    }
    let all: usize = judged.iter().map(|judged| judged.finding.count()).sum();
    let printed = judged.len().min(MAX_LOCATIONS);
    if all > printed {
        text.line(format_args!("    and {} more", all - printed));
    }
    for command in fixes.render_all(judged.iter().map(|judged| &judged.finding)) {
        text.line(format_args!("    help: {command}"));
    }
    text.blank_line();
}
