//! A part of a blob, as a `Range` header asks for it (RFC 9110, section 14.1.2).

use std::ops::Range;

/// One range of bytes, not yet held against the size of what it is taken from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ByteRange {
    /// `a-b`: from the first offset to the last one, both included.
    Closed {
        /// Offset of the first byte.
        first: u64,
        /// Offset of the last byte.
        last: u64,
    },
    /// `a-`: from an offset to the end.
    From(u64),
    /// `-n`: the last `n` bytes.
    Last(u64),
}

/// A range names no byte of the content, which has this many.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the range lies outside of the {size} bytes there are")]
pub struct Unsatisfiable {
    /// Size of the content in bytes.
    pub size: u64,
}

impl ByteRange {
    /// The offsets that this range means within `size` bytes, the end excluded.
    ///
    /// # Errors
    /// [`Unsatisfiable`] when the range begins at or after the end, runs backwards, or is the
    /// last zero bytes.
    pub fn within(self, size: u64) -> Result<Range<u64>, Unsatisfiable> {
        let range = match self {
            Self::Closed { first, last } => first..size.min(last.saturating_add(1)),
            Self::From(first) => first..size,
            Self::Last(count) => size.saturating_sub(count)..size,
        };
        if range.is_empty() {
            Err(Unsatisfiable { size })
        } else {
            Ok(range)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_at_the_size() {
        assert_eq!(ByteRange::Closed { first: 2, last: 4 }.within(10), Ok(2..5));
        assert_eq!(
            ByteRange::Closed {
                first: 2,
                last: u64::MAX
            }
            .within(10),
            Ok(2..10)
        );
        assert_eq!(ByteRange::From(9).within(10), Ok(9..10));
        assert_eq!(ByteRange::Last(3).within(10), Ok(7..10));
        assert_eq!(ByteRange::Last(30).within(10), Ok(0..10));
    }

    #[test]
    fn refuses_what_holds_no_byte() {
        let outside = Err(Unsatisfiable { size: 10 });
        assert_eq!(ByteRange::From(10).within(10), outside);
        assert_eq!(ByteRange::Last(0).within(10), outside);
        assert_eq!(ByteRange::Closed { first: 4, last: 3 }.within(10), outside);
        assert_eq!(
            ByteRange::Closed {
                first: u64::MAX,
                last: u64::MAX
            }
            .within(10),
            outside
        );
    }
}
