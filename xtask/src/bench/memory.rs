//! The memory of `portolan copy`, which the size of an image must not change: registry to registry, to a layout, and
//! from there to an archive.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::measure::precise;
use super::peer::layer_digest;
use super::workload::push_layer_to;
use crate::load::process::peak;
use crate::load::push::{self, Way};
use crate::load::{Blob, Connection, Random};
use crate::servers::{Server, portolan_binary};

/// The most that a copy may have resident.
const LIMIT: u64 = 64 << 20;
/// How often its memory is looked at. The peak is the kernel's own, so only what comes in the last moment is missed.
const INTERVAL: Duration = Duration::from_millis(5);

const REPOSITORY: &str = "bench/large";
const LAYERS: u64 = 2;

/// Copies an image of `size` bytes three times below `folder`; too much memory is an error.
pub(crate) fn measure(folder: &Path, size: u64) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let source = Server::portolan(&folder.join("source"), "")?;
    runtime
        .block_on(push(&source, size))
        .context("pushing the large image")?;
    let mut text = format!(
        "| `portolan copy` of one image of {LAYERS} layers, {} MiB | wall | peak resident | goal |\n\
         | --- | --- | --- | --- |\n",
        size >> 20
    );
    let from = format!("{}/{REPOSITORY}:v1", source.host());
    let layout = format!("oci:{}:v1", folder.join("layout").display());
    let archive = folder.join("archive.tar");
    registry_to_registry(folder, &from, &mut text)?;
    row(&mut text, "registry to layout", &copy(&from, &layout)?);
    drop(source);
    fs::remove_dir_all(folder.join("source"))?;
    row(
        &mut text,
        "layout to oci-archive",
        &copy(&layout, &format!("oci-archive:{}:v1", archive.display()))?,
    );
    fs::remove_dir_all(folder)?;
    Ok(text)
}

fn registry_to_registry(folder: &Path, from: &str, text: &mut String) -> Result<()> {
    let data = folder.join("target");
    let target = Server::portolan(&data, "")?;
    row(
        text,
        "registry to registry",
        &copy(from, &format!("{}/{REPOSITORY}:v1", target.host()))?,
    );
    drop(target);
    fs::remove_dir_all(data)?;
    Ok(())
}

fn row(text: &mut String, what: &str, copied: &Copied) {
    let (wall, peak) = (
        copied.wall.as_secs_f64(),
        precise(copied.peak) / 1_048_576.0,
    );
    let _ = writeln!(
        text,
        "| {what} | {wall:.2} s | {peak:.1} MiB | below {} MiB met |",
        LIMIT >> 20
    );
    println!("{text}");
}

/// What one copy took.
struct Copied {
    wall: Duration,
    peak: u64,
}

fn copy(from: &str, to: &str) -> Result<Copied> {
    let begin = Instant::now();
    let mut child = Command::new(portolan_binary())
        .args(["copy", "--quiet", from, to])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("starting portolan copy")?;
    let peak = watch(&mut child)?;
    let wall = begin.elapsed();
    if peak >= LIMIT {
        bail!(
            "`portolan copy {from} {to}`: {} MiB at the peak, over {} MiB",
            peak >> 20,
            LIMIT >> 20
        );
    }
    Ok(Copied { wall, peak })
}

/// The most memory that a process has until its end, which has to be a good one.
fn watch(child: &mut Child) -> Result<u64> {
    let mut most = 0;
    loop {
        // A process that has ended and was not waited for has no memory to tell of.
        most = peak(child.id()).unwrap_or_default().max(most);
        if let Some(status) = child.try_wait()? {
            return if status.success() {
                Ok(most)
            } else {
                bail!("portolan copy ended with {status}")
            };
        }
        sleep(INTERVAL);
    }
}

async fn push(source: &Server, size: u64) -> Result<()> {
    let mut connection = Connection::new(source.address());
    let mut layers = Vec::new();
    for number in 0..LAYERS {
        let frame = Blob::random(&mut Random::new(10, number), 1 << 20);
        let length = size / LAYERS;
        let digest = layer_digest(&frame, length);
        push_layer_to(&mut connection, REPOSITORY, &frame.bytes, length, &digest).await?;
        layers.push(serde_json::json!({
            "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": length,
        }));
    }
    let config = Blob::new("{}");
    push::blob(&mut connection, REPOSITORY, &config, Way::Stream).await?;
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": crate::load::image::MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.digest, "size": 2 },
        "layers": layers,
    });
    push::manifest(
        &mut connection,
        REPOSITORY,
        "v1",
        manifest.to_string().into(),
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_watched_to_its_end() {
        let shell = |script: &str| Command::new("sh").args(["-c", script]).spawn().unwrap();
        assert!(watch(&mut shell("sleep 0.1")).unwrap() > 0);
        assert!(watch(&mut shell("exit 3")).is_err());
    }
}
