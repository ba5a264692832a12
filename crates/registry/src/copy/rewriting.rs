//! Rewriting of documents during a copy: reduction of an index to some platforms, and conversion to
//! another format.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use portolan_model::convert::{
    Conversion, ConvertError, ConvertedDocument, ImageFormat, Remark, convert,
};
use portolan_model::{Digest, Manifest, MediaType, Platform, child_descriptors};

use super::CopyOptions;
use super::concurrency::in_order;
use super::plan::{PlannedDocument, RewrittenDocument};
use super::planner::Planner;
use super::subset;
use super::tree::Resolved;
use crate::{Error, Kind, MAX_MANIFEST_BYTES, Result};

impl Planner<'_> {
    /// Rewrites the documents as the options require, and returns the digests of the dropped
    /// documents. Unchanged documents may still reference these.
    pub(super) async fn rewrite(&mut self, root: &Digest) -> Result<HashSet<Digest>> {
        let dropped = self.reduce_to_platforms(root).await?;
        self.convert(root).await?;
        Ok(dropped)
    }

    /// Returns the digest at the target of the document that has `digest` at the source. They
    /// differ if the document was rewritten.
    pub(super) fn target_digest<'a>(&'a self, digest: &'a Digest) -> &'a Digest {
        self.rewritten_digests.get(digest).unwrap_or(digest)
    }

    /// Adds rewritten documents to the tree. `written` maps the digests of the originals to the
    /// rewritten documents.
    pub(super) fn add_rewritten(&mut self, written: HashMap<Digest, ConvertedDocument>) {
        // A document may be rewritten twice. Map its original directly to the final digest.
        for digest in self.rewritten_digests.values_mut() {
            if let Some(written) = written.get(digest) {
                *digest = written.digest.clone();
            }
        }
        for (
            digest,
            ConvertedDocument {
                digest: new,
                manifest,
            },
        ) in written
        {
            self.rewritten_digests
                .entry(digest)
                .or_insert_with(|| new.clone());
            self.tree.add_rewritten(new, manifest);
        }
    }

    /// Lists the rewritten documents that are in the plan.
    pub(super) fn list_rewritten(&self, manifests: &[PlannedDocument]) -> Vec<RewrittenDocument> {
        let planned: HashSet<&Digest> = manifests.iter().map(|document| &document.digest).collect();
        let platforms = self.tree.platforms();
        let originals = self.tree.originals().filter_map(|document| {
            let new = self
                .rewritten_digests
                .get(&document.digest)
                .filter(|new| planned.contains(new))?;
            let media_type = self.tree.document(new)?.media_type.clone();
            let platform = platforms
                .get(&document.digest)
                .map(|platform| (*platform).clone());
            Some(RewrittenDocument {
                old: document.digest.clone(),
                new: new.clone(),
                media_type,
                platform,
            })
        });
        originals.collect()
    }

    /// Reduces the indexes to the platforms that the options select, and returns the digests of
    /// indexes that are dropped because no child remains. Does nothing if all platforms are copied.
    async fn reduce_to_platforms(&mut self, root: &Digest) -> Result<HashSet<Digest>> {
        if self.options.platforms.is_empty() {
            return Ok(HashSet::new());
        }
        if !subset::is_reducible(self.tree.document(root)) {
            self.check_platform(root).await?;
            return Ok(HashSet::new());
        }
        let cut = subset::reduce(&self.tree, root, &self.options.platforms);
        let cut = cut.map_err(|error| {
            let name = self.request.source.full_name(&self.request.reference);
            error.with_prefix(format!("failed to look up {name}"))
        })?;
        if !self.options.sparse && !cut.rewritten.is_empty() {
            self.remarks.push(
                "the index was rewritten with only the selected platforms, so its digest changes"
                    .into(),
            );
            self.add_rewritten(cut.rewritten);
        }
        Ok(cut.empty)
    }

    /// Fails if `root` is an image for a platform that is not selected.
    async fn check_platform(&self, root: &Digest) -> Result<()> {
        let Some(manifest) = self.tree.manifest(root) else {
            return Ok(());
        };
        let Some(platform) = self.request.source.read_platform(manifest).await? else {
            return Ok(());
        };
        if self
            .options
            .platforms
            .iter()
            .any(|wanted| platform.rank(wanted).is_some())
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
            "failed to look up {}: it is a single image for {platform}, not for {}",
            self.request.source.full_name(&self.request.reference),
            wanted.join(", ")
        );
        Err(Error::new(Kind::ManifestUnknown, message))
    }

    /// Reads the platforms of the children of an index from their configs, if the options select
    /// platforms and the index states none.
    pub(super) async fn read_config_platforms(
        &mut self,
        visit: &Resolved,
        options: &CopyOptions,
    ) -> Result<()> {
        let Resolved::Document(document) = visit else {
            return Ok(());
        };
        let index = document.manifest.as_ref();
        if let Some(index) = index.filter(|_| !options.platforms.is_empty()) {
            let platforms = self.request.source.read_config_platforms(index).await?;
            self.tree.config_platforms.extend(platforms);
        }
        Ok(())
    }

    async fn convert(&mut self, root: &Digest) -> Result<()> {
        let Some(conversion) = self.options.conversion else {
            return Ok(());
        };
        let platforms = self.read_missing_platforms(&conversion).await?;
        let document = |digest: &Digest| self.tree.manifest(digest);
        let converted = convert(
            self.target_digest(root),
            document,
            |image| platforms.get(image).cloned(),
            &conversion,
        );
        let converted = converted.map_err(conversion_error)?;
        converted
            .documents
            .iter()
            .try_for_each(|(digest, written)| check_size(digest, written))?;
        // An index that was reduced before the conversion has an intermediate digest that the user
        // has never seen. Report its original digest.
        let before: HashMap<&Digest, &Digest> = self
            .rewritten_digests
            .iter()
            .map(|(old, new)| (new, old))
            .collect();
        let losses = converted.remarks.into_iter().map(|remark| Remark {
            document: before
                .get(&remark.document)
                .map_or_else(|| remark.document.clone(), |old| (*old).clone()),
            ..remark
        });
        self.losses.extend(losses);
        self.add_rewritten(converted.documents);
        Ok(())
    }

    /// Reads missing platforms: for an image whose index declares no platform, the platform in its
    /// config. Does nothing unless the target format requires platforms.
    async fn read_missing_platforms(
        &self,
        conversion: &Conversion,
    ) -> Result<HashMap<Digest, Platform>> {
        if conversion.to != Some(ImageFormat::Docker) {
            return Ok(HashMap::new());
        }
        let manifests = self
            .tree
            .originals()
            .filter_map(|document| document.manifest.as_ref());
        let children = manifests.flat_map(child_descriptors);
        let without_platform = children.filter(|child| child.platform.is_none());
        let without_platform: HashSet<&Digest> =
            without_platform.map(|child| &child.digest).collect();
        let reads = without_platform
            .into_iter()
            .filter_map(|digest| Some((digest, self.tree.manifest(digest)?)));
        let reads = reads.map(|(digest, manifest)| async move {
            Ok(self
                .request
                .source
                .read_platform(manifest)
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

/// Creates the replacement for a document, with a digest of the same algorithm. Returns `None` if
/// the algorithm is not supported. This cannot happen for a document whose digest was verified.
pub(super) fn build_replacement(
    digest: &Digest,
    bytes: Bytes,
    media_type: &MediaType,
) -> Option<ConvertedDocument> {
    let new = Digest::compute(digest.algorithm(), &bytes)?;
    Some(ConvertedDocument {
        digest: new,
        manifest: Manifest::parse(bytes, Some(media_type)).ok()?,
    })
}

fn conversion_error(error: ConvertError) -> Error {
    Error::new(Kind::Unsupported, error.to_string()).with_source(error)
}

fn check_size(digest: &Digest, written: &ConvertedDocument) -> Result<()> {
    let size = written.manifest.bytes().len();
    if size <= MAX_MANIFEST_BYTES {
        return Ok(());
    }
    let message = format!(
        "{digest} would have {size} bytes after the conversion, but the limit for a manifest is {MAX_MANIFEST_BYTES}"
    );
    Err(Error::new(Kind::TooLarge, message))
}
