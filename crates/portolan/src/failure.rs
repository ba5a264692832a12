//! Failure of a command, and the exit status of the process.

use std::fmt;
use std::path::Path;

use portolan_registry::{Error, Kind};

use crate::config::ConfigError;
use crate::output::Text;
use crate::usage::{UsageError, ValueError};

/// Result of a command.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Failure of a command: the error to print, and the exit status.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    pub(crate) error: anyhow::Error,
    /// Suggestion for the user, printed after `help:`.
    pub(crate) hint: Option<String>,
    /// Pairs of a host and the text to print instead of it, such as `the registry`. Used if the
    /// context of the message already contains the host.
    pub(crate) roles: Vec<(String, &'static str)>,
    /// True if the message already contains the path from the command line, so that it needs no
    /// context.
    pub(crate) is_complete: bool,
}

/// Exit statuses that scripts rely on, as documented in docs/cli.md.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Status {
    /// Success. A failure has this status if the reader of standard output closed it early.
    Done = 0,
    /// The command succeeded and reports findings.
    Findings = 1,
    /// The command line or the configuration is invalid.
    Usage = 2,
    /// A manifest, blob or other object does not exist.
    NotFound = 3,
    /// Access to the registry was denied.
    Denied = 4,
    /// The registry failed, rejected the request, or was unreachable.
    Remote = 5,
    /// A precondition was not met.
    Precondition = 6,
    /// A local operation failed.
    Failed = 7,
    /// Interrupted by SIGINT (Ctrl-C). As in shells, the status is 128 plus the number of the
    /// signal.
    Interrupted = 130,
    /// Terminated by SIGTERM.
    Terminated = 143,
}

impl Status {
    /// All statuses, in order.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 10] = [
        Self::Done,
        Self::Findings,
        Self::Usage,
        Self::NotFound,
        Self::Denied,
        Self::Remote,
        Self::Precondition,
        Self::Failed,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// Returns the description in docs/cli.md.
    #[cfg(test)]
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Done => "success",
            Self::Findings => {
                "success, but a check failed: there is a finding of severity error, a target will reject the image, or the policy rejects it"
            }
            Self::Usage => {
                "the command line, a reference or the configuration is invalid, or a file that they name does not exist"
            }
            Self::NotFound => "an image, blob or repository was not found",
            Self::Denied => {
                "access denied: missing or wrong credentials, or insufficient permissions"
            }
            Self::Remote => "the registry failed, rejected the request, or could not be reached",
            Self::Precondition => {
                "a precondition failed: a tag has moved, a manifest still references the content, or other tags point to a manifest"
            }
            Self::Failed => "a local failure, such as a disk error or a locked folder",
            Self::Interrupted => {
                "interrupted by Ctrl-C; incomplete archives are removed, upload sessions are retained"
            }
            Self::Terminated => "terminated by SIGTERM, in the same way",
        }
    }

    /// Returns the exit status for a registry error. A full disk and an exceeded limit are failures of
    /// the side where they occur: of a registry, if the error has an origin, and otherwise of this
    /// process with its folders, archives and temporary files.
    fn from_error(error: &Error) -> Self {
        match error.kind() {
            Kind::Internal => Self::Failed,
            Kind::StorageFull | Kind::TooLarge if error.origin().is_none() => Self::Failed,
            Kind::BlobUnknown
            | Kind::ManifestUnknown
            | Kind::RepositoryUnknown
            | Kind::UploadUnknown
            | Kind::ContentMissing { .. } => Self::NotFound,
            Kind::Denied | Kind::Unauthorized => Self::Denied,
            Kind::PreconditionFailed | Kind::Referenced { .. } => Self::Precondition,
            Kind::ManifestInvalid { .. }
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
            | Kind::Remote(_) => Self::Remote,
        }
    }
}

