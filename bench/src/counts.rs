//! System calls and written bytes of Portolan for each pushed small image and each pushed small blob.
//!
//! Two servers receive the same first images, and one of them receives more: the difference over
//! their whole lives is the cost of what it received in addition, with its share of later work such
//! as checkpoints.

mod calls;

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use xtask::load::process::own_written_bytes;
use xtask::servers::RunningServer;
use xtask::tools::{self, require};

use super::images::{CLIENTS, LAYERS, SmallImages};
use super::measure::to_float;
use super::report::Section;
use calls::{CALLS, PWRITE};

/// Number of images that both servers receive.
const FIRST_IMAGES: u64 = 40;
/// Maximum number of `pwrite64` for each blob.
const LIMIT: f64 = 12.0;

/// Content that a server receives after the first images.
#[derive(Clone, Copy)]
enum Load {
    Nothing,
    Images,
    Layers,
}

/// Counts with fresh servers below `folder`, over `images` images.
///
/// # Errors
///
/// Returns an error if strace is missing or may not trace, or if a push fails.
pub(crate) fn measure(folder: &Path, images: u64) -> Result<Section> {
    require(&[tools::STRACE])?;
    let counter = Counter {
        folder,
        runtime: tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?,
        first: SmallImages::new(FIRST_IMAGES, 1),
        images: SmallImages::new(images, 2),
    };
    let nothing = counter.count(Load::Nothing)?;
    let image = counter.count(Load::Images)?.less(nothing, images);
    let layers = images * LAYERS.len() as u64;
    let blob = counter.count(Load::Layers)?.less(nothing, layers);
    Ok(Section::new(
        "counts",
        to_markdown(&image, &blob, images),
        json!({ "images": images, "image": image.to_json(), "blob": blob.to_json() }),
    ))
}

/// Content and folder of the counted servers.
struct Counter<'a> {
    folder: &'a Path,
    runtime: Runtime,
    first: SmallImages,
    images: SmallImages,
}

impl Counter<'_> {
    /// Runs a server from its start to its regular stop and returns all of its costs.
    fn count(&self, load: Load) -> Result<Costs> {
        let (data, summary) = (self.folder.join("data"), self.folder.join("summary"));
        fs::create_dir_all(&data)?;
        let before = own_written_bytes()?;
        let mut server = RunningServer::portolan_through(calls::strace(&summary), &data, "")
            .context("failed to count system calls: strace could not trace the server, for which ptrace must be permitted")?;
        self.runtime.block_on(self.push(server.address(), load))?;
        server.stop()?;
        let written_bytes = own_written_bytes()? - before;
        let calls = calls::read(&summary)?;
        fs::remove_dir_all(self.folder)?;
        Ok(Costs {
            calls,
            written_bytes,
        })
    }

    async fn push(&self, address: SocketAddr, load: Load) -> Result<()> {
        self.first.push(address).await?;
        match load {
            Load::Nothing => Ok(()),
            Load::Images => self.images.push(address).await,
            Load::Layers => self.images.push_layers(address).await,
        }
    }
}

/// Costs over the life of a server.
#[derive(Clone, Copy)]
struct Costs {
    calls: [u64; CALLS.len()],
    written_bytes: u64,
}

impl Costs {
    /// Returns the difference to the costs of another server, divided by the units.
    fn less(self, base: Self, units: u64) -> UnitCosts {
        let per_unit = |more: u64, less: u64| (to_float(more) - to_float(less)) / to_float(units);
        UnitCosts {
            calls: std::array::from_fn(|index| per_unit(self.calls[index], base.calls[index])),
            written_bytes: per_unit(self.written_bytes, base.written_bytes),
        }
    }
}

/// Costs of one image or blob.
struct UnitCosts {
    calls: [f64; CALLS.len()],
    written_bytes: f64,
}

impl UnitCosts {
    fn to_row(&self, title: &str, goal: &str) -> String {
        let mut row = format!("| {title} |");
        for count in self.calls {
            let _ = write!(row, " {count:.1} |");
        }
        let _ = writeln!(row, " {:.0} | {goal} |", self.written_bytes);
        row
    }

    /// Returns the verdict on the limit for a blob.
    fn verdict(&self) -> String {
        let word = if self.calls[PWRITE] <= LIMIT {
            "met"
        } else {
            "**missed**"
        };
        format!("pwrite64 ≤ {LIMIT}: {word}")
    }

    fn to_json(&self) -> Value {
        let names = CALLS.iter().map(|(title, _)| (*title).to_owned());
        let calls: Map<_, _> = names.zip(self.calls.map(|count| json!(count))).collect();
        json!({ "calls": calls, "writtenBytes": self.written_bytes })
    }
}

fn to_markdown(image: &UnitCosts, blob: &UnitCosts, images: u64) -> String {
    let titles = CALLS.map(|(title, _)| title).join(" | ");
    format!(
        "| each, by {CLIENTS} clients | {titles} | bytes written | goal |\n| --- |{}\n{}{}\n\
         System calls of Portolan, counted by strace over {images} images. The bytes are those that \
         the kernel counts for the disk, in whole pages of the page cache.\n",
        " --- |".repeat(CALLS.len() + 2),
        image.to_row("pushed image of a config and two layers", ""),
        blob.to_row("pushed blob of 4 or 16 kB", &blob.verdict()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(pwrite: u64, written_bytes: u64) -> Costs {
        let mut calls = [0; CALLS.len()];
        calls[PWRITE] = pwrite;
        Costs {
            calls,
            written_bytes,
        }
    }

    #[test]
    fn divides_the_difference_by_the_units() {
        let unit = costs(56, 5000).less(costs(10, 1000), 4);
        assert_eq!(
            unit.to_row("blob", "goal"),
            "| blob | 0.0 | 0.0 | 0.0 | 0.0 | 11.5 | 0.0 | 1000 | goal |\n"
        );
    }

    #[test]
    fn judges_the_limit() {
        let verdict = |pwrite| costs(pwrite, 0).less(costs(0, 0), 10).verdict();
        assert_eq!(verdict(120), "pwrite64 ≤ 12: met");
        assert_eq!(verdict(121), "pwrite64 ≤ 12: **missed**");
    }
}
