//! Case of the corpus: a manifest, and the stored content that it references.

use bytes::Bytes;
use portolan_model::lint::{LintLimits, LintTree, Linter};
use portolan_model::{Digest, Manifest, MediaType};

use super::contents::{Contents, StoredContent};
use super::document::Document;

/// Case of the corpus: a pushed manifest (the document, or root), and the content that the
/// repository has stored under the digests in its tree.
#[derive(Clone, Debug)]
pub struct Case {
    name: &'static str,
    root: Digest,
    content_type: Option<MediaType>,
    document: Bytes,
    limits: LintLimits,
    contents: Contents,
    /// Symbolic names of digests, such as `layer 0 of the root`, for readable snapshots.
    names: Vec<(Digest, String)>,
}

impl Case {
    /// Creates a case about a document. Stores the document and the blobs that it references.
    pub(super) fn new(name: &'static str, document: &impl Document) -> Self {
        let root = Digest::sha256(&document.bytes());
        let case = Self {
            name,
            root,
            content_type: Some(document.media_type()),
            document: document.bytes(),
            limits: LintLimits::default(),
            contents: Contents::default(),
            names: Vec::new(),
        };
        case.with_document("the root", document)
    }

    /// Sets the `Content-Type` with which the document is pushed. `None` stands for a push without
    /// one.
    #[must_use]
    pub(super) fn with_content_type(mut self, media_type: Option<&str>) -> Self {
        self.content_type = media_type.map(MediaType::new);
        self
    }

    /// Sets the limits of the lint run: depth of the tree, and number of documents.
    #[must_use]
    pub(super) fn with_limits(mut self, depth: usize, documents: usize) -> Self {
        self.limits = LintLimits {
            depth,
            documents,
            ..self.limits
        };
        self
    }

    /// Stores another document and the blobs that it references. `name` is its symbolic name.
    #[must_use]
    pub(super) fn with_document(self, name: &str, document: &impl Document) -> Self {
        let stored = self.with_manifest(
            name,
            Digest::sha256(&document.bytes()),
            &document.media_type(),
            document.bytes(),
        );
        let blobs = document.blobs();
        let part = |position| match position {
            0 => format!("the config of {name}"),
            layer => format!("layer {} of {name}", layer - 1),
        };
        blobs
            .into_iter()
            .enumerate()
            .fold(stored, |case, (position, blob)| {
                case.with_blob(&part(position), blob)
            })
    }

    /// Stores a manifest under `digest`. The stored media type may differ from the one in the
    /// manifest.
    #[must_use]
    pub(super) fn with_manifest(
        self,
        name: &str,
        digest: Digest,
        media_type: &MediaType,
        bytes: Bytes,
    ) -> Self {
        self.with_content(name, digest, Some(media_type.clone()), bytes)
    }

    /// Stores a blob.
    #[must_use]
    pub(super) fn with_blob(self, name: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        self.with_content(name, Digest::sha256(&bytes), None, bytes)
    }

    /// Stores a blob under `digest`, for digests of other algorithms than sha256.
    #[must_use]
    pub(super) fn with_blob_under(
        self,
        name: &str,
        digest: Digest,
        bytes: impl Into<Bytes>,
    ) -> Self {
        self.with_content(name, digest, None, bytes.into())
    }

    /// Removes the stored content for a digest, as if the repository did not have it.
    #[must_use]
    pub(super) fn without(mut self, name: &str, digest: &Digest) -> Self {
        self.contents.remove(digest);
        self.set_name(name, digest);
        self
    }

    /// Removes the stored content for a digest, and makes the repository respond
    /// [`Unknown`](portolan_model::lint::ContentResponse::Unknown) to requests for it.
    #[must_use]
    pub(super) fn with_unknown(mut self, name: &str, digest: &Digest) -> Self {
        self.contents.hide(digest.clone());
        self.without(name, digest)
    }

    fn with_content(
        mut self,
        name: &str,
        digest: Digest,
        media_type: Option<MediaType>,
        bytes: Bytes,
    ) -> Self {
        self.set_name(name, &digest);
        self.contents.put(digest, media_type, bytes);
        self
    }

    /// Sets the symbolic name of a digest. Replaces an earlier name, such as a generated
    /// `layer 0 of the root`, by a name that was chosen for the case.
    fn set_name(&mut self, name: &str, digest: &Digest) {
        match self.names.iter_mut().find(|(known, _)| known == digest) {
            Some((_, known)) => name.clone_into(known),
            None => self.names.push((digest.clone(), name.to_owned())),
        }
    }

    /// Returns the name of the case: `RULE/fires…`, `RULE/near-miss…` or `kind/…`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the digest of the document.
    pub fn root(&self) -> &Digest {
        &self.root
    }

    /// Returns the `Content-Type` with which the document is pushed.
    pub fn media_type(&self) -> Option<&MediaType> {
        self.content_type.as_ref()
    }

    /// Returns the bytes of the document.
    pub fn document(&self) -> &Bytes {
        &self.document
    }

    /// Returns the limits of the lint run.
    pub fn limits(&self) -> LintLimits {
        self.limits
    }

    /// Returns the content that the repository has stored.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Returns all stored content by digest, the document first.
    pub fn stored(&self) -> impl Iterator<Item = (&Digest, &StoredContent)> {
        self.names
            .iter()
            .filter_map(|(digest, _)| Some((digest, self.contents.get(digest)?)))
    }

    /// Parses the document.
    ///
    /// # Panics
    /// Panics if the document cannot be parsed. No case has such a document: they are in
    /// [`invalid_documents`](crate::corpus::invalid_documents).
    pub fn manifest_of_root(&self) -> Manifest {
        Manifest::parse(self.document.clone(), self.content_type.as_ref())
            .expect("the document of a case can be parsed")
    }

    /// Starts a lint run over the full tree of the document.
    ///
    /// # Panics
    /// Panics if the document cannot be parsed. No case has such a document.
    pub fn lint(&self) -> Linter {
        Linter::new(self.root.clone(), self.manifest_of_root(), self.limits)
    }

    /// Lints the full tree of the document, and returns it with its findings.
    ///
    /// # Panics
    /// Panics if the document cannot be parsed. No case has such a document.
    pub fn tree(&self) -> LintTree {
        self.contents.tree(self.lint())
    }

    /// Replaces the digests in `text` with their symbolic names.
    pub fn with_names(&self, text: &str) -> String {
        let named = |text: String, (digest, name): &(Digest, String)| {
            text.replace(digest.as_str(), &format!("<{name}>"))
        };
        self.names.iter().fold(text.to_owned(), named)
    }
}
