//! The types of documents in an input, one letter each.

use portolan_model::MediaType;

/// A small alphabet, in which a changed letter is another type.
const TYPES: [&str; 14] = [
    MediaType::OCI_MANIFEST,
    MediaType::OCI_INDEX,
    MediaType::DOCKER_MANIFEST,
    MediaType::DOCKER_LIST,
    MediaType::OCI_ARTIFACT,
    MediaType::OCI_CONFIG,
    MediaType::OCI_EMPTY,
    MediaType::OCI_LAYER_GZIP,
    MediaType::DOCKER_CONFIG,
    MediaType::DOCKER_LAYER_GZIP,
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/json",
    "application/vnd.example.chart.v1+json",
    "application/vnd.example.chart",
];

/// The letter for no type at all.
const NONE: u8 = b'-';

/// The type that a letter stands for.
pub(super) fn of_letter(letter: u8) -> Option<MediaType> {
    let position = usize::from(letter.wrapping_sub(b'A')) % TYPES.len();
    (letter != NONE).then(|| TYPES[position].into())
}

/// The letter for a type; one that has none is written as a type that nobody knows.
pub(super) fn letter(media_type: Option<&MediaType>) -> u8 {
    let Some(media_type) = media_type else {
        return NONE;
    };
    let letters = b'A'..;
    let known = TYPES
        .iter()
        .zip(letters)
        .find(|(known, _)| **known == media_type.as_str());
    known.map_or(b'M', |(_, letter)| letter)
}
