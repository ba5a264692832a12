//! Limits of the machine: writing with a sync, and hashing.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::sizes::Sizes;
use crate::tools;

/// Measured limits.
pub(crate) struct Limits {
    /// Seconds to write and sync the large layer.
    pub(crate) write: f64,
    /// Bytes hashed per second on one core.
    pub(crate) hash: f64,
}

/// Measures the limits.
pub(crate) fn measure(folder: &Path, sizes: &Sizes) -> Result<Limits> {
    Ok(Limits {
        write: measure_write(folder, sizes.layer)?,
        hash: measure_hash()?,
    })
}

fn measure_write(folder: &Path, length: u64) -> Result<f64> {
    let path = folder.join("dd");
    let begin = Instant::now();
    let output = Command::new("dd")
        .args(["if=/dev/zero", "bs=1M", "conv=fsync"])
        .arg(format!("count={}", length >> 20))
        .arg(format!("of={}", path.display()))
        .output()
        .context("failed to start dd")?;
    let took = begin.elapsed();
    if !output.status.success() {
        bail!("dd: {}", String::from_utf8_lossy(&output.stderr));
    }
    std::fs::remove_file(path)?;
    Ok(took.as_secs_f64())
}

fn measure_hash() -> Result<f64> {
    let output = Command::new(tools::OPENSSL.path())
        .args([
            "speed", "-seconds", "1", "-bytes", "1048576", "-evp", "sha256",
        ])
        .output()
        .context("failed to start openssl")?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse(&text).with_context(|| format!("unexpected output of openssl: {text}"))
}

/// Parses the rate from the last line, `sha256  1845493.76k`, which is in thousands of bytes per
/// second.
fn parse(text: &str) -> Result<f64> {
    let last = text.split_whitespace().last().context("empty output")?;
    let thousands: f64 = last
        .strip_suffix('k')
        .context("no rate in thousands of bytes")?
        .parse()?;
    Ok(thousands * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn parses_last_figure() {
        assert!(
            (parse("type 1048576 bytes\nsha256  1845493.76k\n").unwrap() - 1_845_493_760.0).abs()
                < 1.0
        );
        assert!(parse("").is_err());
    }
}
