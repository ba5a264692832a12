//! Finding the features of a tree: each document once, each descriptor once, parents before their children.

use std::collections::{HashMap, HashSet};

use super::{Cause, Feature, Observed};
use crate::convert::Format;
use crate::lint::{Tree, TreeDocument};
use crate::{
    Algorithm, Child, ChildKind, Descriptor, Digest, Family, Json, MediaType, Platform, Role, Rule,
};

const DOCKER_ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";
const OCI_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// A look at a tree.
pub(super) struct Detection<'a> {
    tree: &'a Tree,
    /// What each document is for, as far as the first index that names it says.
    platforms: HashMap<&'a Digest, &'a Platform>,
    /// Inner indexes for which neither they nor an index around them say a platform.
    silent: HashSet<&'a Digest>,
    /// The platforms of images that stand elsewhere than in those.
    said: HashSet<&'a Platform>,
}

/// What a child of an index is.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Image,
    Index,
    Blob,
    Schema1,
    Unknown,
}

impl Kind {
    fn of(descriptor: &Descriptor) -> Self {
        let Some(media_type) = &descriptor.media_type else {
            return Self::Unknown;
        };
        match media_type.role() {
            // Withdrawn, and known to hardly anybody.
            _ if media_type.as_str() == MediaType::OCI_ARTIFACT => Self::Unknown,
            Role::Manifest => Self::Image,
            Role::Index => Self::Index,
            Role::Schema1 => Self::Schema1,
            Role::ForeignLayer => Self::Blob,
            Role::Other if media_type.is_part() => Self::Blob,
            Role::Other => Self::Unknown,
        }
    }
}

