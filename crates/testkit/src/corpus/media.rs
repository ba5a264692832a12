//! Media types that occur in cases and are not constants of `MediaType`.

/// Unknown media type.
pub(super) const UNKNOWN: &str = "application/vnd.example.chart.v1+json";
/// In-toto statement.
pub(super) const IN_TOTO: &str = "application/vnd.in-toto+json";
/// Config of a BuildKit cache.
pub(super) const BUILDKIT_CONFIG: &str = "application/vnd.buildkit.cacheconfig.v0";
/// Config of a Helm chart.
pub(super) const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
/// Artifact type of an example artifact.
pub(super) const ARTIFACT: &str = "application/vnd.example.log.v1";
/// Uncompressed OCI layer.
pub(super) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// OCI layer compressed with zstd, for which Docker has no media type.
pub(super) const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// OCI layer whose content need not be in a registry.
pub(super) const OCI_NON_DISTRIBUTABLE: &str =
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
/// Docker layer whose content need not be in a registry.
pub(super) const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
/// Config of a Docker plugin.
pub(super) const DOCKER_PLUGIN: &str = "application/vnd.docker.plugin.v1+json";
/// Config of a Docker AI model.
pub(super) const DOCKER_MODEL_CONFIG: &str = "application/vnd.docker.ai.model.config.v0.1+json";
/// Layer of a Docker AI model with its weights.
pub(super) const DOCKER_MODEL_WEIGHTS: &str = "application/vnd.docker.ai.gguf.v3";
/// Docker manifest of schema 1.
pub(super) const SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
