//! Detection of the [`Feature`]s of an image.
//!
//! Visits each document and each descriptor once, parents before their children.

use std::collections::{HashMap, HashSet};

use super::{Cause, DetectedFeatures, Feature};
use crate::convert::ImageFormat;
use crate::lint::{LintDocument, LintTree};
use crate::{
    Algorithm, Child, ChildKind, Descriptor, Digest, Family, Json, MediaType, MediaTypeRole,
    Platform, Rule,
};

const DOCKER_ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";
const OCI_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// State of the detection in one tree of documents.
pub(super) struct Detector<'a> {
    tree: &'a LintTree,
    /// Platform of each document, from the first index that declares a platform for it or inherits
    /// one from its own parent.
    platforms: HashMap<&'a Digest, &'a Platform>,
    /// Nested indexes without a platform, neither declared nor inherited from an outer index.
    without_platform: HashSet<&'a Digest>,
    /// Platforms of the images that are not in an index of `without_platform`.
    visible_platforms: HashSet<&'a Platform>,
}

/// Kind of a child of an index, derived from its media type.
#[derive(Clone, Copy, PartialEq)]
enum IndexChildKind {
    Image,
    Index,
    Blob,
    Schema1,
    Unknown,
}

impl IndexChildKind {
    fn from_descriptor(descriptor: &Descriptor) -> Self {
        let Some(media_type) = &descriptor.media_type else {
            return Self::Unknown;
        };
        match media_type.role() {
            // Count this type as unknown: it was withdrawn, and few registries and clients support
            // it.
            _ if media_type.as_str() == MediaType::OCI_ARTIFACT => Self::Unknown,
            MediaTypeRole::Manifest => Self::Image,
            MediaTypeRole::Index => Self::Index,
            MediaTypeRole::Schema1 => Self::Schema1,
            MediaTypeRole::ForeignLayer => Self::Blob,
            MediaTypeRole::Other if media_type.is_config_or_layer() => Self::Blob,
            MediaTypeRole::Other => Self::Unknown,
        }
    }
}

impl<'a> Detector<'a> {
    pub(super) fn new(tree: &'a LintTree) -> Self {
        Self {
            tree,
            platforms: HashMap::new(),
            without_platform: HashSet::new(),
            visible_platforms: HashSet::new(),
        }
    }

    /// Records all features of the tree in `observed`.
    pub(super) fn run(mut self, observed: &mut DetectedFeatures) {
        // The tree lists parents before their children, so the inherited platform of a document is
        // known before the document is visited.
        for (position, document) in self.tree.documents().iter().enumerate() {
            self.record_document(document, observed);
            if position == 0 {
                self.record_root(document, observed);
            }
            match document.manifest.media_type().role() {
                MediaTypeRole::Index => self.record_index(document, observed),
                _ => self.record_image(document, observed),
            }
            self.record_content(document, observed);
        }
    }

    /// Records features that any document can have.
    fn record_document(&self, document: &LintDocument, observed: &mut DetectedFeatures) {
        let manifest = &document.manifest;
        let docker = manifest.media_type().is_known_manifest()
            && manifest.media_type().family() == Family::Docker;
        let silent = manifest
            .document()
            .get("mediaType")
            .and_then(Json::as_str)
            .is_none();
        let features = [
            (
                Feature::TwoShapes,
                manifest
                    .findings()
                    .iter()
                    .any(|finding| finding.rule == Rule::TwoShapes),
            ),
            (Feature::DockerType, docker),
            (Feature::DockerWithoutMediaType, docker && silent),
            (
                Feature::DockerImageWithoutMediaType,
                docker && silent && manifest.media_type().role() == MediaTypeRole::Manifest,
            ),
        ];
        for (feature, _) in features.into_iter().filter(|(_, has)| *has) {
            observed.record(feature, || self.document_cause(document));
        }
        if let Some(subject) = manifest.subject() {
            observed.record(Feature::Subject, || {
                self.descriptor_cause(document, "/subject", subject)
            });
            if self.tree.stored_content(&subject.digest) == Some(None) {
                observed.record(Feature::MissingSubject, || {
                    self.descriptor_cause(document, "/subject", subject)
                });
            }
        }
    }

