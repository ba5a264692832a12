//! Why a command did not do what was asked, and the status that the process ends with.

use std::fmt;

use portolan_registry::{Error, Kind};

/// What a command answers.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    pub(crate) error: anyhow::Error,
    /// What the person may want to do next.
    pub(crate) hint: Option<String>,
}

/// The exit statuses that scripts rely on, as docs/cli.md lists them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Status {
    /// Nobody wants the rest of the output, which is no failure.
    Done = 0,
    /// What was asked for is done, and something is wrong with what was looked at.
    Findings = 1,
    /// The command or the configuration is wrong.
    Usage = 2,
    /// Something that was named is not there.
    NotFound = 3,
    /// The other side does not let us.
    Denied = 4,
    /// The other side failed, refused, or could not be reached.
    OtherSide = 5,
    /// A precondition did not hold.
    Precondition = 6,
    /// Something on this side failed.
    Failed = 7,
    /// Ctrl-C came, or SIGINT by other means; shells say it so.
    Interrupted = 130,
    /// SIGTERM came.
    Terminated = 143,
}

impl Status {
    /// The one table from what went wrong with a registry to the status.
    pub(crate) fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Internal => Self::Failed,
            Kind::BlobUnknown
            | Kind::ManifestUnknown
            | Kind::RepositoryUnknown
            | Kind::UploadUnknown
            | Kind::ContentMissing => Self::NotFound,
            Kind::Denied | Kind::Unauthorized => Self::Denied,
            Kind::PreconditionFailed | Kind::Referenced => Self::Precondition,
            Kind::ManifestInvalid
            | Kind::DigestInvalid
            | Kind::SizeInvalid
            | Kind::TooLarge
            | Kind::OutOfOrder { .. }
            | Kind::RangeUnsatisfiable { .. }
            | Kind::Unsupported
            | Kind::TooManyRequests { .. }
            | Kind::BodyIncomplete
            | Kind::BodyTimeout
            | Kind::Unavailable
            | Kind::StorageFull
            | Kind::Remote(_) => Self::OtherSide,
        }
    }
}

impl Failure {
    pub(crate) fn new(status: Status, error: impl Into<anyhow::Error>) -> Self {
        Self {
            status,
            error: error.into(),
            hint: None,
        }
    }

    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Status::Usage, error)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Status::NotFound, anyhow::Error::msg(message.into()))
    }

    /// The same failure, its sentence beginning with what it is about.
    #[must_use]
    pub(crate) fn about(self, what: impl fmt::Display) -> Self {
        Self {
            error: self.error.context(what.to_string()),
            ..self
        }
    }

    /// The same failure with something to do next, unless something is known already.
    #[must_use]
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: self.hint.or_else(|| Some(hint.into())),
            ..self
        }
    }

    /// The failure with how to log in at `host`, if that is what it takes, it is about that host, and
    /// it does not say so itself.
    #[must_use]
    pub(crate) fn with_login(self, host: &str) -> Self {
        let told = told(&self.error);
        if self.status != Status::Denied || !told.contains(host) || told.contains("portolan login ")
        {
            return self;
        }
        self.with_hint(format!("log in with: portolan login {host}"))
    }

    /// The same failure for something else that it concerns, in words alone.
    pub(crate) fn again(&self) -> Self {
        Self {
            status: self.status,
            error: anyhow::Error::msg(told(&self.error)),
            hint: self.hint.clone(),
        }
    }

    /// The failure of a whole of `all` parts, `what` in the plural, if any failed: with the status of the
    /// first, and all are told.
    pub(crate) fn of_several(what: &str, all: usize, mut failures: Vec<(String, Self)>) -> Outcome {
        match failures.as_slice() {
            [] => Ok(()),
            [_] if all == 1 => Err(failures.remove(0).1),
            [(_, first), ..] => {
                let lines: Vec<_> = failures
                    .iter()
                    .map(|(name, failure)| format!("  {name}: {failure}"))
                    .collect();
                let message = format!(
                    "{} of {all} {what} failed:\n{}",
                    failures.len(),
                    lines.join("\n")
                );
                Err(Self::new(first.status, anyhow::Error::msg(message)))
            }
        }
    }

    /// Whether it is no more than that somebody wanted the command to stop.
    pub(crate) fn is_stop(&self) -> bool {
        matches!(self.status, Status::Interrupted | Status::Terminated)
    }

    /// What the registry's error says for machines, if it says anything.
    pub(crate) fn detail(&self) -> serde_json::Value {
        registry_error(&self.error)
            .map(|error| error.detail().clone())
            .unwrap_or_default()
    }

    /// The kind of the registry's error behind it, if there is one.
    pub(crate) fn kind(&self) -> Option<&Kind> {
        registry_error(&self.error).map(Error::kind)
    }
}

