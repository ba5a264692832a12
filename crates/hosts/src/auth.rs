//! Document with credentials: docker's `config.json`, podman's `auth.json`, or docker's older
//! `.dockercfg`.

mod entry;
mod key;

use std::cmp::Reverse;

use anyhow::{Result, anyhow, bail};
use portolan_client::{Credential, Lookup};
use portolan_model::{Json, RepositoryName};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

pub use key::{docker_key, server_addresses};

type Members = Vec<(String, Json)>;

/// Format of a document with credentials.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AuthFormat {
    /// Entries are in the object `auths`, next to the names of credential helpers.
    Current,
    /// The document itself is the object with the entries (`.dockercfg`).
    Legacy,
}

/// Parsed document. A change preserves the content and order of all other members, which belong to
/// docker or podman.
#[derive(Clone, Debug)]
pub struct AuthDocument {
    format: AuthFormat,
    members: Members,
}

impl AuthDocument {
    /// Parses a document. An empty document contains no credentials.
    ///
    /// # Errors
    /// Returns an error if the document is not a JSON object.
    pub fn parse(bytes: &[u8], format: AuthFormat) -> Result<Self> {
        let bytes = match bytes.trim_ascii() {
            [] => b"{}",
            bytes => bytes,
        };
        // The message of the error already contains the message of its source.
        let parsed = Json::parse(bytes).map_err(|error| anyhow!("{error}"))?;
        match parsed {
            Json::Object(members) => Ok(Self { format, members }),
            other => bail!("it is {}, not an object with credentials", other.kind()),
        }
    }

    /// Returns the name of the helper for `host` (`credHelpers`).
    ///
    /// # Errors
    /// Returns an error if `credHelpers` has an unexpected type.
    pub fn host_helper(&self, host: &str) -> Result<Option<&str>> {
        if self.format == AuthFormat::Legacy {
            return Ok(None);
        }
        let helpers = self.object("credHelpers")?;
        match helpers
            .iter()
            .rev()
            .find(|(name, _)| key::covered_length(name, host, None).is_some())
        {
            Some((name, helper)) => text(&format!("credHelpers/{name}"), helper),
            None => Ok(None),
        }
    }

    /// Returns the name of the helper for all other hosts (`credsStore`).
    ///
    /// # Errors
    /// Returns an error if `credsStore` is not a string.
    pub fn default_helper(&self) -> Result<Option<&str>> {
        match find_member(&self.members, "credsStore") {
            Some(helper) if self.format == AuthFormat::Current => text("credsStore", helper),
            _ => Ok(None),
        }
    }

    /// Looks up the credential in the document itself, without asking a helper. If several keys
    /// match the repository, the key with the longest prefix takes precedence. Entries that cannot
    /// be used are skipped.
    pub fn credential(&self, host: &str, repository: Option<&RepositoryName>) -> Lookup {
        let mut lookup = Lookup::default();
        let entries = match self.entries() {
            Ok(entries) => entries,
            Err(error) => {
                lookup.skipped.push(error.to_string());
                return lookup;
            }
        };
        let mut covering: Vec<(usize, &str, &Json)> = Vec::new();
        for (name, entry) in entries {
            covering.extend(
                key::covered_length(name, host, repository)
                    .map(|length| (length, name.as_str(), entry)),
            );
        }
        covering.sort_by_key(|(length, ..)| Reverse(*length));
        for (_, name, entry) in covering {
            match entry::read(entry) {
                Ok(None) => (),
                Ok(credential) => {
                    lookup.credential = credential;
                    break;
                }
                Err(error) => {
                    let item = format!("auths/{name} was not used: {error:#}");
                    lookup.skipped.push(item);
                }
            }
        }
        lookup
    }

    /// Returns whether the document has an entry or a helper for `host`, even one that cannot be
    /// used.
    pub fn has_host(&self, host: &str) -> bool {
        let is_entry = |entries: &[(String, Json)]| entries.iter().any(|entry| has(entry, host));
        self.entries().is_ok_and(is_entry) || matches!(self.host_helper(host), Ok(Some(_)))
    }

    /// Sets the credential for `host`, under the key that the document already has for it, if any.
    /// Removes other keys for `host`.
    ///
    /// # Errors
    /// Returns an error if the user name contains a colon, the password ends with a line break or NUL,
    /// or `auths` has an unexpected type.
    pub fn set(&mut self, host: &str, credential: &Credential) -> Result<()> {
        let entry = entry::write(credential)?;
        let mut entries = self.entries()?.to_vec();
        let first = entries
            .iter()
            .position(|(name, _)| matches_host(name, host));
        let name = first.map_or_else(|| docker_key(host).into(), |first| entries[first].0.clone());
        entries.retain(|(name, _)| !matches_host(name, host));
        entries.insert(first.unwrap_or(entries.len()), (name, entry));
        self.set_entries(entries);
        Ok(())
    }

    /// Removes the entries for `host`, and returns whether any of them had a credential. Removes
    /// nothing if all of them are empty.
    ///
    /// # Errors
    /// Returns an error if `auths` has an unexpected type.
    pub fn remove(&mut self, host: &str) -> Result<bool> {
        let mut entries = self.entries()?.to_vec();
        let found = entries.iter().any(|entry| has(entry, host));
        if found {
            entries.retain(|(name, _)| !matches_host(name, host));
            self.set_entries(entries);
        }
        Ok(found)
    }

    /// Serializes the document with the indentation that docker uses.
    ///
    /// # Errors
    /// Returns an error if a member cannot be serialized.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let members = Json::Object(self.members.clone());
        let mut text = Vec::new();
        members.serialize(&mut Serializer::with_formatter(
            &mut text,
            PrettyFormatter::with_indent(b"\t"),
        ))?;
        text.push(b'\n');
        Ok(text)
    }

    fn entries(&self) -> Result<&[(String, Json)]> {
        match self.format {
            AuthFormat::Legacy => Ok(&self.members),
            AuthFormat::Current => self.object("auths"),
        }
    }

    fn set_entries(&mut self, entries: Members) {
        if self.format == AuthFormat::Legacy {
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

    /// Returns the members of the object `name` in the document, or an empty slice if it is absent.
    fn object(&self, name: &str) -> Result<&[(String, Json)]> {
        match find_member(&self.members, name) {
            None | Some(Json::Null) => Ok(&[]),
            Some(Json::Object(members)) => Ok(members),
            Some(other) => bail!("{name} is {}, not an object", other.kind()),
        }
    }
}

fn text<'a>(name: &str, value: &'a Json) -> Result<Option<&'a str>> {
    match value {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        other => bail!("{name} is {}, not a string", other.kind()),
    }
}

fn find_member<'a>(members: &'a Members, name: &str) -> Option<&'a Json> {
    members
        .iter()
        .rev()
        .find(|(other, _)| other == name)
        .map(|(_, value)| value)
}

/// Returns whether an entry is for `host` and not empty. docker writes empty entries for hosts
/// whose credentials are in a helper.
fn has((name, entry): &(String, Json), host: &str) -> bool {
    matches_host(name, host) && entry.as_object().is_some_and(|fields| !fields.is_empty())
}

fn matches_host(name: &str, host: &str) -> bool {
    key::covered_length(name, host, None).is_some()
}
