//! Fixes for findings. A fix is a command to run, or advice.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Rule;
use crate::Digest;
use crate::convert::{Conversion, ImageFormat};

pub(crate) const TO_OCI: Fix = convert(Some(ImageFormat::Oci), false, false);
pub(crate) const TO_OCI_FLAT: Fix = convert(Some(ImageFormat::Oci), true, false);
pub(crate) const TO_DOCKER: Fix = convert(Some(ImageFormat::Docker), false, false);
pub(crate) const TO_DOCKER_WITHOUT_OTHERS: Fix = convert(Some(ImageFormat::Docker), false, true);
pub(crate) const FLATTEN: Fix = convert(None, true, false);
pub(crate) const DROP_UNKNOWN: Fix = Fix::Command(Invocation::DropUnknown);
pub(crate) const COPY_REFERRERS: Fix = Fix::Command(Invocation::CopyReferrers);
pub(crate) const REMOVE: Fix = Fix::Command(Invocation::RemoveChildren);
pub(crate) const ADD: Fix = Fix::Command(Invocation::AddChild);
pub(crate) const AS_ARTIFACT: Fix =
    Fix::Advice("push it as an OCI artifact, with its type as artifactType");
pub(crate) const PLATFORMS: Fix = Fix::Advice(
    "create the index again with portolan index create, which reads each child's platform from its config",
);
pub(crate) const CACHE: Fix = Fix::Advice(
    "export the cache as an image: --cache-to type=registry,image-manifest=true,oci-mediatypes=true",
);
pub(crate) const REMOVE_ENTRY: Fix = Fix::Advice("remove one of the two entries and push again");

/// Advice for findings for which the fix of their rule is not suitable.
const SPECIAL_ADVICE: [Fix; 4] = [AS_ARTIFACT, PLATFORMS, CACHE, REMOVE_ENTRY];

const fn convert(to: Option<ImageFormat>, flatten: bool, drop_unknown: bool) -> Fix {
    Fix::Command(Invocation::Convert(Conversion {
        to,
        flatten,
        drop_unknown,
    }))
}

/// Fix for a finding.
///
/// Displayed and serialized as the command with placeholders, or as the advice.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Fix {
    /// Command to run.
    Command(Invocation),
    /// Advice for the user who builds or pushes the image.
    Advice(&'static str),
}

/// Command line of portolan.
///
/// Displayed with the placeholders `REF` for the image, `DST` for the destination of the fixed
/// image, `DIGEST` for the digests in the affected descriptors, and `CHILD` for an image to add.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Invocation {
    /// Converts the image: `portolan convert`.
    Convert(Conversion),
    /// Copies the image without the children of unknown types: `portolan copy --drop-unknown`.
    DropUnknown,
    /// Copies the image together with its referrers: `portolan copy --referrers`.
    CopyReferrers,
    /// Removes the affected children: `portolan index remove`.
    RemoveChildren,
    /// Flattens the index, and removes the affected children from the result. A nested index has no
    /// tag, so `portolan index remove` cannot change it in place.
    FlattenAndRemoveChildren,
    /// Adds an image to the index: `portolan index add`.
    AddChild,
}

/// Argument or placeholder in a command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Argument {
    Text(&'static str),
    /// Reference to the image with the finding.
    Image,
    /// Destination of the fixed image. The user chooses it.
    Destination,
    /// Digests in the affected descriptors.
    Digests,
    /// Image to add to an index.
    Child,
}

impl Fix {
    /// Returns the text of the fix. Replaces the placeholders for the image and for the affected
    /// digests if `image` and `digests` are given.
    pub fn render(self, image: Option<&str>, digests: &[&Digest]) -> String {
        match self {
            Self::Command(command) => command.render(image, digests),
            Self::Advice(advice) => advice.to_owned(),
        }
    }

    /// Returns whether the text of the fix contains the affected digests.
    pub fn names_digests(self) -> bool {
        match self {
            Self::Command(command) => command.arguments().contains(&Argument::Digests),
            Self::Advice(_) => false,
        }
    }

