//! Challenges: requests of a server for authentication, in the `WWW-Authenticate` header (RFC 9110,
//! section 11).

use std::fmt;

use http::{HeaderMap, header};

use crate::list::elements;

/// Challenge: an authentication scheme and its parameters.
///
/// Docker's token protocol uses the scheme `Bearer` with these parameters: `realm` is the URL of
/// the token server, `service` and `scope` are the parameters of the token request, and `error` is
/// the reason why the last token was rejected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Challenge {
    scheme: Box<str>,
    parameters: Vec<(Box<str>, Box<str>)>,
}

impl Challenge {
    /// Creates a challenge without parameters.
    pub fn new(scheme: &str) -> Self {
        Self {
            scheme: scheme.into(),
            parameters: Vec::new(),
        }
    }

    /// Adds a parameter to the challenge.
    #[must_use]
    pub fn with_parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Returns whether the challenge has this scheme. Ignores case.
    pub fn has_scheme(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// Returns the value of the parameter `name`. Ignores the case of the name.
    pub fn parse_parameter(&self, name: &str) -> Option<&str> {
        let named = self
            .parameters
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| &**value)
    }

    /// Parses all challenges of a response, in order.
    ///
    /// A response can have several `WWW-Authenticate` headers, and each header can have several
    /// challenges. Malformed parts are skipped. A scope without quotes may contain commas between its
    /// actions, as some registries write it.
    pub fn parse_all(headers: &HeaderMap) -> Vec<Self> {
        let lines = headers
            .get_all(header::WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let mut found: Vec<Self> = Vec::new();
        for element in lines.flat_map(elements) {
            match (Element::parse(element), found.last_mut()) {
                (Element::Scheme(action, None), Some(challenge))
                    if challenge.is_continued_by(action) =>
                {
                    challenge.extend_last(action);
                }
                (Element::Scheme(scheme, parameter), _) => {
                    found.push(Self {
                        scheme: scheme.into(),
                        parameters: parameter.into_iter().collect(),
                    });
                }
                (Element::Parameter(Some(parameter)), Some(challenge)) => {
                    challenge.parameters.push(parameter);
                }
                (Element::Parameter(_), _) => (),
            }
        }
        found
    }

    /// Returns whether `word` is an action that continues the scope, the last parameter.
    fn is_continued_by(&self, word: &str) -> bool {
        let last = self.parameters.last();
        SCOPE_ACTIONS.contains(&word)
            && last.is_some_and(|(name, _)| name.eq_ignore_ascii_case("scope"))
    }

    fn extend_last(&mut self, word: &str) {
        if let Some((_, value)) = self.parameters.last_mut() {
            *value = format!("{value},{word}").into();
        }
    }
}

/// Writes the value of the header, with every parameter value in quotes.
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

/// Actions in a scope. No scheme has such a name.
const SCOPE_ACTIONS: [&str; 4] = ["pull", "push", "delete", "*"];

type Parameter = (Box<str>, Box<str>);

/// Text between two commas: a parameter, or a scheme with its first parameter.
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
    if name.trim().is_empty() {
        return None;
    }
    let value = value.trim();
    let value = value
        .strip_prefix('"')
        .map_or_else(|| value.to_owned(), unquote);
    Some((name.trim().into(), value.into()))
}

/// Returns the text up to the closing quote or the end. Removes escape characters.
fn unquote(text: &str) -> String {
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

    fn parse_lines(lines: &[&str]) -> Vec<Challenge> {
        let values = lines.iter().map(|line| {
            (
                header::WWW_AUTHENTICATE,
                HeaderValue::from_str(line).unwrap(),
            )
        });
        Challenge::parse_all(&values.collect())
    }

    #[test]
    fn parses_docker_challenge() {
        let line = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let expected = Challenge::new("Bearer")
            .with_parameter("realm", "https://auth.docker.io/token")
            .with_parameter("service", "registry.docker.io")
            .with_parameter("scope", "repository:a/b:pull,push");
        assert_eq!(parse_lines(&[line]), std::slice::from_ref(&expected));
        assert_eq!(expected.to_string(), line);
        assert_eq!(
            (
                expected.has_scheme("bearer"),
                expected.parse_parameter("REALM")
            ),
            (true, Some("https://auth.docker.io/token"))
        );
        assert_eq!(expected.parse_parameter("error"), None);
    }

    #[test]
    fn parses_several_challenges() {
        let basic = Challenge::new("Basic").with_parameter("realm", "a, b");
        let bearer = Challenge::new("Bearer")
            .with_parameter("realm", "c")
            .with_parameter("service", "d");
        let expected = [basic, bearer, Challenge::new("Negotiate")];
        assert_eq!(
            parse_lines(&[r#"Basic realm="a, b", Bearer realm="c",service="d", Negotiate"#]),
            expected
        );
        assert_eq!(
            parse_lines(&[
                r#"Basic realm="a, b""#,
                r#"Bearer realm="c", service="d""#,
                "Negotiate"
            ]),
            expected
        );
    }

    #[test]
    fn parses_unusual_forms() {
        let expected = [Challenge::new("Bearer")
            .with_parameter("realm", r#"a"b"#)
            .with_parameter("service", "c")];
        assert_eq!(
            parse_lines(&[r#"Bearer   realm = "a\"b" , service=c"#]),
            expected
        );
        assert_eq!(
            parse_lines(&[r#"Bearer realm="a\"b",,service=c,"#]),
            expected
        );
        assert_eq!(
            parse_lines(&["Negotiate YWJj=="]),
            [Challenge::new("Negotiate").with_parameter("YWJj", "=")]
        );
    }

    #[test]
    fn scope_without_quotes_may_contain_commas() {
        let bearer = Challenge::new("Bearer")
            .with_parameter("realm", "a")
            .with_parameter("scope", "repository:b:pull,push,delete")
            .with_parameter("service", "c");
        assert_eq!(
            parse_lines(&[
                "Bearer realm=a,scope=repository:b:pull,push,delete,service=c, Negotiate"
            ]),
            [bearer, Challenge::new("Negotiate")]
        );
        assert_eq!(
            parse_lines(&["Bearer realm=a,pull"]),
            [
                Challenge::new("Bearer").with_parameter("realm", "a"),
                Challenge::new("pull")
            ]
        );
    }

    #[test]
    fn skips_malformed_challenges() {
        assert_eq!(parse_lines(&[]), []);
        assert_eq!(parse_lines(&["", " , ", r#"realm="a""#]), []);
        assert_eq!(
            parse_lines(&["Negotiate YWJ", "=="]),
            [Challenge::new("Negotiate")]
        );
        assert_eq!(
            parse_lines(&[r#"Basic realm="never closed"#]),
            [Challenge::new("Basic").with_parameter("realm", "never closed")]
        );
    }

    proptest! {
        #[test]
        fn challenges_round_trip(
            scheme in "[A-Za-z]{1,9}",
            parameters in prop::collection::vec(("[a-z]{1,9}", "[ -~]{0,20}"), 0..5),
        ) {
            let challenge = parameters.iter().fold(Challenge::new(&scheme), |challenge, (name, value)| {
                challenge.with_parameter(name, value)
            });
            prop_assert_eq!(parse_lines(&[&challenge.to_string()]), [challenge]);
        }

        #[test]
        fn never_panics(line in "[ -~]{0,80}") {
            let _ = parse_lines(&[&line]);
        }
    }
}
