//! Lookup of registries and credentials in the configuration files of other container tools.
//!
//! [`Environment`] locates the files. Proxy settings (`HTTPS_PROXY`, `NO_PROXY` and so on) are not
//! handled here: the HTTP library of the client reads them from the environment.

mod certificates;
mod clients;
mod credentials;
mod environment;
mod insecure;
mod mirrors;
mod registries;
#[cfg(test)]
mod tests;
mod warnings;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use portolan_client::{Credentials, Observer, Scheme, Settings};
use portolan_hosts::{Registries, RepositoryLocation};
use portolan_model::RepositoryName;
use portolan_registry::Registry;
use tokio::sync::OnceCell;

use crate::host::Host;
use crate::image_ref::RemoteImage;
use crate::output::Console;

use clients::{Clients, HttpClients};
pub(crate) use credentials::CredentialStore;
pub(crate) use environment::Environment;
use insecure::Protocol;
use mirrors::{MirrorSource, MirroredRegistry};
pub(crate) use warnings::Warnings;

/// Command line options for connections to registries.
#[derive(Clone, Debug, Default)]
pub(crate) struct RemoteOptions {
    /// True to use plain HTTP for every registry that has no explicit scheme.
    pub(crate) plain_http: bool,
    /// True to skip the verification of TLS certificates.
    pub(crate) skip_tls_verification: bool,
    /// PEM file with additional certificates to trust.
    pub(crate) ca_certificates: Option<PathBuf>,
    /// Maximum number of concurrent requests per host. A number below the default has no effect.
    pub(crate) connections: Option<NonZeroUsize>,
}

/// Purpose of opening an image. It determines the location in the registry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// Reading. `registries.conf` may add mirrors and rewrite the name.
    Read,
    /// Writing or deleting, at the location in the image name.
    Write,
}

/// Registry hosts. Each host has one client, created on first use.
pub(crate) struct Remotes {
    environment: Environment,
    options: RemoteOptions,
    ca_certificates: Vec<Vec<u8>>,
    registries: Registries,
    /// Items in `registries.conf` that cannot be used.
    skipped: Vec<String>,
    warnings: Arc<Warnings>,
    credentials: Arc<CredentialStore>,
    observer: Arc<dyn Observer>,
    clients: Box<dyn Clients>,
    connected: Mutex<HashMap<HostKey, Arc<OnceCell<ConnectedHost>>>>,
}

/// Address of a host, and the facts that determine the TLS settings of its client.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct HostKey {
    host: Box<str>,
    /// Scheme before the host on the command line.
    scheme: Option<Scheme>,
    /// True if the host is configured as insecure.
    insecure: bool,
}

/// Client for a host, and the state of the host as a mirror.
#[derive(Clone)]
struct ConnectedHost {
    registry: Arc<dyn Registry>,
    /// True once a request to the host as a mirror has failed with
    /// [`Kind::Unavailable`](portolan_registry::Kind::Unavailable). The host is no longer used as a
    /// mirror after that.
    down: Arc<AtomicBool>,
}

impl Remotes {
    /// Reads `registries.conf` and the additional certificates to trust. `console` receives
    /// warnings and retries of all clients.
    ///
    /// # Errors
    /// Returns an error if the file with additional certificates is unreadable or invalid.
    pub(crate) fn new(
        environment: Environment,
        options: RemoteOptions,
        console: Arc<Console>,
    ) -> Result<Self> {
        let printer = Arc::clone(&console);
        let warnings = Warnings::new(move |text| printer.print(format_args!("warning: {text}")));
        let clients = Box::new(HttpClients);
        Self::with_clients(environment, options, console, Arc::new(warnings), clients)
    }

    fn with_clients(
        environment: Environment,
        options: RemoteOptions,
        observer: Arc<dyn Observer>,
        warnings: Arc<Warnings>,
        clients: Box<dyn Clients>,
    ) -> Result<Self> {
        let authorities = options
            .ca_certificates
            .as_deref()
            .map(certificates::read_ca_certificates)
            .transpose()?;
        let (registries, skipped) = registries::load(&environment);
        for item in &skipped {
            warnings.warn(item);
        }
        Ok(Self {
            ca_certificates: authorities.into_iter().collect(),
            registries,
            skipped,
            credentials: Arc::new(CredentialStore::new(&environment, Arc::clone(&warnings))),
            warnings,
            environment,
            options,
            observer,
            clients,
            connected: Mutex::default(),
        })
    }

    /// Returns the credential store.
    pub(crate) fn credentials(&self) -> &Arc<CredentialStore> {
        &self.credentials
    }

