//! Digests of content, `algorithm:encoded` (image-spec, descriptor.md, "Digests").

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher as StdHasher, RandomState};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256, Sha512};

/// Maximum length of a digest in bytes. The digests of all registered algorithms are much shorter.
const MAX_LENGTH: usize = 512;

/// Algorithm of a digest: the part before the colon.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Algorithm {
    /// SHA-256, used for nearly all content.
    Sha256,
    /// SHA-512.
    Sha512,
    /// Any other algorithm.
    ///
    /// Portolan cannot compute such an algorithm, so it cannot verify content with such a digest
    /// and never stores it.
    Other(Box<str>),
}

impl Algorithm {
    /// Returns the name of the algorithm as it appears in a digest.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Other(name) => name,
        }
    }

    /// Returns a hasher for this algorithm, or `None` if Portolan cannot compute it.
    pub fn hasher(&self) -> Option<Hasher> {
        match self {
            Self::Sha256 => Some(Hasher::Sha256(Sha256::new())),
            Self::Sha512 => Some(Hasher::Sha512(Sha512::new())),
            Self::Other(_) => None,
        }
    }

    /// Returns the number of characters of the encoded part, or `None` if the algorithm is unknown.
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

/// Syntactically valid digest, such as `sha256:` followed by 64 hexadecimal digits.
///
/// For SHA-256 and SHA-512 the encoded part is lower-case hexadecimal and has the right length.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub struct Digest {
    text: Arc<str>,
    algorithm: Algorithm,
    /// Hash of the text, for maps of digests. It must be the last field, so that it does not
    /// determine the order.
    hash: u64,
}

impl Digest {
    fn from_parts(text: Arc<str>, algorithm: Algorithm) -> Self {
        // The key is random for each process, so that nobody can choose digests with equal hashes.
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let hash = KEY.hash_one(&text);
        Self {
            text,
            algorithm,
            hash,
        }
    }
}

impl Hash for Digest {
    fn hash<H: StdHasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

#[expect(
    clippy::missing_fields_in_debug,
    reason = "the hash differs between processes, and it says nothing about the digest"
)]
impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Digest")
            .field("text", &self.text)
            .field("algorithm", &self.algorithm)
            .finish()
    }
}

/// Reason why a string is not a valid digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DigestError {
    /// Missing colon between the algorithm and the encoded part.
    #[error(
        "a digest must have the form ALGORITHM:ENCODED, for example sha256: followed by 64 hexadecimal digits"
    )]
    MissingColon,
    /// Algorithm name that does not follow the grammar.
    #[error("the algorithm of a digest must consist of a-z and 0-9, joined by one of + . _ -")]
    Algorithm,
    /// Character in the encoded part that the grammar does not allow, such as an upper-case digit.
    #[error("the encoded part of a digest contains a character that its algorithm does not allow")]
    Encoded,
    /// Encoded part with a length that the algorithm does not produce.
    #[error("the encoded part of a digest must have {expected} characters, found {found}")]
    Length {
        /// Number of characters of an encoded part of this algorithm.
        expected: usize,
        /// Number of characters of the encoded part.
        found: usize,
    },
    /// Digest that is longer than the maximum length.
    #[error("a digest must have at most {MAX_LENGTH} characters")]
    TooLong,
}

