//! Content addresses: `algorithm:encoded` (image-spec, descriptor.md, "Digests").

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256, Sha512};

/// Longest digest that is read, in bytes: far above every registered algorithm.
const MAX_LENGTH: usize = 512;

/// The name in front of the colon of a digest.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Algorithm {
    /// SHA-256, the algorithm of nearly all content.
    Sha256,
    /// SHA-512.
    Sha512,
    /// Any other name. Content cannot be verified against it here, so none is ever taken under it.
    Other(Box<str>),
}

impl Algorithm {
    /// The name as it stands in a digest.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Other(name) => name,
        }
    }

    /// A hasher of this algorithm, or `None` for one that is known by name alone.
    pub fn hasher(&self) -> Option<Hasher> {
        match self {
            Self::Sha256 => Some(Hasher::Sha256(Sha256::new())),
            Self::Sha512 => Some(Hasher::Sha512(Sha512::new())),
            Self::Other(_) => None,
        }
    }

    fn encoded_length(&self) -> Option<usize> {
        match self {
            Self::Sha256 => Some(64),
            Self::Sha512 => Some(128),
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text {
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            other if is_algorithm_name(other) => Ok(Self::Other(other.into())),
            _ => Err(DigestError::Algorithm),
        }
    }
}

/// A digest whose form is right: the hex of SHA-256 and SHA-512 has its length and is lower case.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest {
    text: Arc<str>,
    algorithm: Algorithm,
}

/// Why a text is no digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DigestError {
    /// No colon stands between algorithm and encoded part.
    #[error("a digest is written ALGORITHM:ENCODED, for example sha256: and 64 hexadecimal digits")]
    Colon,
    /// The algorithm's name breaks the grammar.
    #[error("the algorithm is made of a-z and 0-9, joined by one of + . _ -")]
    Algorithm,
    /// The encoded part has a character outside the grammar, or an upper-case digit.
    #[error("the encoded part holds a character that this algorithm does not allow")]
    Encoded,
    /// The encoded part is not as long as the algorithm's output.
    #[error("the encoded part must be {expected} characters long, it has {found}")]
    Length {
        /// Number of characters that the algorithm gives.
        expected: usize,
        /// Number of characters that stand there.
        found: usize,
    },
    /// The whole text is longer than any digest.
    #[error("a digest has at most {MAX_LENGTH} characters")]
    TooLong,
}

impl Digest {
    /// The SHA-256 digest of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Self {
        Hasher::Sha256(Sha256::new_with_prefix(bytes)).finish()
    }

    /// The digest of `bytes` by `algorithm`, or `None` for one that is known by name alone.
    pub fn of(algorithm: &Algorithm, bytes: &[u8]) -> Option<Self> {
        let mut hasher = algorithm.hasher()?;
        hasher.update(bytes);
        Some(hasher.finish())
    }

    /// The algorithm in front of the colon.
    pub fn algorithm(&self) -> &Algorithm {
        &self.algorithm
    }

    /// What stands behind the colon.
    pub fn encoded(&self) -> &str {
        &self.text[self.algorithm.as_str().len() + 1..]
    }

    /// The whole digest, `algorithm:encoded`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        if text.len() > MAX_LENGTH {
            return Err(DigestError::TooLong);
        }
        let (algorithm, encoded) = text.split_once(':').ok_or(DigestError::Colon)?;
        let algorithm: Algorithm = algorithm.parse()?;
        check_encoded(&algorithm, encoded)?;
        Ok(Self {
            text: text.into(),
            algorithm,
        })
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Hashes content piece by piece.
#[derive(Clone, Debug)]
pub enum Hasher {
    /// Computes SHA-256.
    Sha256(Sha256),
    /// Computes SHA-512.
    Sha512(Sha512),
}

impl Hasher {
    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
        }
    }

    /// The algorithm that this hasher computes.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The digest of everything taken in.
    pub fn finish(self) -> Digest {
        let algorithm = self.algorithm();
        let encoded = match self {
            Self::Sha256(state) => hexadecimal(&state.finalize()),
            Self::Sha512(state) => hexadecimal(&state.finalize()),
        };
        Digest {
            text: format!("{algorithm}:{encoded}").into(),
            algorithm,
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

fn is_algorithm_name(text: &str) -> bool {
    text.split(['+', '.', '_', '-']).all(|component| {
        !component.is_empty()
            && component
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

fn check_encoded(algorithm: &Algorithm, encoded: &str) -> Result<(), DigestError> {
    let Some(expected) = algorithm.encoded_length() else {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"=_-".contains(&byte);
        let right = !encoded.is_empty() && encoded.bytes().all(allowed);
        return if right {
            Ok(())
        } else {
            Err(DigestError::Encoded)
        };
    };
    if encoded.len() != expected {
        return Err(DigestError::Length {
            expected,
            found: encoded.len(),
        });
    }
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if encoded.bytes().all(hexadecimal) {
        Ok(())
    } else {
        Err(DigestError::Encoded)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn known_answers() {
        assert_eq!(Digest::sha256(b"").as_str(), EMPTY);
        let sha512 = Digest::of(&Algorithm::Sha512, b"").unwrap();
        assert!(sha512.as_str().starts_with("sha512:cf83e1357eefb8bd"));
        assert_eq!(sha512.encoded().len(), 128);
    }

    #[test]
    fn other_algorithms_are_named_but_not_computed() {
        let digest: Digest = "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8"
            .parse()
            .unwrap();
        assert_eq!(digest.algorithm().as_str(), "multihash+base58");
        assert_eq!(Digest::of(digest.algorithm(), b""), None);
    }

    #[test]
    fn says_what_is_wrong() {
        let refused = |text: &str| text.parse::<Digest>().unwrap_err();
        assert_eq!(refused("latest"), DigestError::Colon);
        assert_eq!(refused(":abc"), DigestError::Algorithm);
        assert_eq!(
            refused("sha256:abc"),
            DigestError::Length {
                expected: 64,
                found: 3
            }
        );
        assert_eq!(
            refused(&EMPTY.to_uppercase().replace("SHA", "sha")),
            DigestError::Encoded
        );
        assert_eq!(refused("blake3:../../etc/passwd"), DigestError::Encoded);
        assert_eq!(
            refused(&format!("a:{}", "b".repeat(600))),
            DigestError::TooLong
        );
    }

    proptest! {
        #[test]
        fn whatever_parses_prints_as_it_was(text in "[a-z0-9+._-]{1,12}:[a-zA-Z0-9=_-]{0,70}") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.to_string(), text);
            }
        }

        #[test]
        fn pieces_hash_as_the_whole(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let cut = cut.min(bytes.len());
            let mut hasher = Algorithm::Sha256.hasher().unwrap();
            hasher.update(&bytes[..cut]);
            hasher.update(&bytes[cut..]);
            prop_assert_eq!(hasher.finish(), Digest::sha256(&bytes));
        }
    }
}
