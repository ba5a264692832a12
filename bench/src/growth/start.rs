//! Start of the server on an empty and on a full store: time until the first response, and memory.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use tokio::runtime::Runtime;
use xtask::load::Connection;
use xtask::load::process::resident_memory;
use xtask::servers::RunningServer;

use super::{repositories, runtime, steps};
use crate::figure::{Figure, Panel, Series};
use crate::measure::{Spread, to_float, to_mebibytes};
use crate::sizes::GrowthSizes;

/// Number of starts. The shortest counts, because other programs on the machine only delay it.
const STARTS: u32 = 7;

/// Measures an empty store, and stores from 1 repository on.
pub(super) fn measure(folder: &Path, sizes: &GrowthSizes) -> Result<Figure> {
    let runtime = runtime()?;
    let data = folder.join("data");
    let (empty_time, empty_memory) = start(&runtime, &data)?;
    fs::remove_dir_all(&data)?;
    let (mut times, mut memory) = (vec![], vec![]);
    for count in steps(1, sizes.repositories, 10) {
        eprintln!("        start with {count} repositories");
        repositories::create(&runtime, &data, count)?;
        let (time, resident) = start(&runtime, &data)?;
        times.push((to_float(count), time));
        memory.push((to_float(count), resident));
        fs::remove_dir_all(&data)?;
    }
    let panel = |vertical, unit, name, points| Panel {
        horizontal: "repositories in the store, each with an image and a tag",
        vertical,
        unit,
        series: vec![Series { name, points }],
    };
    Ok(Figure {
        name: "start",
        title: "Start of the server",
        note: format!(
            "With an empty store, the start until the first response takes {empty_time:.0} ms, and the server \
             has {empty_memory:.1} MiB of memory afterwards. The shortest of {STARTS} starts after a regular stop."
        ),
        panels: vec![
            panel("time until the first response", "ms", "start", times),
            panel("resident memory after the start", "MiB", "memory", memory),
        ],
    })
}

/// Returns the shortest time in milliseconds and the median of the memory in mebibytes.
fn start(runtime: &Runtime, data: &Path) -> Result<(f64, f64)> {
    let (mut times, mut memory) = (vec![], vec![]);
    for _ in 0..STARTS {
        let begin = Instant::now();
        let mut server = RunningServer::portolan(data, "")?;
        runtime.block_on(Connection::new(server.address()).get("/v2/"))?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
        memory.push(to_mebibytes(resident_memory(server.pid())?));
        server.stop()?;
    }
    Ok((Spread::new(times).min, Spread::new(memory).median))
}
