//! Fuzz target for lint runs.
//!
//! The first piece of an input consists of two bytes for the limits, the letter of a media type,
//! and the root document. Each following piece is the response to the next request of the lint run:
//! a byte for the kind of response, the letter of a media type, and the content or its size. The
//! content need not match the requested digest, so trees may be circular.

use std::collections::HashMap;

use bytes::Bytes;
use portolan_model::compat::{DetectedFeatures, Target};
use portolan_model::lint::{ContentRequest, ContentResponse, LintLimits, LintTree, Linter, Stored};
use portolan_model::{Digest, Manifest, MediaType, Rule};

use super::{assert_pointer, pieces, types};
use crate::corpus::{self, Case};

/// Maximum number of findings about one document, in addition to four for each of its children.
const MAX_FINDINGS: usize = 1000 + Rule::ALL.len();

/// Letter in a response that stands for the media type of the request.
const WANTED: u8 = b'*';

/// Decodes an input to a tree, lints it, and predicts the result for every compatibility target.
///
/// # Panics
/// Panics if the lint run requests content repeatedly, exceeds its limits, or reports a finding
/// about an unknown document.
pub fn lint(data: &[u8]) {
    let Some(tree) = decode_tree(data) else {
        return;
    };
    let documents = tree.documents();
    for finding in tree.findings() {
        assert_pointer(&finding.pointer);
        let document = finding.document.as_ref();
        assert!(
            document.is_none_or(|digest| tree.document(digest).is_some()),
            "a finding about an unknown document"
        );
    }
    for document in documents {
        let children = document.manifest.children().len();
        assert!(
            document.findings.len() <= MAX_FINDINGS + 4 * children,
            "{} findings",
            document.findings.len()
        );
    }
    let observed = DetectedFeatures::detect(&tree);
    for target in Target::all() {
        observed.judge(target);
    }
}

/// Runs the lint of an input, and returns the tree. Returns `None` if the root document is invalid.
pub(super) fn decode_tree(data: &[u8]) -> Option<LintTree> {
    let mut input = pieces::split(data);
    let (depth, rest) = pieces::split_first_byte(input.next()?);
    let (documents, rest) = pieces::split_first_byte(rest);
    let (letter, root) = pieces::split_first_byte(rest);
    let limits = LintLimits {
        depth: usize::from(depth),
        documents: 1 + usize::from(documents),
        ..LintLimits::default()
    };
    let manifest = Manifest::parse(
        Bytes::copy_from_slice(root),
        types::from_letter(letter).as_ref(),
    )
    .ok()?;
    let mut lint = Linter::new(Digest::sha256(root), manifest, limits);
    let mut requests: HashMap<Digest, usize> = HashMap::new();
    while let Some(want) = lint.next_request() {
        let times = requests.entry(want.digest.clone()).or_default();
        *times += 1;
        assert!(
            *times <= 3,
            "{} is requested more than three times",
            want.digest
        );
        lint.supply(
            &want,
            input
                .next()
                .map_or(ContentResponse::Absent, |piece| decode_answer(piece, &want)),
        );
    }
    let tree = lint.finish();
    assert!(
        tree.documents().len() <= limits.documents,
        "more documents than the limit"
    );
    assert!(
        tree.documents()
            .iter()
            .all(|document| document.depth <= limits.depth),
        "deeper than the limit"
    );
    Some(tree)
}

fn decode_answer(piece: &[u8], want: &ContentRequest) -> ContentResponse {
    let (kind, rest) = pieces::split_first_byte(piece);
    let (letter, content) = pieces::split_first_byte(rest);
    let media_type = if letter == WANTED {
        want.media_type.clone()
    } else {
        types::from_letter(letter)
    };
    match kind {
        b'-' => ContentResponse::Absent,
        b'?' => ContentResponse::Unknown,
        b'!' => ContentResponse::Unreadable(
            sized_content(content, media_type),
            "corrupt content".into(),
        ),
        b'p' => ContentResponse::Content(sized_content(content, media_type), None),
        b'c' => ContentResponse::Content(
            Stored {
                size: content.len() as u64,
                media_type,
            },
            Some(Bytes::copy_from_slice(content)),
        ),
        _ => match Manifest::parse(Bytes::copy_from_slice(content), media_type.as_ref()) {
            Ok(manifest) => ContentResponse::Manifest(manifest),
            Err(error) => ContentResponse::Unreadable(
                Stored {
                    size: content.len() as u64,
                    media_type,
                },
                error.to_string(),
            ),
        },
    }
}

/// Returns the metadata of content of which only the size is known. `size` is a decimal number.
fn sized_content(size: &[u8], media_type: Option<MediaType>) -> Stored {
    let size = std::str::from_utf8(size)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_default();
    Stored { size, media_type }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    corpus::all().iter().map(encode_case).collect()
}

/// Encodes a case of the corpus as an input.
pub(super) fn encode_case(case: &Case) -> Vec<u8> {
    let LintLimits {
        depth, documents, ..
    } = case.limits();
    let limits = [depth, documents - 1].map(|limit| u8::try_from(limit).unwrap_or(u8::MAX - 1));
    let mut pieces = vec![
        [
            &limits[..],
            &[types::to_letter(case.media_type())],
            &case.document()[..],
        ]
        .concat(),
    ];
    let mut lint = case.lint();
    while let Some(want) = lint.next_request() {
        let answer = case.contents().answer(&want);
        pieces.push(encode_answer(&answer, &want));
        lint.supply(&want, answer);
    }
    pieces::join(&pieces)
}

fn encode_answer(answer: &ContentResponse, want: &ContentRequest) -> Vec<u8> {
    let sized = |kind, stored: &Stored| {
        let size = stored.size.to_string();
        encode_piece(kind, stored.media_type.as_ref(), want, size.as_bytes())
    };
    match answer {
        ContentResponse::Absent => vec![b'-'],
        ContentResponse::Unknown => vec![b'?'],
        ContentResponse::Unreadable(stored, _) => sized(b'!', stored),
        ContentResponse::Content(stored, None) => sized(b'p', stored),
        ContentResponse::Content(stored, Some(bytes)) => {
            encode_piece(b'c', stored.media_type.as_ref(), want, bytes)
        }
        ContentResponse::Manifest(manifest) => {
            encode_piece(b'm', Some(manifest.media_type()), want, manifest.bytes())
        }
    }
}

fn encode_piece(
    kind: u8,
    media_type: Option<&MediaType>,
    want: &ContentRequest,
    content: &[u8],
) -> Vec<u8> {
    let wanted = media_type.is_some() && media_type == want.media_type.as_ref();
    let letter = if wanted {
        WANTED
    } else {
        types::to_letter(media_type)
    };
    [&[kind, letter], content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_has_the_tree_of_its_case() {
        for case in corpus::all() {
            let findings = |tree: &LintTree| {
                tree.findings()
                    .map(|finding| (finding.rule, finding.pointer.clone()))
                    .collect::<Vec<_>>()
            };
            let again = decode_tree(&encode_case(&case)).unwrap();
            assert_eq!(findings(&again), findings(&case.tree()), "{}", case.name());
        }
    }
}
