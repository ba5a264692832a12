//! Lint tree of a kind, as the compatibility table reads it: the documents come from memory.

use anyhow::{Context, Result};
use portolan_model::lint::{
    ContentKind, ContentRequest, ContentResponse, LintLimits, LintTree, Linter, Stored,
};
use portolan_model::{Digest, Manifest, MediaType};

use crate::interop::document::{Document, Kind, Role};

/// Returns the full tree below the kind's top document.
pub(super) fn read(kind: &Kind) -> Result<LintTree> {
    let top = kind
        .document(&kind.top)
        .context("the kind has no top document")?;
    let mut lint = Linter::new(
        top.digest.parse::<Digest>()?,
        manifest(top)?,
        LintLimits::default(),
    );
    while let Some(want) = lint.next_request() {
        lint.supply(&want, respond(kind, &want));
    }
    Ok(lint.finish())
}

fn respond(kind: &Kind, want: &ContentRequest) -> ContentResponse {
    let Some(document) = kind.document(&want.digest.to_string()) else {
        return ContentResponse::Absent;
    };
    if want.kind == ContentKind::Manifest {
        return match manifest(document) {
            Ok(manifest) => ContentResponse::Manifest(manifest),
            Err(error) => ContentResponse::Unreadable(stored_content(document), error.to_string()),
        };
    }
    ContentResponse::Content(
        stored_content(document),
        (want.kind == ContentKind::Config).then(|| document.bytes.clone()),
    )
}

fn manifest(document: &Document) -> Result<Manifest> {
    Ok(Manifest::parse(
        document.bytes.clone(),
        Some(&MediaType::new(document.media_type.as_str())),
    )?)
}

/// Returns content as a registry stores it, where blobs have no media type.
fn stored_content(document: &Document) -> Stored {
    let media_type =
        (document.role == Role::Manifest).then(|| MediaType::new(document.media_type.as_str()));
    Stored {
        size: document.bytes.len() as u64,
        media_type,
    }
}

#[cfg(test)]
mod tests {
    use super::super::corpus;
    use super::*;

    fn tree(name: &str) -> LintTree {
        let kinds = corpus::small_kinds().unwrap();
        read(kinds.iter().find(|kind| kind.name == name).unwrap()).unwrap()
    }

    #[test]
    fn reads_every_kind_completely() {
        for kind in corpus::small_kinds().unwrap() {
            let tree = read(&kind).unwrap();
            let manifests = kind
                .documents_of_top()
                .into_iter()
                .filter(|document| document.role == Role::Manifest);
            for document in
                manifests.filter(|document| document.media_type != crate::interop::media::UNKNOWN)
            {
                assert!(
                    tree.document(&document.digest.parse().unwrap()).is_some(),
                    "{}",
                    kind.name
                );
            }
        }
    }

    #[test]
    fn missing_content_is_recorded_as_missing() {
        let sparse = tree("sparse-index");
        let children = sparse.documents()[0].manifest.children();
        assert!(
            sparse
                .stored_content(&children[0].descriptor.digest)
                .unwrap()
                .is_some()
        );
        assert_eq!(
            sparse.stored_content(&children[1].descriptor.digest),
            Some(None)
        );
    }
}