impl Failure {
    pub(crate) fn new(status: Status, error: impl Into<anyhow::Error>) -> Self {
        Self {
            status,
            error: error.into(),
            hint: None,
            roles: Vec::new(),
            is_complete: false,
        }
    }

    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Status::Usage, error)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Status::NotFound, anyhow::Error::msg(message.into()))
    }

    /// Creates the failure for a file on the command line that does not exist. The status is the
    /// same in all commands.
    pub(crate) fn missing_file(path: &Path) -> Self {
        Self::missing_path("file", path)
    }

    /// Creates the failure for a folder on the command line that does not exist.
    pub(crate) fn missing_folder(path: &Path) -> Self {
        Self::missing_path("folder", path)
    }

    fn missing_path(kind: &str, path: &Path) -> Self {
        Self {
            is_complete: true,
            ..Self::usage(anyhow::anyhow!("{kind} {} does not exist", path.display()))
        }
    }

    /// Prefixes the message with its context, unless it is complete without one.
    #[must_use]
    pub(crate) fn context(self, what: impl fmt::Display) -> Self {
        if self.is_complete {
            return self;
        }
        Self {
            error: self.error.context(what.to_string()),
            ..self
        }
    }

    /// Returns the operation for the message. It is `look up` if content does not exist, so that
    /// all operations report this in the same way.
    pub(crate) fn operation<'a>(&self, operation: &'a str) -> &'a str {
        if self.status == Status::NotFound {
            "look up"
        } else {
            operation
        }
    }

    /// Adds a hint, unless there already is one.
    #[must_use]
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: self.hint.or_else(|| Some(hint.into())),
            ..self
        }
    }

    /// Replaces `host` with `role`, such as `the registry`, where the message of a registry error
    /// names its origin. Use it if the context of the message already contains the host. If a host
    /// has several roles, the first role applies.
    #[must_use]
    pub(crate) fn with_role(mut self, host: &str, role: &'static str) -> Self {
        self.roles.push((host.to_owned(), role));
        self
    }

    /// Adds a hint to log in at `host` if that host denied access.
    #[must_use]
    pub(crate) fn with_login(self, host: &str) -> Self {
        if self.status != Status::Denied || !self.comes_from(host) {
            return self;
        }
        self.with_hint(format!("run `portolan login {host}`"))
    }

    /// Returns whether the failure is an error of the registry at `host`.
    pub(crate) fn comes_from(&self, host: &str) -> bool {
        registry_error(&self.error)
            .and_then(Error::origin)
            .is_some_and(|origin| origin.as_str() == host)
    }

    /// Copies the failure for another image that it affects. The copy has the status, message and
    /// hint, but not the underlying error, because an error cannot be cloned.
    pub(crate) fn duplicate(&self) -> Self {
        Self {
            status: self.status,
            error: anyhow::Error::msg(self.message()),
            hint: self.help().map(str::to_owned),
            roles: Vec::new(),
            is_complete: false,
        }
    }

    /// Combines the failures of `all` parts (`what` is their name in the plural) into one with the
    /// first status. Returns `Ok` if there are none.
    ///
    /// If there are several parts, each failure must have been printed as soon as it was known. The
    /// combined failure only counts them.
    pub(crate) fn combine(what: &str, all: usize, mut failures: Vec<Self>) -> Outcome {
        match failures.as_slice() {
            [] => Ok(()),
            [_] if all == 1 => Err(failures.remove(0)),
            [first, ..] => {
                let message = format!("{} of {all} {what} failed", failures.len());
                Err(Self::new(first.status, anyhow::Error::msg(message)))
            }
        }
    }

    /// Returns whether a signal stopped the command.
    pub(crate) fn is_interruption(&self) -> bool {
        matches!(self.status, Status::Interrupted | Status::Terminated)
    }

    /// Returns the suggestion for the user: that of the command, otherwise that of the registry.
    pub(crate) fn help(&self) -> Option<&str> {
        let registry_help = || registry_error(&self.error).and_then(Error::help);
        self.hint.as_deref().or_else(registry_help)
    }

    /// Returns the details of the underlying registry error.
    pub(crate) fn detail(&self) -> serde_json::Value {
        registry_error(&self.error)
            .map(Error::detail)
            .unwrap_or_default()
    }

    /// Returns the kind of the underlying registry error, or `None` if the failure is not a
    /// registry error.
    pub(crate) fn kind(&self) -> Option<&Kind> {
        registry_error(&self.error).map(Error::kind)
    }

    /// Joins the error and its causes, up to the first message that already contains the root
    /// cause.
    pub(crate) fn message(&self) -> String {
        let text = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref() {
            Some(error) => self.registry_message(error),
            None => cause.to_string(),
        };
        let root = text(self.error.root_cause());
        let mut causes = self.error.chain().map(text);
        let mut message = causes.next().unwrap_or_default();
        for cause in causes {
            if message.contains(&root) {
                break;
            }
            message = format!("{message}: {cause}");
        }
        message
    }

    /// Renders the error as it is printed: the message after `error:` and `prefix`, and the hint.
    pub(crate) fn to_text(&self, prefix: &str) -> Text {
        self.render(&format!("error: {prefix}"))
    }

    fn render(&self, prefix: &str) -> Text {
        let mut text = Text::default();
        let message = format!("{prefix}{}", self.message());
        if self.has_lines() {
            text.lines(message);
        } else {
            text.line(message);
        }
        if let Some(help) = self.help() {
            text.line(format_args!("help: {help}"));
        }
        text
    }

    /// Returns whether line breaks in the message are intended, and not a part of foreign text.
    fn has_lines(&self) -> bool {
        self.error
            .chain()
            .any(|cause| cause.is::<UsageError>() || cause.is::<ConfigError>())
    }

    fn registry_message(&self, error: &Error) -> String {
        let role = error.origin().and_then(|origin| {
            let roles = &mut self.roles.iter();
            roles.find(|(host, _)| host == origin.as_str())
        });
        match role {
            Some((_, role)) => error.message_with(role),
            None => error.message().to_owned(),
        }
    }
}

