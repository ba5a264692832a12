//! Encoding of inputs that consist of several pieces, separated by a byte that never occurs in
//! UTF-8 text.

const SEPARATOR: u8 = 0xff;

/// Splits an input into its pieces.
pub(super) fn split(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == SEPARATOR)
}

/// Joins pieces into an input.
pub(super) fn join(pieces: &[Vec<u8>]) -> Vec<u8> {
    pieces.join(&SEPARATOR)
}

/// Splits a piece into its first byte and the rest. An empty piece has the first byte 0.
pub(super) fn split_first_byte(piece: &[u8]) -> (u8, &[u8]) {
    piece
        .split_first()
        .map_or((0, piece), |(first, rest)| (*first, rest))
}
