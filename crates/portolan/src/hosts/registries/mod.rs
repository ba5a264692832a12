//! Where images really are: rewritten names, mirrors, blocked and insecure registries
//! (containers-registries.conf(5), version 2).
//!
//! `$CONTAINERS_REGISTRIES_CONF` alone; or else the user's `registries.conf`, or the system's with
//! its `registries.conf.d`, and then the user's `registries.conf.d`. As in other tools, rewriting and
//! mirrors are for reading: what is pushed goes where its name says. Search registries and aliases for
//! short names are not used, since a bare name is always one of Docker Hub.

mod file;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result, bail};
use portolan_model::{ImageReference, RepositoryName};

use super::Environment;
use file::{Entry, Pulls};

/// What the files say.
#[derive(Debug)]
pub(crate) struct Registries {
    entries: Vec<Entry>,
}

/// Where one image is read from and written to.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Places {
    /// Asked in this order before `primary`.
    pub(crate) mirrors: Vec<Mirror>,
    /// Where it is read from otherwise.
    pub(crate) primary: Place,
    /// Where it is written to.
    pub(crate) target: Place,
}

/// A repository on a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) host: Box<str>,
    pub(crate) repository: RepositoryName,
    /// Whether the host may have any certificate, or speak without TLS.
    pub(crate) insecure: bool,
}

/// A place that may have what another has.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Mirror {
    pub(crate) place: Place,
    /// Whether it may say what a tag points to.
    pub(crate) tags: bool,
}

impl Registries {
    /// Reads the files.
    ///
    /// # Errors
    /// A file that cannot be read or makes no sense.
    pub(crate) fn load(environment: &Environment) -> Result<Self> {
        Ok(Self {
            entries: file::load(environment)?,
        })
    }

    /// Whether a host as a whole, apart from its repositories, is said to be insecure.
    ///
    /// # Errors
    /// The host is blocked.
    pub(crate) fn is_insecure(&self, host: &str) -> Result<bool> {
        let Some((entry, _)) = self.choose(host) else {
            return Ok(false);
        };
        entry.refuse_if_blocked(host)?;
        Ok(entry.insecure)
    }

    /// The places of an image.
    ///
    /// # Errors
    /// The image is blocked, or rewritten to what is no name.
    pub(crate) fn places(&self, image: &ImageReference) -> Result<Places> {
        let text = image.to_string();
        let unchanged = |insecure| Place {
            host: image.host.clone(),
            repository: image.repository.clone(),
            insecure,
        };
        let Some((entry, rest)) = self.choose(&text) else {
            return Ok(Places {
                mirrors: Vec::new(),
                primary: unchanged(false),
                target: unchanged(false),
            });
        };
        entry.refuse_if_blocked(&text)?;
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
        let mirrors = entry
            .mirrors
            .iter()
            .filter(|mirror| mirror.pulls != excluded)
            .map(|mirror| {
                let place = place(&mirror.location, mirror.insecure)?;
                Ok(Mirror {
                    place,
                    tags: mirror.pulls != Pulls::DigestOnly,
                })
            });
        Ok(Places {
            mirrors: mirrors.collect::<Result<_>>()?,
            primary,
            target: unchanged(entry.insecure),
        })
    }

    /// The entry with the longest prefix of `name`, and what follows it there.
    fn choose<'a>(&'a self, name: &'a str) -> Option<(&'a Entry, &'a str)> {
        let matching = |entry: &'a Entry| Some((entry, behind(&entry.prefix, name)?));
        // Between prefixes of the same length, one without a wildcard says more.
        let rank = |entry: &Entry| (entry.prefix.len(), !entry.prefix.starts_with('*'));
        self.entries
            .iter()
            .filter_map(matching)
            .max_by_key(|(entry, _)| rank(entry))
    }
}

impl Entry {
    fn refuse_if_blocked(&self, name: &str) -> Result<()> {
        if self.blocked {
            bail!(
                "{name} may not be used: {} blocks {}",
                self.file.display(),
                self.prefix
            );
        }
        Ok(())
    }
}

/// What follows `prefix` in `name`, if that is where one of the parts of a name ends.
fn behind<'a>(prefix: &str, name: &'a str) -> Option<&'a str> {
    if let Some(domain) = prefix.strip_prefix('*') {
        let host = name.split('/').next()?;
        let without_port = host.split_once(':').map_or(host, |(host, _)| host);
        return without_port
            .ends_with(domain)
            .then(|| &name[without_port.len()..]);
    }
    let rest = name.strip_prefix(prefix)?;
    // Behind a host a colon begins a port, which makes it another one.
    let separators: &[char] = if prefix.contains('/') {
        &['/', ':', '@']
    } else {
        &['/']
    };
    (rest.is_empty() || rest.starts_with(separators)).then_some(rest)
}

fn rewrite(location: &str, rest: &str, image: &ImageReference, insecure: bool) -> Result<Place> {
    let rewritten = format!("{location}{rest}");
    let (host, path) = rewritten
        .split_once('/')
        .context("there is no repository behind the host")?;
    let name = path.split([':', '@']).next().unwrap_or_default();
    let repository: RepositoryName = name.parse()?;
    let as_written = ImageReference {
        host: host.into(),
        repository,
        ..image.clone()
    };
    if as_written.to_string() != rewritten {
        bail!("that has another tag or digest, and only the repository can be rewritten");
    }
    Ok(Place {
        host: as_written.host,
        repository: as_written.repository,
        insecure,
    })
}
