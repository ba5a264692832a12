//! Documents to mutate: those of the corpus of the tests.

use bytes::Bytes;
use portolan_testkit::corpus;

use crate::load::Random;

/// Longest document to mutate.
const LONGEST: usize = 64 << 10;

/// Documents with the media types with which they are pushed.
pub(super) struct Documents(Vec<(String, Bytes)>);

impl Documents {
    /// Returns the documents of the corpus, valid and invalid.
    pub(super) fn of_corpus() -> Self {
        let valid = corpus::all().into_iter().map(|case| {
            let media_type = case.media_type().map(ToString::to_string);
            (media_type, case.document().clone())
        });
        let invalid = corpus::invalid_documents()
            .into_iter()
            .map(|it| (it.claimed.map(|claimed| claimed.to_string()), it.bytes));
        let documents = valid
            .chain(invalid)
            .filter(|(_, bytes)| bytes.len() <= LONGEST)
            .map(|(media_type, bytes)| {
                (
                    media_type.unwrap_or_else(|| "application/json".to_owned()),
                    bytes,
                )
            });
        Self(documents.collect())
    }

    /// Returns a random document with its media type.
    pub(super) fn pick(&self, random: &mut Random) -> (&str, Vec<u8>) {
        let (media_type, bytes) = random.pick(&self.0);
        (media_type, bytes.to_vec())
    }
}
