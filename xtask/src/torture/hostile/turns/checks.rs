//! Dry runs of expensive documents.

use anyhow::Result;
use http::Method;

use super::super::client::HostileClient;
use super::{INDEX, documents};

/// Checks an expensive document without pushing it.
pub(crate) fn check(client: &mut HostileClient<'_>) -> Result<()> {
    let document = documents::document(&mut client.random);
    let target = "/api/v1/repositories/hostile/checks/-/check";
    client.send(Method::POST, target, INDEX, document)?;
    Ok(())
}
