//! `cargo xtask proxies`: pushes an index with many warnings through proxies with their default
//! limits, and checks that the response arrives.

mod program;

use std::fs;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Method;
use portolan_model::Digest;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use self::program::{PROGRAMS, Proxy};
use crate::interop::log_tail;
use crate::load::{Connection, Payload, ReceivedResponse};
use crate::servers::{RunningServer, ServerProgram};
use crate::tools;

/// Number of children of the index. Every second child is a Docker manifest and causes a warning.
const CHILDREN: usize = 120;

/// Number of tags that the push sets, with one header each.
const TAGS: usize = 50;

/// Configuration of the registry. The preset `sparse` accepts the index although its children are
/// not pushed.
const CONFIGURATION: &str = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n[[policy]]\nrepositories = \"**\"\npreset = \"sparse\"\n";

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const FAMILIES: [&str; 2] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// Runs all proxies in front of one registry.
pub(crate) fn run() -> Result<()> {
    tools::require(&PROGRAMS.map(|program| program.tool))?;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("registry");
    let server = RunningServer::start(ServerProgram::Portolan, &data, CONFIGURATION)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    for program in PROGRAMS {
        let folder = folder.path().join(program.name);
        fs::create_dir(&folder)?;
        let proxy = Proxy::start(program, &folder, server.address())?;
        check(&runtime, proxy.address)
            .with_context(|| format!("through {}", program.name))
            .with_context(|| log_tail(&data))?;
        println!("{:<10} passed", program.name);
    }
    Ok(())
}

/// Pushes the index through a proxy, and pulls it by its last tag.
fn check(runtime: &Runtime, proxy: SocketAddr) -> Result<()> {
    let index = Bytes::from(index().to_string());
    let tags: Vec<_> = (0..TAGS).map(|number| format!("1.27.{number}")).collect();
    let target = format!("/v2/app/manifests/latest?tag={}", tags.join("&tag="));
    let mut connection = Connection::new(proxy);
    let payload = Payload::from_bytes(index.clone());
    let pushed = runtime.block_on(connection.send(Method::PUT, &target, INDEX, payload))?;
    ensure!(pushed.status == 201, "the push returned {}", pushed.status);
    check_warnings(&pushed)?;
    let tagged = format!("/v2/app/manifests/1.27.{}", TAGS - 1);
    let pulled = runtime.block_on(connection.get(&tagged))?;
    ensure!(
        pulled.status == 200 && pulled.body == index,
        "the pull returned {}",
        pulled.status
    );
    Ok(())
}

/// Checks that the response contains as many warnings as fit, and the number of the omitted
/// warnings.
fn check_warnings(response: &ReceivedResponse) -> Result<()> {
    let warnings: Vec<_> = response
        .headers
        .get_all(http::header::WARNING)
        .iter()
        .collect();
    let (last, shown) = warnings.split_last().context("no warning arrived")?;
    ensure!(!shown.is_empty(), "no finding arrived");
    let text = String::from_utf8_lossy(last.as_bytes());
    ensure!(text.contains(" more warning"), "the last warning is {text}");
    Ok(())
}

/// Returns an index with OCI and Docker manifests.
fn index() -> Value {
    let child = |number: usize| {
        json!({
            "mediaType": FAMILIES[number % 2],
            "digest": Digest::sha256(&number.to_be_bytes()),
            "size": 500,
            "platform": {"os": "linux", "architecture": format!("architecture-{number}")},
        })
    };
    json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": (0..CHILDREN).map(child).collect::<Vec<_>>(),
    })
}
