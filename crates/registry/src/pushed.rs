//! Pushed manifest. It is parsed before the transaction that checks and stores it.
//!
//! Children of an index that were pushed as blobs become manifests together with it: they are
//! promoted. They are parsed outside of the transaction too, once each, and within limits for the
//! full push. Only the transaction can determine which children these are. Therefore,
//! [`PushedManifest::admit`] may return children to parse. The registry then ends its transaction,
//! parses them, and calls it again in a new transaction.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use portolan_model::lint::{check_document, memory_cost};
use portolan_model::{Descriptor, Digest, Finding, MAX_EDGES, Manifest, MediaType, RepositoryName};
use serde_json::json;

use crate::promote::is_declared_manifest;
use crate::{Error, Kind, MAX_MANIFEST_BYTES, PutManifest, Result, verify_digest};

/// Maximum number of blobs that one push promotes to manifests.
pub const MAX_PROMOTED_CHILDREN: usize = 1000;

/// Maximum total size of the blobs that one push promotes to manifests, in bytes. Together they are
/// no larger than a single manifest can be.
pub const MAX_PROMOTED_BYTES: u64 = MAX_MANIFEST_BYTES as u64;

/// Maximum memory use of the parsed manifests of one push in bytes: the pushed manifest and those
/// that it promotes. A parsed document may be many times larger than its text. A single one always
/// fits, because the number of values in a document is limited.
pub const MAX_PUSHED_MEMORY: usize = 64 << 20;

/// Parsed manifest, and the findings about its document.
#[derive(Debug)]
pub struct ParsedManifest {
    /// Digest of the manifest.
    pub digest: Digest,
    /// Parsed manifest.
    pub manifest: Arc<Manifest>,
    /// Findings about the document itself, not about the content that it references.
    pub findings: Vec<Finding>,
}

impl ParsedManifest {
    /// Checks a manifest without the content that it references.
    pub fn new(digest: Digest, manifest: Manifest) -> Self {
        Self {
            digest,
            findings: check_document(&manifest),
            manifest: Arc::new(manifest),
        }
    }
}

/// Child that was pushed as a blob although its parent declares it to be a manifest. It must be
/// parsed before it can be promoted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnparsedChild {
    /// Digest of the blob.
    pub digest: Digest,
    media_type: Option<MediaType>,
    size: u64,
}

impl UnparsedChild {
    pub(crate) fn new(descriptor: &Descriptor, size: u64) -> Self {
        Self {
            digest: descriptor.digest.clone(),
            media_type: descriptor.media_type.clone(),
            size,
        }
    }
}

/// Manifest that is pushed to a repository, with the parsed children that may have to be stored as
/// manifests too.
///
/// A clone shares the parsed documents.
#[derive(Clone, Debug)]
pub struct PushedManifest {
    repository: RepositoryName,
    document: Arc<ParsedManifest>,
    /// Parsed children by digest and declared media type. The error is the reason why a child is
    /// not a manifest.
    children: HashMap<(Digest, Option<MediaType>), Result<Arc<ParsedManifest>, String>>,
    /// Number of children that were passed to [`PushedManifest::reserve`].
    child_count: usize,
    /// Total size of the children that were passed to [`PushedManifest::reserve`], in bytes.
    child_bytes: u64,
    /// Total memory use of the pushed manifest and the parsed children in bytes.
    memory: usize,
    /// Number of references: the sum of [`count_edges`] for the pushed manifest and the parsed
    /// children.
    edge_count: usize,
}

impl PushedManifest {
    /// Parses a pushed manifest.
    ///
    /// # Errors
    /// Returns [`Kind::DigestInvalid`] if the bytes do not match the digest in `options`, and
    /// [`Kind::ManifestInvalid`] if they are not a manifest.
    pub fn parse(repository: &RepositoryName, bytes: Bytes, options: &PutManifest) -> Result<Self> {
        let digest = verify_digest(&bytes, options.digest.as_ref())?;
        let claimed = options.media_type.as_ref();
        let manifest = Manifest::parse(bytes, claimed)
            .map_err(|error| Error::manifest_unreadable(claimed, &error))?;
        Ok(Self {
            memory: memory_cost(&manifest),
            edge_count: count_edges(&manifest),
            repository: repository.clone(),
            document: Arc::new(ParsedManifest::new(digest, manifest)),
            children: HashMap::new(),
            child_count: 0,
            child_bytes: 0,
        })
    }