    /// Returns the registry of an image, and the name of the repository in this registry.
    ///
    /// All images on a host get the same `Arc`, except for images that are read from mirrors.
    ///
    /// # Errors
    /// Returns an error if the image is blocked, if `registries.conf` rewrites its name to an
    /// invalid name, or if a certificate file is invalid.
    pub(crate) async fn open(
        &self,
        image: &RemoteImage,
        purpose: Purpose,
    ) -> Result<(Arc<dyn Registry>, RepositoryName)> {
        let locations = self.registries.locate(&image.reference)?;
        if purpose == Purpose::Write {
            return self.open_location(image, locations.target).await;
        }
        for item in &locations.skipped {
            self.warnings.warn(item);
        }
        let (primary, repository) = self.open_location(image, locations.primary).await?;
        if locations.mirrors.is_empty() {
            return Ok((primary, repository));
        }
        let mut sources = Vec::new();
        for mirror in locations.mirrors {
            let key = host_key(image, &mirror.location);
            let ConnectedHost { registry, down } = self.connect(key).await?;
            let RepositoryLocation {
                host, repository, ..
            } = mirror.location;
            sources.push(MirrorSource {
                registry,
                name: format!("{host}/{repository}"),
                repository,
                tags: mirror.tags,
                down,
                broken: Arc::default(),
            });
        }
        Ok((
            Arc::new(MirroredRegistry::new(sources, primary, repository.clone())),
            repository,
        ))
    }

    /// Returns the registry at a host, for operations that do not concern a repository.
    ///
    /// # Errors
    /// Returns an error if the host is blocked.
    pub(crate) async fn registry(&self, host: &Host) -> Result<Arc<dyn Registry>> {
        Ok(self.connect(self.key(host)?).await?.registry)
    }

    /// Returns the connection settings for a host, for a separate client with other credentials.
    ///
    /// # Errors
    /// Returns the errors of [`Remotes::registry`].
    pub(crate) async fn settings(&self, host: &Host) -> Result<Settings> {
        self.settings_for(&self.key(host)?).await
    }

    fn key(&self, host: &Host) -> Result<HostKey> {
        Ok(HostKey {
            host: host.as_str().into(),
            scheme: host.scheme(),
            insecure: self.registries.is_insecure(host.as_str())?,
        })
    }

    async fn open_location(
        &self,
        image: &RemoteImage,
        location: RepositoryLocation,
    ) -> Result<(Arc<dyn Registry>, RepositoryName)> {
        let connected = self.connect(host_key(image, &location)).await?;
        Ok((connected.registry, location.repository))
    }

    async fn connect(&self, key: HostKey) -> Result<ConnectedHost> {
        // The lock is held only while the map is accessed. Each host has its own cell, so that
        // concurrent callers share one client, and a slow probe of one host does not block the
        // others.
        let cell = {
            let mut connected = self
                .connected
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            Arc::clone(connected.entry(key.clone()).or_default())
        };
        let connected = cell.get_or_try_init(|| async {
            let registry = self.clients.connect(self.settings_for(&key).await?)?;
            anyhow::Ok(ConnectedHost {
                registry,
                down: Arc::default(),
            })
        });
        connected.await.cloned()
    }

    /// Returns the settings for a host. This may send requests to find out whether the host
    /// supports TLS.
    async fn settings_for(&self, key: &HostKey) -> Result<Settings> {
        let certificates = certificates::find(&self.environment, &key.host);
        for item in &certificates.skipped {
            self.warnings.warn(item);
        }
        let protocol = self.protocol(key, certificates.tls.is_some());
        let mut tls = certificates.tls.unwrap_or_default();
        tls.roots.extend(self.ca_certificates.iter().cloned());
        tls.skip_verification = self.options.skip_tls_verification || key.insecure;
        // Other origins, such as a token server, are not configured as insecure.
        tls.skip_verification_of_other_origins = self.options.skip_tls_verification;
        let defaults = Settings::new(&*key.host);
        let settings = Settings {
            connections: self
                .options
                .connections
                .map_or(defaults.connections, |most| {
                    most.get().max(defaults.connections)
                }),
            tls,
            credentials: Arc::clone(&self.credentials) as Arc<dyn Credentials>,
            observer: Arc::clone(&self.observer),
            skipped: [certificates.skipped, self.skipped.clone()].concat(),
            ..defaults
        };
        insecure::choose_scheme(settings, protocol, &*self.clients).await
    }

    /// Returns the protocols that may be used for a host. The configuration of this host takes
    /// precedence over the options for all hosts.
    fn protocol(&self, key: &HostKey, has_certificates: bool) -> Protocol {
        let asks_for_tls = has_certificates || self.options.ca_certificates.is_some();
        match key.scheme {
            Some(scheme) => Protocol::Only(scheme),
            None if self.options.plain_http => Protocol::Only(Scheme::Http),
            None if key.insecure => Protocol::Any,
            None if insecure::is_loopback(&key.host) && !asks_for_tls => Protocol::Any,
            None => Protocol::Only(Scheme::Https),
        }
    }
}

/// Returns the key of the host at which an image is located. The scheme in the reference applies
/// only to the host in the reference, and not to a host to which `registries.conf` rewrites the
/// name.
fn host_key(image: &RemoteImage, location: &RepositoryLocation) -> HostKey {
    HostKey {
        host: location.host.clone(),
        scheme: image
            .scheme
            .filter(|_| location.host == image.reference.host),
        insecure: location.insecure,
    }
}
