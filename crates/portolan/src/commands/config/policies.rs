//! Which policies there are, and which of them a repository gets, and why.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use portolan_model::{RepositoryName, Rule};
use portolan_registry::{Deletions, Policy, Verdict};
use serde::Serialize;

use crate::config::{ConfigError, Configuration, Normalise, PolicyEntry};
use crate::output::Table;

/// The entries of `[[policy]]`, in order.
#[derive(Serialize)]
pub(super) struct List<'a> {
    policies: &'a [PolicyEntry],
}

/// The policy of one repository.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Explained<'a> {
    repository: &'a RepositoryName,
    /// The entries that match it, by their places, the first being 1. The last of them counts.
    matching: Vec<Entry<'a>>,
    /// Whether a push has to be held against the whole tree below it.
    reads_tree: bool,
    /// The verdicts that are not those of the preset `open`.
    rules: BTreeMap<&'static str, Differing>,
}

#[derive(Serialize)]
struct Entry<'a> {
    entry: usize,
    #[serde(flatten)]
    says: &'a PolicyEntry,
}

#[derive(Clone, Copy, Serialize)]
struct Differing {
    verdict: Verdict,
    open: Verdict,
}

pub(super) fn list(configuration: &Configuration) -> List<'_> {
    List {
        policies: &configuration.policy,
    }
}

pub(super) fn explain<'a>(
    configuration: &'a Configuration,
    repository: &'a RepositoryName,
) -> Result<Explained<'a>, ConfigError> {
    let rules = configuration.policies()?;
    let matching = rules
        .iter()
        .zip(&configuration.policy)
        .enumerate()
        .filter(|(_, (rule, _))| rule.matches(repository));
    let (mut entries, mut policy, open) = (Vec::new(), Policy::default(), Policy::default());
    for (position, (rule, says)) in matching {
        entries.push(Entry {
            entry: position + 1,
            says,
        });
        policy = rule.policy().clone();
    }
    let differing = Rule::ALL.into_iter().filter_map(|rule| {
        let (verdict, open) = (policy.verdict(rule), open.verdict(rule));
        (verdict != open).then(|| (rule.id(), Differing { verdict, open }))
    });
    Ok(Explained {
        repository,
        matching: entries,
        reads_tree: policy.asks_for_the_tree() || policy.normalises().is_some(),
        rules: differing.collect(),
    })
}

impl fmt::Display for List<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.policies.is_empty() {
            return Ok(());
        }
        let mut table = Table::new(["ENTRY", "REPOSITORIES", "PRESET", "BESIDES"]);
        for (position, entry) in self.policies.iter().enumerate() {
            let besides = besides(entry).join(", ");
            table.row([
                (position + 1).to_string(),
                entry.repositories.clone(),
                preset(entry),
                besides,
            ]);
        }
        write!(
            formatter,
            "\n{table}\nThe last entry that matches a repository counts, as a whole. "
        )?;
        writeln!(formatter, "A repository that none matches is open.")
    }
}

/// What an entry says besides its preset.
fn besides(entry: &PolicyEntry) -> Vec<String> {
    let mut besides = Vec::new();
    besides.extend(
        entry
            .manifest_types
            .as_ref()
            .map(|types| format!("manifest_types = {types:?}")),
    );
    besides.extend(
        entry
            .normalise
            .map(|Normalise::Oci| "normalise = oci".to_owned()),
    );
    if entry.deletion != Deletions::default() {
        besides.push(format!("deletion = {}", text(&entry.deletion)));
    }
    besides.extend(
        entry
            .rules
            .iter()
            .map(|(id, verdict)| format!("{id} = {}", text(verdict))),
    );
    besides
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut field =
            |name: &str, value: &str| writeln!(formatter, "{:17}{value}", format!("{name}:"));
        field("Repository", self.repository.as_str())?;
        let places: Vec<_> = self
            .matching
            .iter()
            .map(|Entry { entry, says }| format!("{entry} ({:?})", says.repositories))
            .collect();
        match self.matching.last() {
            None => field("Policy", "open, since no entry of [[policy]] matches it")?,
            Some(Entry { entry, says }) => {
                let why = if places.len() == 1 {
                    "the only one"
                } else {
                    "the last one"
                };
                field(
                    "Policy",
                    &format!("entry {entry} of [[policy]], {why} that matches it"),
                )?;
                field("Matching", &places.join(", "))?;
                field("Preset", &preset(says))?;
                let types = says
                    .manifest_types
                    .as_ref()
                    .map_or("all".into(), |types| types.join(", "));
                field("Manifest types", &types)?;
                let tags = match says.normalise {
                    Some(Normalise::Oci) => "set to what was pushed, converted to OCI's types",
                    None => "set to what was pushed",
                };
                field("Tags", tags)?;
                field("Deletion", &text(&says.deletion))?;
            }
        }
        let reach = if self.reads_tree {
            "the whole tree below it"
        } else {
            "what it names itself"
        };
        field("A push reads", reach)?;
        write!(formatter, "\n{}", self.verdicts()?)
    }
}

impl Explained<'_> {
    fn verdicts(&self) -> Result<String, fmt::Error> {
        if self.rules.is_empty() {
            return Ok("Every rule has its verdict of the preset open.\n".into());
        }
        let mut table = Table::new(["RULE", "VERDICT", "IN OPEN"]);
        for (id, Differing { verdict, open }) in &self.rules {
            table.row([(*id).to_owned(), text(verdict), text(open)]);
        }
        let mut written = String::new();
        write!(
            written,
            "{table}\nEvery other rule has its verdict of the preset open.\n"
        )?;
        Ok(written)
    }
}

fn preset(entry: &PolicyEntry) -> String {
    text(&entry.preset)
}

/// What the configuration calls something.
fn text(value: &impl Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
