//! Fuzz target for conversions.
//!
//! The first byte of an input selects the conversion. The rest consists of pieces. Each piece is
//! the letter of a media type, followed by a document. Children come before parents, and the last
//! piece is the root. In a document, `"@N"` stands for the sha256 digest of piece N, and `"%N"` for
//! its sha512 digest, so that references stay valid when the fuzzer mutates a document.

use std::collections::HashSet;

use bytes::Bytes;
use portolan_model::convert::{Conversion, Converted, ImageFormat};
use portolan_model::lint::{LintLimits, LintTree, Linter};
use portolan_model::{Algorithm, ChildKind, Digest, Manifest};

use super::{pieces, types};
use crate::corpus::{self, Case, Contents};

const FLATTEN: u8 = 4;
const DROP_UNKNOWN: u8 = 8;

/// Decodes an input to a tree and a conversion, and converts the tree.
///
/// # Panics
/// Panics if a converted document cannot be parsed, does not match the digest that references it,
/// has other configs or layers than the original, or references content that neither tree contains,
/// or if a second conversion changes the result.
pub fn convert(data: &[u8]) {
    let (how, documents) = pieces::split_first_byte(data);
    let conversion = conversion(how);
    let Some(tree) = decode_tree(documents) else {
        return;
    };
    let Ok(converted) = corpus::convert(&tree, None, &conversion) else {
        return;
    };
    for (old, written) in &converted.documents {
        let digest = written.manifest.digest(written.digest.algorithm());
        assert_eq!(
            digest.as_ref(),
            Some(&written.digest),
            "the digest has to match the content"
        );
        let again = Manifest::parse(
            written.manifest.bytes().clone(),
            Some(written.manifest.media_type()),
        );
        assert!(again.is_ok(), "a converted document has to be readable");
        let before = tree
            .document(old)
            .expect("only documents of the tree are converted");
        assert_eq!(
            blob_digests(&written.manifest),
            blob_digests(&before.manifest),
            "a conversion retains configs and layers"
        );
    }
    assert_references_exist(&tree, &converted);
    let twice = corpus::convert(&tree, Some(&converted), &conversion)
        .expect("a converted tree can be converted again");
    assert_eq!(
        twice.root, converted.root,
        "a second conversion has to change nothing"
    );
}

fn conversion(how: u8) -> Conversion {
    let to = match how & 3 {
        1 => Some(ImageFormat::Oci),
        2 => Some(ImageFormat::Docker),
        _ => None,
    };
    Conversion {
        to,
        flatten: how & FLATTEN > 0,
        drop_unknown: how & DROP_UNKNOWN > 0,
    }
}

fn blob_digests(manifest: &Manifest) -> Vec<&Digest> {
    let parts = manifest
        .children()
        .iter()
        .filter(|child| matches!(child.kind, ChildKind::Config | ChildKind::Layer));
    parts.map(|child| &child.descriptor.digest).collect()
}

/// Checks that each converted document references only converted documents, and content that the
/// original tree references.
fn assert_references_exist(tree: &LintTree, converted: &Converted) {
    let referenced = |manifest: &Manifest| -> Vec<Digest> {
        manifest
            .children()
            .iter()
            .map(|child| child.descriptor.digest.clone())
            .collect()
    };
    let mut known: HashSet<Digest> = tree
        .documents()
        .iter()
        .flat_map(|document| referenced(&document.manifest))
        .collect();
    known.extend(
        converted
            .documents
            .values()
            .map(|written| written.digest.clone()),
    );
    for written in converted.documents.values() {
        let missing = referenced(&written.manifest)
            .into_iter()
            .find(|digest| !known.contains(digest));
        assert_eq!(
            missing, None,
            "a converted document references missing content"
        );
    }
}

