//! Registries and clients with known behavior.

use serde::Serialize;

use super::{Fact, Operation, targets};

/// Registry or client with known behavior, in a certain version.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Stable id, for example `distribution-2.8`.
    pub id: &'static str,
    /// Common name of the target, for display.
    pub name: &'static str,
    /// Version that the facts describe, or the date when they were observed.
    pub version: &'static str,
    /// Kind of target: registry or client.
    pub role: TargetRole,
    /// Operations of the target. The first operation is its main purpose.
    pub operations: &'static [Operation],
    /// Other names that [`Target::find`] accepts for the target.
    pub aliases: &'static [&'static str],
    /// Remarks about the target that apply to every image.
    pub notes: &'static [&'static str],
    pub(super) facts: &'static [&'static [Fact]],
}

/// Kind of a target.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetRole {
    /// Stores images.
    Registry,
    /// Pulls or copies images.
    Client,
}

impl Target {
    /// Returns all targets. Registries come before clients.
    pub fn all() -> &'static [Self] {
        &targets::ALL
    }

    /// Returns the target with this id or alias, ignoring case.
    pub fn find(name: &str) -> Option<&'static Self> {
        let matches = |word: &str| word.eq_ignore_ascii_case(name);
        Self::all()
            .iter()
            .find(|target| matches(target.id) || target.aliases.iter().any(|alias| matches(alias)))
    }

    /// Returns the known facts about this target.
    pub fn facts(&self) -> impl Iterator<Item = &'static Fact> + use<> {
        self.facts.iter().copied().flatten()
    }
}