/// Formats the message, followed by the hint on a separate line.
impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.render("").fmt(formatter)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let status = registry_error(&error).map_or(Status::Failed, Status::from_error);
        Self {
            status,
            error,
            hint: None,
            roles: Vec::new(),
            is_complete: false,
        }
    }
}

impl From<ValueError> for Failure {
    fn from(error: ValueError) -> Self {
        let hint = error.help.clone();
        Self {
            hint,
            ..Self::usage(error)
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

fn registry_error(error: &anyhow::Error) -> Option<&Error> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_error_in_the_chain_determines_the_status() {
        let error = anyhow::Error::new(Error::new(Kind::Denied, "no"))
            .context("failed to look")
            .context("failed to push");
        let failure = Failure::from(error)
            .with_hint("run `portolan login example.com`")
            .with_hint("second hint");
        assert_eq!(
            (failure.status, failure.kind()),
            (Status::Denied, Some(&Kind::Denied))
        );
        assert_eq!(
            failure.to_string(),
            "failed to push: failed to look: no\nhelp: run `portolan login example.com`"
        );
        assert_eq!(
            Failure::from(anyhow::anyhow!("the disk is full")).status,
            Status::Failed
        );
    }

    #[test]
    fn origin_of_a_full_disk_determines_the_status() {
        for kind in [Kind::StorageFull, Kind::TooLarge] {
            let local = Failure::from(Error::new(kind.clone(), "no space left on device"));
            assert_eq!(local.status, Status::Failed, "{kind:?}");
            let remote = Failure::from(Error::from_host(kind.clone(), "quay.io", "is full"));
            assert_eq!(remote.status, Status::Remote, "{kind:?}");
        }
    }

    #[test]
    fn suggests_login_only_at_the_host_that_denied_access() {
        let failure = |kind, host: &'static str| {
            let error = Error::from_host(kind, host, "returned DENIED: not at quay.io");
            Failure::from(error).with_login("quay.io")
        };
        assert_eq!(
            failure(Kind::Denied, "quay.io").to_string(),
            "quay.io returned DENIED: not at quay.io\nhelp: run `portolan login quay.io`"
        );
        assert_eq!(failure(Kind::Denied, "ghcr.io").hint, None);
        assert_eq!(failure(Kind::Unavailable, "quay.io").hint, None);
        let local = Failure::from(Error::new(Kind::Denied, "quay.io"));
        assert_eq!(local.with_login("quay.io").hint, None);
    }

    #[test]
    fn a_host_that_the_context_names_is_printed_once() {
        let error = || Error::from_host(Kind::Denied, "quay.io", "returned DENIED: no");
        let failure = Failure::from(error())
            .context("quay.io/app:v1")
            .with_role("quay.io", "the registry");
        assert_eq!(
            failure.to_string(),
            "quay.io/app:v1: the registry returned DENIED: no"
        );
        let other = Failure::from(error()).with_role("ghcr.io", "the registry");
        assert_eq!(other.to_string(), "quay.io returned DENIED: no");
    }

    #[test]
    fn foreign_text_in_a_message_stays_on_its_line() {
        let error = Error::from_host(Kind::Denied, "quay.io", "returned DENIED: a\nhelp: \x1b[2J")
            .with_help("b\nc");
        assert_eq!(
            Failure::from(error).to_text("x: ").as_str(),
            "error: x: quay.io returned DENIED: a\\u{a}help: \\u{1b}[2J\nhelp: b\\u{a}c\n"
        );
        let error = Failure::usage(ConfigError::invalid("a\nb\u{202e}"));
        assert_eq!(error.to_string(), "a\nb\\u{202e}");
    }

    #[test]
    fn combined_failure_has_the_first_status() {
        let failures = || {
            vec![
                Failure::not_found("gone"),
                Failure::usage(anyhow::anyhow!("no")),
            ]
        };
        let failure = Failure::combine("copies", 3, failures()).unwrap_err();
        assert_eq!(failure.status, Status::NotFound);
        assert_eq!(failure.to_string(), "2 of 3 copies failed");
        let failure = Failure::combine("copies", 1, vec![Failure::not_found("gone")]).unwrap_err();
        assert_eq!(failure.to_string(), "gone");
        assert!(Failure::combine("copies", 3, Vec::new()).is_ok());
    }

    #[test]
    fn messages_are_not_repeated() {
        let error = std::io::Error::other("refused");
        let error = Error::new(Kind::Unavailable, "failed to connect: refused").with_source(error);
        assert_eq!(
            Failure::from(error).to_string(),
            "failed to connect: refused"
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
