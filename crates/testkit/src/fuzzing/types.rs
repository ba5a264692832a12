//! Encoding of media types in inputs, as one letter each.

use portolan_model::MediaType;

/// Media types of the letters from `A`. Other bytes wrap around, so that a mutated letter is
/// usually another media type of the list.
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

/// Letter that stands for no media type.
const NONE: u8 = b'-';

/// Returns the media type for which a letter stands.
pub(super) fn from_letter(letter: u8) -> Option<MediaType> {
    let position = usize::from(letter.wrapping_sub(b'A')) % TYPES.len();
    (letter != NONE).then(|| TYPES[position].into())
}

/// Returns the letter of a media type. A media type that is not in the list becomes `M`, an unknown
/// media type.
pub(super) fn to_letter(media_type: Option<&MediaType>) -> u8 {
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