    /// Records features that only the root document can have.
    fn record_root(&self, document: &LintDocument, observed: &mut DetectedFeatures) {
        let media_type = document.manifest.media_type();
        let unknown =
            !media_type.is_known_manifest() || media_type.as_str() == MediaType::OCI_ARTIFACT;
        let index = media_type.role() == MediaTypeRole::Index;
        let silent = index && !has_platforms(document);
        let features = [
            (Feature::UnknownTop, unknown),
            (Feature::ArtifactAlone, document.is_artifact()),
            (Feature::NoPlatforms, silent),
            (
                Feature::ListWithoutPlatforms,
                silent && media_type.family() == Family::Docker,
            ),
            (Feature::NoImages, index && !has_images(document)),
            (
                Feature::OtherDigest,
                *document.digest.algorithm() != Algorithm::Sha256,
            ),
            (
                Feature::OtherManifestDigest,
                *document.digest.algorithm() != Algorithm::Sha256,
            ),
        ];
        for (feature, _) in features.into_iter().filter(|(_, has)| *has) {
            observed.record(feature, || self.document_cause(document));
        }
    }

    /// Records the features of an index and of its descriptors.
    fn record_index(&mut self, document: &'a LintDocument, observed: &mut DetectedFeatures) {
        let docker = document.manifest.media_type().family() == Family::Docker;
        let mut with_image = HashSet::new();
        let mut empty = true;
        let mut after_silent = false;
        for child in children(document) {
            empty = false;
            let features = self.child_features(child, docker, &mut with_image);
            for feature in
                features
                    .into_iter()
                    .chain(self.hiding_features(document, child, after_silent))
            {
                observed.record(feature, || {
                    self.descriptor_cause(document, &child.pointer, &child.descriptor)
                });
            }
            after_silent |= child.descriptor.platform.is_none();
            self.record_platform(document, &child.descriptor);
        }
        if empty {
            observed.record(Feature::EmptyIndex, || self.document_cause(document));
        }
    }

    /// Returns the features that a child adds to its index.
    ///
    /// `with_image` contains the platforms of the images that precede the child. Clients select the
    /// first child for their platform, so they select a child that is not an image only if no image
    /// for its platform precedes it.
    fn child_features(
        &self,
        child: &'a Child,
        docker: bool,
        with_image: &mut HashSet<&'a Platform>,
    ) -> Vec<Feature> {
        let descriptor = &child.descriptor;
        let kind = IndexChildKind::from_descriptor(descriptor);
        let family = descriptor.media_type.as_ref().map(MediaType::family);
        let platform = descriptor
            .platform
            .as_ref()
            .filter(|platform| platform.os != "unknown");
        let is_first_for_platform = platform.is_some_and(|platform| !with_image.contains(platform));
        if kind == IndexChildKind::Image {
            with_image.extend(platform);
        }
        let other = if docker { Family::Oci } else { Family::Docker };
        let mixed = family == Some(other);
        let silent = descriptor.platform.is_none();
        let features = [
            (
                Feature::DockerImageInIndex,
                kind == IndexChildKind::Image && mixed && !docker,
            ),
            (
                Feature::DockerListInIndex,
                kind == IndexChildKind::Index && mixed && !docker,
            ),
            (
                Feature::OciImageInList,
                kind == IndexChildKind::Image && mixed && docker,
            ),
            (
                Feature::NestedInIndex,
                kind == IndexChildKind::Index && !docker,
            ),
            (
                Feature::NestedInList,
                kind == IndexChildKind::Index && docker,
            ),
            (
                Feature::NestedForPlatform,
                kind == IndexChildKind::Index && is_first_for_platform,
            ),
            (Feature::UnknownChild, kind == IndexChildKind::Unknown),
            (
                Feature::UnknownForPlatform,
                kind == IndexChildKind::Unknown && is_first_for_platform,
            ),
            (Feature::BlobChild, kind == IndexChildKind::Blob),
            (Feature::Schema1Child, kind == IndexChildKind::Schema1),
            (Feature::ListChildWithoutPlatform, docker && silent),
            (
                Feature::IndexChildWithoutPlatform,
                !docker && silent && kind == IndexChildKind::Image && !self.is_artifact(descriptor),
            ),
            (Feature::Attestation, descriptor.is_attestation()),
        ];
        features
            .into_iter()
            .filter(|(_, has)| *has)
            .map(|(feature, _)| feature)
            .collect()
    }

