//! Byte ranges, as in the `Range` header of HTTP (RFC 9110, section 14.1.2).

use std::ops::Range;

/// Requested range of bytes, not yet checked against the size of the content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ByteRange {
    /// `a-b`: from the first to the last offset, both inclusive.
    Closed {
        /// Offset of the first byte.
        first: u64,
        /// Offset of the last byte.
        last: u64,
    },
    /// `a-`: from an offset to the end of the content.
    From(u64),
    /// `-n`: the last `n` bytes of the content.
    Last(u64),
}

/// Error for a range that contains no byte of the content.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the range is outside the content, which has {size} bytes")]
pub struct UnsatisfiableRange {
    /// Size of the content in bytes.
    pub size: u64,
}

impl ByteRange {
    /// Resolves this range against content of `size` bytes. The end of the result is exclusive.
    ///
    /// # Errors
    /// Returns [`UnsatisfiableRange`] if the range starts at or after the end, ends before it starts,
    /// or is `-0` (the last zero bytes).
    pub fn resolve(self, size: u64) -> Result<Range<u64>, UnsatisfiableRange> {
        let range = match self {
            Self::Closed { first, last } => first..size.min(last.saturating_add(1)),
            Self::From(first) => first..size,
            Self::Last(count) => size.saturating_sub(count)..size,
        };
        if range.is_empty() {
            Err(UnsatisfiableRange { size })
        } else {
            Ok(range)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_the_range_to_the_size() {
        assert_eq!(
            ByteRange::Closed { first: 2, last: 4 }.resolve(10),
            Ok(2..5)
        );
        assert_eq!(
            ByteRange::Closed {
                first: 2,
                last: u64::MAX
            }
            .resolve(10),
            Ok(2..10)
        );
        assert_eq!(ByteRange::From(9).resolve(10), Ok(9..10));
        assert_eq!(ByteRange::Last(3).resolve(10), Ok(7..10));
        assert_eq!(ByteRange::Last(30).resolve(10), Ok(0..10));
    }

    #[test]
    fn rejects_ranges_without_a_byte() {
        let outside = Err(UnsatisfiableRange { size: 10 });
        assert_eq!(ByteRange::From(10).resolve(10), outside);
        assert_eq!(ByteRange::Last(0).resolve(10), outside);
        assert_eq!(ByteRange::Closed { first: 4, last: 3 }.resolve(10), outside);
        assert_eq!(
            ByteRange::Closed {
                first: u64::MAX,
                last: u64::MAX
            }
            .resolve(10),
            outside
        );
    }
}
