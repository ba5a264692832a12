//! Converting a tree that was looked at.

use portolan_model::convert::{self, Conversion, ConvertError, Converted};
use portolan_model::lint::Tree;
use portolan_model::{ChildKind, Digest, Manifest, Platform};

/// Converts a tree, or what it became by a conversion before.
///
/// # Errors
/// [`ConvertError`] when the root cannot be converted.
///
/// # Panics
/// When the tree has no documents, which no look at one ends with.
pub fn convert(
    tree: &Tree,
    before: Option<&Converted>,
    conversion: &Conversion,
) -> Result<Converted, ConvertError> {
    let root = before.map_or(&tree.documents()[0].digest, |before| &before.root);
    let document = |digest: &Digest| find(tree, before, digest);
    let platform = |digest: &Digest| document(digest).and_then(|image| platform(tree, image));
    convert::convert(root, document, platform, conversion)
}

fn find<'a>(
    tree: &'a Tree,
    before: Option<&'a Converted>,
    digest: &Digest,
) -> Option<&'a Manifest> {
    let mut written = before
        .into_iter()
        .flat_map(|before| before.documents.values());
    let new = written
        .find(|written| written.digest == *digest)
        .map(|written| &written.manifest);
    new.or_else(|| tree.document(digest).map(|document| &document.manifest))
}

fn platform(tree: &Tree, image: &Manifest) -> Option<Platform> {
    let config = image
        .children()
        .iter()
        .find(|child| child.kind == ChildKind::Config)?;
    tree.config(&config.descriptor.digest)?.platform.clone()
}
