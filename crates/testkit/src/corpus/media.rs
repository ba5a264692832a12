//! Types that cases are made of and that mean nothing to the model, or nothing more than others.

/// A type that nobody knows.
pub(super) const UNKNOWN: &str = "application/vnd.example.chart.v1+json";
/// What in-toto's statements are.
pub(super) const IN_TOTO: &str = "application/vnd.in-toto+json";
/// The config of a BuildKit cache.
pub(super) const BUILDKIT_CONFIG: &str = "application/vnd.buildkit.cacheconfig.v0";
/// The config of a Helm chart.
pub(super) const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
/// What an artifact says that it is.
pub(super) const ARTIFACT: &str = "application/vnd.example.log.v1";
/// OCI's uncompressed layer.
pub(super) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// OCI's layer compressed by zstd, which Docker has no type for.
pub(super) const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// OCI's layer that need not be in a registry.
pub(super) const OCI_NON_DISTRIBUTABLE: &str =
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
/// Docker's layer that need not be in a registry.
pub(super) const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
/// The config of a Docker plugin.
pub(super) const DOCKER_PLUGIN: &str = "application/vnd.docker.plugin.v1+json";
pub(super) const DOCKER_MODEL_CONFIG: &str = "application/vnd.docker.ai.model.config.v0.1+json";
pub(super) const DOCKER_MODEL_WEIGHTS: &str = "application/vnd.docker.ai.gguf.v3";
/// Docker's first schema.
pub(super) const SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
