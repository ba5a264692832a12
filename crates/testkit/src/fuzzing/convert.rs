//! Converting a tree: how, then its documents, each after those that it names.
//!
//! The first byte says how. Each piece is the letter of a type, and a document in which `"@N"` stands for the sha256
//! digest of the Nth piece and `"%N"` for its sha512 digest, so that a changed document still has the right digest. The
//! last piece is the root.

use std::collections::HashSet;

use bytes::Bytes;
use portolan_model::convert::{Conversion, Converted, Format};
use portolan_model::lint::{Limits, Lint, Tree};
use portolan_model::{Algorithm, ChildKind, Digest, Manifest};

use super::{pieces, types};
use crate::corpus::{self, Case, Contents};

const FLATTEN: u8 = 4;
const DROP_UNKNOWN: u8 = 8;

/// Converts any tree in any way.
///
/// # Panics
/// When a document cannot be read, has another digest than it is named by, names content that was not there before, or
/// when converting twice changes something more.
pub fn convert(data: &[u8]) {
    let (how, documents) = pieces::first(data);
    let conversion = conversion(how);
    let Some(tree) = tree(documents) else { return };
    let Ok(converted) = corpus::convert(&tree, None, &conversion) else {
        return;
    };
    for (old, written) in &converted.documents {
        let digest = written.manifest.digest(written.digest.algorithm());
        assert_eq!(
            digest.as_ref(),
            Some(&written.digest),
            "the digest is that of the content"
        );
        let again = Manifest::parse(
            written.manifest.bytes().clone(),
            Some(written.manifest.media_type()),
        );
        assert!(again.is_ok(), "what is written can be read");
        let before = tree
            .document(old)
            .expect("only documents of the tree change");
        assert_eq!(
            parts(&written.manifest),
            parts(&before.manifest),
            "configs and layers stay"
        );
    }
    names_what_is_there(&tree, &converted);
    let twice = corpus::convert(&tree, Some(&converted), &conversion)
        .expect("what was converted can be converted");
    assert_eq!(
        twice.root, converted.root,
        "converting twice changes nothing more"
    );
}

fn conversion(how: u8) -> Conversion {
    let to = match how & 3 {
        1 => Some(Format::Oci),
        2 => Some(Format::Docker),
        _ => None,
    };
    Conversion {
        to,
        flatten: how & FLATTEN > 0,
        drop_unknown: how & DROP_UNKNOWN > 0,
    }
}

fn parts(manifest: &Manifest) -> Vec<&Digest> {
    let parts = manifest
        .children()
        .iter()
        .filter(|child| matches!(child.kind, ChildKind::Config | ChildKind::Layer));
    parts.map(|child| &child.descriptor.digest).collect()
}

/// Whatever the new tree names is a new document, or was named before.
fn names_what_is_there(tree: &Tree, converted: &Converted) {
    let named = |manifest: &Manifest| -> Vec<Digest> {
        manifest
            .children()
            .iter()
            .map(|child| child.descriptor.digest.clone())
            .collect()
    };
    let mut there: HashSet<Digest> = tree
        .documents()
        .iter()
        .flat_map(|document| named(&document.manifest))
        .collect();
    there.extend(
        converted
            .documents
            .values()
            .map(|written| written.digest.clone()),
    );
    for written in converted.documents.values() {
        let missing = named(&written.manifest)
            .into_iter()
            .find(|digest| !there.contains(digest));
        assert_eq!(missing, None, "a new document names what nobody has");
    }
}

fn tree(data: &[u8]) -> Option<Tree> {
    let mut contents = Contents::default();
    let mut digests = Vec::new();
    let mut root = None;
    for piece in pieces::split(data) {
        let (letter, text) = pieces::first(piece);
        let media_type = types::of_letter(letter);
        let bytes = Bytes::from(resolve(text, &digests));
        let both = [
            Digest::sha256(&bytes),
            Digest::of(&Algorithm::Sha512, &bytes)?,
        ];
        for digest in &both {
            contents.put(digest.clone(), media_type.clone(), bytes.clone());
        }
        root = Some((both[0].clone(), media_type, bytes));
        digests.push(both);
    }
    let (digest, media_type, bytes) = root?;
    let manifest = Manifest::parse(bytes, media_type.as_ref()).ok()?;
    Some(contents.tree(Lint::new(digest, manifest, Limits::default())))
}

/// The text with digests in the place of numbers.
fn resolve(text: &[u8], digests: &[[Digest; 2]]) -> Vec<u8> {
    let mut resolved = Vec::with_capacity(text.len());
    for (position, string) in text.split(|byte| *byte == b'"').enumerate() {
        if position > 0 {
            resolved.push(b'"');
        }
        let digest = reference(string)
            .and_then(|(algorithm, number)| Some(digests.get(number)?[algorithm].as_str()));
        resolved.extend_from_slice(digest.map_or(string, str::as_bytes));
    }
    resolved
}

fn reference(string: &[u8]) -> Option<(usize, usize)> {
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
        .flat_map(|case| WAYS.map(|how| seed(how, case)))
        .collect()
}

fn seed(how: u8, case: &Case) -> Vec<u8> {
    let mut waiting: Vec<_> = case.stored().collect();
    let root = waiting
        .iter()
        .position(|(digest, _)| *digest == case.root());
    let root = root.map(|position| waiting.remove(position).1.bytes.clone());
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    let mut written: Vec<(Digest, String)> = Vec::new();
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
            .expect("nothing names itself");
        let (digest, stored) = waiting.remove(next);
        let sign = if *digest.algorithm() == Algorithm::Sha512 {
            '%'
        } else {
            '@'
        };
        let reference = format!("\"{sign}{}\"", pieces.len());
        pieces.push(piece(
            types::letter(stored.media_type.as_ref()),
            &stored.bytes,
            &written,
        ));
        written.push((digest.clone(), reference));
    }
    pieces.extend(root.map(|bytes| piece(types::letter(case.media_type()), &bytes, &written)));
    [vec![how], pieces::join(&pieces)].concat()
}

fn piece(letter: u8, bytes: &Bytes, written: &[(Digest, String)]) -> Vec<u8> {
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
    fn a_seed_is_the_same_tree_as_its_case() {
        for case in corpus::all() {
            let seed = seed(1, &case);
            let again = tree(&seed[1..]).unwrap();
            assert_eq!(&again.documents()[0].digest, case.root(), "{}", case.name());
            assert!(
                again.documents().len() >= case.tree().documents().len(),
                "{}",
                case.name()
            );
        }
    }
}
