//! Credentials in the files of docker and podman (containers-auth.json(5), docker's `config.json`).
//!
//! The document in `$DOCKER_AUTH_CONFIG` precedes all files. The files are searched in this order,
//! and the first credential found is used:
//!
//! 1. `$REGISTRY_AUTH_FILE` or, if that is not set, `auth.json` in podman's runtime folder
//! 2. `containers/auth.json` in the configuration folder
//! 3. docker's `config.json`
//! 4. docker's older `.dockercfg`
//!
//! In each file, the order is: the helper for the host (`credHelpers`), the entry in the file
//! (`auths`) with the longest key that matches the repository, and the helper for all other hosts
//! (`credsStore`). Items that cannot be used are skipped with a warning.

mod file;
mod helper;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use portolan_client::{Credential, Credentials, Lookup};
use portolan_hosts::{AuthDocument, AuthFormat, docker_key, server_addresses};
use portolan_model::RepositoryName;

use super::{Environment, Warnings};
use file::{AuthFile, AuthPath};
use helper::Helpers;

/// Time limit for a run of a credential helper. The user may have to unlock a key ring.
const HELPER_TIMEOUT: Duration = Duration::from_secs(30);

/// Environment variable with a document that precedes all files, as in docker and GitLab.
const DOCUMENT_VARIABLE: &str = "DOCKER_AUTH_CONFIG";

/// Credential store of the user who runs the command.
pub(crate) struct CredentialStore {
    /// Document in `$DOCKER_AUTH_CONFIG`.
    document: Option<String>,
    /// Credential files, in search order.
    paths: Vec<AuthPath>,
    /// File to store the credential for a host in if no file has a credential for the host yet.
    target: Option<PathBuf>,
    helpers: Helpers,
    warnings: Arc<Warnings>,
}

/// Outcome of the removal of credentials.
#[derive(Debug, Default)]
pub(crate) struct Removal {
    /// Locations from which credentials were removed.
    pub(crate) locations: Vec<CredentialLocation>,
    /// Files and helpers in which credentials may remain, each with the reason.
    pub(crate) failures: Vec<String>,
}

/// Location of a stored credential.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum CredentialLocation {
    /// File that contains the secret, encoded but not encrypted.
    File(PathBuf),
    /// Credential helper, by the name after `docker-credential-`.
    Helper(String),
}

impl CredentialLocation {
    /// Returns whether the secret is stored unencrypted. In this case, everyone who can read the
    /// file can read the secret.
    pub(crate) fn is_unencrypted(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

impl fmt::Display for CredentialLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Helper(name) => write!(formatter, "docker-credential-{name}"),
        }
    }
}

impl CredentialStore {
    /// Creates the store for the files in `environment`.
    pub(crate) fn new(environment: &Environment, warnings: Arc<Warnings>) -> Self {
        let file = |path: PathBuf, format| AuthPath {
            path,
            format,
            is_required: false,
        };
        let docker = environment
            .docker_config
            .as_ref()
            .map(|folder| folder.join("config.json"));
        let named = environment.auth_file.clone().map(|path| AuthPath {
            is_required: true,
            ..file(path, AuthFormat::Current)
        });
        let session = environment.runtime_auth_file.clone();
        let configured = environment
            .config_home
            .as_ref()
            .map(|folder| folder.join("containers/auth.json"));
        let current = |path: Option<PathBuf>| path.map(|path| file(path, AuthFormat::Current));
        let legacy = environment
            .home
            .as_ref()
            .map(|home| home.join(".dockercfg"));
        let paths = [
            named.or_else(|| current(session)),
            current(configured),
            current(docker.clone()),
            legacy.map(|path| file(path, AuthFormat::Legacy)),
        ];
        Self {
            document: environment.docker_auth_config.clone(),
            paths: paths.into_iter().flatten().collect(),
            target: environment.auth_file.clone().or(docker),
            helpers: Helpers::new(environment.search_path.clone(), HELPER_TIMEOUT),
            warnings,
        }
    }

