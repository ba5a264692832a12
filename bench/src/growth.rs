//! Growth of Portolan's costs with the amount of content or the number of clients, as figures.
//!
//! The server's CPU time per request says more about growth than wall time, which other programs on
//! the machine distort.

mod children;
mod fill;
mod load;
mod pulls;
mod repositories;
mod start;
mod tags;
mod uploads;

use std::fs;
use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use tokio::runtime::{Builder, Runtime};

use super::report::Section;
use super::sizes::GrowthSizes;

/// Growth that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Growth {
    #[value(name = "growth-tags")]
    Tags,
    #[value(name = "growth-repositories")]
    Repositories,
    #[value(name = "growth-children")]
    Children,
    #[value(name = "growth-pulls")]
    Pulls,
    #[value(name = "growth-uploads")]
    Uploads,
    #[value(name = "growth-start")]
    Start,
}

/// Measures a growth on fresh servers below `folder`.
pub(crate) fn measure(growth: Growth, folder: &Path, sizes: &GrowthSizes) -> Result<Section> {
    fs::create_dir_all(folder)?;
    let figure = match growth {
        Growth::Tags => tags::measure(folder, sizes)?,
        Growth::Repositories => repositories::measure(folder, sizes)?,
        Growth::Children => children::measure(folder, sizes)?,
        Growth::Pulls => pulls::measure(folder, sizes)?,
        Growth::Uploads => uploads::measure(folder, sizes)?,
        Growth::Start => start::measure(folder, sizes)?,
    };
    fs::remove_dir_all(folder)?;
    let name = match growth {
        Growth::Tags => "growthTags",
        Growth::Repositories => "growthRepositories",
        Growth::Children => "growthChildren",
        Growth::Pulls => "growthPulls",
        Growth::Uploads => "growthUploads",
        Growth::Start => "growthStart",
    };
    Ok(Section::from_figure(name, figure))
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// Returns `first` and its multiples by powers of `factor`, up to `last`.
fn steps(first: u64, last: u64, factor: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(first), move |step| Some(step * factor))
        .take_while(move |step| *step <= last)
}

#[cfg(test)]
mod tests {
    #[test]
    fn steps_include_both_ends() {
        let steps: Vec<_> = super::steps(10, 1000, 10).collect();
        assert_eq!(steps, [10, 100, 1000]);
    }
}