    /// Parses the text of a fix for a finding of `rule`. `digest` is the affected digest. A command
    /// contains this digest or a placeholder. Returns `None` for a text that this version does not
    /// use.
    pub(super) fn parse(text: &str, rule: Rule, digest: Option<&Digest>) -> Option<Self> {
        let command = Invocation::parse(text, digest).map(Self::Command);
        let mut advice = SPECIAL_ADVICE.into_iter().chain([rule.fix()]);
        command.or_else(|| advice.find(|advice| advice.to_string() == text))
    }

    /// Returns the fix for the same finding in a nested index. The command gets the reference of
    /// the root index, because a nested index has no tag.
    pub(crate) fn for_nested_index(self) -> Self {
        match self {
            REMOVE => Self::Command(Invocation::FlattenAndRemoveChildren),
            ADD => FLATTEN,
            other => other,
        }
    }
}

impl Invocation {
    /// Returns the command line. Replaces the placeholders for the image and for the affected
    /// digests if `image` and `digests` are given. Quotes the image for a shell.
    pub fn render(self, image: Option<&str>, digests: &[&Digest]) -> String {
        let render = |argument| match (argument, image) {
            (Argument::Text(text), _) => text.to_owned(),
            (Argument::Image, Some(image)) => quote_for_shell(image),
            (Argument::Image, None) => "REF".to_owned(),
            (Argument::Destination, _) => "DST".to_owned(),
            (Argument::Digests, _) if digests.is_empty() => "DIGEST".to_owned(),
            (Argument::Digests, _) => digests
                .iter()
                .map(|digest| digest.as_str())
                .collect::<Vec<_>>()
                .join(" "),
            (Argument::Child, _) => "CHILD".to_owned(),
        };
        let words: Vec<_> = self.arguments().into_iter().map(render).collect();
        words.join(" ")
    }

    /// Parses a command line that was rendered without an image. `digest` is the affected digest.
    /// The command line contains this digest or a placeholder. Returns `None` for any other text.
    fn parse(text: &str, digest: Option<&Digest>) -> Option<Self> {
        let digests: Vec<_> = digest.into_iter().collect();
        Self::all()
            .find(|command| command.to_string() == text || command.render(None, &digests) == text)
    }

    /// Returns all possible commands.
    fn all() -> impl Iterator<Item = Self> {
        let conversions = [None, Some(ImageFormat::Oci), Some(ImageFormat::Docker)]
            .into_iter()
            .flat_map(|to| [false, true].map(|flatten| (to, flatten)))
            .flat_map(|(to, flatten)| {
                [false, true].map(|drop_unknown| {
                    Self::Convert(Conversion {
                        to,
                        flatten,
                        drop_unknown,
                    })
                })
            });
        conversions.chain([
            Self::DropUnknown,
            Self::CopyReferrers,
            Self::RemoveChildren,
            Self::FlattenAndRemoveChildren,
            Self::AddChild,
        ])
    }

    fn arguments(self) -> Vec<Argument> {
        use Argument::{Child, Destination, Digests, Image, Text};
        match self {
            Self::Convert(Conversion {
                to,
                flatten,
                drop_unknown,
            }) => {
                let to = to.map(|format| match format {
                    ImageFormat::Oci => Text("--to oci"),
                    ImageFormat::Docker => Text("--to docker"),
                });
                let mut arguments = vec![Text("portolan convert"), Image, Destination];
                arguments.extend(to);
                arguments.extend(flatten.then_some(Text("--flatten")));
                arguments.extend(drop_unknown.then_some(Text("--drop-unknown")));
                arguments
            }
            Self::DropUnknown => vec![
                Text("portolan copy"),
                Image,
                Destination,
                Text("--drop-unknown"),
            ],
            Self::CopyReferrers => vec![Text("portolan copy --referrers"), Image, Destination],
            Self::RemoveChildren => vec![Text("portolan index remove"), Image, Digests],
            Self::FlattenAndRemoveChildren => vec![
                Text("portolan convert"),
                Image,
                Destination,
                Text("--flatten && portolan index remove"),
                Destination,
                Digests,
            ],
            Self::AddChild => vec![Text("portolan index add"), Image, Child],
        }
    }
}

