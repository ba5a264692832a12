//! `--policy`: what a registry with that policy would answer to a push of the image.

use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;
use std::str::FromStr;

use anyhow::anyhow;
use portolan_model::lint::{Tree, TreeDocument};
use portolan_model::{Digest, Finding, RepositoryName};
use portolan_registry::wrap::{PolicyRules, is_mended, normalised};
use portolan_registry::{Error, Judged, Policy, Preset, Verdict};
use serde::Serialize;
use serde_json::{Value, json};

use super::findings::MOST_PLACES;
use super::mend::Mender;
use crate::config::{self, ConfigError};
use crate::failure::{Failure, Outcome, Status};
use crate::location::Location;
use crate::output::{count, short};
use crate::places::Source;

/// A preset's name, or a file.
#[derive(Clone, Debug)]
pub(super) struct Choice(String);

impl FromStr for Choice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.into()))
    }
}

/// A policy's answer to a push of each document of a tree, as they would be pushed one after another.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    policy: String,
    /// The repository that is pushed to; none where the image lies on disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    accepted: bool,
    /// The digest that the tags of a push would get instead of that of the image, where the policy converts.
    #[serde(skip_serializing_if = "Option::is_none")]
    normalised: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal>,
    findings: Vec<Judged>,
}

/// What the first refusal says.
#[derive(Serialize)]
struct Refusal {
    code: String,
    message: String,
}

impl Choice {
    /// What the policy says of the tree, which is stored at `source`.
    pub(super) fn answer(
        &self,
        location: &Location,
        source: &Source,
        tree: &Tree,
    ) -> Outcome<Answer> {
        let repository = location.host().map(|_| &source.place.repository);
        let policy = self.policy(location, repository).map_err(Failure::usage)?;
        let (normalised, not_normalised) =
            match policy.normalises().map(|format| normalised(tree, format)) {
                Some(Ok(digest)) => (digest, None),
                Some(Err(finding)) => (None, Some(*finding)),
                None => (None, None),
            };
        let (mut judged, mut refusal) = (Vec::new(), None);
        for (position, document) in tree.documents().iter().enumerate() {
            let mut findings = findings(&policy, position, document);
            // The tags are set with the push of the first document.
            findings.extend(not_normalised.clone().filter(|_| position == 0));
            refusal = refusal.or_else(|| policy.judge(findings.clone()).err());
            judged.extend(findings.into_iter().map(|finding| policy.judged(finding)));
        }
        if normalised.is_some() && refusal.is_none() {
            for judged in judged
                .iter_mut()
                .filter(|judged| is_mended(judged.finding.rule))
            {
                judged.verdict = Verdict::Accept;
            }
        }
        judged.sort_by_key(|judged| std::cmp::Reverse(judged.verdict));
        Ok(Answer {
            policy: self.0.clone(),
            repository: repository.map(ToString::to_string),
            accepted: refusal.is_none(),
            normalised: normalised.filter(|_| refusal.is_none()),
            error: refusal.as_ref().map(Refusal::of),
            findings: judged,
        })
    }

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
            let message = format!(
                "\"{}\" is no file, and no preset; those are open, sparse, oci-only and docker-only",
                self.0
            );
            return Err(ConfigError::Invalid(message));
        }
        let rules = PolicyRules::from(config::load(Some(path))?.policies()?);
        let Some(repository) = repository else {
            let message = format!(
                "{location} is in no repository, which the entries of {} are for; give a preset",
                self.0
            );
            return Err(ConfigError::Invalid(message));
        };
        Ok(rules.policy(repository).unwrap_or_default())
    }
}

/// What a push of the document would be judged by.
fn findings(policy: &Policy, position: usize, document: &TreeDocument) -> Vec<Finding> {
    let place = (position > 0).then(|| document.digest.clone());
    let types = policy.types(&document.manifest).into_iter();
    let types = types.map(|finding| Finding {
        document: place.clone(),
        ..finding
    });
    types.chain(document.findings.iter().cloned()).collect()
}

impl Refusal {
    fn of(error: &Error) -> Self {
        Self {
            code: error.kind().code().to_string(),
            message: error.message().into(),
        }
    }
}

impl Answer {
    /// The answer for programs.
    pub(super) fn report(&self, mender: &Mender) -> Value {
        let mut report = json!(self);
        let findings = report["findings"].as_array_mut().into_iter().flatten();
        for (
            finding,
            Judged {
                finding: Finding { mend, digest, .. },
                ..
            },
        ) in findings.zip(&self.findings)
        {
            finding["mend"] = mender.command(mend, digest).into();
        }
        report
    }

    /// What the policy does something about, by rule, and what it answers.
    pub(super) fn text(&self, mender: &Mender) -> String {
        let told: Vec<_> = self
            .findings
            .iter()
            .filter(|judged| judged.verdict != Verdict::Accept)
            .collect();
        let mut rules: Vec<_> = told.iter().map(|judged| judged.finding.rule).collect();
        let mut seen = HashSet::new();
        rules.retain(|rule| seen.insert(*rule));
        let mut text = String::new();
        for rule in rules {
            let of_rule = told
                .iter()
                .filter(|judged| judged.finding.rule == rule)
                .copied();
            group(&of_rule.collect::<Vec<_>>(), mender, &mut text);
        }
        let normalised = self.normalised.as_ref().map_or_else(String::new, |digest| {
            format!("The tags would be set to {digest}, which is what it becomes in OCI's types.\n")
        });
        text + &normalised + &self.summary() + "\n"
    }

    /// One line that says what a push would be answered.
    fn summary(&self) -> String {
        let to = self
            .repository
            .as_ref()
            .map_or_else(String::new, |repository| format!(" to {repository}"));
        let policy = &self.policy;
        let warned = self
            .findings
            .iter()
            .filter(|judged| judged.verdict == Verdict::Warn);
        let warned = warned.map(|judged| judged.finding.count()).sum();
        match &self.error {
            Some(Refusal { code, message }) => {
                format!("{policy} refuses a push{to}: {code}: {message}")
            }
            None if warned == 0 => format!("{policy} accepts a push{to}"),
            None => format!(
                "{policy} accepts a push{to}, with {}",
                count(warned, "warning")
            ),
        }
    }

    /// A refusal ends with the status of findings.
    pub(super) fn ended(&self) -> Outcome {
        if self.accepted {
            Ok(())
        } else {
            Err(Failure::new(Status::Findings, anyhow!("a push is refused")))
        }
    }
}

fn group(judged: &[&Judged], mender: &Mender, text: &mut String) {
    let Some(Judged {
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
    // Writing to a string does not fail.
    let _ = writeln!(text, "  {verdict}  {}", first.rule);
    for Judged { finding, .. } in judged.iter().take(MOST_PLACES) {
        let document = finding
            .document
            .as_ref()
            .map(|digest| short(digest).to_owned());
        let place = [document.unwrap_or_default(), finding.pointer.clone()].join(" ");
        let _ = writeln!(text, "    {}: {}", place.trim(), finding.message);
    }
    let all: usize = judged.iter().map(|judged| judged.finding.count()).sum();
    let told = judged.len().min(MOST_PLACES);
    if all > told {
        let _ = writeln!(text, "    and {} more", all - told);
    }
    for command in mender.commands(judged.iter().map(|judged| &judged.finding)) {
        let _ = writeln!(text, "    mend: {command}");
    }
    text.push('\n');
}
