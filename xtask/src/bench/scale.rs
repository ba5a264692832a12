//! What size must not change: memory with a 4 GiB layer, start and tag pages with 100,000 manifests stored.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::measure::{Sample, measure as sample, precise};
use super::peer::layer_digest;
use super::workload::{push_layer, tag_name, tag_page_target};
use super::wrk;
use crate::load::process::peak;
use crate::load::push::{self, Way};
use crate::load::{Blob, Connection, Random, download};
use crate::servers::Server;

const LAYER: u64 = 4 << 30;
const MANIFESTS: u64 = 100_000;
const FEW: u64 = 5_000;
const CLIENTS: u64 = 8;
const MEMORY_LIMIT: u64 = 64 << 20;
const READING: Duration = Duration::from_secs(5);

/// Runs both on fresh servers; too much memory is an error.
pub(crate) fn measure(folder: &Path) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut text = String::from("| at scale | portolan |\n| --- | --- |\n");
    layer(&folder.join("layer"), &runtime, &mut text)?;
    manifests(&folder.join("manifests"), &runtime, &mut text)?;
    Ok(text)
}

fn layer(data: &Path, runtime: &Runtime, text: &mut String) -> Result<()> {
    let server = Server::portolan(data, "")?;
    let frame = Blob::random(&mut Random::new(4, 30), 1 << 20);
    let digest = layer_digest(&frame, LAYER);
    let mut connection = Connection::new(server.address());
    let up = sample(server.pid(), || {
        runtime
            .block_on(push_layer(&mut connection, &frame.bytes, LAYER, &digest))
            .map(|()| 1)
    })?;
    let target = format!("/v2/bench/layer/blobs/{digest}");
    let down = sample(server.pid(), || {
        download::together(server.address(), &target, LAYER, 1).map(|()| 1)
    })?;
    let memory = peak(server.pid())?;
    let _ = writeln!(text, "| push a layer of 4 GiB | {} |", seconds(&up));
    let _ = writeln!(text, "| pull it | {} |", seconds(&down));
    let _ = writeln!(
        text,
        "| memory at the peak of both | {:.1} MiB |",
        precise(memory) / 1_048_576.0
    );
    println!("{text}");
    if memory >= MEMORY_LIMIT {
        bail!(
            "{} MiB at the peak, over {} MiB",
            memory >> 20,
            MEMORY_LIMIT >> 20
        );
    }
    Ok(())
}

fn manifests(data: &Path, runtime: &Runtime, text: &mut String) -> Result<()> {
    let mut server = Server::portolan(data, "")?;
    let begin = Instant::now();
    runtime.block_on(fill(server.address(), "bench/few", FEW))?;
    runtime.block_on(fill(server.address(), "bench/many", MANIFESTS))?;
    let rate = precise(FEW + MANIFESTS) / begin.elapsed().as_secs_f64();
    let _ = writeln!(
        text,
        "| {} manifests pushed, each under a tag, {CLIENTS} clients | {rate:.0} /s |",
        FEW + MANIFESTS
    );
    server.kill()?;
    let begin = Instant::now();
    let server = Server::portolan(data, "")?;
    runtime.block_on(Connection::new(server.address()).get("/v2/"))?;
    let _ = writeln!(
        text,
        "| start with them, after `kill -9` | {:.3} s |",
        begin.elapsed().as_secs_f64()
    );
    for (repository, tags) in [("bench/few", FEW), ("bench/many", MANIFESTS)] {
        let target = tag_page_target(repository, tags);
        let page = sample(server.pid(), || {
            wrk::requests(server.address(), &target, READING)
        })?;
        let _ = writeln!(
            text,
            "| GET a page of 100 of {tags} tags | {:.0} /s |",
            1.0 / page.wall
        );
    }
    Ok(())
}

/// Pushes `count` manifests that differ, on one config, each under its own tag.
async fn fill(address: SocketAddr, repository: &'static str, count: u64) -> Result<()> {
    let config = Blob::new("{}");
    let mut connection = Connection::new(address);
    push::blob(&mut connection, repository, &config, Way::Stream).await?;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let config = config.clone();
        clients.spawn(async move {
            let mut connection = Connection::new(address);
            for number in (client..count).step_by(8) {
                let manifest = Blob::manifest(&config, &[], number);
                push::manifest(
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

fn seconds(sample: &Sample) -> String {
    format!(
        "{:.2} s, {:.2} s CPU ({:.2} s)",
        sample.wall, sample.server, sample.client
    )
}
