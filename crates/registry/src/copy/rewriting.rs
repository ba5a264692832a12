//! What a copy does not take byte for byte: an index cut down to some platforms, a tree in another format.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use portolan_model::convert::{Conversion, ConvertError, Format, Remark, Written, convert};
use portolan_model::lint::ImageConfig;
use portolan_model::{ChildKind, Descriptor, Digest, Manifest, MediaType, Platform};

use super::plan::{PlannedDocument, Rewritten};
use super::planner::Planner;
use super::subset;
use super::together::in_order;
use super::visit::found;
use crate::copy::Place;
use crate::{Error, Kind, MAX_MANIFEST_BYTES, Result};

impl Planner<'_> {
    /// Writes anew what the options ask for; answers the documents that are left out by that though others name them.
    pub(super) async fn rewrite(&mut self, root: &Digest) -> Result<HashSet<Digest>> {
        let dropped = self.cut(root).await?;
        self.convert(root).await?;
        Ok(dropped)
    }

    /// The digest at the target.
    pub(super) fn now<'a>(&'a self, digest: &'a Digest) -> &'a Digest {
        self.became.get(digest).unwrap_or(digest)
    }

    /// Takes in documents that were written anew, by their digests before.
    pub(super) fn take_written(&mut self, written: HashMap<Digest, Written>) {
        for digest in self.became.values_mut() {
            if let Some(written) = written.get(digest) {
                *digest = written.digest.clone();
            }
        }
        for (
            digest,
            Written {
                digest: new,
                manifest,
            },
        ) in written
        {
            self.became.entry(digest).or_insert_with(|| new.clone());
            self.tree.take_written(new, manifest);
        }
    }

    /// What became of the documents of the source, as far as the plan has them.
    pub(super) fn rewritten(&self, manifests: &[PlannedDocument]) -> Vec<Rewritten> {
        let planned: HashSet<&Digest> = manifests.iter().map(|document| &document.digest).collect();
        let platforms = self.tree.platforms();
        let originals = self.tree.originals().filter_map(|document| {
            let new = self
                .became
                .get(&document.digest)
                .filter(|new| planned.contains(new))?;
            let media_type = self.tree.document(new)?.media_type.clone();
            let platform = platforms
                .get(&document.digest)
                .map(|platform| (*platform).clone());
            Some(Rewritten {
                old: document.digest.clone(),
                new: new.clone(),
                media_type,
                platform,
            })
        });
        originals.collect()
    }

    /// Writes the indexes anew if only some platforms are wanted; answers the documents that are
    /// then left out.
    async fn cut(&mut self, root: &Digest) -> Result<HashSet<Digest>> {
        if self.options.platforms.is_empty() {
            return Ok(HashSet::new());
        }
        if !subset::is_cut(self.tree.document(root)) {
            self.check_platform(root).await?;
            return Ok(HashSet::new());
        }
        let cut = subset::cut(&self.tree, root, &self.options.platforms)?;
        if !self.options.sparse && !cut.changed.is_empty() {
            self.remarks.push(
                "the index was written anew with the chosen platforms alone, so its digest changes"
                    .into(),
            );
            self.take_written(cut.changed);
        }
        Ok(cut.empty)
    }

    /// An image that says what it is for has to be for a platform that is wanted.
    async fn check_platform(&self, root: &Digest) -> Result<()> {
        let Some(manifest) = self.tree.manifest(root) else {
            return Ok(());
        };
        let Some(platform) = self.platform(manifest).await? else {
            return Ok(());
        };
        if self
            .options
            .platforms
            .iter()
            .any(|wanted| platform.satisfies(wanted))
        {
            return Ok(());
        }
        let wanted: Vec<_> = self
            .options
            .platforms
            .iter()
            .map(ToString::to_string)
            .collect();
        let message = format!(
            "{} is one image for {platform}, and not for {}",
            self.request.source.at(&self.request.reference),
            wanted.join(", ")
        );
        Err(Error::new(Kind::ManifestUnknown, message))
    }

    /// What the config of an image says; one that is larger than any reader takes says nothing.
    async fn platform(&self, manifest: &Manifest) -> Result<Option<Platform>> {
        let config = manifest
            .children()
            .iter()
            .find(|child| child.kind == ChildKind::Config);
        let config = config
            .map(|config| &config.descriptor)
            .filter(|config| says_platform(config));
        let Some(config) = config else {
            return Ok(None);
        };
        let bytes = self.small_blob(&config.digest).await.map_err(|error| {
            error.while_doing(format!(
                "reading the config {}",
                self.request.source.at(&config.digest)
            ))
        })?;
        Ok(bytes.and_then(|bytes| ImageConfig::read(&bytes).platform))
    }

    /// A blob of the source; nothing if it is not there, or is not small.
    async fn small_blob(&self, digest: &Digest) -> Result<Option<Bytes>> {
        let Place {
            registry,
            context,
            repository,
            ..
        } = &self.request.source;
        let Some(read) = found(registry.get_blob(context, repository, digest, None).await)? else {
            return Ok(None);
        };
        match read.body.collect(MAX_MANIFEST_BYTES).await {
            Err(error) if *error.kind() == Kind::TooLarge => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    async fn convert(&mut self, root: &Digest) -> Result<()> {
        let Some(conversion) = self.options.conversion else {
            return Ok(());
        };
        let platforms = self.platforms(&conversion).await?;
        let document = |digest: &Digest| self.tree.manifest(digest);
        let converted = convert(
            self.now(root),
            document,
            |image| platforms.get(image).cloned(),
            &conversion,
        );
        let converted = converted.map_err(unconvertible)?;
        converted
            .documents
            .iter()
            .try_for_each(|(digest, written)| check_size(digest, written))?;
        // An index that was cut is known to nobody under the digest that it had in between.
        let before: HashMap<&Digest, &Digest> =
            self.became.iter().map(|(old, new)| (new, old)).collect();
        let losses = converted.remarks.into_iter().map(|remark| Remark {
            document: before
                .get(&remark.document)
                .map_or_else(|| remark.document.clone(), |old| (*old).clone()),
            ..remark
        });
        self.losses.extend(losses);
        self.take_written(converted.documents);
        Ok(())
    }

    /// The platforms of the images whose index does not say it, if it is to.
    async fn platforms(&self, conversion: &Conversion) -> Result<HashMap<Digest, Platform>> {
        if conversion.to != Some(Format::Docker) {
            return Ok(HashMap::new());
        }
        let manifests = self
            .tree
            .originals()
            .filter_map(|document| document.manifest.as_ref());
        let children = manifests
            .flat_map(Manifest::children)
            .filter(|child| child.kind == ChildKind::Manifest);
        let wanting = children.filter(|child| child.descriptor.platform.is_none());
        let wanting: HashSet<&Digest> = wanting.map(|child| &child.descriptor.digest).collect();
        let reads = wanting
            .into_iter()
            .filter_map(|digest| Some((digest, self.tree.manifest(digest)?)));
        let reads = reads.map(|(digest, manifest)| async move {
            Ok(self
                .platform(manifest)
                .await?
                .map(|platform| (digest.clone(), platform)))
        });
        Ok(in_order(self.jobs, reads)
            .await?
            .into_iter()
            .flatten()
            .collect())
    }
}

/// Whether a config is one that names a platform: an artifact's is not.
fn says_platform(config: &Descriptor) -> bool {
    config
        .media_type
        .as_ref()
        .is_none_or(MediaType::is_image_config)
}

/// A document that takes the place of another, under a digest by the same algorithm. Those here that
/// were read can be computed.
pub(super) fn in_place_of(
    digest: &Digest,
    bytes: Bytes,
    media_type: &MediaType,
) -> Option<Written> {
    let new = Digest::of(digest.algorithm(), &bytes)?;
    Some(Written {
        digest: new,
        manifest: Manifest::parse(bytes, Some(media_type)).ok()?,
    })
}

fn unconvertible(error: ConvertError) -> Error {
    Error::new(Kind::Unsupported, error.to_string()).with_source(error)
}

fn check_size(digest: &Digest, written: &Written) -> Result<()> {
    let size = written.manifest.bytes().len();
    if size <= MAX_MANIFEST_BYTES {
        return Ok(());
    }
    let message = format!(
        "{digest} would have {size} bytes once it is converted, and a manifest has at most {MAX_MANIFEST_BYTES}"
    );
    Err(Error::new(Kind::TooLarge, message))
}
