//! Number of tags in one repository: pages of tags, reads, and pushes of new tags.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::Value;
use tokio::runtime::Runtime;
use xtask::load::push::{self, UploadMethod};
use xtask::load::{Connection, LoadBlob, Random};
use xtask::servers::RunningServer;

use super::{fill, load, runtime, steps};
use crate::content::{tag_name, tag_page_target};
use crate::figure::{Figure, Panel, Series};
use crate::measure::to_float;
use crate::sizes::{GrowthSizes, UNCACHED};

const REPOSITORY: &str = "growth/tags";

/// Measures from 10 tags on.
pub(super) fn measure(folder: &Path, sizes: &GrowthSizes) -> Result<Figure> {
    let runtime = runtime()?;
    let data = folder.join("data");
    let (mut pages, mut cached, mut uncached, mut puts) = (vec![], vec![], vec![], vec![]);
    for tags in steps(10, sizes.tags, 10) {
        eprintln!("        {tags} tags in a repository");
        let x = to_float(tags);
        let manifest = push_first(&runtime, &data)?;
        fill::tags(&data, tags)?;
        let mut server = RunningServer::portolan(&data, "")?;
        let page = tag_page_target(REPOSITORY, tags);
        runtime.block_on(check_page(&server, &page, tags))?;
        pages.push((x, load::read(&server, &page, sizes)?));
        let target = manifest_target(&tag_name(tags / 2));
        cached.push((x, load::read(&server, &target, sizes)?));
        let put = async |connection: &mut Connection, number| {
            // New names between all others.
            let after = Random::new(tags, number).range(0, tags);
            let tag = format!("{}-{number}", tag_name(after));
            Ok(push::push_manifest(connection, REPOSITORY, &tag, manifest.bytes.clone()).await?)
        };
        puts.push((x, load::write(&runtime, &server, sizes, &put)?));
        server.stop()?;
        let server = RunningServer::portolan(&data, UNCACHED)?;
        let target = manifest_target("tag-%07d");
        let cpu = load::read_random(&server, folder, &target, tags, sizes)?;
        uncached.push((x, cpu));
        drop(server);
        fs::remove_dir_all(&data)?;
    }
    let series = |name, points| Series { name, points };
    Ok(Figure {
        name: "tags",
        title: "Tags in a repository",
        note: "The tags were written to the database directly, as copies of the rows of a pushed tag; all \
               name one manifest. A page begins in the middle of the list, so it has 100 tags from 1,000 \
               tags on, and less before. Random tags are read by a server without a cache. A new tag has a random \
               place: the more tags there are, the fewer of the pages that it changes are in SQLite's cache, \
               up to six reads for each tag."
            .to_owned(),
        panels: vec![Panel {
            horizontal: "tags in the repository",
            vertical: "CPU time of the server per request",
            unit: "µs",
            series: vec![
                series("GET page of 100 tags", pages),
                series("GET manifest by one tag", cached),
                series("GET manifest by random tags, no cache", uncached),
                series("PUT manifest with a new tag, 8 clients", puts),
            ],
        }],
    })
}

fn manifest_target(tag: &str) -> String {
    format!("/v2/{REPOSITORY}/manifests/{tag}")
}

/// Pushes a manifest with tag number 0 to a fresh server and stops it.
fn push_first(runtime: &Runtime, data: &Path) -> Result<LoadBlob> {
    let mut server = RunningServer::portolan(data, "")?;
    let mut connection = Connection::new(server.address());
    let config = LoadBlob::new("{}");
    let manifest = LoadBlob::manifest(&config, &[], 0);
    runtime.block_on(async {
        push::push_blob(&mut connection, REPOSITORY, &config, UploadMethod::Stream).await?;
        let bytes = manifest.bytes.clone();
        push::push_manifest(&mut connection, REPOSITORY, &tag_name(0), bytes).await
    })?;
    server.stop()?;
    Ok(manifest)
}

/// Checks that the server lists what was filled in.
async fn check_page(server: &RunningServer, page: &str, tags: u64) -> Result<()> {
    let response = Connection::new(server.address()).get(page).await?;
    let list: Value = serde_json::from_slice(&response.body)?;
    let listed = list["tags"].as_array().map_or(0, Vec::len) as u64;
    let expected = (tags - tags / 2 - 1).min(100);
    ensure!(
        listed == expected,
        "{page}: {listed} tags instead of {expected}"
    );
    Ok(())
}
