//! The registries and clients whose behaviour is known.

use serde::Serialize;

use super::{Fact, Operation, targets};

/// A registry or a client, in the version that its facts speak of.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The stable id, for example `distribution-2.8`.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// The version that the facts speak of, or when they were gathered.
    pub version: &'static str,
    /// What it is.
    pub role: Role,
    /// What is done with it; the first is what it is there for.
    pub operations: &'static [Operation],
    /// Other words for it.
    pub aliases: &'static [&'static str],
    /// What is worth knowing about it whatever the image.
    pub notes: &'static [&'static str],
    pub(super) facts: &'static [&'static [Fact]],
}

/// What a target is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It keeps images.
    Registry,
    /// It pulls or copies images.
    Client,
}

impl Target {
    /// Every target, registries first.
    pub fn all() -> &'static [Self] {
        &targets::ALL
    }

    /// The target of this id or with this alias, in any case.
    pub fn find(name: &str) -> Option<&'static Self> {
        let is_it = |word: &str| word.eq_ignore_ascii_case(name);
        Self::all()
            .iter()
            .find(|target| is_it(target.id) || target.aliases.iter().any(|alias| is_it(alias)))
    }

    /// What is known of it.
    pub fn facts(&self) -> impl Iterator<Item = &'static Fact> + use<> {
        self.facts.iter().copied().flatten()
    }
}
