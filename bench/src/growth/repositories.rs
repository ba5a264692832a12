//! Number of repositories: pages of the catalog, reads, and pushes to new repositories.

use std::fs;
use std::path::Path;

use anyhow::Result;
use tokio::runtime::Runtime;
use xtask::load::push;
use xtask::load::{Connection, LoadBlob, LoadImage};
use xtask::servers::RunningServer;

use super::{fill, load, runtime, steps};
use crate::figure::{Figure, Panel, Series};
use crate::measure::to_float;
use crate::sizes::{GrowthSizes, UNCACHED};

/// Measures from 1,000 repositories on.
pub(super) fn measure(folder: &Path, sizes: &GrowthSizes) -> Result<Figure> {
    let runtime = runtime()?;
    let data = folder.join("data");
    let image = small_image();
    let (mut pages, mut cached, mut uncached, mut pushes) = (vec![], vec![], vec![], vec![]);
    for count in steps(1_000, sizes.repositories, 10) {
        eprintln!("        {count} repositories");
        let x = to_float(count);
        create(&runtime, &data, count)?;
        let mut server = RunningServer::portolan(&data, "")?;
        let middle = name(count / 2);
        let page = format!("/v2/_catalog?n=100&last={middle}");
        pages.push((x, load::read(&server, &page, sizes)?));
        let target = manifest_target(&middle);
        cached.push((x, load::read(&server, &target, sizes)?));
        let push = async |connection: &mut Connection, number| {
            Ok(push::push_image(connection, &format!("growth/new-{number}"), "v1", &image).await?)
        };
        pushes.push((x, load::write(&runtime, &server, sizes, &push)?));
        server.stop()?;
        let server = RunningServer::portolan(&data, UNCACHED)?;
        let target = manifest_target("growth/r%07d");
        let cpu = load::read_random(&server, folder, &target, count, sizes)?;
        uncached.push((x, cpu));
        drop(server);
        fs::remove_dir_all(&data)?;
    }
    let series = |name, points| Series { name, points };
    Ok(Figure {
        name: "repositories",
        title: "Repositories",
        note: "Each repository has one image of a config without layers, and one tag. The repositories were \
               written to the database directly, as copies of the rows of a pushed one. Random repositories are \
               read by a server without a cache."
            .to_owned(),
        panels: vec![Panel {
            horizontal: "repositories",
            vertical: "CPU time of the server",
            unit: "µs",
            series: vec![
                series("GET page of 100 of the catalog", pages),
                series("GET manifest of one repository", cached),
                series("GET manifest of random repositories, no cache", uncached),
                series("push of an image to a new repository, 8 clients", pushes),
            ],
        }],
    })
}

/// Creates a store with `count` repositories, which no server uses.
pub(super) fn create(runtime: &Runtime, data: &Path, count: u64) -> Result<()> {
    let mut server = RunningServer::portolan(data, "")?;
    let mut connection = Connection::new(server.address());
    let image = small_image();
    runtime.block_on(push::push_image(&mut connection, &name(0), "v1", &image))?;
    server.stop()?;
    fill::repositories(data, count)
}

fn small_image() -> LoadImage {
    let config = LoadBlob::new("{}");
    LoadImage {
        manifest: LoadBlob::manifest(&config, &[], 0),
        config,
        layers: Vec::new(),
    }
}

fn manifest_target(repository: &str) -> String {
    format!("/v2/{repository}/manifests/v1")
}

fn name(number: u64) -> String {
    format!("growth/r{number:07}")
}
