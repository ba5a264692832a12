//! Number of children of an index: PUT and GET.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use xtask::load::image::MANIFEST;
use xtask::load::push::{self, UploadMethod};
use xtask::load::{Connection, LoadBlob};
use xtask::servers::RunningServer;

use super::{load, runtime, steps};
use crate::content::INDEX;
use crate::figure::{Figure, Panel, Series};
use crate::measure::to_float;
use crate::sizes::GrowthSizes;

const REPOSITORY: &str = "growth/children";

/// Number of connections that push the children.
const CONNECTIONS: u64 = 64;

/// Children that all indexes of one measurement have together: enough CPU time to measure.
const PUSHED: u64 = 50_000;

/// Measures from 10 children on.
pub(super) fn measure(folder: &Path, sizes: &GrowthSizes) -> Result<Figure> {
    let runtime = runtime()?;
    let server = RunningServer::portolan(&folder.join("data"), "")?;
    let children = push_children(&runtime, &server, sizes.children)?;
    let (mut puts, mut gets) = (vec![], vec![]);
    for count in steps(10, sizes.children, 10) {
        eprintln!("        {count} children of an index");
        let x = to_float(count);
        let descriptors: Vec<_> = children.iter().take(usize::try_from(count)?).collect();
        let indexes = (PUSHED / count).min(sizes.pushes);
        let put = async |connection: &mut Connection, number| {
            let bytes = index(&descriptors, count, number).into();
            Ok(push::push_document(connection, REPOSITORY, "v1", INDEX, bytes).await?)
        };
        let cpu = load::cpu_micros(&server, sizes.rounds, |round| {
            let numbers = round * indexes..(round + 1) * indexes;
            runtime.block_on(load::for_each(server.address(), 1, numbers, &put))?;
            Ok(indexes)
        })?;
        puts.push((x, cpu));
        let target = format!("/v2/{REPOSITORY}/manifests/v1");
        gets.push((x, load::read(&server, &target, sizes)?));
    }
    let series = |name, points| Series { name, points };
    Ok(Figure {
        name: "children",
        title: "Children of an index",
        note: "Both costs have to grow: the descriptor of each child has 150 bytes, which are sent and parsed, \
               and the database gets a row for it."
            .to_owned(),
        panels: vec![Panel {
            horizontal: "children",
            vertical: "CPU time of the server per request",
            unit: "µs",
            series: vec![
                series("PUT index with a tag, one client", puts),
                series("GET index by tag", gets),
            ],
        }],
    })
}

/// Pushes the children by digest and returns their descriptors.
fn push_children(runtime: &Runtime, server: &RunningServer, count: u64) -> Result<Vec<Value>> {
    let config = LoadBlob::new("{}");
    let mut connection = Connection::new(server.address());
    runtime.block_on(push::push_blob(
        &mut connection,
        REPOSITORY,
        &config,
        UploadMethod::Stream,
    ))?;
    let children = (0..count).map(|number| LoadBlob::manifest(&config, &[], number));
    let children: Vec<_> = children.collect();
    let put = async |connection: &mut Connection, number| {
        let LoadBlob { bytes, digest } = &children[usize::try_from(number)?];
        Ok(push::push_manifest(connection, REPOSITORY, digest, bytes.clone()).await?)
    };
    runtime.block_on(load::for_each(
        server.address(),
        CONNECTIONS,
        0..count,
        &put,
    ))?;
    Ok(children.iter().map(descriptor).collect())
}

fn descriptor(child: &LoadBlob) -> Value {
    json!({ "mediaType": MANIFEST, "digest": child.digest, "size": child.bytes.len() })
}

/// Returns an index that differs from all others by its annotations.
fn index(children: &[&Value], count: u64, number: u64) -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": children,
        "annotations": { "portolan.load.number": format!("{count}-{number}") },
    })
    .to_string()
}
