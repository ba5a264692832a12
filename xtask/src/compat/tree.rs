//! A kind as the table sees it: the tree of its documents, read from memory.

use anyhow::{Context, Result};
use portolan_model::lint::{Answer, Held, Limits, Lint, Seek, Tree, Want};
use portolan_model::{Digest, Manifest, MediaType};

use crate::interop::document::{Document, Kind, Role};

/// The whole tree below the kind's top.
pub(super) fn read(kind: &Kind) -> Result<Tree> {
    let top = kind.document(&kind.top).context("a kind without its top")?;
    let mut lint = Lint::new(
        top.digest.parse::<Digest>()?,
        manifest(top)?,
        Limits::default(),
    );
    while let Some(want) = lint.next_want() {
        lint.supply(&want, answer(kind, &want));
    }
    Ok(lint.finish())
}

fn answer(kind: &Kind, want: &Want) -> Answer {
    let Some(document) = kind.document(&want.digest.to_string()) else {
        return Answer::Absent;
    };
    if want.seek == Seek::Manifest {
        return match manifest(document) {
            Ok(manifest) => Answer::Manifest(manifest),
            Err(error) => Answer::Unreadable(held(document), error.to_string()),
        };
    }
    Answer::Content(
        held(document),
        (want.seek == Seek::Config).then(|| document.bytes.clone()),
    )
}

fn manifest(document: &Document) -> Result<Manifest> {
    Ok(Manifest::parse(
        document.bytes.clone(),
        Some(&MediaType::new(document.media_type.as_str())),
    )?)
}

/// As a registry holds it: the type of a blob is nowhere.
fn held(document: &Document) -> Held {
    let media_type =
        (document.role == Role::Manifest).then(|| MediaType::new(document.media_type.as_str()));
    Held {
        size: document.bytes.len() as u64,
        media_type,
    }
}

#[cfg(test)]
mod tests {
    use super::super::corpus;
    use super::*;

    fn tree(name: &str) -> Tree {
        let kinds = corpus::small().unwrap();
        read(kinds.iter().find(|kind| kind.name == name).unwrap()).unwrap()
    }

    #[test]
    fn every_kind_is_read_to_the_bottom() {
        for kind in corpus::small().unwrap() {
            let tree = read(&kind).unwrap();
            let manifests = kind
                .whole()
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
    fn what_is_nowhere_is_known_to_be_nowhere() {
        let sparse = tree("sparse-index");
        let children = sparse.documents()[0].manifest.children();
        assert!(
            sparse
                .held(&children[0].descriptor.digest)
                .unwrap()
                .is_some()
        );
        assert_eq!(sparse.held(&children[1].descriptor.digest), Some(None));
    }
}
