//! Number of concurrent pulls of a small image: CPU time of a pull, and the server's memory.

use std::fs;
use std::path::Path;

use anyhow::Result;
use xtask::load::process::peak_memory;
use xtask::load::push;
use xtask::load::{Connection, LoadImage, Random};
use xtask::servers::RunningServer;

use super::{load, runtime, steps};
use crate::figure::{Figure, Panel, Series};
use crate::measure::{to_float, to_mebibytes};
use crate::sizes::GrowthSizes;
use crate::wrk;

const REPOSITORY: &str = "growth/pulls";

/// Measures from 1 client on, each number with a fresh server.
pub(super) fn measure(folder: &Path, sizes: &GrowthSizes) -> Result<Figure> {
    let runtime = runtime()?;
    let image = LoadImage::random(&mut Random::new(30, 1), &[], &[4_000, 16_000]);
    let targets = targets(&image);
    let script = folder.join("pull.lua");
    fs::write(&script, wrk::cycle_script(&targets))?;
    let (mut costs, mut memory) = (vec![], vec![]);
    for clients in steps(1, sizes.pulls, 10) {
        eprintln!("        {clients} concurrent pulls");
        let x = to_float(clients);
        let server = RunningServer::portolan(&folder.join(format!("data-{clients}")), "")?;
        let mut connection = Connection::new(server.address());
        runtime.block_on(push::push_image(&mut connection, REPOSITORY, "v1", &image))?;
        let cpu = load::cpu_micros(&server, sizes.rounds, |_| {
            wrk::count_scripted(server.address(), &script, clients, load::READING)
        })?;
        costs.push((x, cpu * to_float(targets.len() as u64)));
        memory.push((x, to_mebibytes(peak_memory(server.pid())?)));
    }
    let panel = |vertical, unit, name, points| Panel {
        horizontal: "concurrent pulls",
        vertical,
        unit,
        series: vec![Series { name, points }],
    };
    Ok(Figure {
        name: "pulls",
        title: "Concurrent pulls of a small image",
        note: "A pull consists of the manifest, the config and two layers, 20 kB in total. Memory grows \
               because each connection has buffers."
            .to_owned(),
        panels: vec![
            panel("CPU time of the server", "µs", "one pull", costs),
            panel("peak memory of the server", "MiB", "peak memory", memory),
        ],
    })
}

fn targets(image: &LoadImage) -> Vec<String> {
    let blobs = image
        .blobs()
        .map(|blob| format!("/v2/{REPOSITORY}/blobs/{}", blob.digest));
    std::iter::once(format!("/v2/{REPOSITORY}/manifests/v1"))
        .chain(blobs)
        .collect()
}