impl<'a> Detection<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        Self {
            tree,
            platforms: HashMap::new(),
            silent: HashSet::new(),
            said: HashSet::new(),
        }
    }

    pub(super) fn run(mut self, observed: &mut Observed) {
        for (position, document) in self.tree.documents().iter().enumerate() {
            self.whole(document, observed);
            if position == 0 {
                self.top(document, observed);
            }
            match document.manifest.media_type().role() {
                Role::Index => self.index(document, observed),
                _ => self.image(document, observed),
            }
            self.content(document, observed);
        }
    }

    /// What every document may have.
    fn whole(&self, document: &TreeDocument, observed: &mut Observed) {
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
                docker && silent && manifest.media_type().role() == Role::Manifest,
            ),
        ];
        for (feature, _) in features.into_iter().filter(|(_, has)| *has) {
            observed.see(feature, || self.document(document));
        }
        if let Some(subject) = manifest.subject() {
            observed.see(Feature::Subject, || {
                self.descriptor(document, "/subject", subject)
            });
            if self.tree.held(&subject.digest) == Some(None) {
                observed.see(Feature::MissingSubject, || {
                    self.descriptor(document, "/subject", subject)
                });
            }
        }
    }

    /// What only the document asked about may have.
    fn top(&self, document: &TreeDocument, observed: &mut Observed) {
        let media_type = document.manifest.media_type();
        let unknown =
            !media_type.is_known_manifest() || media_type.as_str() == MediaType::OCI_ARTIFACT;
        let index = media_type.role() == Role::Index;
        let silent = index && !names_platforms(document);
        let features = [
            (Feature::UnknownTop, unknown),
            (Feature::ArtifactAlone, document.is_artifact()),
            (Feature::NoPlatforms, silent),
            (
                Feature::ListWithoutPlatforms,
                silent && media_type.family() == Family::Docker,
            ),
            (Feature::NoImages, index && !names_images(document)),
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
            observed.see(feature, || self.document(document));
        }
    }

    fn index(&mut self, document: &'a TreeDocument, observed: &mut Observed) {
        let docker = document.manifest.media_type().family() == Family::Docker;
        let mut with_image = HashSet::new();
        let mut empty = true;
        let mut after_silent = false;
        for child in children(document) {
            empty = false;
            let features = self.child(child, docker, &mut with_image);
            for feature in features
                .into_iter()
                .chain(self.hidden(document, child, after_silent))
            {
                observed.see(feature, || {
                    self.descriptor(document, &child.pointer, &child.descriptor)
                });
            }
            after_silent |= child.descriptor.platform.is_none();
            self.inherit(document, &child.descriptor);
        }
        if empty {
            observed.see(Feature::EmptyIndex, || self.document(document));
        }
    }

    /// What a child gives its index. `with_image` are the platforms that an image before it is for.
    fn child(
        &self,
        child: &'a Child,
        docker: bool,
        with_image: &mut HashSet<&'a Platform>,
    ) -> Vec<Feature> {
        let descriptor = &child.descriptor;
        let kind = Kind::of(descriptor);
        let family = descriptor.media_type.as_ref().map(MediaType::family);
        let platform = descriptor
            .platform
            .as_ref()
            .filter(|platform| platform.os != "unknown");
        let looked_for = platform.is_some_and(|platform| !with_image.contains(platform));
        if kind == Kind::Image {
            with_image.extend(platform);
        }
        let other = if docker { Family::Oci } else { Family::Docker };
        let mixed = family == Some(other);
        let silent = descriptor.platform.is_none();
        let features = [
            (
                Feature::DockerImageInIndex,
                kind == Kind::Image && mixed && !docker,
            ),
            (
                Feature::DockerListInIndex,
                kind == Kind::Index && mixed && !docker,
            ),
            (
                Feature::OciImageInList,
                kind == Kind::Image && mixed && docker,
            ),
            (Feature::NestedInIndex, kind == Kind::Index && !docker),
            (Feature::NestedInList, kind == Kind::Index && docker),
            (
                Feature::NestedForPlatform,
                kind == Kind::Index && looked_for,
            ),
            (Feature::UnknownChild, kind == Kind::Unknown),
            (
                Feature::UnknownForPlatform,
                kind == Kind::Unknown && looked_for,
            ),
            (Feature::BlobChild, kind == Kind::Blob),
            (Feature::Schema1Child, kind == Kind::Schema1),
            (Feature::ListChildWithoutPlatform, docker && silent),
            (
                Feature::IndexChildWithoutPlatform,
                !docker && silent && kind == Kind::Image && !self.is_artifact(descriptor),
            ),
            (Feature::Attestation, is_attestation(descriptor)),
        ];
        features
            .into_iter()
            .filter(|(_, has)| *has)
            .map(|(feature, _)| feature)
            .collect()
    }

    /// What keeps some readers from finding the image that a child is.
    fn hidden(
        &mut self,
        document: &TreeDocument,
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
        let image = Kind::of(&child.descriptor) == Kind::Image;
        let silent = self.silent.contains(&document.digest);
        let behind = image && silent && !self.said.contains(platform);
        if image && !silent {
            self.said.insert(platform);
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

    fn image(&self, document: &TreeDocument, observed: &mut Observed) {
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
            let has_counterpart = Format::Oci.counterpart(media_type).is_some();
            let feature = match (family, media_type.family()) {
                (Family::Docker, Family::Oci) => Feature::DockerWithOciLayers,
                (Family::Docker, _) if media_type.as_str() == DOCKER_ZSTD => {
                    Feature::DockerWithZstd
                }
                (Family::Oci, Family::Docker) if has_counterpart => Feature::OciWithDockerLayers,
                (Family::Oci, _) if media_type.as_str() == OCI_ZSTD => Feature::OciWithZstd,
                _ if !artifact && !is_layer(media_type) && !self.is_for_nobody(document) => {
                    Feature::UnknownLayers
                }
                _ => continue,
            };
            observed.see(feature, || {
                self.descriptor(document, &child.pointer, &child.descriptor)
            });
        }
        if artifact {
            observed.see(Feature::Artifact, || self.document(document));
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
            observed.see(Feature::OciWithDockerConfig, || {
                self.descriptor(document, &child.pointer, &child.descriptor)
            });
        }
    }

    /// Whether an index says that the document is for no platform, as of an attestation.
    fn is_for_nobody(&self, document: &TreeDocument) -> bool {
        self.platforms
            .get(&document.digest)
            .is_some_and(|platform| platform.os == "unknown")
    }

    /// What is stored under the digests that a document names.
    fn content(&self, document: &TreeDocument, observed: &mut Observed) {
        for child in document
            .manifest
            .children()
            .iter()
            .filter(|child| child.kind != ChildKind::Other)
        {
            for feature in self.stored(child) {
                observed.see(feature, || {
                    self.descriptor(document, &child.pointer, &child.descriptor)
                });
            }
        }
    }

    fn stored(&self, child: &Child) -> impl Iterator<Item = Feature> + use<> {
        let descriptor = &child.descriptor;
        let held = self.tree.held(&descriptor.digest);
        let absent = held == Some(None);
        let size = held.flatten().map(|held| held.size);
        let stored_type = held.flatten().and_then(|held| held.media_type.as_ref());
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

    /// What a child is for: what its index says, or what the index itself is for.
    fn inherit(&mut self, parent: &'a TreeDocument, child: &'a Descriptor) {
        let platform = child
            .platform
            .as_ref()
            .or_else(|| self.platforms.get(&parent.digest).copied());
        if let Some(platform) = platform {
            self.platforms.entry(&child.digest).or_insert(platform);
        } else if Kind::of(child) == Kind::Index {
            self.silent.insert(&child.digest);
        }
    }

    fn is_artifact(&self, descriptor: &Descriptor) -> bool {
        descriptor.artifact_type.is_some()
            || self
                .tree
                .document(&descriptor.digest)
                .is_some_and(TreeDocument::is_artifact)
    }

    fn document(&self, document: &TreeDocument) -> Cause {
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

    fn descriptor(&self, document: &TreeDocument, pointer: &str, descriptor: &Descriptor) -> Cause {
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

fn children(document: &TreeDocument) -> impl Iterator<Item = &Child> {
    document
        .manifest
        .children()
        .iter()
        .filter(|child| child.kind == ChildKind::Manifest)
}

fn names_images(document: &TreeDocument) -> bool {
    children(document).any(|child| matches!(Kind::of(&child.descriptor), Kind::Image | Kind::Index))
}

fn names_platforms(document: &TreeDocument) -> bool {
    children(document).any(|child| {
        child
            .descriptor
            .platform
            .as_ref()
            .is_some_and(|platform| platform.os != "unknown")
    })
}

fn is_layer(media_type: &MediaType) -> bool {
    media_type.role() == Role::ForeignLayer || media_type.is_part()
}

fn is_attestation(descriptor: &Descriptor) -> bool {
    descriptor.attests().is_some()
        || descriptor
            .platform
            .as_ref()
            .is_some_and(|platform| platform.os == "unknown")
}
