//! Innocent client, which pushes and pulls small images from an address of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

use crate::load::image::digest;
use crate::load::push::{self, UploadMethod};
use crate::load::{Connection, LoadBlob, LoadImage, Payload, Random};
use crate::torture::ledger::{ContentKind, ContentName, Ledger};
use crate::torture::verify::verify;

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const REPOSITORY: &str = "innocent/app";
const LAYER_LENGTH: usize = 2048;

/// Time after which a request has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Pause between two requests, so that the client is not a load itself.
const PAUSE: Duration = Duration::from_millis(4);

/// Response times, and the failed requests.
#[derive(Default)]
pub(super) struct Latencies {
    times: Vec<Duration>,
    failures: Vec<String>,
}

impl Latencies {
    /// Returns the time below which `percent` of the responses came.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(index).copied().unwrap_or_default()
    }

    /// Returns the number of failed requests.
    pub(super) fn failed(&self) -> u64 {
        self.failures.len() as u64
    }

    /// Returns the messages of the failed requests.
    pub(super) fn failures(&self) -> &[String] {
        &self.failures
    }
}

/// Innocent client.
pub(super) struct Victim {
    address: SocketAddr,
    connection: Connection,
    random: Random,
    ledger: Arc<Ledger>,
    runtime: Runtime,
    number: u64,
    sent: u64,
}

impl Victim {
    pub(super) fn new(address: SocketAddr, seed: u64) -> Result<Self> {
        Ok(Self {
            address,
            connection: Connection::from_source(SOURCE, address),
            random: Random::new(seed, 0x1220),
            ledger: Arc::default(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            number: 0,
            sent: 0,
        })
    }

    /// Pushes and pulls images for `time`. An upload that is begun first and completed last shows
    /// whether sessions survive.
    pub(super) fn observe(&mut self, time: Duration) -> Latencies {
        let mut latencies = Latencies::default();
        let begin = Instant::now();
        let upload = self.begin_upload();
        if let Err(error) = &upload {
            latencies.failures.push(format!("{error:#}"));
        }
        while begin.elapsed() < time {
            // A new connection for each image, as a new client opens it.
            self.connection = Connection::from_source(SOURCE, self.address);
            if let Err(error) = self.exchange_image(&mut latencies) {
                latencies.failures.push(format!("{error:#}"));
            }
        }
        if let Ok((session, blob)) = upload
            && let Err(error) = self.end_upload(&session, &blob)
        {
            latencies.failures.push(format!("{error:#}"));
        }
        latencies
    }

    /// Returns the number of bytes of content that were sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Checks that all acknowledged content and tags are on `address`.
    pub(super) fn verify(&self, address: SocketAddr) -> Result<Vec<String>> {
        Ok(self
            .runtime
            .block_on(verify(address, &self.ledger, 0))?
            .faults)
    }

    fn exchange_image(&mut self, latencies: &mut Latencies) -> Result<()> {
        let image = LoadImage::random(&mut self.random, &[], &[LAYER_LENGTH]);
        let tag = format!("v{}", self.number % 8);
        self.number += 1;
        for blob in image.blobs() {
            self.push_blob(blob, latencies)?;
        }
        self.push_manifest(&tag, &image.manifest, latencies)?;
        self.pull(
            &format!("/v2/{REPOSITORY}/manifests/{tag}"),
            &image.manifest,
            latencies,
        )?;
        let layer = &image.layers[0];
        let target = format!("/v2/{REPOSITORY}/blobs/{}", layer.digest);
        self.pull(&target, layer, latencies)
    }

    fn push_blob(&mut self, blob: &LoadBlob, latencies: &mut Latencies) -> Result<()> {
        let name = content_name(ContentKind::Blob, blob);
        self.ledger.record_request(&name, 0);
        self.sent += blob.bytes.len() as u64;
        let connection = &mut self.connection;
        let request = push::push_blob(connection, REPOSITORY, blob, UploadMethod::Single);
        timed(&self.runtime, latencies, request)?;
        self.ledger.record_acknowledgment(&name);
        Ok(())
    }

    fn push_manifest(
        &mut self,
        tag: &str,
        manifest: &LoadBlob,
        latencies: &mut Latencies,
    ) -> Result<()> {
        let name = content_name(ContentKind::Manifest, manifest);
        let tag_name = (REPOSITORY.to_owned(), tag.to_owned());
        self.ledger.record_request(&name, 0);
        let ticket = self
            .ledger
            .record_tag_request(&tag_name, &manifest.digest, 0);
        self.sent += manifest.bytes.len() as u64;
        let bytes = manifest.bytes.clone();
        let request = push::push_manifest(&mut self.connection, REPOSITORY, tag, bytes);
        timed(&self.runtime, latencies, request)?;
        self.ledger.record_acknowledgment(&name);
        self.ledger.record_tag_acknowledgment(&tag_name, ticket);
        Ok(())
    }

    fn pull(&mut self, target: &str, blob: &LoadBlob, latencies: &mut Latencies) -> Result<()> {
        let request = self.connection.get(target);
        let response = timed(&self.runtime, latencies, request)?;
        ensure!(
            response.status == 200 && digest(&response.body) == blob.digest,
            "GET {target}: {} with {} bytes",
            response.status,
            response.body.len()
        );
        Ok(())
    }

    fn begin_upload(&mut self) -> Result<(String, LoadBlob)> {
        let blob = LoadBlob::random(&mut self.random, LAYER_LENGTH);
        let request = push::open_session(&mut self.connection, REPOSITORY);
        let session = timed(&self.runtime, &mut Latencies::default(), request)?;
        Ok((session, blob))
    }

    fn end_upload(&mut self, session: &str, blob: &LoadBlob) -> Result<()> {
        let payload = Payload::from_bytes(blob.bytes.clone());
        let request = push::close_session(&mut self.connection, session, &blob.digest, payload);
        timed(&self.runtime, &mut Latencies::default(), request)
    }
}

/// Runs a request, and records its time. A request without a response counts with the full time
/// that was waited for it.
fn timed<T, E: Into<anyhow::Error>>(
    runtime: &Runtime,
    latencies: &mut Latencies,
    request: impl Future<Output = Result<T, E>>,
) -> Result<T> {
    runtime.block_on(async {
        sleep(PAUSE).await;
        let begin = Instant::now();
        let response = timeout(PATIENCE, request).await;
        latencies.times.push(begin.elapsed());
        response
            .map_err(|_| anyhow!("an innocent request had no response within {PATIENCE:?}"))?
            .map_err(Into::into)
    })
}

fn content_name(kind: ContentKind, blob: &LoadBlob) -> ContentName {
    ContentName {
        repository: REPOSITORY.to_owned(),
        kind,
        digest: blob.digest.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_is_the_slowest_of_a_few() {
        let times = (1..=20).map(Duration::from_millis).collect();
        let latencies = Latencies {
            times,
            failures: Vec::new(),
        };
        assert_eq!(latencies.percentile(99), Duration::from_millis(20));
        assert_eq!(latencies.percentile(50), Duration::from_millis(11));
        assert_eq!(Latencies::default().percentile(99), Duration::ZERO);
    }
}