fn decode_tree(data: &[u8]) -> Option<LintTree> {
    let mut contents = Contents::default();
    let mut digests = Vec::new();
    let mut root = None;
    for piece in pieces::split(data) {
        let (letter, text) = pieces::split_first_byte(piece);
        let media_type = types::from_letter(letter);
        let bytes = Bytes::from(resolve_references(text, &digests));
        let both = [
            Digest::sha256(&bytes),
            Digest::compute(&Algorithm::Sha512, &bytes)?,
        ];
        for digest in &both {
            contents.put(digest.clone(), media_type.clone(), bytes.clone());
        }
        root = Some((both[0].clone(), media_type, bytes));
        digests.push(both);
    }
    let (digest, media_type, bytes) = root?;
    let manifest = Manifest::parse(bytes, media_type.as_ref()).ok()?;
    Some(contents.tree(Linter::new(digest, manifest, LintLimits::default())))
}

/// Replaces the references `"@N"` and `"%N"` in a text with digests of earlier pieces.
fn resolve_references(text: &[u8], digests: &[[Digest; 2]]) -> Vec<u8> {
    let mut resolved = Vec::with_capacity(text.len());
    for (position, string) in text.split(|byte| *byte == b'"').enumerate() {
        if position > 0 {
            resolved.push(b'"');
        }
        let digest = parse_reference(string)
            .and_then(|(algorithm, number)| Some(digests.get(number)?[algorithm].as_str()));
        resolved.extend_from_slice(digest.map_or(string, str::as_bytes));
    }
    resolved
}

fn parse_reference(string: &[u8]) -> Option<(usize, usize)> {
    let (sign, number) = string.split_first()?;
    let algorithm = match sign {
        b'@' => 0,
        b'%' => 1,
        _ => return None,
    };
    Some((algorithm, std::str::from_utf8(number).ok()?.parse().ok()?))
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    const WAYS: [u8; 4] = [1, 2, 1 | FLATTEN | DROP_UNKNOWN, 2 | FLATTEN | DROP_UNKNOWN];
    let cases = corpus::all();
    cases
        .iter()
        .flat_map(|case| WAYS.map(|how| encode_case(how, case)))
        .collect()
}

fn encode_case(how: u8, case: &Case) -> Vec<u8> {
    let mut waiting: Vec<_> = case.stored().collect();
    let root = waiting
        .iter()
        .position(|(digest, _)| *digest == case.root());
    let root = root.map(|position| waiting.remove(position).1.bytes.clone());
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    let mut written: Vec<(Digest, String)> = Vec::new();
    // A document is written after the documents that it references, because a reference is the
    // number of an earlier piece.
    while !waiting.is_empty() {
        let digests: Vec<_> = waiting
            .iter()
            .map(|(digest, _)| digest.as_str().to_owned())
            .collect();
        let is_ready = |bytes: &Bytes| {
            let text = String::from_utf8_lossy(bytes);
            digests.iter().all(|digest| !text.contains(digest))
        };
        let next = waiting
            .iter()
            .position(|(_, stored)| is_ready(&stored.bytes))
            .expect("the references of a tree have no cycle");
        let (digest, stored) = waiting.remove(next);
        let sign = if *digest.algorithm() == Algorithm::Sha512 {
            '%'
        } else {
            '@'
        };
        let reference = format!("\"{sign}{}\"", pieces.len());
        pieces.push(encode_piece(
            types::to_letter(stored.media_type.as_ref()),
            &stored.bytes,
            &written,
        ));
        written.push((digest.clone(), reference));
    }
    pieces.extend(
        root.map(|bytes| encode_piece(types::to_letter(case.media_type()), &bytes, &written)),
    );
    [vec![how], pieces::join(&pieces)].concat()
}

fn encode_piece(letter: u8, bytes: &Bytes, written: &[(Digest, String)]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let named = |text: String, (digest, reference): &(Digest, String)| {
        text.replace(&format!("\"{digest}\""), reference)
    };
    let text = written.iter().fold(text, named);
    [&[letter], text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_has_the_tree_of_its_case() {
        for case in corpus::all() {
            let seed = encode_case(1, &case);
            let again = decode_tree(&seed[1..]).unwrap();
            assert_eq!(&again.documents()[0].digest, case.root(), "{}", case.name());
            assert!(
                again.documents().len() >= case.tree().documents().len(),
                "{}",
                case.name()
            );
        }
    }
}
