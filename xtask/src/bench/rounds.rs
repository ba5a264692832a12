//! Rounds: fresh servers beside each other, each workload on all of them in turn before the next begins.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::measure::{Sample, measure as sample};
use super::peer::{Content, Name, Peer};
use super::sizes::Sizes;
use super::workload::{Tools, Workload, layer_target};
use crate::load::process::peak;

/// All samples, and the memory of each server after each round.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) samples: BTreeMap<(Workload, Name), Vec<Sample>>,
    /// Bytes resident after the start, and at the most.
    pub(crate) memory: BTreeMap<Name, Vec<(u64, u64)>>,
    /// The titles, which name sizes.
    pub(crate) titles: BTreeMap<Workload, String>,
}

/// Runs so many rounds below `folder`.
pub(crate) fn measure(folder: &Path, sizes: &Sizes, rounds: u32) -> Result<Results> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let content = Content::new(sizes);
    let titles = Workload::ALL.map(|workload| (workload, workload.title(sizes)));
    let mut results = Results {
        titles: titles.into(),
        ..Results::default()
    };
    for round in 1..=rounds {
        let place = folder.join(format!("round-{round}"));
        let tools = Tools {
            runtime: &runtime,
            sizes,
            content: &content,
            round,
        };
        one(&mut results, &place, &tools)?;
        fs::remove_dir_all(&place)?;
    }
    Ok(results)
}

fn one(results: &mut Results, place: &Path, tools: &Tools<'_>) -> Result<()> {
    let mut peers = Vec::new();
    for (folder, name) in [
        ("portolan", Name::Portolan),
        ("distribution", Name::Distribution),
        ("nginx", Name::Nginx),
    ] {
        let data = place.join(folder);
        fs::create_dir_all(&data)?;
        peers.push(Peer::start(name, &data, tools.content, tools.runtime)?);
    }
    place_layer(&place.join("nginx/root"), tools)?;
    for workload in Workload::ALL {
        // Who goes first changes from round to round.
        peers.rotate_left(1);
        for peer in peers.iter().filter(|peer| workload.concerns(peer.name)) {
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
            .push((peer.idle, peak(peer.pid())?));
    }
    Ok(())
}

/// Writes the large layer where nginx serves it.
fn place_layer(root: &Path, tools: &Tools<'_>) -> Result<()> {
    let path = root.join(layer_target(tools.content).trim_start_matches('/'));
    let mut file = fs::File::create(path)?;
    let frame = &tools.content.frame.bytes;
    for _ in 0..tools.sizes.layer / frame.len() as u64 {
        std::io::Write::write_all(&mut file, frame)?;
    }
    Ok(())
}