    /// Stores a credential for `host`, and returns its location.
    ///
    /// The target is `$REGISTRY_AUTH_FILE` or docker's `config.json`. However, if a file before it
    /// in search order already has an entry for the host, that file is updated, because its entry
    /// would be found before the new one. If the file configures a helper for the host, the helper
    /// stores the credential.
    ///
    /// # Errors
    /// Returns an error if the target is unreadable or not writable, if a helper fails, or if no
    /// file location is known.
    pub(crate) async fn save(
        &self,
        host: &str,
        credential: &Credential,
    ) -> Result<CredentialLocation> {
        self.warn_about_precedence(host);
        let file = self.target_file(host)?;
        let Some(helper) = configured_helper(&file, host)? else {
            AuthFile::update(file.auth_path(), |document| {
                document.set(host, credential).map(|()| true)
            })?;
            return Ok(CredentialLocation::File(file.path().to_owned()));
        };
        self.helpers
            .store(&helper, docker_key(host), credential)
            .await
            .with_context(|| helper_context(&file))?;
        remove_entries(&file, host)?;
        Ok(CredentialLocation::Helper(helper))
    }

    /// Removes the credentials for `host` from all files and helpers. Entries for individual
    /// repositories, as podman writes them, are not removed.
    pub(crate) async fn erase(&self, host: &str) -> Removal {
        self.warn_about_precedence(host);
        let mut removal = Removal::default();
        for path in &self.paths {
            if let Err(error) = self.erase_in_file(path, host, &mut removal).await {
                removal.failures.push(format!("{error:#}"));
            }
        }
        removal
    }

    async fn erase_in_file(
        &self,
        path: &AuthPath,
        host: &str,
        removal: &mut Removal,
    ) -> Result<()> {
        let file = AuthFile::read(path)?;
        if remove_entries(&file, host)? {
            let location = CredentialLocation::File(file.path().to_owned());
            removal.locations.push(location);
        }
        if let Some(helper) = configured_helper(&file, host)?
            && self
                .erase_in_helper(&helper, host)
                .await
                .with_context(|| helper_context(&file))?
        {
            removal.locations.push(CredentialLocation::Helper(helper));
        }
        Ok(())
    }

    /// Looks up the credential in one document. `name` is the name of the document in messages.
    async fn find_in(
        &self,
        name: &str,
        document: &AuthDocument,
        host: &str,
        repository: Option<&RepositoryName>,
    ) -> Lookup {
        let mut skipped = Vec::new();
        let helper = document.host_helper(host);
        if let Some(answer) = self.ask_helper(helper, host, &mut skipped).await {
            return answer.into();
        }
        let Lookup {
            mut credential,
            skipped: entries,
        } = document.credential(host, repository);
        skipped.extend(entries);
        if credential.is_none() {
            let helper = document.default_helper();
            let answer = self.ask_helper(helper, host, &mut skipped).await;
            credential = answer.flatten();
        }
        for item in &mut skipped {
            *item = format!("{name}: {item}");
        }
        Lookup {
            credential,
            skipped,
        }
    }

    /// Returns the result of the configured helper, or `None` if no helper is configured or the
    /// helper cannot be used.
    async fn ask_helper(
        &self,
        helper: Result<Option<&str>>,
        host: &str,
        skipped: &mut Vec<String>,
    ) -> Option<Option<Credential>> {
        let helper = match helper {
            Ok(helper) => helper?,
            Err(error) => {
                skipped.push(error.to_string());
                return None;
            }
        };
        for server in server_addresses(host) {
            match self.helpers.get(helper, server).await {
                Ok(None) => (),
                Ok(credential) => return Some(credential),
                Err(error) => {
                    skipped.push(format!(
                        "the credential helper {helper:?} was not used: {error:#}"
                    ));
                    return None;
                }
            }
        }
        Some(None)
    }

