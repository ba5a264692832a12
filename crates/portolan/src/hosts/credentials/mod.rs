//! Credentials where docker and podman keep them (containers-auth.json(5), docker's `config.json`).
//!
//! Files are looked at in this order, and the first that has a credential decides:
//! `$REGISTRY_AUTH_FILE`, or else podman's file of the session; podman's in the configuration folder;
//! docker's `config.json`; docker's `.dockercfg`. Within a file a helper for the host comes first
//! (`credHelpers`), then what the file itself has (`auths`, the longest key that covers the
//! repository), then the helper for everything (`credsStore`).

mod entry;
mod file;
mod helper;
mod key;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use portolan_client::{Credential, Credentials};
use portolan_model::RepositoryName;
use portolan_registry::Error;

use super::Environment;
use file::{AuthFile, AuthPath};
use helper::Helpers;

/// Longest time that a helper may take, in which a person may have to unlock a key ring.
const PATIENCE: Duration = Duration::from_secs(30);

/// The credentials of the person who runs the command.
pub(crate) struct CredentialStore {
    /// In the order in which they are read.
    paths: Vec<AuthPath>,
    /// Where a host that is in no file yet is put.
    target: Option<PathBuf>,
    helpers: Helpers,
}

/// What keeps a credential.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Keeper {
    /// A file, in which the secret is encoded and not encrypted.
    File(PathBuf),
    /// A helper, by the name that follows `docker-credential-`.
    Helper(String),
}

impl Keeper {
    /// Whether whoever can read the file has the secret.
    pub(crate) fn is_unencrypted(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

impl fmt::Display for Keeper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Helper(name) => write!(formatter, "docker-credential-{name}"),
        }
    }
}

impl CredentialStore {
    /// Those of the files that `environment` names.
    pub(crate) fn new(environment: &Environment) -> Self {
        let containers = |folder: &PathBuf| folder.join("containers/auth.json");
        let docker = environment
            .docker_config
            .as_ref()
            .map(|folder| folder.join("config.json"));
        let whole = [
            environment
                .auth_file
                .clone()
                .or_else(|| environment.runtime_auth_file.clone()),
            environment.config_home.as_ref().map(containers),
            docker.clone(),
        ];
        let bare = environment.home.as_ref().map(|home| AuthPath {
            path: home.join(".dockercfg"),
            bare: true,
        });
        let whole = whole
            .into_iter()
            .flatten()
            .map(|path| AuthPath { path, bare: false });
        Self {
            paths: whole.chain(bare).collect(),
            target: environment.auth_file.clone().or(docker),
            helpers: Helpers::new(environment.search_path.clone(), PATIENCE),
        }
    }

    /// What to say to `host` about `repository`.
    ///
    /// # Errors
    /// A file that cannot be read or makes no sense, a helper that fails; both are named.
    pub(crate) async fn find(
        &self,
        host: &str,
        repository: Option<&RepositoryName>,
    ) -> Result<Option<Credential>> {
        for path in &self.paths {
            let file = AuthFile::read(path)?;
            if let Some(credential) = self.find_in(&file, host, repository).await? {
                tracing::debug!(host, file = %file.path().display(), "credential found");
                return Ok(Some(credential));
            }
        }
        Ok(None)
    }

    /// Keeps a credential for `host`: in the first file that has one for it, so that no older one is
    /// found before it, or else in `$REGISTRY_AUTH_FILE` or docker's `config.json`; in a helper, if
    /// that file names one.
    ///
    /// # Errors
    /// A file that cannot be read or written, a helper that fails, no place at all.
    pub(crate) async fn save(&self, host: &str, credential: &Credential) -> Result<Keeper> {
        let file = self.file_for(host)?;
        let Some(helper) = helper_for(&file, host)? else {
            AuthFile::update(file.place(), |file| {
                file.set(host, credential).map(|()| true)
            })?;
            return Ok(Keeper::File(file.path().to_owned()));
        };
        self.helpers
            .store(&helper, key::written(host), credential)
            .await
            .with_context(|| named_by(&file))?;
        forget(&file, host)?;
        Ok(Keeper::Helper(helper))
    }

