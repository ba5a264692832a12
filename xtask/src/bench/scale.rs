//! Figures that must not depend on size: memory with a 4 GiB layer, start and tag pages with
//! 100,000 manifests stored.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::measure::{Sample, measure as sample, to_float};
use super::peer::layer_digest;
use super::workload::{push_layer, tag_name, tag_page_target};
use super::wrk;
use crate::load::process::peak_memory;
use crate::load::push::{self, UploadMethod};
use crate::load::{Connection, LoadBlob, Random, download};
use crate::servers::RunningServer;

const LAYER: u64 = 4 << 30;
const MANIFESTS: u64 = 100_000;
const FEW: u64 = 5_000;
const CLIENTS: u64 = 8;
const MEMORY_LIMIT: u64 = 64 << 20;
const READING: Duration = Duration::from_secs(5);

/// Measures both on fresh servers.
///
/// # Errors
///
/// Returns an error if a request fails or the server exceeds the memory limit.
pub(crate) fn measure(folder: &Path) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut text = String::from("| at scale | portolan |\n| --- | --- |\n");
    measure_layer(&folder.join("layer"), &runtime, &mut text)?;
    measure_manifests(&folder.join("manifests"), &runtime, &mut text)?;
    Ok(text)
}

fn measure_layer(data: &Path, runtime: &Runtime, text: &mut String) -> Result<()> {
    let server = RunningServer::portolan(data, "")?;
    let frame = LoadBlob::random(&mut Random::new(4, 30), 1 << 20);
    let digest = layer_digest(&frame, LAYER);
    let mut connection = Connection::new(server.address());
    let up = sample(server.pid(), || {
        runtime
            .block_on(push_layer(&mut connection, &frame.bytes, LAYER, &digest))
            .map(|()| 1)
    })?;
    let target = format!("/v2/bench/layer/blobs/{digest}");
    let down = sample(server.pid(), || {
        download::download_concurrently(server.address(), &target, LAYER, 1).map(|()| 1)
    })?;
    let memory = peak_memory(server.pid())?;
    let _ = writeln!(
        text,
        "| push of a layer of 4 GiB | {} |",
        format_sample(&up)
    );
    let _ = writeln!(text, "| pull of this layer | {} |", format_sample(&down));
    let _ = writeln!(
        text,
        "| peak memory during both | {:.1} MiB |",
        to_float(memory) / 1_048_576.0
    );
    println!("{text}");
    if memory >= MEMORY_LIMIT {
        bail!(
            "peak memory of {} MiB exceeds {} MiB",
            memory >> 20,
            MEMORY_LIMIT >> 20
        );
    }
    Ok(())
}

fn measure_manifests(data: &Path, runtime: &Runtime, text: &mut String) -> Result<()> {
    let mut server = RunningServer::portolan(data, "")?;
    let begin = Instant::now();
    runtime.block_on(push_manifests(server.address(), "bench/few", FEW))?;
    runtime.block_on(push_manifests(server.address(), "bench/many", MANIFESTS))?;
    let rate = to_float(FEW + MANIFESTS) / begin.elapsed().as_secs_f64();
    let _ = writeln!(
        text,
        "| {} manifests pushed with a tag each, {CLIENTS} clients | {rate:.0} /s |",
        FEW + MANIFESTS
    );
    server.kill()?;
    let begin = Instant::now();
    let server = RunningServer::portolan(data, "")?;
    runtime.block_on(Connection::new(server.address()).get("/v2/"))?;
    let _ = writeln!(
        text,
        "| restart with these manifests after `kill -9` | {:.3} s |",
        begin.elapsed().as_secs_f64()
    );
    for (repository, tags) in [("bench/few", FEW), ("bench/many", MANIFESTS)] {
        let target = tag_page_target(repository, tags);
        let page = sample(server.pid(), || {
            wrk::count_requests(server.address(), &target, READING)
        })?;
        let _ = writeln!(
            text,
            "| GET page of 100 of {tags} tags | {:.0} /s |",
            1.0 / page.wall
        );
    }
    Ok(())
}

/// Pushes `count` distinct manifests that share one config, each with its own tag.
async fn push_manifests(address: SocketAddr, repository: &'static str, count: u64) -> Result<()> {
    let config = LoadBlob::new("{}");
    let mut connection = Connection::new(address);
    push::push_blob(&mut connection, repository, &config, UploadMethod::Stream).await?;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let config = config.clone();
        clients.spawn(async move {
            let mut connection = Connection::new(address);
            for number in (client..count).step_by(8) {
                let manifest = LoadBlob::manifest(&config, &[], number);
                push::push_manifest(
                    &mut connection,
                    repository,
                    &tag_name(number),
                    manifest.bytes,
                )
                .await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(())
}

fn format_sample(sample: &Sample) -> String {
    format!(
        "{:.2} s, {:.2} s CPU ({:.2} s)",
        sample.wall, sample.server, sample.client
    )
}