    /// Removes the credential for `host` from a helper, and returns whether the helper had one.
    /// This is checked first, because some helpers fail to erase a credential that they do not
    /// have.
    async fn erase_in_helper(&self, helper: &str, host: &str) -> Result<bool> {
        let mut erased = false;
        for server in server_addresses(host) {
            if self.helpers.get(helper, server).await?.is_some() {
                self.helpers.erase(helper, server).await?;
                erased = true;
            }
        }
        Ok(erased)
    }

    /// Returns the file where [`CredentialStore::save`] stores the credential for `host`.
    fn target_file(&self, host: &str) -> Result<AuthFile> {
        let target = self.target.as_ref().context(
            "no location for credentials: the home folder is unknown; set DOCKER_CONFIG or REGISTRY_AUTH_FILE",
        )?;
        for path in self.paths.iter().take_while(|path| path.path != *target) {
            match AuthFile::read(path) {
                Ok(file) if file.document.has_host(host) => return Ok(file),
                Ok(_) => (),
                Err(error) => self.warnings.warn(&format!("{error:#}")),
            }
        }
        AuthFile::read(&AuthPath {
            path: target.clone(),
            format: AuthFormat::Current,
            is_required: false,
        })
    }

    /// Warns if `$DOCKER_AUTH_CONFIG` has credentials for `host`, because no command can change
    /// these credentials.
    fn warn_about_precedence(&self, host: &str) {
        if let Some(Ok(document)) = self.variable_document()
            && document.has_host(host)
        {
            self.warnings.warn(&format!(
                "${DOCUMENT_VARIABLE} has credentials for {host}, which take precedence"
            ));
        }
    }

    fn variable_document(&self) -> Option<Result<AuthDocument>> {
        let text = self.document.as_ref()?;
        let document = AuthDocument::parse(text.as_bytes(), AuthFormat::Current);
        Some(document.with_context(|| format!("${DOCUMENT_VARIABLE} was not used")))
    }

    /// Returns all documents in search order, each with its name.
    fn documents(&self) -> impl Iterator<Item = Result<(String, AuthDocument)>> {
        let variable = self
            .variable_document()
            .map(|document| Ok((format!("${DOCUMENT_VARIABLE}"), document?)));
        let files = self.paths.iter().map(|path| {
            let name = path.path.display().to_string();
            Ok((name, AuthFile::read(path)?.document))
        });
        variable.into_iter().chain(files)
    }
}

#[async_trait]
impl Credentials for CredentialStore {
    async fn find(&self, host: &str, repository: Option<&RepositoryName>) -> Lookup {
        let mut found = Lookup::default();
        for document in self.documents() {
            match document {
                Ok((name, document)) => {
                    let lookup = self.find_in(&name, &document, host, repository).await;
                    found.skipped.extend(lookup.skipped);
                    if lookup.credential.is_some() {
                        tracing::debug!(host, file = name, "credential found");
                        found.credential = lookup.credential;
                        break;
                    }
                }
                Err(error) => found.skipped.push(format!("{error:#}")),
            }
        }
        for item in &found.skipped {
            self.warnings.warn(item);
        }
        found
    }
}

/// Returns the name of the helper that a file configures for `host`.
fn configured_helper(file: &AuthFile, host: &str) -> Result<Option<String>> {
    let helper = match file.document.host_helper(host)? {
        Some(helper) => Some(helper),
        None => file.document.default_helper()?,
    };
    Ok(helper.map(str::to_owned))
}

/// Removes the entries for `host` from `file`, and returns whether any of them had a credential.
/// Otherwise, writes nothing and creates no lock file.
fn remove_entries(file: &AuthFile, host: &str) -> Result<bool> {
    Ok(file.document.clone().remove(host)?
        && AuthFile::update(file.auth_path(), |document| document.remove(host))?)
}

fn helper_context(file: &AuthFile) -> String {
    format!(
        "failed to use the credential helper configured in {}",
        file.path().display()
    )
}
