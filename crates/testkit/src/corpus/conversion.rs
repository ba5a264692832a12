//! Conversion of the tree of a lint run.

use portolan_model::convert::{self, Conversion, ConvertError, Converted};
use portolan_model::lint::LintTree;
use portolan_model::{ChildKind, Digest, Manifest, Platform};

/// Converts a tree. If `before` is set, converts that result of an earlier conversion of the tree.
///
/// # Errors
/// Returns [`ConvertError`] if the root cannot be converted.
///
/// # Panics
/// Panics if the tree has no documents, which cannot be the result of a lint run.
pub fn convert(
    tree: &LintTree,
    before: Option<&Converted>,
    conversion: &Conversion,
) -> Result<Converted, ConvertError> {
    let root = before.map_or(&tree.documents()[0].digest, |before| &before.root);
    let document = |digest: &Digest| find_manifest(tree, before, digest);
    let platform =
        |digest: &Digest| document(digest).and_then(|image| config_platform(tree, image));
    convert::convert(root, document, platform, conversion)
}

fn find_manifest<'a>(
    tree: &'a LintTree,
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

fn config_platform(tree: &LintTree, image: &Manifest) -> Option<Platform> {
    let config = image
        .children()
        .iter()
        .find(|child| child.kind == ChildKind::Config)?;
    tree.config(&config.descriptor.digest)?.platform.clone()
}
