//! Size of the metadata database for small images, each with a config, two layers and a tag.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use super::workload::push_images;
use crate::servers::RunningServer;

/// Number of images; enough that the empty tables do not matter.
const IMAGES: u64 = 4_000;
/// Maximum size of the database per image, in bytes.
const LIMIT: u64 = 1_500;

/// Measures the size on a fresh server below `folder`, and returns it as rows of Markdown.
///
/// # Errors
///
/// Returns an error if a request fails or the database exceeds the limit.
pub(crate) fn measure(folder: &Path) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut server = RunningServer::portolan(folder, "")?;
    runtime.block_on(push_images(server.address(), IMAGES, 0))?;
    server.kill()?;
    // The next start moves the write-ahead log to the database.
    let server = RunningServer::portolan(folder, "")?;
    let bytes = fs::metadata(folder.join("portolan.db"))?.len() / IMAGES;
    drop(server);
    if bytes > LIMIT {
        bail!("the database takes {bytes} bytes per image, more than {LIMIT}");
    }
    Ok(format!(
        "| metadata of {IMAGES} small images | bytes per image | goal |\n| --- | --- | --- |\n\
         | manifest, config, two layers, one tag | {bytes} | at most {LIMIT} met |\n"
    ))
}
