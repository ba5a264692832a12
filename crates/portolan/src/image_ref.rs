//! Image references on the command line, to an image in a registry, a folder or an archive.

mod credentials;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use portolan_client::Scheme;
use portolan_model::{Digest, ImageReference, ReferenceError};

use crate::failure::Failure;
use crate::host::split_scheme;
use crate::usage::ValueError;
pub(crate) use credentials::{credentials_error, strip_credentials};

/// Location of an image: `HOST/NAME[:TAG][@DIGEST]`, `oci:FOLDER[:REF]`, `oci-archive:FILE[:REF]`
/// or `docker-archive:FILE[:REF]`. On disk, `@DIGEST` may replace `:REF`. `-` as FILE means
/// standard input or standard output.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Location {
    /// In a registry.
    Registry(RemoteImage),
    /// On disk.
    Local(LocalLocation),
}

/// Image in a registry, with an optional scheme before its host.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct RemoteImage {
    pub(crate) scheme: Option<Scheme>,
    pub(crate) reference: ImageReference,
}

/// Location on disk.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct LocalLocation {
    pub(crate) format: LocalFormat,
    pub(crate) path: PathBuf,
    pub(crate) reference: Option<LocalReference>,
}

/// Storage format on disk.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum LocalFormat {
    /// OCI image layout in a folder.
    Oci,
    /// OCI image layout in a tar file.
    OciArchive,
    /// Tar file in the format of `docker save`.
    DockerArchive,
}

/// Reference to one image on disk.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum LocalReference {
    /// Reference by name.
    Name(String),
    /// Reference by digest.
    Digest(Digest),
}

/// Paths of standard output.
const STANDARD_OUTPUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

impl LocalFormat {
    const ALL: [Self; 3] = [Self::Oci, Self::OciArchive, Self::DockerArchive];

    fn as_str(self) -> &'static str {
        match self {
            Self::Oci => "oci",
            Self::OciArchive => "oci-archive",
            Self::DockerArchive => "docker-archive",
        }
    }

    /// Returns whether the format is an archive, which is a single file.
    pub(crate) fn is_archive(self) -> bool {
        self != Self::Oci
    }
}

/// Forms of a location, for suggestions.
const FORMS: &str =
    "HOST/NAME[:TAG], oci:FOLDER[:REF], oci-archive:FILE[:REF] or docker-archive:FILE[:REF]";

/// Transports of other tools, which would otherwise parse as an image on Docker Hub.
const UNSUPPORTED_TRANSPORTS: [&str; 6] = [
    "containerd",
    "containers-storage",
    "dir",
    "docker-daemon",
    "file",
    "ostree",
];

impl FromStr for Location {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if let Some(reference) = text.strip_prefix("docker://") {
            return match strip_credentials(reference) {
                Some(image) => Err(credentials_error(image)),
                None => parse_registry(reference),
            };
        }
        if is_path(text) {
            return Err(path_error(text));
        }
        if !is_local(text)
            && let Some(image) = strip_credentials(text)
        {
            return Err(credentials_error(image));
        }
        if is_host(text) {
            return Err(ValueError::new(
                format!("\"{text}\" is a host, not an image"),
                format!("use `{text}/NAME[:TAG]`"),
            ));
        }
        if split_scheme(text).0.is_some() {
            return parse_registry(text);
        }
        let Some((transport, rest)) = text.split_once(':') else {
            return parse_registry(text);
        };
        if let Some(format) = LocalFormat::ALL
            .into_iter()
            .find(|format| format.as_str() == transport)
        {
            return parse_local(format, rest).map(Self::Local);
        }
        if UNSUPPORTED_TRANSPORTS.contains(&transport) {
            return Err(ValueError::new(
                format!("unsupported transport \"{transport}:\""),
                format!("write {FORMS}"),
            ));
        }
        parse_registry(text)
    }
}