    /// Forgets the credentials of `host` wherever they are, and answers where that was. Those that
    /// podman keeps for some of its repositories stay.
    ///
    /// # Errors
    /// A file that cannot be read or written, a helper that fails. What was forgotten so far is.
    pub(crate) async fn erase(&self, host: &str) -> Result<Vec<Keeper>> {
        let mut erased = Vec::new();
        for path in &self.paths {
            let file = AuthFile::read(path)?;
            if let Some(helper) = helper_for(&file, host)?
                && self
                    .erase_in(&helper, host)
                    .await
                    .with_context(|| named_by(&file))?
            {
                erased.push(Keeper::Helper(helper));
            }
            if forget(&file, host)? {
                erased.push(Keeper::File(file.path().to_owned()));
            }
        }
        Ok(erased)
    }

    async fn find_in(
        &self,
        file: &AuthFile,
        host: &str,
        repository: Option<&RepositoryName>,
    ) -> Result<Option<Credential>> {
        if let Some(helper) = file.helper_of(host)? {
            return self.ask(helper, host).await.with_context(|| named_by(file));
        }
        if let Some(credential) = file.credential(host, repository)? {
            return Ok(Some(credential));
        }
        match file.common_helper()? {
            Some(helper) => self.ask(helper, host).await.with_context(|| named_by(file)),
            None => Ok(None),
        }
    }

    async fn ask(&self, helper: &str, host: &str) -> Result<Option<Credential>> {
        for server in key::server_addresses(host) {
            if let Some(credential) = self.helpers.get(helper, server).await? {
                return Ok(Some(credential));
            }
        }
        Ok(None)
    }

    /// Whether the helper had anything to forget; some fail at what they do not have.
    async fn erase_in(&self, helper: &str, host: &str) -> Result<bool> {
        let mut erased = false;
        for server in key::server_addresses(host) {
            if self.helpers.get(helper, server).await?.is_some() {
                self.helpers.erase(helper, server).await?;
                erased = true;
            }
        }
        Ok(erased)
    }

    fn file_for(&self, host: &str) -> Result<AuthFile> {
        let target = self.target.as_ref().context(
            "there is no place for credentials, since there is no home folder; set DOCKER_CONFIG or REGISTRY_AUTH_FILE",
        )?;
        for path in self.paths.iter().take_while(|path| path.path != *target) {
            let file = AuthFile::read(path)?;
            if file.helper_of(host)?.is_some() || file.credential(host, None)?.is_some() {
                return Ok(file);
            }
        }
        AuthFile::read(&AuthPath {
            path: target.clone(),
            bare: false,
        })
    }
}

#[async_trait]
impl Credentials for CredentialStore {
    async fn find(
        &self,
        host: &str,
        repository: Option<&RepositoryName>,
    ) -> portolan_registry::Result<Option<Credential>> {
        let found = self.find(host, repository).await;
        found.map_err(|error| {
            Error::internal(format!("looking for the credentials of {host}"), error)
        })
    }
}

/// The helper to which a file leaves the credentials of `host`.
fn helper_for(file: &AuthFile, host: &str) -> Result<Option<String>> {
    let helper = match file.helper_of(host)? {
        Some(helper) => Some(helper),
        None => file.common_helper()?,
    };
    Ok(helper.map(str::to_owned))
}

/// Takes out what `file` itself says of `host`, and answers whether that was anything. Where there is
/// nothing to take out, nothing is written, not even a lock.
fn forget(file: &AuthFile, host: &str) -> Result<bool> {
    Ok(file.clone().remove(host)? && AuthFile::update(file.place(), |file| file.remove(host))?)
}

fn named_by(file: &AuthFile) -> String {
    format!(
        "asking the credential helper that {} names",
        file.path().display()
    )
}
