//! Free space that pushes leave for deletion, garbage collection and logging.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ByteSize;

/// Hundredths of a percent in the whole file system.
const WHOLE: u16 = 10_000;

/// Free space that pushes leave: a share of the file system (`1%`), or a size (`10GiB`).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Written", into = "String")]
pub enum Reserve {
    /// Share of the file system, in hundredths of a percent.
    Share(u16),
    /// Size.
    Bytes(ByteSize),
}

/// Error for a text that is neither a percentage nor a size.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is neither a percentage below 100%, such as \"1%\", nor a size, such as \"10GiB\"")]
pub struct InvalidReserve(String);

/// Value of the configuration key. A number is a size in bytes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(i64),
    Text(String),
}

impl Reserve {
    /// Returns the reserve of a file system of `total` bytes, in bytes.
    pub(crate) fn bytes_of(self, total: u64) -> u64 {
        match self {
            Self::Share(share) => {
                let bytes = u128::from(total) * u128::from(share) / u128::from(WHOLE);
                u64::try_from(bytes).unwrap_or(total)
            }
            Self::Bytes(size) => size.bytes(),
        }
    }
}

impl Default for Reserve {
    /// Returns 1 % of the file system.
    fn default() -> Self {
        Self::Share(100)
    }
}

impl FromStr for Reserve {
    type Err = InvalidReserve;

    fn from_str(text: &str) -> Result<Self, InvalidReserve> {
        let trimmed = text.trim();
        match trimmed.strip_suffix('%') {
            Some(percentage) => parse_share(percentage.trim_end()).map(Self::Share),
            None => trimmed.parse().ok().map(Self::Bytes),
        }
        .ok_or_else(|| InvalidReserve(text.to_owned()))
    }
}

/// Parses a percentage with at most two decimal places.
fn parse_share(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) || !(1..=2).contains(&decimals.len()) {
        return None;
    }
    let decimals: u16 = format!("{decimals:0<2}").parse().ok()?;
    let share = whole.parse::<u16>().ok()?.checked_mul(100)?;
    Some(share.checked_add(decimals)?).filter(|share| *share < WHOLE)
}

/// Writes the percentage or the size in the largest unit that fits.
impl fmt::Display for Reserve {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Share(share) => {
                let (whole, decimals) = (share / 100, share % 100);
                match decimals {
                    0 => write!(formatter, "{whole}%"),
                    tenths if tenths % 10 == 0 => write!(formatter, "{whole}.{}%", tenths / 10),
                    hundredths => write!(formatter, "{whole}.{hundredths:02}%"),
                }
            }
            Self::Bytes(size) => write!(formatter, "{size}"),
        }
    }
}

impl TryFrom<Written> for Reserve {
    type Error = InvalidReserve;

    fn try_from(written: Written) -> Result<Self, InvalidReserve> {
        match written {
            Written::Number(number) => u64::try_from(number)
                .map(|bytes| Self::Bytes(ByteSize::new(bytes)))
                .map_err(|_| InvalidReserve(number.to_string())),
            Written::Text(text) => text.parse(),
        }
    }
}

impl From<Reserve> for String {
    fn from(reserve: Reserve) -> Self {
        reserve.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_and_sizes_are_read_and_written() {
        for (text, reserve, written) in [
            ("1%", Reserve::Share(100), "1%"),
            ("0.5 %", Reserve::Share(50), "0.5%"),
            ("0.05%", Reserve::Share(5), "0.05%"),
            ("99.99%", Reserve::Share(9_999), "99.99%"),
            ("0%", Reserve::Share(0), "0%"),
            ("10 GiB", Reserve::Bytes(ByteSize::new(10 << 30)), "10GiB"),
            (
                "1536MiB",
                Reserve::Bytes(ByteSize::new(1536 << 20)),
                "1536MiB",
            ),
            ("0", Reserve::Bytes(ByteSize::new(0)), "0B"),
            ("1000", Reserve::Bytes(ByteSize::new(1000)), "1000B"),
        ] {
            assert_eq!(text.parse(), Ok(reserve), "{text}");
            assert_eq!(reserve.to_string(), written);
            assert_eq!(written.parse(), Ok(reserve), "{written}");
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in [
            "",
            "%",
            "1.%",
            ".5%",
            "100%",
            "-1%",
            "+1%",
            "0.001%",
            "1e1%",
            "1.5GiB",
            "10 G",
            "GiB",
            "-1",
            "17179869184TiB",
        ] {
            assert_eq!(
                text.parse::<Reserve>(),
                Err(InvalidReserve(text.to_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn share_depends_on_the_file_system() {
        assert_eq!(Reserve::default().bytes_of(u64::MAX), u64::MAX / 100);
        assert_eq!(Reserve::Share(50).bytes_of(2000), 10);
        assert_eq!(Reserve::Bytes(ByteSize::new(7)).bytes_of(2000), 7);
    }
}
