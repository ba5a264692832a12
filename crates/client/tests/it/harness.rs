//! Helpers to call the client, and test doubles for its collaborators.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_client::{Client, Credential, Credentials, Lookup, Observer, Secret};
use portolan_model::fixtures::{repository, tag};
use portolan_model::{Digest, MediaType, Reference, RepositoryName};
use portolan_registry::{
    Context, Error, PutManifest, PutOutcome, Reader, Result, TagUpdate, Writer,
};

/// Maximum size of content that the tests read, in bytes.
pub(crate) const READ_LIMIT: usize = 64 << 20;

pub(crate) fn context() -> Context {
    Context::anonymous()
}

/// Returns the repository that the tests use.
pub(crate) fn app() -> RepositoryName {
    repository("team/app")
}

/// Reads a full blob.
pub(crate) async fn read_blob(client: &Client, digest: &Digest) -> Result<Bytes> {
    client
        .get_blob(&context(), &app(), digest, None)
        .await?
        .body
        .collect(READ_LIMIT)
        .await
}

/// Reads the manifest of a tag or digest.
pub(crate) async fn read_manifest(
    client: &Client,
    reference: &str,
) -> Result<(Digest, String, Bytes)> {
    let reference: Reference = reference.parse().unwrap();
    let read = client.get_manifest(&context(), &app(), &reference).await?;
    Ok((
        read.info.digest,
        read.info.media_type.to_string(),
        read.body.collect(READ_LIMIT).await?,
    ))
}

/// Pushes a manifest with tags.
pub(crate) async fn put(
    client: &Client,
    bytes: Bytes,
    media_type: &MediaType,
    tags: &[&str],
) -> Result<PutOutcome> {
    let tags = tags
        .iter()
        .map(|name| TagUpdate::unconditional(tag(name)))
        .collect();
    let options = PutManifest {
        media_type: Some(media_type.clone()),
        tags,
        ..PutManifest::default()
    };
    client
        .put_manifest(&context(), &app(), bytes, options)
        .await
}

/// Credential store that returns one credential for all hosts, and records the hosts.
pub(crate) struct Known {
    credential: Credential,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Known {
    pub(crate) fn new(credential: Credential) -> Arc<Self> {
        Arc::new(Self {
            credential,
            asked: Mutex::default(),
        })
    }

    /// Returns a store with the user `somebody` and the password `secret`.
    pub(crate) fn somebody() -> Arc<Self> {
        Self::new(Credential::Basic {
            username: "somebody".into(),
            password: Secret::new("secret"),
        })
    }
}

/// `Authorization` header of `somebody` with Basic authentication.
pub(crate) const SOMEBODY: &str = "Basic c29tZWJvZHk6c2VjcmV0";

#[async_trait]
impl Credentials for Known {
    async fn find(&self, host: &str, _: Option<&RepositoryName>) -> Lookup {
        self.asked.lock().unwrap().push(host.into());
        Some(self.credential.clone()).into()
    }
}

/// Observer that records all events.
#[derive(Default)]
pub(crate) struct Listener {
    pub(crate) warnings: Mutex<Vec<String>>,
    pub(crate) retries: Mutex<Vec<Duration>>,
}

impl Listener {
    pub(crate) fn retried(&self) -> usize {
        self.retries.lock().unwrap().len()
    }
}

impl Observer for Listener {
    fn warning(&self, _: &str, text: &str) {
        self.warnings.lock().unwrap().push(text.into());
    }

    fn retry(&self, _: &str, _: &Error, wait: Duration) {
        self.retries.lock().unwrap().push(wait);
    }
}