/// Returns whether a text begins with the transport of a location on disk.
fn is_local(text: &str) -> bool {
    text.split_once(':').is_some_and(|(transport, _)| {
        LocalFormat::ALL
            .iter()
            .any(|format| format.as_str() == transport)
    })
}

fn parse_registry(text: &str) -> Result<Location, ValueError> {
    if text.is_empty() {
        return Err(ValueError::new(
            "the reference is empty",
            format!("write {FORMS}"),
        ));
    }
    let (scheme, rest) = split_scheme(text);
    let parsed = rest.parse();
    let reference: ImageReference =
        parsed.map_err(|error: ReferenceError| match lowercase_name(rest) {
            Some((name, lower)) => ValueError::new(
                format!("the repository name \"{name}\" contains upper-case letters"),
                format!("use `{}{lower}`", scheme_prefix(scheme)),
            ),
            None => format!("invalid reference \"{text}\": {error}").into(),
        })?;
    // Without a host, the reference is an image on Docker Hub. A scheme before it is a mistake.
    let names_host = rest
        .strip_prefix(&*reference.host)
        .is_some_and(|rest| rest.starts_with('/'));
    if scheme.is_some() && !names_host {
        return Err(ValueError::new(
            format!("\"{text}\" is not an image"),
            format!("write {}HOST[:PORT]/NAME[:TAG]", scheme_prefix(scheme)),
        ));
    }
    Ok(Location::Registry(RemoteImage { scheme, reference }))
}

/// Returns the repository name of a reference that is invalid only because of upper-case letters in
/// the name, and the reference with the name in lower case.
pub(crate) fn lowercase_name(text: &str) -> Option<(&str, String)> {
    let image = text.split_once('@').map_or(text, |(image, _)| image);
    let name_start = match image.split_once('/') {
        Some((host, _)) if is_host_name(host) => host.len() + 1,
        _ => 0,
    };
    let name = image.get(name_start..)?.split(':').next()?;
    let rest = text.get(name_start + name.len()..)?;
    let lower = format!("{}{}{rest}", text.get(..name_start)?, name.to_lowercase());
    (lower != text && lower.parse::<ImageReference>().is_ok()).then_some((name, lower))
}

/// Returns whether the part of a reference before the first slash is a host, as in docker.
fn is_host_name(text: &str) -> bool {
    text.contains(['.', ':']) || text == "localhost"
}

/// Returns whether a text is a host with a port. Otherwise, it would be parsed as an image on
/// Docker Hub with a number as its tag.
pub(crate) fn is_host(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let is_name = !host.contains('/') && (host.contains('.') || host == "localhost");
    let is_address = host.starts_with('[') && host.ends_with(']');
    (is_name || is_address) && port.parse::<u16>().is_ok()
}

/// Returns whether a path has the extension of an archive.
fn has_archive_ending(path: &str) -> bool {
    const ENDINGS: [&str; 5] = [".tar", ".tgz", ".tar.gz", ".tar.zst", ".tar.xz"];
    ENDINGS.iter().any(|ending| path.ends_with(ending))
}

/// Returns whether a text has no host and has the extension of an archive. Otherwise, it would be
/// parsed as an image on Docker Hub.
fn is_archive_name(text: &str) -> bool {
    let path = text.split([':', '@']).next().unwrap_or(text);
    let has_host = text
        .split_once('/')
        .is_some_and(|(first, _)| is_host_name(first));
    !has_host && has_archive_ending(path)
}

/// Returns whether a text can only be a path: it begins like a path, or has the extension of an
/// archive. Any other relative path could also be the name of an image on Docker Hub.
pub(crate) fn is_path(text: &str) -> bool {
    text == "."
        || text == ".."
        || is_archive_name(text)
        || ["/", "./", "../"]
            .iter()
            .any(|start| text.starts_with(start))
}

