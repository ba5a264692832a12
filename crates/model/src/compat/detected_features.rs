//! Features of an image, with their occurrences.

use std::collections::BTreeMap;

use serde::Serialize;

use super::detector::Detector;
use super::{Feature, Judgment, Target};
use crate::lint::LintTree;
use crate::{Digest, MediaType, Platform};

/// Features of an image that were detected in its tree of documents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DetectedFeatures {
    root: Option<Digest>,
    occurrences: BTreeMap<Feature, Occurrences>,
}

/// Occurrences of a feature: their total number, and the first of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Occurrences {
    /// Total number of occurrences.
    pub count: usize,
    /// First occurrences, at most [`Occurrences::MAX_CAUSES`].
    pub causes: Vec<Cause>,
}

/// Occurrence of a feature: a document that has it, or a descriptor in this document.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// Digest of the document.
    pub document: Digest,
    /// JSON pointer (RFC 6901) to the descriptor. Empty for the document itself.
    pub pointer: String,
    /// Digest in the descriptor, or the digest of the document.
    pub digest: Digest,
    /// Media type in the descriptor, or the media type of the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// Platform that an index declares for the descriptor or document, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

impl Occurrences {
    /// Maximum number of listed occurrences of one feature.
    pub const MAX_CAUSES: usize = 5;

    fn add(&mut self, cause: impl FnOnce() -> Cause) {
        self.count += 1;
        if self.causes.len() < Self::MAX_CAUSES {
            self.causes.push(cause());
        }
    }
}

impl DetectedFeatures {
    /// Detects the features of the image in `tree`. Reads each document once.
    pub fn detect(tree: &LintTree) -> Self {
        let root = tree
            .documents()
            .first()
            .map(|document| document.digest.clone());
        let mut observed = Self {
            root,
            ..Self::default()
        };
        Detector::new(tree).run(&mut observed);
        observed
    }

    /// Returns the occurrences of a feature, or `None` if the image does not have the feature.
    pub fn occurrences(&self, feature: Feature) -> Option<&Occurrences> {
        self.occurrences.get(&feature)
    }

    /// Returns the detected features.
    pub fn features(&self) -> impl Iterator<Item = Feature> {
        self.occurrences.keys().copied()
    }

    /// Predicts the behavior of a target for the image.
    pub fn judge(&self, target: &Target) -> Judgment {
        Judgment::new(self, target)
    }

    /// Returns whether `document` is the root of the tree.
    pub(super) fn is_root(&self, document: &Digest) -> bool {
        self.root.as_ref() == Some(document)
    }

    /// Counts an occurrence of a feature. Calls `cause` only if the occurrence is listed.
    pub(super) fn record(&mut self, feature: Feature, cause: impl FnOnce() -> Cause) {
        self.occurrences.entry(feature).or_default().add(cause);
    }
}
