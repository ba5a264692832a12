//! Repository names and tags (distribution-spec, "Pulling manifests").

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Maximum length of a repository name in bytes.
const MAX_NAME: usize = 255;
/// Maximum length of a tag in bytes.
const MAX_TAG: usize = 128;

/// Name of a repository, `component/component/…`, at most 255 characters long.
///
/// A component consists of lower-case letters and digits, joined by `.`, `_`, `__` or any number
/// of `-`. A valid name therefore contains no `..`, no empty component and no character that has
/// a special meaning in a path or a URL.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct RepositoryName(Box<str>);

/// Reason why a string is not a valid repository name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameError {
    /// Name of more than 255 characters.
    #[error("a repository name must have at most {MAX_NAME} characters, found {0}")]
    TooLong(usize),
    /// Name that does not follow the grammar.
    #[error(
        "a repository name must consist of components separated by /, each made of a-z and 0-9 joined by . _ __ or any number of -"
    )]
    Grammar,
}

impl RepositoryName {
    /// Returns the name as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_NAME {
            return Err(NameError::TooLong(text.len()));
        }
        if text.split('/').all(is_component) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Grammar)
        }
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Name of a tag: 1 to 128 letters, digits, `_`, `.` and `-`. The first character is not `.` or
/// `-`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tag(Box<str>);

/// Error for a string that is not a valid tag.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a tag must have 1 to {MAX_TAG} of the characters a-z A-Z 0-9 _ . - and must not start with . or -"
)]
pub struct TagError;

impl Tag {
    /// Returns the tag as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_valid = text.len() <= MAX_TAG
            && text.bytes().next().is_some_and(is_word)
            && text
                .bytes()
                .all(|byte| is_word(byte) || byte == b'.' || byte == b'-');
        if is_valid {
            Ok(Self(text.into()))
        } else {
            Err(TagError)
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_component(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_valid_end = |end: Option<u8>| end.is_some_and(is_word);
    is_valid_end(text.bytes().next())
        && is_valid_end(text.bytes().next_back())
        && text
            .split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit())
            .all(is_separator)
}

fn is_separator(text: &str) -> bool {
    matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_names_that_follow_the_grammar() {
        for name in [
            "a",
            "library/alpine",
            "a.b_c__d---e/f0",
            "blobs/uploads/manifests",
            "tags/list",
        ] {
            assert_eq!(name.parse::<RepositoryName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn rejects_names_that_break_the_grammar() {
        for name in [
            "", "/", "a/", "/a", "a//b", "A", "a..b", "..", "../etc", "a/../b", "a___b", "-a",
            "a-", "a._b", "a%2fb", "a b", "a\0", "ä", "_catalog", "a\\b",
        ] {
            assert_eq!(
                name.parse::<RepositoryName>(),
                Err(NameError::Grammar),
                "{name:?}"
            );
        }
        assert_eq!(
            "a".repeat(256).parse::<RepositoryName>(),
            Err(NameError::TooLong(256))
        );
        assert!("a".repeat(255).parse::<RepositoryName>().is_ok());
    }

    #[test]
    fn checks_the_grammar_of_tags() {
        for tag in ["latest", "1.6-alpine", "_x", "V1", &"t".repeat(128)] {
            assert!(tag.parse::<Tag>().is_ok(), "{tag:?}");
        }
        for tag in [
            "",
            ".x",
            "-x",
            "a:b",
            "a/b",
            "a b",
            "a+b",
            "..",
            &"t".repeat(129),
        ] {
            assert_eq!(tag.parse::<Tag>(), Err(TagError), "{tag:?}");
        }
    }
}