    /// Returns the features that prevent some clients from finding the image in `child`.
    ///
    /// `after_silent` is true if a child without a platform precedes this child. Some clients treat
    /// a child without a platform as linux/amd64, and some skip an index without a platform.
    fn hiding_features(
        &mut self,
        document: &LintDocument,
        child: &'a Child,
        after_silent: bool,
    ) -> Vec<Feature> {
        let Some(platform) = child
            .descriptor
            .platform
            .as_ref()
            .filter(|platform| platform.os != "unknown")
        else {
            return Vec::new();
        };
        let image = IndexChildKind::from_descriptor(&child.descriptor) == IndexChildKind::Image;
        let silent = self.without_platform.contains(&document.digest);
        let behind = image && silent && !self.visible_platforms.contains(platform);
        if image && !silent {
            self.visible_platforms.insert(platform);
        }
        let amd64 = platform.os == "linux" && platform.architecture == "amd64";
        let features = [
            (Feature::SilentBeforeAmd64, image && amd64 && after_silent),
            (Feature::BehindSilentIndex, behind),
            (Feature::OtherBehindSilentIndex, behind && !amd64),
        ];
        features
            .into_iter()
            .filter(|(_, has)| *has)
            .map(|(feature, _)| feature)
            .collect()
    }

    /// Records the features of an image manifest. They depend on the media types of its layers and
    /// its config.
    fn record_image(&self, document: &LintDocument, observed: &mut DetectedFeatures) {
        let family = document.manifest.media_type().family();
        let artifact = document.is_artifact();
        for child in document
            .manifest
            .children()
            .iter()
            .filter(|child| child.kind == ChildKind::Layer)
        {
            let Some(media_type) = &child.descriptor.media_type else {
                continue;
            };
            let has_counterpart = ImageFormat::Oci.counterpart(media_type).is_some();
            let feature = match (family, media_type.family()) {
                (Family::Docker, Family::Oci) => Feature::DockerWithOciLayers,
                (Family::Docker, _) if media_type.as_str() == DOCKER_ZSTD => {
                    Feature::DockerWithZstd
                }
                (Family::Oci, Family::Docker) if has_counterpart => Feature::OciWithDockerLayers,
                (Family::Oci, _) if media_type.as_str() == OCI_ZSTD => Feature::OciWithZstd,
                _ if !artifact && !is_layer(media_type) && !self.has_unknown_platform(document) => {
                    Feature::UnknownLayers
                }
                _ => continue,
            };
            observed.record(feature, || {
                self.descriptor_cause(document, &child.pointer, &child.descriptor)
            });
        }
        if artifact {
            observed.record(Feature::Artifact, || self.document_cause(document));
        }
        let config = document.config_child().filter(|child| {
            family == Family::Oci
                && child
                    .descriptor
                    .media_type
                    .as_ref()
                    .is_some_and(|own| own.as_str() == MediaType::DOCKER_CONFIG)
        });
        if let Some(child) = config {
            observed.record(Feature::OciWithDockerConfig, || {
                self.descriptor_cause(document, &child.pointer, &child.descriptor)
            });
        }
    }

    /// Returns whether an index declares the platform `unknown` for the document, as for an
    /// attestation.
    fn has_unknown_platform(&self, document: &LintDocument) -> bool {
        self.platforms
            .get(&document.digest)
            .is_some_and(|platform| platform.os == "unknown")
    }

    /// Records features that depend on the stored content that a document references.
    fn record_content(&self, document: &LintDocument, observed: &mut DetectedFeatures) {
        for child in document
            .manifest
            .children()
            .iter()
            .filter(|child| child.kind != ChildKind::Other)
        {
            for feature in self.stored_features(child) {
                observed.record(feature, || {
                    self.descriptor_cause(document, &child.pointer, &child.descriptor)
                });
            }
        }
    }

