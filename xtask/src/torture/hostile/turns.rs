//! Turns of the hostile clients, one file per family.

pub(super) mod abandoned;
pub(super) mod bodies;
pub(super) mod checks;
pub(super) mod children;
pub(super) mod connections;
pub(super) mod deletes;
pub(super) mod documents;
pub(super) mod heads;
pub(super) mod readers;
pub(super) mod referrers;
pub(super) mod sessions;
pub(super) mod trees;

use anyhow::Result;

use super::client::HostileClient;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Stores nothing, for families whose turns need nothing.
#[expect(
    clippy::unnecessary_wraps,
    reason = "other families store content, which can fail"
)]
pub(super) fn prepare_nothing(_: &mut HostileClient<'_>) -> Result<()> {
    Ok(())
}