/// Returns the error for a path without a transport. The error suggests transports.
pub(crate) fn path_error(text: &str) -> ValueError {
    let path = text.split(':').next().unwrap_or(text);
    let transports = if has_archive_ending(path) || Path::new(path).is_file() {
        format!("`oci-archive:{text}` or `docker-archive:{text}`")
    } else {
        format!("`oci:{text}`")
    };
    ValueError::new(
        format!("\"{text}\" is a path, which needs a transport"),
        format!("use {transports}"),
    )
}

fn parse_local(format: LocalFormat, text: &str) -> Result<LocalLocation, ValueError> {
    let (path, name) = match text
        .rsplit_once('@')
        .map(|(path, digest)| (path, digest, digest.parse::<Digest>()))
    {
        Some((path, _, Ok(digest))) => (path, Some(LocalReference::Digest(digest))),
        Some((_, digest, Err(error))) if is_like_digest(digest) => {
            let message = format!("invalid digest \"{digest}\" in \"{format}:{text}\": {error}");
            return Err(message.into());
        }
        _ => match text.split_once(':') {
            Some((path, name)) => (path, Some(LocalReference::Name(name.into()))),
            None => (text, None),
        },
    };
    let placeholder = if format == LocalFormat::Oci {
        "FOLDER"
    } else {
        "FILE"
    };
    if path.is_empty() {
        return Err(ValueError::new(
            format!("\"{format}:{text}\" has no path"),
            format!("write {format}:{placeholder}[:REF]"),
        ));
    }
    if name == Some(LocalReference::Name(String::new())) {
        return Err(ValueError::new(
            format!("\"{format}:{text}\" ends with a colon"),
            format!("write `{format}:{path}`, or add a name"),
        ));
    }
    Ok(LocalLocation {
        format,
        path: path.into(),
        reference: name,
    })
}

/// Returns whether a text was meant as a digest: an `@` may also be a part of a path or a name, or
/// follow credentials.
fn is_like_digest(text: &str) -> bool {
    ["sha256:", "sha512:"]
        .iter()
        .any(|start| text.starts_with(start))
}

impl Location {
    /// Returns the registry host, or `None` for a location on disk.
    pub(crate) fn host(&self) -> Option<&str> {
        match self {
            Self::Registry(image) => Some(&image.reference.host),
            Self::Local(_) => None,
        }
    }

    /// Adds the failed operation, such as `delete`, and the location to a failure, and a login hint
    /// if the registry denied access.
    pub(crate) fn annotate(&self, operation: &str, failure: impl Into<Failure>) -> Failure {
        let failure = self.shorten_origin(self.with_login_hint(failure));
        let operation = failure.operation(operation);
        failure.context(format_args!("failed to {operation} {self}"))
    }

    /// Makes a registry error say `the registry` instead of the host of this location. Use this if
    /// the context of the message already names the location.
    pub(crate) fn shorten_origin(&self, failure: Failure) -> Failure {
        match self.host() {
            Some(host) => failure.with_role(host, "the registry"),
            None => failure,
        }
    }

    /// Adds a login hint to a failure if the registry denied access.
    pub(crate) fn with_login_hint(&self, failure: impl Into<Failure>) -> Failure {
        match self.host() {
            Some(host) => failure.into().with_login(host),
            None => failure.into(),
        }
    }

    /// Returns whether the location is a folder.
    pub(crate) fn is_folder(&self) -> bool {
        matches!(
            self,
            Self::Local(LocalLocation {
                format: LocalFormat::Oci,
                ..
            })
        )
    }

    /// Returns whether the location is an archive file. A written archive has a temporary name
    /// until it is complete.
    pub(crate) fn is_archive(&self) -> bool {
        matches!(self, Self::Local(_)) && !self.is_folder()
    }

    /// Returns whether an archive that is written to the location goes to standard output.
    pub(crate) fn is_standard_output(&self) -> bool {
        matches!(self, Self::Local(local) if local.is_standard_output())
    }

    /// Returns whether the location is a Docker archive, which stores only images and no index.
    pub(crate) fn is_docker_archive(&self) -> bool {
        matches!(
            self,
            Self::Local(LocalLocation {
                format: LocalFormat::DockerArchive,
                ..
            })
        )
    }

