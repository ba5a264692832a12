//! A file of credentials: docker's `config.json`, podman's `auth.json`, and docker's older `.dockercfg`.

use std::cmp::Reverse;
use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use portolan_client::Credential;
use portolan_model::{Json, RepositoryName};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::{entry, key};

type Members = Vec<(String, Json)>;

/// Where a file of credentials may be.
#[derive(Clone, Debug)]
pub(super) struct AuthPath {
    pub(super) path: PathBuf,
    /// Whether the whole file is what others keep under `auths` (`.dockercfg`).
    pub(super) bare: bool,
}

/// A file of credentials, as it was read; what is not changed stays as it is, in its order.
#[derive(Clone, Debug)]
pub(super) struct AuthFile {
    place: AuthPath,
    members: Members,
}

impl AuthFile {
    /// Reads the file; one that is not there, or empty, has nothing to say.
    pub(super) fn read(place: &AuthPath) -> Result<Self> {
        let path = place.path.display();
        let bytes = match fs::read(&place.path) {
            Ok(bytes) if !bytes.trim_ascii().is_empty() => bytes,
            Ok(_) => b"{}".to_vec(),
            Err(error) if error.kind() == ErrorKind::NotFound => b"{}".to_vec(),
            Err(error) => {
                return Err(error).with_context(|| format!("reading credentials from {path}"));
            }
        };
        match Json::parse(&bytes).with_context(|| format!("reading credentials from {path}"))? {
            Json::Object(members) => Ok(Self {
                place: place.clone(),
                members,
            }),
            other => bail!(
                "{path} is {}, not an object of JSON with credentials",
                other.kind()
            ),
        }
    }

    /// Has `change` change the file, and answers whether it did, as `change` says. Nobody else who
    /// does it this way reads or writes the file meanwhile, so that no change is lost.
    pub(super) fn update(
        place: &AuthPath,
        change: impl FnOnce(&mut Self) -> Result<bool>,
    ) -> Result<bool> {
        let _lock =
            lock(&place.path).with_context(|| format!("locking {}", place.path.display()))?;
        let mut file = Self::read(place)?;
        let changed = change(&mut file)?;
        if changed {
            file.write()?;
        }
        Ok(changed)
    }

    pub(super) fn place(&self) -> &AuthPath {
        &self.place
    }

    pub(super) fn path(&self) -> &Path {
        &self.place.path
    }

    /// The helper that keeps the credentials of `host` alone (`credHelpers`).
    pub(super) fn helper_of(&self, host: &str) -> Result<Option<&str>> {
        if self.place.bare {
            return Ok(None);
        }
        let helpers = self.object("credHelpers")?;
        match helpers
            .iter()
            .rev()
            .find(|(name, _)| key::covers(name, host, None).is_some())
        {
            Some((name, helper)) => self.text(&format!("credHelpers/{name}"), helper),
            None => Ok(None),
        }
    }

    /// The helper that keeps all credentials that have no other place (`credsStore`).
    pub(super) fn common_helper(&self) -> Result<Option<&str>> {
        match find(&self.members, "credsStore") {
            Some(helper) if !self.place.bare => self.text("credsStore", helper),
            _ => Ok(None),
        }
    }

    /// The credential that the file itself has: that of the longest key that covers the repository.
    pub(super) fn credential(
        &self,
        host: &str,
        repository: Option<&RepositoryName>,
    ) -> Result<Option<Credential>> {
        let mut covering: Vec<(usize, &str, &Json)> = Vec::new();
        for (name, entry) in self.entries()? {
            covering.extend(
                key::covers(name, host, repository).map(|length| (length, name.as_str(), entry)),
            );
        }
        covering.sort_by_key(|(length, ..)| Reverse(*length));
        for (_, name, entry) in covering {
            let credential = entry::read(entry)
                .with_context(|| format!("{}: auths/{name}", self.path().display()))?;
            if credential.is_some() {
                return Ok(credential);
            }
        }
        Ok(None)
    }

