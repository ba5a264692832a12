//! Client of the checks, whose requests block.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{Method, StatusCode};
use tokio::time::timeout;

use super::super::scene::Scene;
use crate::load::{Connection, LoadBlob, Payload, ReceivedResponse};

/// Time limit for a response.
const LIMIT: Duration = Duration::from_secs(10);

const OCTETS: &str = "application/octet-stream";
const REPOSITORY: &str = "checked/app";

/// Client of a check.
pub(super) struct Caller<'a> {
    scene: &'a Scene,
    address: SocketAddr,
}

impl<'a> Caller<'a> {
    pub(super) fn new(scene: &'a Scene, address: SocketAddr) -> Self {
        Self { scene, address }
    }

    /// Sends a request on a new connection.
    pub(super) fn send(
        &self,
        method: Method,
        target: &str,
        media_type: &str,
        body: Bytes,
    ) -> Result<ReceivedResponse> {
        let mut connection = Connection::new(self.address);
        let payload = Payload::from_bytes(body);
        let request = connection.send(method, target, media_type, payload);
        self.scene
            .runtime
            .block_on(async { timeout(LIMIT, request).await })
            .with_context(|| format!("{target}: no response within {LIMIT:?}"))?
    }

    /// Returns the status of a GET.
    pub(super) fn status(&self, target: &str) -> Result<StatusCode> {
        Ok(self.send(Method::GET, target, "", Bytes::new())?.status)
    }

    /// Pushes a blob and returns the status.
    pub(super) fn push(&self, blob: &LoadBlob) -> Result<StatusCode> {
        let target = format!("/v2/{REPOSITORY}/blobs/uploads/?digest={}", blob.digest);
        let body = blob.bytes.clone();
        Ok(self.send(Method::POST, &target, OCTETS, body)?.status)
    }

    /// Pushes a manifest of an unknown type and returns the status. Only the database stores it.
    pub(super) fn push_manifest(&self, number: u64) -> Result<StatusCode> {
        let target = format!("/v2/{REPOSITORY}/manifests/latest");
        let body = format!(r#"{{"number":{number}}}"#).into();
        Ok(self.send(Method::PUT, &target, "a/b", body)?.status)
    }

    /// Pushes a blob that has to be acknowledged.
    pub(super) fn push_successfully(&self, blob: &LoadBlob) -> Result<()> {
        let status = self.push(blob)?;
        ensure!(status == 201, "a push was answered with {status}");
        Ok(())
    }

    /// Requests a blob.
    pub(super) fn blob(&self, method: Method, blob: &LoadBlob) -> Result<ReceivedResponse> {
        let target = format!("/v2/{REPOSITORY}/blobs/{}", blob.digest);
        self.send(method, &target, "", Bytes::new())
    }
}