    /// Returns the features that result from a comparison of a descriptor with the stored content.
    ///
    /// The tree returns `None` if the digest was not looked up, and `Some(None)` if it is not
    /// stored.
    fn stored_features(&self, child: &Child) -> impl Iterator<Item = Feature> + use<> {
        let descriptor = &child.descriptor;
        let content = self.tree.stored_content(&descriptor.digest);
        let absent = content == Some(None);
        let size = content.flatten().map(|content| content.size);
        let stored_type = content
            .flatten()
            .and_then(|content| content.media_type.as_ref());
        let wrong_size =
            size.is_some() && descriptor.size.is_some_and(|claimed| size != Some(claimed));
        let is_child = child.kind == ChildKind::Manifest;
        let other_digest = *descriptor.digest.algorithm() != Algorithm::Sha256;
        let known = descriptor
            .media_type
            .as_ref()
            .is_some_and(MediaType::is_known_manifest);
        let features = [
            (Feature::MissingChild, absent && is_child),
            (
                Feature::MissingContent,
                absent && !is_child && child.required,
            ),
            (
                Feature::ForeignLayer,
                absent && !is_child && !child.required,
            ),
            (Feature::WrongSize, wrong_size && !is_child),
            (Feature::WrongChildSize, wrong_size && is_child),
            (
                Feature::WrongType,
                is_child
                    && known
                    && stored_type.is_some()
                    && stored_type != descriptor.media_type.as_ref(),
            ),
            (Feature::OtherDigest, other_digest),
            (
                Feature::OtherManifestDigest,
                other_digest && is_child && known,
            ),
        ];
        features
            .into_iter()
            .filter(|(_, has)| *has)
            .map(|(feature, _)| feature)
    }

    /// Records the platform of a child: the declared platform or, if there is none, the platform of
    /// its index.
    fn record_platform(&mut self, parent: &'a LintDocument, child: &'a Descriptor) {
        let platform = child
            .platform
            .as_ref()
            .or_else(|| self.platforms.get(&parent.digest).copied());
        if let Some(platform) = platform {
            self.platforms.entry(&child.digest).or_insert(platform);
        } else if IndexChildKind::from_descriptor(child) == IndexChildKind::Index {
            self.without_platform.insert(&child.digest);
        }
    }

    /// Returns whether a child is an artifact according to its descriptor or its document.
    fn is_artifact(&self, descriptor: &Descriptor) -> bool {
        descriptor.artifact_type.is_some()
            || self
                .tree
                .document(&descriptor.digest)
                .is_some_and(LintDocument::is_artifact)
    }

    /// Creates the cause of a feature that a document itself has.
    fn document_cause(&self, document: &LintDocument) -> Cause {
        Cause {
            document: document.digest.clone(),
            pointer: String::new(),
            digest: document.digest.clone(),
            media_type: Some(document.manifest.media_type().clone()),
            platform: self
                .platforms
                .get(&document.digest)
                .map(|platform| (*platform).clone()),
        }
    }

    /// Creates the cause of a feature that a descriptor in a document has.
    fn descriptor_cause(
        &self,
        document: &LintDocument,
        pointer: &str,
        descriptor: &Descriptor,
    ) -> Cause {
        let inherited = self.platforms.get(&document.digest).copied();
        Cause {
            document: document.digest.clone(),
            pointer: pointer.to_owned(),
            digest: descriptor.digest.clone(),
            media_type: descriptor.media_type.clone(),
            platform: descriptor.platform.as_ref().or(inherited).cloned(),
        }
    }
}

fn children(document: &LintDocument) -> impl Iterator<Item = &Child> {
    document
        .manifest
        .children()
        .iter()
        .filter(|child| child.kind == ChildKind::Manifest)
}

fn has_images(document: &LintDocument) -> bool {
    children(document).any(|child| {
        matches!(
            IndexChildKind::from_descriptor(&child.descriptor),
            IndexChildKind::Image | IndexChildKind::Index
        )
    })
}

fn has_platforms(document: &LintDocument) -> bool {
    children(document).any(|child| {
        child
            .descriptor
            .platform
            .as_ref()
            .is_some_and(|platform| platform.os != "unknown")
    })
}

fn is_layer(media_type: &MediaType) -> bool {
    media_type.role() == MediaTypeRole::ForeignLayer || media_type.is_config_or_layer()
}
