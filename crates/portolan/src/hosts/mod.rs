//! Finds registries and credentials as other container tools do, from the files that those read.
//!
//! Which files there are, [`Environment`] knows. Proxies (`HTTPS_PROXY`, `NO_PROXY` and so on) are not
//! found here: the HTTP library of the client reads them from the environment by itself.

mod certificates;
mod clients;
mod credentials;
mod environment;
mod mirrors;
mod reach;
mod registries;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use portolan_client::{Credentials, Observer, Scheme, Settings};
use portolan_model::{ImageReference, RepositoryName};
use portolan_registry::Registry;
use tokio::sync::OnceCell;

use clients::{Clients, HttpClients};
pub(crate) use credentials::CredentialStore;
pub(crate) use environment::Environment;
use mirrors::{Mirrors, Source};
use registries::{Place, Registries};

/// What the command line says about reaching hosts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Speak to all hosts without TLS.
    pub(crate) plain_http: bool,
    /// Take any certificate.
    pub(crate) accept_any_certificate: bool,
    /// A file of authorities, in PEM, to trust besides the system's.
    pub(crate) authorities: Option<PathBuf>,
    /// Most requests to a host at the same time, where more than usual are of use.
    pub(crate) connections: Option<NonZeroUsize>,
}

/// What is done with an image.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// It is read: from mirrors, and where its name is rewritten to.
    Read,
    /// It is written, or deleted: where its name says.
    Write,
}

/// The hosts that images are on. One host is one client for the whole process.
pub(crate) struct Hosts {
    environment: Environment,
    options: Options,
    authorities: Vec<Vec<u8>>,
    registries: Registries,
    credentials: Arc<CredentialStore>,
    observer: Arc<dyn Observer>,
    clients: Box<dyn Clients>,
    reached: Mutex<HashMap<HostKey, Arc<OnceCell<Reached>>>>,
}

/// A host, and whether it may be insecure: both decide what a client trusts.
type HostKey = (Box<str>, bool);

/// A host with its client.
#[derive(Clone)]
struct Reached {
    registry: Arc<dyn Registry>,
    /// Whether it could not be reached, as a mirror.
    down: Arc<AtomicBool>,
}

impl Hosts {
    /// Reads `registries.conf`; `observer` is told what happens besides the answers.
    ///
    /// # Errors
    /// A file that cannot be read or makes no sense.
    pub(crate) fn new(
        environment: Environment,
        options: Options,
        observer: Arc<dyn Observer>,
    ) -> Result<Self> {
        Self::with_clients(environment, options, observer, Box::new(HttpClients))
    }

    fn with_clients(
        environment: Environment,
        options: Options,
        observer: Arc<dyn Observer>,
        clients: Box<dyn Clients>,
    ) -> Result<Self> {
        let authorities = options
            .authorities
            .as_deref()
            .map(certificates::authorities)
            .transpose()?;
        Ok(Self {
            authorities: authorities.into_iter().collect(),
            registries: Registries::load(&environment)?,
            credentials: Arc::new(CredentialStore::new(&environment)),
            environment,
            options,
            observer,
            clients,
            reached: Mutex::default(),
        })
    }

    /// Where credentials are kept.
    pub(crate) fn credentials(&self) -> &Arc<CredentialStore> {
        &self.credentials
    }

    /// The registry that an image is on, and what its repository is called there.
    ///
    /// Images of one host are on the same `Arc`, but for those that are read from mirrors.
    ///
    /// # Errors
    /// The image is blocked; its name is rewritten to what is none; a file of certificates makes no sense.
    pub(crate) async fn open(
        &self,
        image: &ImageReference,
        purpose: Purpose,
    ) -> Result<(Arc<dyn Registry>, RepositoryName)> {
        let places = self.registries.places(image)?;
        if purpose == Purpose::Write {
            return self.at(places.target).await;
        }
        let (primary, repository) = self.at(places.primary).await?;
        if places.mirrors.is_empty() {
            return Ok((primary, repository));
        }
        let mut sources = Vec::new();
        for mirror in places.mirrors {
            let Place {
                host,
                repository,
                insecure,
            } = mirror.place;
            let Reached { registry, down } = self.reach(&host, insecure).await?;
            sources.push(Source {
                registry,
                name: format!("{host}/{repository}"),
                repository,
                tags: mirror.tags,
                down,
                broken: Arc::default(),
            });
        }
        Ok((
            Arc::new(Mirrors::new(sources, primary, repository.clone())),
            repository,
        ))
    }

    /// The registry at a host as such, for what is about no repository.
    ///
    /// # Errors
    /// The host is blocked; a file of certificates makes no sense.
    pub(crate) async fn registry(&self, host: &str) -> Result<Arc<dyn Registry>> {
        let insecure = self.registries.is_insecure(host)?;
        Ok(self.reach(host, insecure).await?.registry)
    }

    /// How the host is spoken to, for a client of one's own: one that says it is somebody else.
    ///
    /// # Errors
    /// As [`Hosts::registry`].
    pub(crate) async fn settings(&self, host: &str) -> Result<Settings> {
        let insecure = self.registries.is_insecure(host)?;
        self.settings_for(host, insecure).await
    }

    async fn at(&self, place: Place) -> Result<(Arc<dyn Registry>, RepositoryName)> {
        let reached = self.reach(&place.host, place.insecure).await?;
        Ok((reached.registry, place.repository))
    }

    async fn reach(&self, host: &str, insecure: bool) -> Result<Reached> {
        let cell = {
            let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(reached.entry((host.into(), insecure)).or_default())
        };
        let reached = cell.get_or_try_init(|| async {
            let registry = self
                .clients
                .connect(self.settings_for(host, insecure).await?)?;
            anyhow::Ok(Reached {
                registry,
                down: Arc::default(),
            })
        });
        reached.await.cloned()
    }

    async fn settings_for(&self, host: &str, insecure: bool) -> Result<Settings> {
        let certificates = certificates::find(&self.environment, host)?;
        let plain = self.options.plain_http || (reach::is_loopback(host) && certificates.is_none());
        let mut tls = certificates.unwrap_or_default();
        tls.roots.extend(self.authorities.iter().cloned());
        tls.accept_any = self.options.accept_any_certificate;
        let usual = Settings::new(host);
        let settings = Settings {
            connections: self
                .options
                .connections
                .map_or(usual.connections, |most| most.get().max(usual.connections)),
            scheme: if plain { Scheme::Http } else { Scheme::Https },
            tls,
            credentials: Arc::clone(&self.credentials) as Arc<dyn Credentials>,
            observer: Arc::clone(&self.observer),
            ..usual
        };
        if insecure && !plain {
            reach::insecurely(settings, &*self.clients).await
        } else {
            Ok(settings)
        }
    }
}