impl Digest {
    /// Computes the SHA-256 digest of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Self {
        Hasher::Sha256(Sha256::new_with_prefix(bytes)).finish()
    }

    /// Computes the digest of `bytes`, or returns `None` if Portolan cannot compute `algorithm`.
    pub fn compute(algorithm: &Algorithm, bytes: &[u8]) -> Option<Self> {
        let mut hasher = algorithm.hasher()?;
        hasher.update(bytes);
        Some(hasher.finish())
    }

    /// Returns the algorithm, the part before the colon.
    pub fn algorithm(&self) -> &Algorithm {
        &self.algorithm
    }

    /// Returns the encoded part, after the colon.
    pub fn encoded_part(&self) -> &str {
        &self.text[self.algorithm.as_str().len() + 1..]
    }

    /// Returns the full digest, `algorithm:encoded`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the binary form: one byte for the algorithm, then the bytes of the hash.
    ///
    /// The binary form of a digest of any other algorithm is byte 0, then the text of the digest.
    /// Two digests of the same algorithm have the same order as text and in binary form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (algorithm, hash) = match self.algorithm {
            Algorithm::Other(_) => (UNKNOWN, self.text.as_bytes().to_vec()),
            Algorithm::Sha256 => (SHA256, hash_bytes(self.encoded_part())),
            Algorithm::Sha512 => (SHA512, hash_bytes(self.encoded_part())),
        };
        let mut bytes = Vec::with_capacity(1 + hash.len());
        bytes.push(algorithm);
        bytes.extend(hash);
        bytes
    }

    /// Parses the binary form that [`Digest::to_bytes`] returns.
    ///
    /// # Errors
    /// Returns a [`DigestError`] if the bytes are not the binary form of any digest. Each digest
    /// has only one binary form, so the text of a SHA-256 digest after byte 0 is an error too.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DigestError> {
        let (algorithm, hash) = bytes.split_first().ok_or(DigestError::Algorithm)?;
        let algorithm = match *algorithm {
            UNKNOWN => return from_unknown(hash),
            SHA256 => Algorithm::Sha256,
            SHA512 => Algorithm::Sha512,
            _ => return Err(DigestError::Algorithm),
        };
        format!("{algorithm}:{}", encode_hex(hash)).parse()
    }
}

/// First byte of the binary form, by algorithm. The values are stored in databases, so they must
/// never change.
const UNKNOWN: u8 = 0;
const SHA256: u8 = 1;
const SHA512: u8 = 2;

fn from_unknown(text: &[u8]) -> Result<Digest, DigestError> {
    let text = std::str::from_utf8(text).map_err(|_| DigestError::Encoded)?;
    let digest: Digest = text.parse()?;
    match digest.algorithm {
        Algorithm::Other(_) => Ok(digest),
        Algorithm::Sha256 | Algorithm::Sha512 => Err(DigestError::Algorithm),
    }
}

/// Decodes the encoded part of a SHA-256 or SHA-512 digest. Cannot fail: parsing the digest has
/// checked that this part is lower-case hexadecimal.
fn hash_bytes(encoded: &str) -> Vec<u8> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit - b'a' + 10,
    };
    encoded
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| (nibble(pair[0]) << 4) | nibble(pair[1]))
        .collect()
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
        let (algorithm, encoded) = text.split_once(':').ok_or(DigestError::MissingColon)?;
        let algorithm: Algorithm = algorithm.parse()?;
        check_encoded(&algorithm, encoded)?;
        Ok(Self::from_parts(text.into(), algorithm))
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

/// Hasher that computes a digest incrementally.
#[derive(Clone, Debug)]
pub enum Hasher {
    /// SHA-256 hasher.
    Sha256(Sha256),
    /// SHA-512 hasher.
    Sha512(Sha512),
}

impl Hasher {
    /// Adds the next bytes of the content to the hash.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
        }
    }

    /// Returns the algorithm of this hasher.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Returns the digest of all bytes hashed so far.
    pub fn finish(self) -> Digest {
        let algorithm = self.algorithm();
        let encoded = match self {
            Self::Sha256(state) => encode_hex(&state.finalize()),
            Self::Sha512(state) => encode_hex(&state.finalize()),
        };
        Digest::from_parts(format!("{algorithm}:{encoded}").into(), algorithm)
    }
}

