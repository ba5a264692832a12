//! Size of the metadata database for small images, each with a config, two layers and a tag.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::json;
use xtask::servers::RunningServer;

use super::images::SmallImages;
use super::report::Section;

/// Number of images; enough that the empty tables do not matter.
const IMAGES: u64 = 4_000;
/// Maximum size of the database per image, in bytes.
const LIMIT: u64 = 1_500;

/// Measures the size on a fresh server below `folder`.
pub(crate) fn measure(folder: &Path) -> Result<Section> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let data = folder.join("database");
    let mut server = RunningServer::portolan(&data, "")?;
    let images = SmallImages::new(IMAGES, 0);
    runtime.block_on(images.push(server.address()))?;
    server.kill()?;
    // The next start moves the write-ahead log to the database.
    let server = RunningServer::portolan(&data, "")?;
    let bytes = fs::metadata(data.join("portolan.db"))?.len() / IMAGES;
    drop(server);
    fs::remove_dir_all(data)?;
    let word = if bytes <= LIMIT { "met" } else { "**missed**" };
    Ok(Section::new(
        "database",
        format!(
            "| metadata of {IMAGES} small images | bytes per image | goal |\n| --- | --- | --- |\n\
             | manifest, config, two layers, one tag | {bytes} | at most {LIMIT}: {word} |\n"
        ),
        json!({ "bytesPerImage": bytes }),
    ))
}
