//! Memory of `portolan copy`, which must not depend on the size of an image: registry to registry,
//! registry to layout, and layout to archive.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;
use xtask::load::image::MANIFEST;
use xtask::load::process::peak_memory;
use xtask::load::push::{self, UploadMethod};
use xtask::load::{Connection, LoadBlob};
use xtask::servers::{RunningServer, portolan_binary};

use crate::layer::LargeLayer;
use crate::measure::to_mebibytes;
use crate::report::Section;

/// Limit for the resident memory of a copy.
const LIMIT: u64 = 64 << 20;
/// Interval at which the peak is read. The kernel tracks the peak itself, so only growth in the
/// last moment is missed.
const INTERVAL: Duration = Duration::from_millis(5);

const REPOSITORY: &str = "bench/large";
const LAYERS: u64 = 2;

/// Copies an image of `size` bytes three times below `folder`.
///
/// # Errors
///
/// Returns an error if a copy fails or exceeds the memory limit.
pub(crate) fn measure(folder: &Path, size: u64) -> Result<Section> {
    let mut markdown = format!(
        "| `portolan copy` of one image of {LAYERS} layers, {} MiB | wall | peak resident | goal |\n\
         | --- | --- | --- | --- |\n",
        size >> 20
    );
    let mut rows = Vec::new();
    for (title, cost) in copy_everywhere(folder, size)? {
        let (wall, peak) = (cost.wall.as_secs_f64(), to_mebibytes(cost.peak));
        let _ = writeln!(
            markdown,
            "| {title} | {wall:.2} s | {peak:.1} MiB | below {} MiB: met |",
            LIMIT >> 20
        );
        rows.push(json!({ "copy": title, "wallSeconds": wall, "peakMebibytes": peak }));
    }
    Ok(Section::new(
        "copyMemory",
        markdown,
        json!({ "imageBytes": size, "copies": rows }),
    ))
}

/// Copies an image from registry to registry, then to a layout, then to an archive.
fn copy_everywhere(folder: &Path, size: u64) -> Result<[(&'static str, CopyCost); 3]> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let source = RunningServer::portolan(&folder.join("source"), "")?;
    runtime
        .block_on(push(&source, size))
        .context("failed to push the large image")?;
    let from = format!("{}/{REPOSITORY}:v1", source.host());
    let layout = format!("oci:{}:v1", folder.join("layout").display());
    let archive = format!("oci-archive:{}:v1", folder.join("archive.tar").display());
    let to_registry = copy_to_registry(&folder.join("target"), &from)?;
    let to_layout = copy(&from, &layout)?;
    drop(source);
    fs::remove_dir_all(folder.join("source"))?;
    let to_archive = copy(&layout, &archive)?;
    fs::remove_dir_all(folder)?;
    Ok([
        ("registry to registry", to_registry),
        ("registry to layout", to_layout),
        ("layout to oci-archive", to_archive),
    ])
}

fn copy_to_registry(data: &Path, from: &str) -> Result<CopyCost> {
    let target = RunningServer::portolan(data, "")?;
    let cost = copy(from, &format!("{}/{REPOSITORY}:v1", target.host()))?;
    drop(target);
    fs::remove_dir_all(data)?;
    Ok(cost)
}

/// Time and memory used by one copy.
struct CopyCost {
    wall: Duration,
    peak: u64,
}

fn copy(from: &str, to: &str) -> Result<CopyCost> {
    let begin = Instant::now();
    let mut child = Command::new(portolan_binary())
        .args(["copy", "--quiet", from, to])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("failed to start portolan copy")?;
    let peak = wait_for_peak(&mut child)?;
    let wall = begin.elapsed();
    if peak >= LIMIT {
        bail!(
            "`portolan copy {from} {to}`: peak memory of {} MiB exceeds {} MiB",
            peak >> 20,
            LIMIT >> 20
        );
    }
    Ok(CopyCost { wall, peak })
}

/// Returns the peak memory of a process, which must exit successfully.
fn wait_for_peak(child: &mut Child) -> Result<u64> {
    let mut most = 0;
    loop {
        // A process that has exited and was not yet waited for has no memory in `/proc`.
        most = peak_memory(child.id()).unwrap_or_default().max(most);
        if let Some(status) = child.try_wait()? {
            return if status.success() {
                Ok(most)
            } else {
                bail!("portolan copy exited with {status}")
            };
        }
        sleep(INTERVAL);
    }
}

async fn push(source: &RunningServer, size: u64) -> Result<()> {
    let mut connection = Connection::new(source.address());
    let mut layers = Vec::new();
    for number in 0..LAYERS {
        let layer = LargeLayer::new(number, size / LAYERS);
        layer.push(&mut connection, REPOSITORY).await?;
        layers.push(json!({
            "mediaType": "application/vnd.oci.image.layer.v1.tar",
            "digest": layer.digest,
            "size": layer.length,
        }));
    }
    let config = LoadBlob::new("{}");
    push::push_blob(&mut connection, REPOSITORY, &config, UploadMethod::Stream).await?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.digest, "size": 2 },
        "layers": layers,
    });
    let bytes = manifest.to_string().into();
    push::push_manifest(&mut connection, REPOSITORY, "v1", bytes).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watches_a_process_until_it_exits() {
        let shell = |script: &str| Command::new("sh").args(["-c", script]).spawn().unwrap();
        assert!(wait_for_peak(&mut shell("sleep 0.1")).unwrap() > 0);
        assert!(wait_for_peak(&mut shell("exit 3")).is_err());
    }
}