    /// Returns the location without a reference to an image: `quay.io/team/app`, `oci:folder`.
    pub(crate) fn base(&self) -> String {
        match self {
            Self::Registry(image) => image.base(),
            Self::Local(local) => local.base(),
        }
    }

    /// Returns whether the location contains a digest.
    pub(crate) fn has_digest(&self) -> bool {
        match self {
            Self::Registry(image) => image.reference.digest.is_some(),
            Self::Local(local) => matches!(local.reference, Some(LocalReference::Digest(_))),
        }
    }

    /// Adds the tag `latest` to a registry location without tag and digest. Locations on disk have
    /// no default.
    pub(crate) fn with_default_tag(&self) -> Self {
        match self {
            Self::Registry(image) if !self.has_reference() => {
                let tag = "latest".parse().ok();
                Self::Registry(RemoteImage {
                    scheme: image.scheme,
                    reference: ImageReference {
                        tag,
                        ..image.reference.clone()
                    },
                })
            }
            _ => self.clone(),
        }
    }

    /// Returns whether the location contains a tag, a name or a digest, and so refers to one image.
    pub(crate) fn has_reference(&self) -> bool {
        match self {
            Self::Registry(RemoteImage { reference, .. }) => {
                reference.tag.is_some() || reference.digest.is_some()
            }
            Self::Local(local) => local.reference.is_some(),
        }
    }
}

/// Returns the text before a host with this scheme.
fn scheme_prefix(scheme: Option<Scheme>) -> String {
    scheme.map_or_else(String::new, |scheme| format!("{}://", scheme.as_str()))
}

impl RemoteImage {
    fn base(&self) -> String {
        let ImageReference {
            host, repository, ..
        } = &self.reference;
        format!("{}{host}/{repository}", scheme_prefix(self.scheme))
    }
}

impl fmt::Display for RemoteImage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}{}",
            scheme_prefix(self.scheme),
            self.reference
        )
    }
}

impl LocalLocation {
    /// Returns whether an archive that is written to the location goes to standard output.
    pub(crate) fn is_standard_output(&self) -> bool {
        self.format.is_archive()
            && STANDARD_OUTPUT
                .iter()
                .any(|path| self.path == Path::new(path))
    }

    fn base(&self) -> String {
        format!("{}:{}", self.format, self.path.display())
    }
}

