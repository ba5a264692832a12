//! Output of `config check`: the list of policies, or an explanation of the policy of a repository.

use std::collections::BTreeMap;

use portolan_model::{RepositoryName, Rule};
use portolan_registry::{Deletions, Policy, Verdict};
use serde::Serialize;

use crate::config::{ConfigError, Configuration, Normalize, PolicyEntry};
use crate::output::{Table, Text};

/// Entries of `[[policy]]`, in order.
#[derive(Serialize)]
pub(super) struct PolicyList<'a> {
    policies: &'a [PolicyEntry],
}

/// Explanation of the policy of one repository.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyExplanation<'a> {
    repository: &'a RepositoryName,
    /// Entries that match the repository, in order. The last entry applies.
    matching: Vec<MatchingEntry<'a>>,
    /// True if a push reads the full tree below the pushed manifest.
    reads_tree: bool,
    /// Verdicts that differ from the verdicts of the preset `open`, by rule id.
    rules: BTreeMap<&'static str, VerdictDifference>,
}

/// Entry of `[[policy]]` that matches the repository.
#[derive(Serialize)]
struct MatchingEntry<'a> {
    /// Position in the configuration, starting at 1.
    entry: usize,
    #[serde(flatten)]
    settings: &'a PolicyEntry,
}

/// Verdict on the findings of a rule, and the verdict of the preset `open` on them.
#[derive(Clone, Copy, Serialize)]
struct VerdictDifference {
    verdict: Verdict,
    open: Verdict,
}

/// Returns the policy entries of the configuration.
pub(super) fn list(configuration: &Configuration) -> PolicyList<'_> {
    PolicyList {
        policies: &configuration.policy,
    }
}

/// Explains which policy applies to `repository`.
pub(super) fn explain<'a>(
    configuration: &'a Configuration,
    repository: &'a RepositoryName,
) -> Result<PolicyExplanation<'a>, ConfigError> {
    let rules = configuration.policies()?;
    let matching = rules
        .iter()
        .zip(&configuration.policy)
        .enumerate()
        .filter(|(_, (rule, _))| rule.matches(repository));
    let (mut entries, mut policy, open) = (Vec::new(), Policy::default(), Policy::default());
    for (position, (rule, settings)) in matching {
        entries.push(MatchingEntry {
            entry: position + 1,
            settings,
        });
        policy = rule.policy().clone();
    }
    let differing = Rule::ALL.into_iter().filter_map(|rule| {
        let (verdict, open) = (policy.verdict(rule), open.verdict(rule));
        (verdict != open).then(|| (rule.id(), VerdictDifference { verdict, open }))
    });
    Ok(PolicyExplanation {
        repository,
        matching: entries,
        reads_tree: policy.needs_tree() || policy.normalization().is_some(),
        rules: differing.collect(),
    })
}

impl PolicyList<'_> {
    /// Renders the entries as a table, or an empty text if there are none.
    pub(super) fn render(&self) -> Text {
        let mut text = Text::default();
        if self.policies.is_empty() {
            return text;
        }
        let mut table = Table::new(["ENTRY", "REPOSITORIES", "PRESET", "OTHER SETTINGS"]);
        for (position, entry) in self.policies.iter().enumerate() {
            let others = other_settings(entry).join(", ");
            table.row([
                (position + 1).to_string(),
                entry.repositories.clone(),
                preset(entry),
                others,
            ]);
        }
        text.blank_line();
        text.table(&table);
        text.blank_line();
        text.with_line(
            "The last entry that matches a repository applies; entries are not merged. \
             Repositories that no entry matches have the preset open.",
        )
    }
}

/// Returns the settings of an entry other than its preset.
fn other_settings(entry: &PolicyEntry) -> Vec<String> {
    let mut settings = Vec::new();
    settings.extend(
        entry
            .manifest_types
            .as_ref()
            .map(|types| format!("manifest_types = {types:?}")),
    );
    settings.extend(
        entry
            .normalize
            .map(|Normalize::Oci| "normalize = oci".to_owned()),
    );
    if entry.deletion != Deletions::default() {
        settings.push(format!("deletion = {}", config_name(&entry.deletion)));
    }
    settings.extend(
        entry
            .rules
            .iter()
            .map(|(id, verdict)| format!("{id} = {}", config_name(verdict))),
    );
    settings
}

impl PolicyExplanation<'_> {
    /// Renders the policy of the repository.
    pub(super) fn render(&self) -> Text {
        let mut text = Text::default();
        let mut field = |name: &str, value: &str| {
            text.line(format_args!("{:17}{value}", format!("{name}:")));
        };
        field("Repository", self.repository.as_str());
        let matching: Vec<_> = self
            .matching
            .iter()
            .map(|MatchingEntry { entry, settings }| {
                format!("{entry} ({:?})", settings.repositories)
            })
            .collect();
        match self.matching.last() {
            None => field("Policy", "open, because no entry of [[policy]] matches"),
            Some(MatchingEntry { entry, settings }) => {
                let position = if matching.len() == 1 {
                    "the only one"
                } else {
                    "the last one"
                };
                field(
                    "Policy",
                    &format!("entry {entry} of [[policy]], {position} that matches"),
                );
                field("Matching", &matching.join(", "));
                field("Preset", &preset(settings));
                let types = settings
                    .manifest_types
                    .as_ref()
                    .map_or("all".into(), |types| types.join(", "));
                field("Manifest types", &types);
                let tags = match settings.normalize {
                    Some(Normalize::Oci) => "point to the pushed manifest, converted to OCI types",
                    None => "point to the pushed manifest",
                };
                field("Tags", tags);
                field("Deletion", &config_name(&settings.deletion));
            }
        }
        let reach = if self.reads_tree {
            "the full tree below the manifest"
        } else {
            "only the content that the manifest references directly"
        };
        field("A push reads", reach);
        text.blank_line();
        self.write_verdicts(&mut text);
        text
    }

    /// Writes the verdicts that differ from the verdicts of the preset `open`.
    fn write_verdicts(&self, text: &mut Text) {
        if self.rules.is_empty() {
            text.line("All rules have the verdicts of the preset open.");
            return;
        }
        let mut table = Table::new(["RULE", "VERDICT", "IN PRESET OPEN"]);
        for (id, VerdictDifference { verdict, open }) in &self.rules {
            table.row([(*id).to_owned(), config_name(verdict), config_name(open)]);
        }
        text.table(&table);
        text.blank_line();
        text.line("All other rules have the verdicts of the preset open.");
    }
}

fn preset(entry: &PolicyEntry) -> String {
    config_name(&entry.preset)
}

/// Returns the name of a value as written in the configuration.
fn config_name(value: &impl Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
