//! Bytes of a body that is received into memory.

use bytes::Bytes;

/// Maximum size of a segment in bytes.
pub(crate) const SEGMENT: usize = 64 << 10;

/// Bytes in memory that are not moved while they grow: a buffer that is allocated again and again
/// leaves its earlier allocations to the allocator, and these together are as large as the body.
pub(crate) struct Segments {
    segments: Vec<Vec<u8>>,
    length: usize,
}

impl Segments {
    /// Creates segments of which the first has up to `first` bytes, at most [`SEGMENT`].
    pub(crate) fn new(first: usize) -> Self {
        Self {
            segments: vec![Vec::with_capacity(first.min(SEGMENT))],
            length: 0,
        }
    }

    pub(crate) fn length(&self) -> usize {
        self.length
    }

    pub(crate) fn append(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len();
        if let Some(last) = self.segments.last_mut() {
            let room = last.capacity() - last.len();
            let (fits, rest) = bytes.split_at(bytes.len().min(room));
            last.extend_from_slice(fits);
            bytes = rest;
        }
        for piece in bytes.chunks(SEGMENT) {
            let mut segment = Vec::with_capacity(SEGMENT);
            segment.extend_from_slice(piece);
            self.segments.push(segment);
        }
    }

    /// Returns all bytes as one piece. Frees each segment as soon as it is copied.
    pub(crate) fn concat(mut self) -> Bytes {
        if self.segments.len() < 2 {
            let only = self.segments.pop().unwrap_or_default();
            return only.into_boxed_slice().into();
        }
        let mut bytes = Vec::with_capacity(self.length);
        for segment in self.segments {
            bytes.extend_from_slice(&segment);
        }
        bytes.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stay_in_order_and_segments_stay_small() {
        let content: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        for (first, step) in [
            (0, 1000),
            (SEGMENT, SEGMENT),
            (SEGMENT, 100_000),
            (1000, 300_000),
        ] {
            let mut segments = Segments::new(first);
            content
                .chunks(step)
                .for_each(|piece| segments.append(piece));
            assert_eq!(segments.length(), content.len());
            assert!(segments.segments.iter().all(|it| it.capacity() <= SEGMENT));
            assert!(segments.concat() == content, "step {step}");
        }
        assert!(Segments::new(0).concat().is_empty());
    }
}
