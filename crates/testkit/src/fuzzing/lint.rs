//! Looking at a tree: the limits, the document, then what is answered to each want in turn.
//!
//! The first piece is two bytes of limits, the letter of a type and the root document. Each further piece answers the
//! next want: a byte for the kind of answer, the letter of a type, and the content or its size. Nothing makes the
//! content that of its digest, so that trees may be circular.

use std::collections::HashMap;

use bytes::Bytes;
use portolan_model::compat::{Observed, Target};
use portolan_model::lint::{Answer, Held, Limits, Lint, Tree, Want};
use portolan_model::{Digest, Manifest, MediaType, Rule};

use super::{assert_pointer, pieces, types};
use crate::corpus::{self, Case};

/// Most findings about one document itself and about what is stored under the digests that it names, of which a
/// document of this size can have no more than it has bytes.
const MAX_FINDINGS: usize = 1000 + Rule::ALL.len();

/// The letter for the type that was wanted.
const WANTED: u8 = b'*';

/// Looks at any tree, answered in any way, and judges it for every target.
///
/// # Panics
/// When the look does not end, goes over its limits, or finds something about nothing.
pub fn lint(data: &[u8]) {
    let Some(tree) = tree(data) else { return };
    let documents = tree.documents();
    for finding in tree.findings() {
        assert_pointer(&finding.pointer);
        let document = finding.document.as_ref();
        assert!(
            document.is_none_or(|digest| tree.document(digest).is_some()),
            "a finding about nothing"
        );
    }
    for document in documents {
        let named = document.manifest.children().len();
        assert!(
            document.findings.len() <= MAX_FINDINGS + 4 * named,
            "{} findings",
            document.findings.len()
        );
    }
    let observed = Observed::of(&tree);
    for target in Target::all() {
        observed.judge(target);
    }
}

/// The tree that an input stands for, unless its first document cannot be read.
pub(super) fn tree(data: &[u8]) -> Option<Tree> {
    let mut input = pieces::split(data);
    let (depth, rest) = pieces::first(input.next()?);
    let (documents, rest) = pieces::first(rest);
    let (letter, root) = pieces::first(rest);
    let limits = Limits {
        depth: usize::from(depth),
        documents: 1 + usize::from(documents),
    };
    let manifest = Manifest::parse(
        Bytes::copy_from_slice(root),
        types::of_letter(letter).as_ref(),
    )
    .ok()?;
    let mut lint = Lint::new(Digest::sha256(root), manifest, limits);
    let mut asked: HashMap<Digest, usize> = HashMap::new();
    while let Some(want) = lint.next_want() {
        let times = asked.entry(want.digest.clone()).or_default();
        *times += 1;
        assert!(*times <= 3, "{} is asked for again and again", want.digest);
        lint.supply(
            &want,
            input
                .next()
                .map_or(Answer::Absent, |piece| answer(piece, &want)),
        );
    }
    let tree = lint.finish();
    assert!(
        tree.documents().len() <= limits.documents,
        "more documents than allowed"
    );
    assert!(
        tree.documents()
            .iter()
            .all(|document| document.depth <= limits.depth),
        "deeper than allowed"
    );
    Some(tree)
}

fn answer(piece: &[u8], want: &Want) -> Answer {
    let (kind, rest) = pieces::first(piece);
    let (letter, content) = pieces::first(rest);
    let media_type = if letter == WANTED {
        want.media_type.clone()
    } else {
        types::of_letter(letter)
    };
    match kind {
        b'-' => Answer::Absent,
        b'?' => Answer::Unknown,
        b'!' => Answer::Unreadable(held(content, media_type), "it is torn".into()),
        b'p' => Answer::Content(held(content, media_type), None),
        b'c' => Answer::Content(
            Held {
                size: content.len() as u64,
                media_type,
            },
            Some(Bytes::copy_from_slice(content)),
        ),
        _ => match Manifest::parse(Bytes::copy_from_slice(content), media_type.as_ref()) {
            Ok(manifest) => Answer::Manifest(manifest),
            Err(error) => Answer::Unreadable(
                Held {
                    size: content.len() as u64,
                    media_type,
                },
                error.to_string(),
            ),
        },
    }
}

/// Content whose size is all that is said of it.
fn held(size: &[u8], media_type: Option<MediaType>) -> Held {
    let size = std::str::from_utf8(size)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_default();
    Held { size, media_type }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    corpus::all().iter().map(seed).collect()
}

/// A case as an input.
pub(super) fn seed(case: &Case) -> Vec<u8> {
    let Limits { depth, documents } = case.limits();
    let limits = [depth, documents - 1].map(|limit| u8::try_from(limit).unwrap_or(u8::MAX - 1));
    let mut pieces = vec![
        [
            &limits[..],
            &[types::letter(case.media_type())],
            &case.document()[..],
        ]
        .concat(),
    ];
    let mut lint = case.lint();
    while let Some(want) = lint.next_want() {
        let answer = case.contents().answer(&want);
        pieces.push(write(&answer, &want));
        lint.supply(&want, answer);
    }
    pieces::join(&pieces)
}

fn write(answer: &Answer, want: &Want) -> Vec<u8> {
    let sized = |kind, held: &Held| {
        let size = held.size.to_string();
        piece(kind, held.media_type.as_ref(), want, size.as_bytes())
    };
    match answer {
        Answer::Absent => vec![b'-'],
        Answer::Unknown => vec![b'?'],
        Answer::Unreadable(held, _) => sized(b'!', held),
        Answer::Content(held, None) => sized(b'p', held),
        Answer::Content(held, Some(bytes)) => piece(b'c', held.media_type.as_ref(), want, bytes),
        Answer::Manifest(manifest) => {
            piece(b'm', Some(manifest.media_type()), want, manifest.bytes())
        }
    }
}

fn piece(kind: u8, media_type: Option<&MediaType>, want: &Want, content: &[u8]) -> Vec<u8> {
    let wanted = media_type.is_some() && media_type == want.media_type.as_ref();
    let letter = if wanted {
        WANTED
    } else {
        types::letter(media_type)
    };
    [&[kind, letter], content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_the_same_tree_as_its_case() {
        for case in corpus::all() {
            let told = |tree: &Tree| {
                tree.findings()
                    .map(|finding| (finding.rule, finding.pointer.clone()))
                    .collect::<Vec<_>>()
            };
            let again = tree(&seed(&case)).unwrap();
            assert_eq!(told(&again), told(&case.tree()), "{}", case.name());
        }
    }
}
