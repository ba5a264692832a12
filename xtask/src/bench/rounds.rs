//! Rounds of measurements: fresh servers run at the same time, and each workload runs on all of
//! them in turn before the next one begins.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::measure::{Sample, measure as sample};
use super::peer::{BenchContent, BenchServer, ServerName};
use super::sizes::Sizes;
use super::workload::{Workload, WorkloadContext, layer_target};
use crate::load::process::peak_memory;

/// Samples and memory of all rounds.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) samples: BTreeMap<(Workload, ServerName), Vec<Sample>>,
    /// Resident bytes after the start, and at the peak.
    pub(crate) memory: BTreeMap<ServerName, Vec<(u64, u64)>>,
    /// Titles of the workloads, which contain the sizes.
    pub(crate) titles: BTreeMap<Workload, String>,
}

/// Runs `rounds` rounds below `folder`.
pub(crate) fn measure(folder: &Path, sizes: &Sizes, rounds: u32) -> Result<Results> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let content = BenchContent::new(sizes);
    let titles = Workload::ALL.map(|workload| (workload, workload.title(sizes)));
    let mut results = Results {
        titles: titles.into(),
        ..Results::default()
    };
    for round in 1..=rounds {
        let place = folder.join(format!("round-{round}"));
        let tools = WorkloadContext {
            runtime: &runtime,
            sizes,
            content: &content,
            round,
        };
        measure_round(&mut results, &place, &tools)?;
        fs::remove_dir_all(&place)?;
    }
    Ok(results)
}

fn measure_round(results: &mut Results, place: &Path, tools: &WorkloadContext<'_>) -> Result<()> {
    let mut peers = Vec::new();
    for (folder, name) in [
        ("portolan", ServerName::Portolan),
        ("distribution", ServerName::Distribution),
        ("nginx", ServerName::Nginx),
    ] {
        let data = place.join(folder);
        fs::create_dir_all(&data)?;
        peers.push(BenchServer::start(
            name,
            &data,
            tools.content,
            tools.runtime,
        )?);
    }
    write_layer(&place.join("nginx/root"), tools)?;
    for workload in Workload::ALL {
        // Each round starts with another server, so that none always runs on a cold or warm
        // machine.
        peers.rotate_left(1);
        for peer in peers.iter().filter(|peer| workload.applies_to(peer.name)) {
            let figures = sample(peer.pid(), || workload.run(peer, tools))
                .with_context(|| results.titles[&workload].clone())?;
            results
                .samples
                .entry((workload, peer.name))
                .or_default()
                .push(figures);
        }
        println!(
            "        round {}: {}",
            tools.round, results.titles[&workload]
        );
    }
    for peer in &peers {
        results
            .memory
            .entry(peer.name)
            .or_default()
            .push((peer.idle, peak_memory(peer.pid())?));
    }
    Ok(())
}

/// Writes the large layer to the path from which nginx serves it.
fn write_layer(root: &Path, tools: &WorkloadContext<'_>) -> Result<()> {
    let path = root.join(layer_target(tools.content).trim_start_matches('/'));
    let mut file = fs::File::create(path)?;
    let frame = &tools.content.frame.bytes;
    for _ in 0..tools.sizes.layer / frame.len() as u64 {
        std::io::Write::write_all(&mut file, frame)?;
    }
    Ok(())
}