impl fmt::Display for LocalFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(image) => image.fmt(formatter),
            Self::Local(local) => {
                formatter.write_str(&local.base())?;
                match &local.reference {
                    Some(LocalReference::Name(name)) => write!(formatter, ":{name}"),
                    Some(LocalReference::Digest(digest)) => write!(formatter, "@{digest}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> String {
        text.parse::<Location>()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .to_string()
    }

    fn error(text: &str) -> String {
        text.parse::<Location>().unwrap_err().to_string()
    }

    #[test]
    fn parses_registry_references() {
        assert_eq!(
            printed("docker://quay.io/team/app:v1"),
            "quay.io/team/app:v1"
        );
        assert_eq!(printed("alpine"), "docker.io/library/alpine");
        assert_eq!(printed("127.0.0.1:5000/app:v1"), "127.0.0.1:5000/app:v1");
        assert_eq!(
            "[::1]:5000/app".parse::<Location>().unwrap().host(),
            Some("[::1]:5000")
        );
    }

    #[test]
    fn a_scheme_may_precede_the_host() {
        for text in ["http://quay.io/team/app:v1", "https://localhost:5000/app"] {
            assert_eq!(printed(text), text);
            assert_eq!(printed(&format!("docker://{text}")), text);
        }
        let location: Location = "http://r.test:80/app:v1".parse().unwrap();
        assert_eq!(location.host(), Some("r.test:80"));
        assert_eq!(location.base(), "http://r.test:80/app");
        assert_eq!(
            printed("https://docker.io/alpine"),
            "https://docker.io/library/alpine"
        );
    }

    #[test]
    fn parses_folders_and_archives() {
        let digest = Digest::sha256(b"");
        for text in [
            "oci:folder",
            "oci:a/b:docker.io/library/alpine:3.20",
            "oci-archive:x.tar:v1",
            "docker-archive:x.tar",
        ] {
            assert_eq!(printed(text), text);
        }
        let Location::Local(local) = format!("oci:a@b@{digest}").parse().unwrap() else {
            panic!("expected a location on disk")
        };
        assert_eq!(
            (local.path, local.reference),
            ("a@b".into(), Some(LocalReference::Digest(digest)))
        );
        assert_eq!("oci:a:b".parse::<Location>().unwrap().base(), "oci:a");
    }

    #[test]
    fn the_name_of_an_archive_needs_a_transport() {
        for text in ["image.tar", "out/image.tar:v1", "image.tar.gz", "IMAGE.tgz"] {
            let expected = format!("\"{text}\" is a path, which needs a transport");
            assert!(error(text).ends_with(&expected), "{}", error(text));
        }
        for text in [
            "quay.io/team/image.tar:v1",
            "127.0.0.1:5000/image.tar",
            "localhost/a.tar",
        ] {
            assert!(printed(text).starts_with(text), "{text}");
        }
        assert_eq!(printed("tar"), "docker.io/library/tar");
    }

    #[test]
    fn errors_name_the_mistake() {
        assert!(error("oci:").contains("has no path"), "{}", error("oci:"));
        assert!(
            error("oci-archive:x:").contains("ends with a colon"),
            "{}",
            error("oci-archive:x:")
        );
        assert!(
            error("containers-storage:x").contains("unsupported transport"),
            "{}",
            error("containers-storage:x")
        );
        for text in [
            "https://quay.io",
            "http://app:v1",
            "https://app/x",
            "http://",
        ] {
            assert!(error(text).contains(text), "{}", error(text));
        }
        assert!(
            error("quay.io/Team//app").contains("invalid reference \"quay.io/Team//app\""),
            "{}",
            error("quay.io/Team//app")
        );
        assert!(
            error("quay.io/app@sha256:12").contains("invalid reference"),
            "{}",
            error("quay.io/app@sha256:12")
        );
        assert!(error("").contains("empty"), "{}", error(""));
    }

    #[test]
    fn suggests_the_intended_spelling() {
        for (text, help) in [
            ("./dir", "use `oci:./dir`"),
            ("../dir/", "use `oci:../dir/`"),
            ("/srv/images:v1", "use `oci:/srv/images:v1`"),
            (".", "use `oci:.`"),
            (
                "./app.tar:v1",
                "use `oci-archive:./app.tar:v1` or `docker-archive:./app.tar:v1`",
            ),
            ("127.0.0.1:5000", "use `127.0.0.1:5000/NAME[:TAG]`"),
            ("https://quay.io", "write https://HOST[:PORT]/NAME[:TAG]"),
            ("http://quay.io/App", "use `http://quay.io/app`"),
            ("quay.io/Team/App:V1", "use `quay.io/team/app:V1`"),
            ("localhost:5000/App", "use `localhost:5000/app`"),
            ("Alpine:3.20", "use `alpine:3.20`"),
        ] {
            let error = text.parse::<Location>().unwrap_err();
            assert_eq!(error.help.as_deref(), Some(help), "{error}");
        }
        let message = error("quay.io/Team/App:V1");
        assert!(message.contains("\"Team/App\" contains upper-case letters"));
    }

    #[test]
    fn rejects_malformed_digests_on_disk() {
        for text in ["oci:a@sha256:12", "oci-archive:a.tar@sha512:x"] {
            assert!(error(text).starts_with("invalid digest"), "{}", error(text));
        }
        assert_eq!(printed("oci:a@b"), "oci:a@b");
        assert_eq!(printed("oci:a@b:v1"), "oci:a@b:v1");
    }
}
