//! A case: a document, and what is stored under the digests that it and those below it name.

use bytes::Bytes;
use portolan_model::lint::{Limits, Lint, Tree};
use portolan_model::{Digest, Manifest, MediaType};

use super::contents::{Contents, Stored};
use super::document::Document;

/// One case of the corpus.
#[derive(Clone, Debug)]
pub struct Case {
    name: &'static str,
    root: Digest,
    claimed: Option<MediaType>,
    document: Bytes,
    limits: Limits,
    contents: Contents,
    names: Vec<(Digest, String)>,
}

impl Case {
    /// A case about a document, which is there with all blobs that it names.
    pub(super) fn new(name: &'static str, document: &impl Document) -> Self {
        let root = Digest::sha256(&document.bytes());
        let case = Self {
            name,
            root,
            claimed: Some(document.media_type()),
            document: document.bytes(),
            limits: Limits::default(),
            contents: Contents::default(),
            names: Vec::new(),
        };
        case.holds("the root", document)
    }

    /// Sent with this Content-Type instead, or with none.
    #[must_use]
    pub(super) fn claimed(mut self, media_type: Option<&str>) -> Self {
        self.claimed = media_type.map(MediaType::new);
        self
    }

    /// Looked at within these limits.
    #[must_use]
    pub(super) fn within(mut self, depth: usize, documents: usize) -> Self {
        self.limits = Limits { depth, documents };
        self
    }

    /// A manifest is there, with all blobs that it names.
    #[must_use]
    pub(super) fn holds(self, name: &str, document: &impl Document) -> Self {
        let held = self.manifest(
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
            .fold(held, |case, (position, blob)| {
                case.blob(&part(position), blob)
            })
    }

    /// A manifest is there under a digest, of a type that need not be its own.
    #[must_use]
    pub(super) fn manifest(
        self,
        name: &str,
        digest: Digest,
        media_type: &MediaType,
        bytes: Bytes,
    ) -> Self {
        self.store(name, digest, Some(media_type.clone()), bytes)
    }

    /// A blob is there.
    #[must_use]
    pub(super) fn blob(self, name: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        self.store(name, Digest::sha256(&bytes), None, bytes)
    }

    /// A blob is there under a digest of another algorithm.
    #[must_use]
    pub(super) fn blob_under(self, name: &str, digest: Digest, bytes: impl Into<Bytes>) -> Self {
        self.store(name, digest, None, bytes.into())
    }

    /// Nothing is there under this digest.
    #[must_use]
    pub(super) fn lacks(mut self, name: &str, digest: &Digest) -> Self {
        self.contents.remove(digest);
        self.call(name, digest);
        self
    }

    /// Nobody looks whether anything is there under this digest.
    #[must_use]
    pub(super) fn unasked(mut self, name: &str, digest: &Digest) -> Self {
        self.contents.hide(digest.clone());
        self.lacks(name, digest)
    }

    fn store(
        mut self,
        name: &str,
        digest: Digest,
        media_type: Option<MediaType>,
        bytes: Bytes,
    ) -> Self {
        self.call(name, &digest);
        self.contents.put(digest, media_type, bytes);
        self
    }

    /// A later name is one that was chosen for the case, and replaces a general one.
    fn call(&mut self, name: &str, digest: &Digest) {
        match self.names.iter_mut().find(|(known, _)| known == digest) {
            Some((_, known)) => name.clone_into(known),
            None => self.names.push((digest.clone(), name.to_owned())),
        }
    }

    /// The name, which is stable: `RULE/fires…`, `RULE/just-not…` or `kind/…`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The digest of the document.
    pub fn root(&self) -> &Digest {
        &self.root
    }

    /// The type that the document is sent with.
    pub fn media_type(&self) -> Option<&MediaType> {
        self.claimed.as_ref()
    }

    /// The document's bytes.
    pub fn document(&self) -> &Bytes {
        &self.document
    }

    /// How much of the tree is looked at.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What is stored.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Everything that is stored, the document first.
    pub fn stored(&self) -> impl Iterator<Item = (&Digest, &Stored)> {
        self.names
            .iter()
            .filter_map(|(digest, _)| Some((digest, self.contents.get(digest)?)))
    }

    /// The document, parsed.
    ///
    /// # Panics
    /// When it cannot be read, which no case is about: see [`super::refused`].
    pub fn manifest_of_root(&self) -> Manifest {
        Manifest::parse(self.document.clone(), self.claimed.as_ref()).expect("a readable document")
    }

    /// A look at the whole tree, before anything was asked.
    ///
    /// # Panics
    /// When the document cannot be read, which no case is about.
    pub fn lint(&self) -> Lint {
        Lint::new(self.root.clone(), self.manifest_of_root(), self.limits)
    }

    /// The whole tree, with its findings.
    ///
    /// # Panics
    /// When the document cannot be read, which no case is about.
    pub fn tree(&self) -> Tree {
        self.contents.tree(self.lint())
    }

    /// A text in which symbolic names stand for digests.
    pub fn with_names(&self, text: &str) -> String {
        let named = |text: String, (digest, name): &(Digest, String)| {
            text.replace(digest.as_str(), &format!("<{name}>"))
        };
        self.names.iter().fold(text.to_owned(), named)
    }
}
