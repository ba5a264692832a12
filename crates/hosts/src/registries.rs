//! Locations of images: rewritten names, mirrors, blocked and insecure registries
//! (containers-registries.conf(5)).
//!
//! As in other tools, rewriting and mirrors apply only to reads: a push goes to the location in the
//! image name. Search registries and short-name aliases are ignored, because a name without a host
//! always means Docker Hub.

mod document;

use anyhow::{Context, Result, bail};
use portolan_model::{ImageReference, RepositoryName};

use document::{Pulls, RegistryEntry};

pub use document::{RegistriesDocument, parse_registries};

/// Entries of `registries.conf` and related files.
#[derive(Debug, Default)]
pub struct Registries {
    entries: Vec<RegistryEntry>,
}

/// Locations for reading and writing one image.
#[derive(Debug, Eq, PartialEq)]
pub struct ImageLocations {
    /// Mirrors, tried in this order before `primary`.
    pub mirrors: Vec<Mirror>,
    /// Location for reading, to which the name may have been rewritten.
    pub primary: RepositoryLocation,
    /// Location for writing, as in the image name.
    pub target: RepositoryLocation,
    /// Mirrors that cannot be used for this image, each with the reason.
    pub skipped: Vec<String>,
}

/// Host and name of a repository.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RepositoryLocation {
    /// Host and port, as in image references.
    pub host: Box<str>,
    /// Name of the repository on that host.
    pub repository: RepositoryName,
    /// True if the host is configured as insecure, so that it may use any certificate or plain
    /// HTTP.
    pub insecure: bool,
}

/// Mirror of a repository.
#[derive(Debug, Eq, PartialEq)]
pub struct Mirror {
    /// Repository of the mirror.
    pub location: RepositoryLocation,
    /// True if the mirror is also used for references by tag, and not only by digest.
    pub tags: bool,
}

impl Registries {
    /// Adds the entries of a document. Each entry replaces an earlier entry with the same prefix.
    pub fn extend(&mut self, document: RegistriesDocument) {
        for entry in document.entries {
            self.entries
                .retain(|earlier| earlier.prefix != entry.prefix);
            self.entries.push(entry);
        }
    }

    /// Returns whether an entire host, and not only one of its repositories, is configured as
    /// insecure.
    ///
    /// # Errors
    /// Returns an error if the host is blocked.
    pub fn is_insecure(&self, host: &str) -> Result<bool> {
        let Some((entry, _)) = self.find_entry(host) else {
            return Ok(false);
        };
        entry.reject_if_blocked(host)?;
        Ok(entry.insecure)
    }

    /// Returns the locations of an image.
    ///
    /// # Errors
    /// Returns an error if the image is blocked, or its name is rewritten to an invalid name.
    pub fn locate(&self, image: &ImageReference) -> Result<ImageLocations> {
        let text = image.to_string();
        let unchanged = |insecure| RepositoryLocation {
            host: image.host.clone(),
            repository: image.repository.clone(),
            insecure,
        };
        let Some((entry, rest)) = self.find_entry(&text) else {
            return Ok(ImageLocations {
                mirrors: Vec::new(),
                primary: unchanged(false),
                target: unchanged(false),
                skipped: Vec::new(),
            });
        };
        entry.reject_if_blocked(&text)?;
        let place = |location: &str, insecure| {
            let place = rewrite(location, rest, image, insecure);
            place.with_context(|| {
                format!(
                    "{} rewrites {text} to {location}{rest}",
                    entry.file.display()
                )
            })
        };
        let primary = match &entry.location {
            Some(location) => place(location, entry.insecure)?,
            None => unchanged(entry.insecure),
        };
        let excluded = if image.digest.is_some() {
            Pulls::TagOnly
        } else {
            Pulls::DigestOnly
        };
        let mut locations = ImageLocations {
            mirrors: Vec::new(),
            primary,
            target: unchanged(entry.insecure),
            skipped: Vec::new(),
        };
        for mirror in &entry.mirrors {
            match place(&mirror.location, mirror.insecure) {
                _ if mirror.pulls == excluded => (),
                Ok(location) => locations.mirrors.push(Mirror {
                    location,
                    tags: mirror.pulls != Pulls::DigestOnly,
                }),
                Err(error) => locations
                    .skipped
                    .push(format!("a mirror was not used: {error:#}")),
            }
        }
        Ok(locations)
    }

    /// Returns the entry with the longest prefix that matches `name`, and the rest of `name` after
    /// that prefix.
    fn find_entry<'a>(&'a self, name: &'a str) -> Option<(&'a RegistryEntry, &'a str)> {
        let matching =
            |entry: &'a RegistryEntry| Some((entry, strip_name_prefix(&entry.prefix, name)?));
        // If two prefixes have the same length, the prefix without a wildcard is more specific.
        let rank = |entry: &RegistryEntry| (entry.prefix.len(), !entry.prefix.starts_with('*'));
        self.entries
            .iter()
            .filter_map(matching)
            .max_by_key(|(entry, _)| rank(entry))
    }
}

impl RegistryEntry {
    fn reject_if_blocked(&self, name: &str) -> Result<()> {
        if self.blocked {
            bail!(
                "{name} is blocked: {} blocks {}",
                self.file.display(),
                self.prefix
            );
        }
        Ok(())
    }
}

/// Returns the rest of `name` after `prefix`, or `None` if `name` does not begin with `prefix` or
/// the prefix ends within a component of the name.
fn strip_name_prefix<'a>(prefix: &str, name: &'a str) -> Option<&'a str> {
    if let Some(domain) = prefix.strip_prefix('*') {
        let host = name.split('/').next()?;
        let without_port = host.split_once(':').map_or(host, |(host, _)| host);
        return without_port
            .ends_with(domain)
            .then(|| &name[without_port.len()..]);
    }
    let rest = name.strip_prefix(prefix)?;
    // A colon after a host begins a port, and a host with another port is another host.
    let separators: &[char] = if prefix.contains('/') {
        &['/', ':', '@']
    } else {
        &['/']
    };
    (rest.is_empty() || rest.starts_with(separators)).then_some(rest)
}

/// Returns the location to which `image` is rewritten: `location` followed by `rest`, the part of
/// its name after the prefix.
///
/// # Errors
/// Returns an error if the result is not a valid image name or changes the tag or digest.
fn rewrite(
    location: &str,
    rest: &str,
    image: &ImageReference,
    insecure: bool,
) -> Result<RepositoryLocation> {
    let rewritten = format!("{location}{rest}");
    let (host, path) = rewritten
        .split_once('/')
        .context("the location has no repository after the host")?;
    let name = path.split([':', '@']).next().unwrap_or_default();
    let repository: RepositoryName = name.parse()?;
    let as_written = ImageReference {
        host: host.into(),
        repository,
        ..image.clone()
    };
    if as_written.to_string() != rewritten {
        bail!("the location changes the tag or digest, but only the repository can be rewritten");
    }
    Ok(RepositoryLocation {
        host: as_written.host,
        repository: as_written.repository,
        insecure,
    })
}