    /// Gives `host` another credential, under the key that it has already.
    pub(super) fn set(&mut self, host: &str, credential: &Credential) -> Result<()> {
        let entry = entry::write(credential)?;
        let mut entries = self.entries()?.to_vec();
        match entries.iter().position(|(name, _)| is_of_host(name, host)) {
            Some(first) => {
                let name = entries[first].0.clone();
                entries[first].1 = entry;
                entries.retain(|(other, _)| *other == name || !is_of_host(other, host));
            }
            None => entries.push((key::written(host).into(), entry)),
        }
        self.set_entries(entries);
        Ok(())
    }

    /// Takes out what the file itself says of `host`, and answers whether that was anything.
    pub(super) fn remove(&mut self, host: &str) -> Result<bool> {
        let held = |(name, entry): &(String, Json)| {
            is_of_host(name, host) && entry.as_object().is_some_and(|fields| !fields.is_empty())
        };
        let mut entries = self.entries()?.to_vec();
        let any_held = entries.iter().any(held);
        if any_held {
            entries.retain(|(name, _)| !is_of_host(name, host));
            self.set_entries(entries);
        }
        Ok(any_held)
    }

    /// Puts the file in the place of the old one, readable by its owner alone. A reader sees one or
    /// the other, never half of it; where the path is a link, what it points to is replaced.
    fn write(&self) -> Result<()> {
        let path = followed(self.path());
        self.replace(&path)
            .with_context(|| format!("writing credentials to {}", path.display()))
    }

    fn replace(&self, path: &Path) -> Result<()> {
        let folder = made_folder(path)?;
        // Temporary files have the mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        let members = Json::Object(self.members.clone());
        let mut text = Vec::new();
        members.serialize(&mut Serializer::with_formatter(
            &mut text,
            PrettyFormatter::with_indent(b"\t"),
        ))?;
        text.push(b'\n');
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }

    fn entries(&self) -> Result<&[(String, Json)]> {
        if self.place.bare {
            Ok(&self.members)
        } else {
            self.object("auths")
        }
    }

    fn set_entries(&mut self, entries: Members) {
        if self.place.bare {
            self.members = entries;
            return;
        }
        let entries = Json::Object(entries);
        match self
            .members
            .iter_mut()
            .rev()
            .find(|(name, _)| name == "auths")
        {
            Some((_, member)) => *member = entries,
            None => self.members.push(("auths".into(), entries)),
        }
    }

    /// The members of an object of the document; none where it is absent.
    fn object(&self, name: &str) -> Result<&[(String, Json)]> {
        match find(&self.members, name) {
            None | Some(Json::Null) => Ok(&[]),
            Some(Json::Object(members)) => Ok(members),
            Some(other) => bail!(
                "{}: {name} is {}, not an object",
                self.path().display(),
                other.kind()
            ),
        }
    }

    fn text<'a>(&self, place: &str, value: &'a Json) -> Result<Option<&'a str>> {
        match value {
            Json::Null => Ok(None),
            Json::String(text) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            other => bail!(
                "{}: {place} is {}, not a string",
                self.path().display(),
                other.kind()
            ),
        }
    }
}

/// Waits for a file beside the one at `path`, which itself is another one after each change. It is
/// let go of with what this answers, and stays: whoever removed it might remove another's.
fn lock(path: &Path) -> Result<File> {
    let path = followed(path);
    let name = path.file_name().context("it is no file in a folder")?;
    let lock = made_folder(&path)?.join(format!(".{}.portolan-lock", name.display()));
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(lock)?;
    file.lock()?;
    Ok(file)
}

/// The folder that a file lies in, made if it is not there.
fn made_folder(path: &Path) -> Result<&Path> {
    let folder = path.parent().context("it is no file in a folder")?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    Ok(folder)
}

fn find<'a>(members: &'a Members, name: &str) -> Option<&'a Json> {
    members
        .iter()
        .rev()
        .find(|(other, _)| other == name)
        .map(|(_, value)| value)
}

fn is_of_host(name: &str, host: &str) -> bool {
    key::covers(name, host, None).is_some()
}

/// Where a path leads to when it is a link, even if nothing is there yet.
fn followed(path: &Path) -> PathBuf {
    if let Ok(path) = fs::canonicalize(path) {
        return path;
    }
    match (fs::read_link(path), path.parent()) {
        (Ok(target), Some(folder)) => folder.join(target),
        _ => path.to_owned(),
    }
}