/// One line for a person, and what to do next on another.
impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&told(&self.error))?;
        match &self.hint {
            Some(hint) => write!(formatter, "\n  {hint}"),
            None => Ok(()),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let status =
            registry_error(&error).map_or(Status::Failed, |error| Status::of(error.kind()));
        Self {
            status,
            error,
            hint: None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        anyhow::Error::new(error).into()
    }
}

impl From<Status> for std::process::ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// The error and its causes, as far as they have not told the last one yet.
fn told(error: &anyhow::Error) -> String {
    let last = error.root_cause().to_string();
    let mut told = error.to_string();
    for cause in error.chain().skip(1) {
        if told.contains(&last) {
            break;
        }
        told = format!("{told}: {cause}");
    }
    told
}

fn registry_error(error: &anyhow::Error) -> Option<&Error> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_s_error_decides_wherever_it_stands() {
        let error = anyhow::Error::new(Error::new(Kind::Denied, "no"))
            .context("while looking")
            .context("again");
        let failure = Failure::from(error)
            .with_hint("portolan login example.com")
            .with_hint("not this");
        assert_eq!(
            (failure.status, failure.kind()),
            (Status::Denied, Some(&Kind::Denied))
        );
        assert_eq!(
            failure.to_string(),
            "again: while looking: no\n  portolan login example.com"
        );
        assert_eq!(
            Failure::from(anyhow::anyhow!("the disk is full")).status,
            Status::Failed
        );
    }

    #[test]
    fn a_login_is_advised_where_it_helps_and_once() {
        let failure =
            |message: &str| Failure::from(Error::new(Kind::Denied, message)).with_login("quay.io");
        let advised = failure("quay.io says DENIED: no").to_string();
        assert_eq!(
            advised,
            "quay.io says DENIED: no\n  log in with: portolan login quay.io"
        );
        for message in [
            "ghcr.io says DENIED: no",
            "quay.io says no; say who you are with portolan login quay.io:443",
        ] {
            assert_eq!(failure(message).hint, None, "{message}");
        }
    }

    #[test]
    fn of_several_the_first_decides_and_all_are_told() {
        let failures = || {
            vec![
                ("b".into(), Failure::not_found("gone")),
                ("c".into(), Failure::usage(anyhow::anyhow!("no"))),
            ]
        };
        let failure = Failure::of_several("copies", 3, failures()).unwrap_err();
        assert_eq!(failure.status, Status::NotFound);
        assert_eq!(
            failure.to_string(),
            "2 of 3 copies failed:\n  b: gone\n  c: no"
        );
        assert!(Failure::of_several("copies", 3, Vec::new()).is_ok());
    }

    #[test]
    fn nothing_is_told_twice() {
        let error = std::io::Error::other("refused");
        let error =
            Error::new(Kind::Unavailable, "it cannot be reached: refused").with_source(error);
        assert_eq!(
            Failure::from(error).to_string(),
            "it cannot be reached: refused"
        );
        let error = anyhow::anyhow!("refused")
            .context("sending")
            .context("pushing");
        assert_eq!(
            Failure::from(error).to_string(),
            "pushing: sending: refused"
        );
    }
}
