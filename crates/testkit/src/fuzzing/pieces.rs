//! Inputs of several pieces: a byte that no UTF-8 text has stands between them.

const BETWEEN: u8 = 0xff;

/// The pieces of an input.
pub(super) fn split(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == BETWEEN)
}

/// One input of all pieces.
pub(super) fn join(pieces: &[Vec<u8>]) -> Vec<u8> {
    pieces.join(&BETWEEN)
}

/// The first byte of a piece, and the rest; a zero where there is none.
pub(super) fn first(piece: &[u8]) -> (u8, &[u8]) {
    piece
        .split_first()
        .map_or((0, piece), |(first, rest)| (*first, rest))
}
