//! Limit of the machine for pushes: the layer is written with a sync by dd and hashed by openssl.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use xtask::load::process::own_cpu_time;
use xtask::tools;

use super::layer::LargeLayer;
use super::measure::Sample;

/// File with the large layer, to write and to hash.
pub(crate) struct Machine {
    source: PathBuf,
}

impl Machine {
    /// Writes the layer below `folder`.
    pub(crate) fn new(folder: &Path, layer: &LargeLayer) -> Result<Self> {
        let source = folder.join("layer");
        layer.write(&source)?;
        Ok(Self { source })
    }

    /// Measures both programs. The wall time is that of dd alone, because a server can hash while it
    /// writes; the CPU time is that of both.
    pub(crate) fn measure(&self) -> Result<Sample> {
        let (cpu, begin) = (own_cpu_time()?, Instant::now());
        let copy = self.source.with_extension("copy");
        let (from, to) = (self.source.display(), copy.display());
        run_successfully(
            Command::new("dd")
                .args(["bs=1M", "conv=fsync"])
                .arg(format!("if={from}"))
                .arg(format!("of={to}")),
        )?;
        let wall = begin.elapsed();
        fs::remove_file(copy)?;
        run_successfully(
            Command::new(tools::OPENSSL.path())
                .args(["dgst", "-sha256"])
                .arg(&self.source),
        )?;
        Ok(Sample {
            wall: wall.as_secs_f64(),
            server: own_cpu_time()?.saturating_sub(cpu).as_secs_f64(),
            client: 0.0,
        })
    }
}

fn run_successfully(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("failed to start {command:?}"))?;
    if !output.status.success() {
        bail!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    Ok(())
}
