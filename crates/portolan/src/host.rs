//! A registry's host as it is typed.

use std::fmt;
use std::str::FromStr;

use crate::failure::Failure;

/// `HOST[:PORT]`, as it stands in references.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Host(String);

impl Host {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The failure with the host's name, and what to do if it lets nobody in.
    pub(crate) fn failed(&self, failure: impl Into<Failure>) -> Failure {
        failure.into().about(self).with_login(&self.0)
    }
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let host = text
            .strip_prefix("docker://")
            .unwrap_or(text)
            .trim_end_matches('/');
        match host {
            "index.docker.io" | "registry-1.docker.io" => Ok(Self("docker.io".into())),
            host if host.is_empty() || host.contains(['/', '@', ' ']) => {
                Err(format!("\"{text}\" is no host; write HOST or HOST:PORT"))
            }
            host => Ok(Self(host.into())),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_as_they_are_typed() {
        for (text, host) in [
            ("quay.io/", "quay.io"),
            ("docker://[::1]:5000", "[::1]:5000"),
            ("index.docker.io", "docker.io"),
        ] {
            assert_eq!(text.parse::<Host>().unwrap().as_str(), host);
        }
        assert!(
            "quay.io/team".parse::<Host>().is_err() && "https://quay.io".parse::<Host>().is_err()
        );
    }
}