    /// Returns the repository that receives the manifest.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Returns the pushed document.
    pub fn document(&self) -> &Arc<ParsedManifest> {
        &self.document
    }

    /// Returns the digest of the pushed manifest.
    pub fn digest(&self) -> &Digest {
        &self.document.digest
    }

    /// Returns the pushed manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.document.manifest
    }

    /// Counts `children` against the limits of the push. Must be called before their blobs are
    /// read.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestInvalid`] with the limit in the detail if the push promotes more
    /// than [`MAX_PROMOTED_CHILDREN`] blobs, or if these blobs have more than
    /// [`MAX_PROMOTED_BYTES`] in total.
    pub fn reserve(&mut self, children: &[UnparsedChild]) -> Result<()> {
        self.child_count += children.len();
        let sizes = children.iter().map(|child| child.size);
        self.child_bytes = sizes.fold(self.child_bytes, u64::saturating_add);
        if self.child_count > MAX_PROMOTED_CHILDREN {
            let excess = format!("there are more than {MAX_PROMOTED_CHILDREN} of them");
            return Err(promotion_limit(&excess, &json!(MAX_PROMOTED_CHILDREN)));
        }
        if self.child_bytes > MAX_PROMOTED_BYTES {
            let excess = format!("they have more than {MAX_PROMOTED_BYTES} bytes in total");
            return Err(promotion_limit(&excess, &json!(MAX_PROMOTED_BYTES)));
        }
        Ok(())
    }

    /// Returns the digests of the children that the pushed manifest and its parsed children declare
    /// to be manifests.
    pub fn declared_children(&self) -> impl Iterator<Item = &Digest> {
        let children = self
            .children
            .values()
            .filter_map(|child| child.as_ref().ok());
        let documents = [&self.document].into_iter().chain(children);
        documents
            .flat_map(|document| document.manifest.children())
            .filter(|child| is_declared_manifest(child))
            .map(|child| &child.descriptor.digest)
    }

    /// Parses a child from `bytes`, the content of its blob. Returns `None` if the child is not a
    /// manifest. In this case, [`PushedManifest::admit`] creates a finding later.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestInvalid`] with the limit in the detail if all documents of the push
    /// together would use more than [`MAX_PUSHED_MEMORY`] bytes of memory, or reference more than
    /// [`MAX_EDGES`] digests.
    pub fn parse_child(
        &mut self,
        child: UnparsedChild,
        bytes: Bytes,
    ) -> Result<Option<Arc<ParsedManifest>>> {
        let UnparsedChild {
            digest, media_type, ..
        } = child;
        let claimed = media_type.as_ref();
        let parsed = match Manifest::parse(bytes, claimed) {
            Ok(manifest) => {
                self.count_child(&manifest)?;
                Ok(Arc::new(ParsedManifest::new(digest.clone(), manifest)))
            }
            Err(error) => Err(Error::manifest_unreadable(claimed, &error).to_string()),
        };
        let document = parsed.as_ref().ok().cloned();
        self.children.insert((digest, media_type), parsed);
        Ok(document)
    }

    fn count_child(&mut self, manifest: &Manifest) -> Result<()> {
        self.memory += memory_cost(manifest);
        if self.memory > MAX_PUSHED_MEMORY {
            let excess = format!(
                "with the manifest, they take more than {MAX_PUSHED_MEMORY} bytes of memory"
            );
            return Err(promotion_limit(&excess, &json!(MAX_PUSHED_MEMORY)));
        }
        self.edge_count += count_edges(manifest);
        if self.edge_count > MAX_EDGES {
            let excess = format!("with the manifest, they reference more than {MAX_EDGES} digests");
            return Err(promotion_limit(&excess, &json!(MAX_EDGES)));
        }
        Ok(())
    }

    /// Returns the child that was parsed for `descriptor`, or `None` if it was not parsed yet.
    pub(crate) fn parsed_child(
        &self,
        descriptor: &Descriptor,
    ) -> Option<&Result<Arc<ParsedManifest>, String>> {
        let key = (descriptor.digest.clone(), descriptor.media_type.clone());
        self.children.get(&key)
    }
}

/// Returns the number of distinct digests that a document references.
fn count_edges(manifest: &Manifest) -> usize {
    let digests = manifest.children().iter();
    let distinct: HashSet<_> = digests.map(|child| &child.descriptor.digest).collect();
    distinct.len()
}

