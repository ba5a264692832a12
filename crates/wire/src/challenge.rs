//! Challenges: how a server wants to be told who is asking (`WWW-Authenticate`, RFC 9110, section 11).

use std::fmt;

use http::{HeaderMap, header};

use crate::list::elements;

/// One challenge: a scheme and its parameters.
///
/// Docker's token protocol is the scheme `Bearer` with `realm`, where tokens are had, `service` and
/// `scope`, what a token is to be asked for with, and `error`, why the last one would not do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Challenge {
    scheme: Box<str>,
    parameters: Vec<(Box<str>, Box<str>)>,
}

impl Challenge {
    /// A challenge of a scheme, without parameters.
    pub fn new(scheme: &str) -> Self {
        Self {
            scheme: scheme.into(),
            parameters: Vec::new(),
        }
    }

    /// The same with one parameter more.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Whether it is of this scheme, whose case has no meaning.
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The value of a parameter, whose name has no case either.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let named = self
            .parameters
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| &**value)
    }

    /// Every challenge of an answer, in order: of several lines, and of several within one line.
    ///
    /// What breaks the grammar is passed over.
    pub fn all(headers: &HeaderMap) -> Vec<Self> {
        let lines = headers
            .get_all(header::WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let mut found: Vec<Self> = Vec::new();
        for element in lines.flat_map(elements) {
            match (Element::parse(element), found.last_mut()) {
                (Element::Scheme(scheme, parameter), _) => {
                    found.push(Self {
                        scheme: scheme.into(),
                        parameters: parameter.into_iter().collect(),
                    });
                }
                (Element::Parameter(Some(parameter)), Some(challenge)) => {
                    challenge.parameters.push(parameter)
                }
                (Element::Parameter(_), _) => (),
            }
        }
        found
    }
}

/// Writes the header's value, every parameter between quotes.
impl fmt::Display for Challenge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.scheme)?;
        for (position, (name, value)) in self.parameters.iter().enumerate() {
            let separator = if position == 0 { ' ' } else { ',' };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            write!(formatter, "{separator}{name}=\"{value}\"")?;
        }
        Ok(())
    }
}

type Parameter = (Box<str>, Box<str>);

/// What stands between two commas: a parameter, or a scheme with the first of its own.
enum Element<'a> {
    Scheme(&'a str, Option<Parameter>),
    Parameter(Option<Parameter>),
}

impl<'a> Element<'a> {
    fn parse(element: &'a str) -> Self {
        let name = element
            .split_once('=')
            .map_or(element, |(name, _)| name)
            .trim_end();
        match name.split_once(char::is_whitespace) {
            Some((scheme, _)) => Self::Scheme(scheme, parameter(&element[scheme.len()..])),
            None if name.len() == element.len() => Self::Scheme(name, None),
            None => Self::Parameter(parameter(element)),
        }
    }
}

fn parameter(text: &str) -> Option<Parameter> {
    let (name, value) = text.split_once('=')?;
    let value = value.trim();
    let value = value
        .strip_prefix('"')
        .map_or_else(|| value.to_owned(), unquoted);
    Some((name.trim().into(), value.into()))
}

/// The text up to the closing quote, if there is one.
fn unquoted(text: &str) -> String {
    let (mut plain, mut escaped) = (String::new(), false);
    for character in text.chars() {
        match character {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => break,
            _ => {
                plain.push(character);
                escaped = false;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn of(lines: &[&str]) -> Vec<Challenge> {
        let values = lines.iter().map(|line| {
            (
                header::WWW_AUTHENTICATE,
                HeaderValue::from_str(line).unwrap(),
            )
        });
        Challenge::all(&values.collect())
    }

    #[test]
    fn reads_dockers() {
        let line = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let expected = Challenge::new("Bearer")
            .with("realm", "https://auth.docker.io/token")
            .with("service", "registry.docker.io")
            .with("scope", "repository:a/b:pull,push");
        assert_eq!(of(&[line]), std::slice::from_ref(&expected));
        assert_eq!(expected.to_string(), line);
        assert_eq!(
            (expected.is("bearer"), expected.parameter("REALM")),
            (true, Some("https://auth.docker.io/token"))
        );
        assert_eq!(expected.parameter("error"), None);
    }

    #[test]
    fn reads_several() {
        let basic = Challenge::new("Basic").with("realm", "a, b");
        let bearer = Challenge::new("Bearer")
            .with("realm", "c")
            .with("service", "d");
        let expected = [basic, bearer, Challenge::new("Negotiate")];
        assert_eq!(
            of(&[r#"Basic realm="a, b", Bearer realm="c",service="d", Negotiate"#]),
            expected
        );
        assert_eq!(
            of(&[
                r#"Basic realm="a, b""#,
                r#"Bearer realm="c", service="d""#,
                "Negotiate"
            ]),
            expected
        );
    }

    #[test]
    fn reads_what_others_write() {
        let expected = [Challenge::new("Bearer")
            .with("realm", r#"a"b"#)
            .with("service", "c")];
        assert_eq!(of(&[r#"Bearer   realm = "a\"b" , service=c"#]), expected);
        assert_eq!(of(&[r#"Bearer realm="a\"b",,service=c,"#]), expected);
        assert_eq!(
            of(&["Negotiate YWJj=="]),
            [Challenge::new("Negotiate").with("YWJj", "=")]
        );
    }

    #[test]
    fn passes_over_what_is_none() {
        assert_eq!(of(&[]), []);
        assert_eq!(of(&["", " , ", r#"realm="a""#]), []);
        assert_eq!(
            of(&[r#"Basic realm="never closed"#]),
            [Challenge::new("Basic").with("realm", "never closed")]
        );
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(
            scheme in "[A-Za-z]{1,9}",
            parameters in prop::collection::vec(("[a-z]{1,9}", "[ -~]{0,20}"), 0..5),
        ) {
            let challenge = parameters.iter().fold(Challenge::new(&scheme), |challenge, (name, value)| {
                challenge.with(name, value)
            });
            prop_assert_eq!(of(&[&challenge.to_string()]), [challenge]);
        }

        #[test]
        fn never_panics(line in "[ -~]{0,80}") {
            let _ = of(&[&line]);
        }
    }
}
