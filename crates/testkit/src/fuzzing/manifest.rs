//! Reading one document: a letter for the type that it is sent with, then the document.

use bytes::Bytes;
use portolan_model::{Algorithm, Draft, Fate, Manifest, lint};

use super::{assert_pointer, pieces, types};
use crate::corpus;

/// Most findings about one document: as many of one rule as are kept, and one of each other rule.
const MAX_FINDINGS: usize = 1000 + lint::Rule::ALL.len();

/// Reads any bytes as a manifest of any type.
///
/// # Panics
/// When the bytes are not kept, or a view or a draft of the document is not what it has to be.
pub fn manifest(data: &[u8]) {
    let (letter, document) = pieces::first(data);
    let document = Bytes::copy_from_slice(document);
    let Ok(manifest) = Manifest::parse(document.clone(), types::of_letter(letter).as_ref()) else {
        return;
    };
    assert_eq!(manifest.bytes(), &document, "the bytes are kept");
    assert!(
        manifest.digest(&Algorithm::Sha512).is_some(),
        "digests can be computed"
    );
    view(&manifest);
    drafts(&manifest);
}

fn view(manifest: &Manifest) {
    let findings = lint::document(manifest);
    assert!(
        findings.len() <= MAX_FINDINGS,
        "{} findings",
        findings.len()
    );
    let pointers = findings.iter().map(|finding| &finding.pointer);
    pointers
        .chain(manifest.children().iter().map(|child| &child.pointer))
        .for_each(|pointer| assert_pointer(pointer));
    let again = Manifest::parse(manifest.bytes().clone(), Some(manifest.media_type()));
    assert!(
        again.is_ok_and(|again| again.children() == manifest.children()),
        "the decided type reads the same"
    );
    let _ = (
        manifest.artifact_type(),
        manifest.annotations().count(),
        manifest.subject(),
        manifest.shape(),
    );
}

/// A document written anew says the same; one that was written so before does not change.
fn drafts(manifest: &Manifest) {
    if manifest.document().as_object().is_none() {
        return;
    }
    let mut draft = Draft::of(manifest);
    let written = reread(manifest, &draft);
    assert_eq!(
        written.children(),
        manifest.children(),
        "an untouched draft names the same"
    );
    assert_eq!(
        Draft::of(&written).to_bytes(),
        written.bytes(),
        "writing twice changes nothing more"
    );
    draft.children(|_| Fate::Drop);
    let digest = manifest
        .digest(&Algorithm::Sha256)
        .unwrap_or_else(|| unreachable!("SHA-256 is computed"));
    draft.replace_subject(manifest.media_type(), &digest, 7);
    draft.annotate("fuzzed", Some("yes"));
    let edited = reread(manifest, &draft);
    assert!(
        edited.annotations().any(|(key, _)| key == "fuzzed"),
        "an annotation is set"
    );
}

fn reread(manifest: &Manifest, draft: &Draft) -> Manifest {
    Manifest::parse(draft.to_bytes(), Some(manifest.media_type()))
        .expect("what is written can be read")
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let cases = corpus::all();
    let documents = cases.iter().flat_map(|case| {
        let root = (case.media_type().cloned(), case.document().clone());
        let held = case
            .stored()
            .filter(|(_, stored)| stored.media_type.is_some());
        std::iter::once(root)
            .chain(held.map(|(_, stored)| (stored.media_type.clone(), stored.bytes.clone())))
    });
    let refused = corpus::refused()
        .into_iter()
        .map(|refused| (refused.claimed, refused.bytes));
    let all = documents.chain(refused);
    all.map(|(media_type, bytes)| [&[types::letter(media_type.as_ref())], &bytes[..]].concat())
        .collect()
}
