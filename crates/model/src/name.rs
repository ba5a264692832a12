//! Repository names and tags (distribution-spec, "Pulling manifests").

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Longest repository name, in bytes.
const MAX_NAME: usize = 255;
/// Longest tag, in bytes.
const MAX_TAG: usize = 128;

/// The name of a repository, `component/component/…`, at most 255 characters.
///
/// A component is made of lower-case letters and digits, joined by `.`, `_`, `__` or any number
/// of `-`. Such a name holds no `..`, no empty component and no character that a path or an URL
/// would give a meaning to.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct RepositoryName(Box<str>);

/// Why a text is no repository name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameError {
    /// Longer than 255 characters.
    #[error("a repository name has at most {MAX_NAME} characters, this one has {0}")]
    TooLong(usize),
    /// Breaks the grammar.
    #[error(
        "a repository name is made of a-z and 0-9, joined by one of . _ __ or any number of -, in parts separated by /"
    )]
    Grammar,
}

impl RepositoryName {
    /// The whole name.
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

/// The name of a tag: up to 128 letters, digits, `_`, `.` and `-`, not beginning with the last two.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tag(Box<str>);

/// The text is no tag.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a tag has up to {MAX_TAG} of the characters a-z A-Z 0-9 _ . - and does not begin with . or -"
)]
pub struct TagError;

impl Tag {
    /// The whole tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let right = text.len() <= MAX_TAG
            && text.bytes().next().is_some_and(word)
            && text
                .bytes()
                .all(|byte| word(byte) || byte == b'.' || byte == b'-');
        if right {
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
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends_right = |end: Option<u8>| end.is_some_and(word);
    ends_right(text.bytes().next())
        && ends_right(text.bytes().next_back())
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
    fn names_of_the_grammar() {
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
    fn names_outside_the_grammar() {
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
    fn tags_of_the_grammar_and_outside() {
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
