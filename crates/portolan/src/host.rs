//! Registry host as an argument of a command.

use std::fmt;
use std::str::FromStr;

use portolan_client::Scheme;

use crate::failure::Failure;
use crate::image_ref::strip_credentials;
use crate::usage::ValueError;

/// Registry host `HOST[:PORT]`, as in image references, with an optional scheme.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Host {
    name: String,
    scheme: Option<Scheme>,
}

impl Host {
    /// Returns the host without the scheme.
    pub(crate) fn as_str(&self) -> &str {
        &self.name
    }

    /// Returns the scheme before the host on the command line.
    pub(crate) fn scheme(&self) -> Option<Scheme> {
        self.scheme
    }

    /// Adds the failed operation and the host to a failure, and a login hint if the registry denied
    /// access.
    pub(crate) fn annotate(&self, operation: &str, failure: impl Into<Failure>) -> Failure {
        self.shorten_origin(failure)
            .context(format_args!("failed to {operation} {self}"))
            .with_login(&self.name)
    }

    /// Makes a registry error say `the registry` instead of this host. Use this if the context of
    /// the message already names the host.
    pub(crate) fn shorten_origin(&self, failure: impl Into<Failure>) -> Failure {
        failure.into().with_role(&self.name, "the registry")
    }
}

impl FromStr for Host {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (scheme, rest) = split_scheme(text.strip_prefix("docker://").unwrap_or(text));
        if let Some(host) = strip_credentials(rest) {
            return Err(ValueError::new(
                format!("the host \"{host}\" must not contain credentials"),
                "remove the part up to `@`",
            ));
        }
        let name = match rest.trim_end_matches('/') {
            "index.docker.io" | "registry-1.docker.io" => "docker.io",
            host if host.is_empty() || host.contains(['/', '@', ' ']) => {
                return Err(ValueError::new(
                    format!("\"{text}\" is not a registry host"),
                    "write HOST or HOST:PORT, for example 127.0.0.1:5000",
                ));
            }
            host => host,
        };
        Ok(Self {
            name: name.into(),
            scheme,
        })
    }
}

/// Splits `http://` or `https://` from the rest of a text.
pub(crate) fn split_scheme(text: &str) -> (Option<Scheme>, &str) {
    let scheme = [Scheme::Https, Scheme::Http]
        .into_iter()
        .find_map(|scheme| {
            let rest = text.strip_prefix(scheme.as_str())?.strip_prefix("://")?;
            Some((Some(scheme), rest))
        });
    scheme.unwrap_or((None, text))
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizes_hosts() {
        for (text, host) in [
            ("quay.io/", "quay.io"),
            ("docker://[::1]:5000", "[::1]:5000"),
            ("index.docker.io", "docker.io"),
        ] {
            assert_eq!(text.parse::<Host>().unwrap().as_str(), host);
        }
        for text in [
            "quay.io/team",
            "https://",
            "ftp://quay.io",
            "https://quay.io/v2",
        ] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }

    #[test]
    fn credentials_are_not_repeated() {
        for text in ["user:secret@quay.io", "https://user:secret@quay.io:443"] {
            let error = text.parse::<Host>().unwrap_err().to_string();
            assert!(
                error.contains("quay.io") && !error.contains("secret"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_scheme_may_precede_the_host() {
        for (text, scheme) in [
            ("https://quay.io/", Some(Scheme::Https)),
            ("http://quay.io", Some(Scheme::Http)),
            ("quay.io", None),
        ] {
            let host: Host = text.parse().unwrap();
            assert_eq!((host.as_str(), host.scheme()), ("quay.io", scheme));
        }
    }
}