fn encode_hex(bytes: &[u8]) -> String {
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
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"=_-".contains(&byte);
        let is_valid = !encoded.is_empty() && encoded.bytes().all(is_allowed);
        return if is_valid {
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
    let is_hex_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if encoded.bytes().all(is_hex_digit) {
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
    fn computes_known_digests() {
        assert_eq!(Digest::sha256(b"").as_str(), EMPTY);
        let sha512 = Digest::compute(&Algorithm::Sha512, b"").unwrap();
        assert!(sha512.as_str().starts_with("sha512:cf83e1357eefb8bd"));
        assert_eq!(sha512.encoded_part().len(), 128);
    }

    #[test]
    fn parses_other_algorithms_but_does_not_compute_them() {
        let digest: Digest = "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8"
            .parse()
            .unwrap();
        assert_eq!(digest.algorithm().as_str(), "multihash+base58");
        assert_eq!(Digest::compute(digest.algorithm(), b""), None);
    }

    #[test]
    fn rejects_malformed_digests() {
        let error = |text: &str| text.parse::<Digest>().unwrap_err();
        assert_eq!(error("latest"), DigestError::MissingColon);
        assert_eq!(error(":abc"), DigestError::Algorithm);
        assert_eq!(
            error("sha256:abc"),
            DigestError::Length {
                expected: 64,
                found: 3
            }
        );
        assert_eq!(
            error(&EMPTY.to_uppercase().replace("SHA", "sha")),
            DigestError::Encoded
        );
        assert_eq!(error("blake3:../../etc/passwd"), DigestError::Encoded);
        assert_eq!(
            error(&format!("a:{}", "b".repeat(600))),
            DigestError::TooLong
        );
    }

    #[test]
    fn binary_form_has_an_algorithm_byte_then_the_hash() {
        let digest = Digest::sha256(b"");
        let bytes = digest.to_bytes();
        assert_eq!((bytes.len(), &bytes[..3]), (33, &[1, 0xe3, 0xb0][..]));
        assert_eq!(Digest::from_bytes(&bytes), Ok(digest));
        let sha512 = Digest::compute(&Algorithm::Sha512, b"").unwrap();
        assert_eq!(sha512.to_bytes().len(), 65);
        assert_eq!(Digest::from_bytes(&sha512.to_bytes()), Ok(sha512));
        let other: Digest = "blake3:af13".parse().unwrap();
        assert_eq!(other.to_bytes(), b"\0blake3:af13");
        assert_eq!(Digest::from_bytes(&other.to_bytes()), Ok(other));
    }

    #[test]
    fn rejects_bytes_that_are_no_binary_form() {
        let known_as_text = [&[0], EMPTY.as_bytes()].concat();
        assert_eq!(
            Digest::from_bytes(&known_as_text),
            Err(DigestError::Algorithm)
        );
        assert_eq!(Digest::from_bytes(b""), Err(DigestError::Algorithm));
        assert_eq!(Digest::from_bytes(&[9; 33]), Err(DigestError::Algorithm));
        assert_eq!(Digest::from_bytes(&[0, 0xff]), Err(DigestError::Encoded));
        let short = DigestError::Length {
            expected: 64,
            found: 62,
        };
        assert_eq!(Digest::from_bytes(&[1; 32]), Err(short));
    }

    proptest! {
        #[test]
        fn binary_forms_round_trip_in_the_same_order(one: [u8; 32], two: [u8; 32]) {
            let [one, two] = [one, two].map(|bytes| Digest::sha256(&bytes));
            prop_assert_eq!(Digest::from_bytes(&one.to_bytes()), Ok(one.clone()));
            prop_assert_eq!(one.to_bytes().cmp(&two.to_bytes()), one.cmp(&two));
        }

        #[test]
        fn other_digests_round_trip(text in "[a-z0-9]{1,12}:[a-zA-Z0-9=_-]{1,70}") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(Digest::from_bytes(&digest.to_bytes()), Ok(digest));
            }
        }

        #[test]
        fn display_is_the_inverse_of_parse(text in "[a-z0-9+._-]{1,12}:[a-zA-Z0-9=_-]{0,70}") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.to_string(), text);
            }
        }

        #[test]
        fn hashing_in_pieces_gives_the_same_digest(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let cut = cut.min(bytes.len());
            let mut hasher = Algorithm::Sha256.hasher().unwrap();
            hasher.update(&bytes[..cut]);
            hasher.update(&bytes[cut..]);
            prop_assert_eq!(hasher.finish(), Digest::sha256(&bytes));
        }
    }
}
