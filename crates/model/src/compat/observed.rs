//! What is special about an image: each feature that it has, and where.

use std::collections::BTreeMap;

use serde::Serialize;

use super::detect::Detection;
use super::{Feature, Judgement, Target};
use crate::lint::Tree;
use crate::{Digest, MediaType, Platform};

/// The features of a tree of documents, found in one pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    root: Option<Digest>,
    sightings: BTreeMap<Feature, Sighting>,
}

/// How often a feature was seen, and the first places.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sighting {
    /// How many places there are in all.
    pub count: usize,
    /// The first of them, at most [`Sighting::MOST_TOLD`].
    pub causes: Vec<Cause>,
}

/// A place of an image that gives it a feature.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// The document that it is in.
    pub document: Digest,
    /// Where in it, as a JSON pointer (RFC 6901); empty for the document itself.
    pub pointer: String,
    /// The digest of the descriptor there, or of the document.
    pub digest: Digest,
    /// The type that the descriptor gives, or the document's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The platform that it is for, as far as an index says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

impl Sighting {
    /// Most places that are told of one feature.
    pub const MOST_TOLD: usize = 5;

    fn add(&mut self, cause: impl FnOnce() -> Cause) {
        self.count += 1;
        if self.causes.len() < Self::MOST_TOLD {
            self.causes.push(cause());
        }
    }
}

impl Observed {
    /// Looks at every document of a tree once.
    pub fn of(tree: &Tree) -> Self {
        let root = tree
            .documents()
            .first()
            .map(|document| document.digest.clone());
        let mut observed = Self {
            root,
            ..Self::default()
        };
        Detection::new(tree).run(&mut observed);
        observed
    }

    /// How a feature was seen, if it was.
    pub fn sighting(&self, feature: Feature) -> Option<&Sighting> {
        self.sightings.get(&feature)
    }

    /// Every feature that was seen.
    pub fn features(&self) -> impl Iterator<Item = Feature> {
        self.sightings.keys().copied()
    }

    /// What a target makes of it.
    pub fn judge(&self, target: &Target) -> Judgement {
        Judgement::of(self, target)
    }

    /// Whether it is the document that was asked about.
    pub(super) fn is_root(&self, document: &Digest) -> bool {
        self.root.as_ref() == Some(document)
    }

    pub(super) fn see(&mut self, feature: Feature, cause: impl FnOnce() -> Cause) {
        self.sightings.entry(feature).or_default().add(cause);
    }
}
