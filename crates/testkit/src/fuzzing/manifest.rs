//! Fuzz target for single documents.
//!
//! An input is the letter of the media type with which the document is pushed, followed by the
//! document.

use bytes::Bytes;
use portolan_model::{Algorithm, ChildEdit, Manifest, ManifestDraft, ManifestError, lint};

use super::{assert_pointer, pieces, types};
use crate::corpus;

/// Maximum number of findings about one document: 1000, and after that one for each rule, which
/// counts its further findings.
const MAX_FINDINGS: usize = 1000 + lint::Rule::ALL.len();

/// Decodes an input to a document and its media type, and parses it as a manifest.
///
/// # Panics
/// Panics if the manifest has other bytes than the document, or if its children, its findings or a
/// draft of it violate an invariant.
pub fn manifest(data: &[u8]) {
    let (letter, document) = pieces::split_first_byte(data);
    let document = Bytes::copy_from_slice(document);
    let Ok(manifest) = Manifest::parse(document.clone(), types::from_letter(letter).as_ref())
    else {
        return;
    };
    assert_eq!(
        manifest.bytes(),
        &document,
        "the bytes have to stay unchanged"
    );
    assert!(
        manifest.digest(&Algorithm::Sha512).is_some(),
        "a digest has to be computable"
    );
    check_view(&manifest);
    check_drafts(&manifest);
}

fn check_view(manifest: &Manifest) {
    let findings = lint::check_document(manifest);
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
        "parsing with the detected type has to return the same children"
    );
    let _ = (
        manifest.artifact_type(),
        manifest.annotations().count(),
        manifest.subject(),
        manifest.shape(),
    );
}

/// Checks that a rewritten document has the same content, and that rewriting it again changes
/// nothing.
fn check_drafts(manifest: &Manifest) {
    if manifest.document().as_object().is_none() {
        return;
    }
    let mut draft = ManifestDraft::from_manifest(manifest);
    let Some(written) = parse_draft(manifest, &draft) else {
        return;
    };
    assert_eq!(
        written.children(),
        manifest.children(),
        "an unchanged draft has to have the same children"
    );
    assert_eq!(
        ManifestDraft::from_manifest(&written).to_bytes(),
        written.bytes(),
        "writing a draft again has to change nothing"
    );
    draft.edit_children(|_| ChildEdit::Drop);
    let digest = manifest
        .digest(&Algorithm::Sha256)
        .unwrap_or_else(|| unreachable!("SHA-256 is always available"));
    draft.replace_subject(manifest.media_type(), &digest, 7);
    draft.set_annotation("fuzzed", Some("yes"));
    if let Some(edited) = parse_draft(manifest, &draft) {
        assert!(
            edited.annotations().any(|(key, _)| key == "fuzzed"),
            "the annotation has to be set"
        );
    }
}

/// Parses a draft. Returns `None` if it has more references than its size allows, which happens if
/// the original document has more white space.
fn parse_draft(manifest: &Manifest, draft: &ManifestDraft) -> Option<Manifest> {
    match Manifest::parse(draft.to_bytes(), Some(manifest.media_type())) {
        Err(ManifestError::TooManyReferences { .. }) => None,
        parsed => Some(parsed.expect("a written draft can be parsed")),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let cases = corpus::all();
    let documents = cases.iter().flat_map(|case| {
        let root = (case.media_type().cloned(), case.document().clone());
        let stored = case
            .stored()
            .filter(|(_, content)| content.media_type.is_some());
        std::iter::once(root)
            .chain(stored.map(|(_, content)| (content.media_type.clone(), content.bytes.clone())))
    });
    let invalid = corpus::invalid_documents()
        .into_iter()
        .map(|document| (document.claimed, document.bytes));
    let all = documents.chain(invalid);
    all.map(|(media_type, bytes)| [&[types::to_letter(media_type.as_ref())], &bytes[..]].concat())
        .collect()
}