fn promotion_limit(excess: &str, limit: &serde_json::Value) -> Error {
    let message = format!(
        "too many children of the manifest were pushed as blobs: {excess}; push them as manifests first"
    );
    Error::new(Kind::MANIFEST_INVALID, message).with_detail(json!({"limit": limit}))
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::{IndexFixture, repository};

    use super::*;

    fn push() -> PushedManifest {
        let index = IndexFixture::oci();
        let options = PutManifest::default();
        PushedManifest::parse(&repository("team/app"), index.bytes(), &options).unwrap()
    }

    fn unparsed(content: &[u8], size: u64) -> UnparsedChild {
        let descriptor =
            Descriptor::new(MediaType::OCI_INDEX.into(), Digest::sha256(content), size);
        UnparsedChild::new(&descriptor, size)
    }

    fn assert_rejects(result: Result<()>, limit: u64) {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), &Kind::MANIFEST_INVALID);
        assert_eq!(error.detail()["limit"], limit);
        assert!(error.message().contains(&limit.to_string()), "{error}");
    }

    #[test]
    fn limits_the_number_of_promoted_children() {
        let mut push = push();
        let children = vec![unparsed(b"x", 1); MAX_PROMOTED_CHILDREN];
        push.reserve(&children).unwrap();
        assert_rejects(push.reserve(&children[..1]), MAX_PROMOTED_CHILDREN as u64);
    }

    #[test]
    fn limits_the_bytes_of_promoted_children() {
        let mut push = push();
        push.reserve(&[unparsed(b"x", MAX_PROMOTED_BYTES - 1)])
            .unwrap();
        push.reserve(&[unparsed(b"y", 1)]).unwrap();
        assert_rejects(push.reserve(&[unparsed(b"z", 1)]), MAX_PROMOTED_BYTES);
        let huge = [unparsed(b"x", u64::MAX), unparsed(b"y", u64::MAX)];
        assert_rejects(push.reserve(&huge), MAX_PROMOTED_BYTES);
    }

    #[test]
    fn limits_the_memory_of_all_documents_together() {
        let text = format!(r#"{{"manifests":[],"x":[{}0]}}"#, "0,".repeat(400_000));
        let push = |bytes: Bytes| {
            let options = PutManifest::default();
            PushedManifest::parse(&repository("team/app"), bytes, &options).unwrap()
        };
        let parse_children = |mut push: PushedManifest, number: usize| {
            (0..number).try_for_each(|_| {
                let child = unparsed(text.as_bytes(), text.len() as u64);
                push.parse_child(child, text.clone().into()).map(drop)
            })
        };
        let small = IndexFixture::oci().bytes();
        parse_children(push(small.clone()), 2).unwrap();
        let result = parse_children(push(small), 3);
        assert_rejects(result, MAX_PUSHED_MEMORY as u64);
        let result = parse_children(push(text.clone().into()), 2);
        assert_rejects(result, MAX_PUSHED_MEMORY as u64);
    }

    #[test]
    fn limits_the_references_of_all_documents_together() {
        let mut push = push();
        let mut result = Ok(());
        for part in 0..4 {
            let digests = (0..8000).map(|number| format!(r#"{{"digest":"a:{part}x{number}"}}"#));
            let digests: Vec<_> = digests.collect();
            let mut text = format!(r#"{{"manifests":[],"x":[{}]}}"#, digests.join(","));
            text.push_str(&" ".repeat(8000 * 64 - text.len()));
            let child = unparsed(text.as_bytes(), text.len() as u64);
            result = result.and_then(|()| push.parse_child(child, text.into()).map(drop));
        }
        assert_rejects(result, MAX_EDGES as u64);
    }

    #[test]
    fn a_child_above_the_limit_of_references_is_not_a_manifest() {
        let mut push = push();
        let text = r#"{"manifests":[{"digest":"a:b"},{"digest":"c:d"}]}"#;
        let child = unparsed(text.as_bytes(), text.len() as u64);
        let descriptor = Descriptor::new(
            MediaType::OCI_INDEX.into(),
            child.digest.clone(),
            text.len() as u64,
        );
        push.parse_child(child, text.into()).unwrap();
        let reason = push
            .parsed_child(&descriptor)
            .unwrap()
            .as_ref()
            .unwrap_err();
        assert!(reason.contains("too many digests"), "{reason}");
    }
}