impl fmt::Display for Fix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(command) => command.fmt(formatter),
            Self::Advice(advice) => formatter.write_str(advice),
        }
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(None, &[]))
    }
}

impl Serialize for Fix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Quotes a name so that a shell parses it as one word.
fn quote_for_shell(name: &str) -> String {
    let is_safe = |character: char| character.is_alphanumeric() || "-_./:@+=%,".contains(character);
    if name.chars().all(is_safe) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', "'\\''"))
    }
}

/// Returns whether a fix is well-formed: a command must be runnable once its placeholders are
/// replaced, and advice must not look like a command. Advice must be ASCII, because every header
/// and terminal can display ASCII.
#[cfg(test)]
pub(crate) fn is_well_formed(fix: Fix) -> bool {
    let is_word = |word: &str| {
        let placeholder = ["REF", "DST", "DIGEST", "CHILD", "&&"].contains(&word);
        placeholder
            || word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    match fix {
        Fix::Command(command) => command.to_string().split(' ').all(is_word),
        Fix::Advice(advice) => {
            let is_prose = ["portolan ", "oras ", "skopeo "]
                .iter()
                .all(|program| !advice.starts_with(program));
            !advice.is_empty() && advice.is_ascii() && is_prose
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_placeholders() {
        let digest = Digest::sha256(b"x");
        let render = |fix: Fix| fix.render(Some("oci:images:app"), &[&digest]);
        assert_eq!(
            render(REMOVE),
            format!("portolan index remove oci:images:app {digest}")
        );
        assert_eq!(
            render(TO_OCI),
            "portolan convert oci:images:app DST --to oci"
        );
        assert_eq!(
            render(REMOVE.for_nested_index()),
            format!(
                "portolan convert oci:images:app DST --flatten && portolan index remove DST {digest}"
            )
        );
        assert_eq!(render(ADD), "portolan index add oci:images:app CHILD");
        assert_eq!(
            render(Fix::Advice("do not REFUSE the REF")),
            "do not REFUSE the REF"
        );
    }

    #[test]
    fn quotes_names_for_a_shell() {
        let (one, two) = (Digest::sha256(b"1"), Digest::sha256(b"2"));
        for (name, quoted) in [
            ("oci:my images:app", "'oci:my images:app'"),
            ("oci:it's:a", "'oci:it'\\''s:a'"),
            ("oci:$HOME", "'oci:$HOME'"),
        ] {
            assert_eq!(
                REMOVE.render(Some(name), &[&one, &two]),
                format!("portolan index remove {quoted} {one} {two}")
            );
        }
    }

    #[test]
    fn preserves_placeholders_without_a_value() {
        assert_eq!(REMOVE.to_string(), "portolan index remove REF DIGEST");
        let digest = Digest::sha256(b"x");
        assert_eq!(
            REMOVE.render(None, &[&digest]),
            format!("portolan index remove REF {digest}")
        );
    }

    #[test]
    fn commands_are_well_formed_and_parse_their_text() {
        let digest = Digest::sha256(b"x");
        for command in Invocation::all() {
            assert!(is_well_formed(Fix::Command(command)), "{command}");
            for text in [command.to_string(), command.render(None, &[&digest])] {
                assert_eq!(Invocation::parse(&text, Some(&digest)), Some(command));
            }
        }
        assert_eq!(Invocation::parse("portolan repair REF", None), None);
    }

    #[test]
    fn advice_does_not_look_like_a_command() {
        for advice in [AS_ARTIFACT, PLATFORMS, CACHE] {
            assert!(is_well_formed(advice) && is_well_formed(advice.for_nested_index()));
        }
        for advice in ["portolan index create DST CHILD, which", "x …", ""] {
            assert!(!is_well_formed(Fix::Advice(advice)), "{advice}");
        }
    }
}
