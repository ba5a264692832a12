//! `cargo xtask interop`: real clients push every kind to the release binary and pull it again, and exchange with it on
//! disk.

pub(crate) mod builder;
mod client;
pub(crate) mod containerd;
pub(crate) mod crane;
mod daemon;
pub(crate) mod docker;
mod docker_text;
pub(crate) mod document;
pub(crate) mod eleven;
mod exchange;
mod expect;
pub(crate) mod kinds;
pub(crate) mod layout;
mod limits;
pub(crate) mod matrix;
pub(crate) mod media;
pub(crate) mod oras;
mod page;
pub(crate) mod place;
pub(crate) mod podman;
mod portolan;
pub(crate) mod registry;
pub(crate) mod report;
pub(crate) mod sandbox;
pub(crate) mod skopeo;
mod story;

use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use self::client::Client;
use self::containerd::Containerd;
use self::crane::Crane;
use self::docker::Docker;
use self::document::Kind;
use self::exchange::{Exchange, Keeper, Umoci};
use self::matrix::{Cell, Seeded};
use self::oras::Oras;
use self::page::Scrub;
use self::place::Place;
use self::podman::Podman;
use self::portolan::Portolan;
use self::registry::Registry;
use self::sandbox::Sandbox;
use self::skopeo::Skopeo;
use crate::images;
use crate::servers::{Program, Server};
use crate::tools::{self, Tool};

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// These clients only.
    #[arg(long = "client", value_name = "CLIENT")]
    clients: Vec<String>,
    /// These kinds only.
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Writes docs/clients.md, if no cell fails; for all clients and all kinds only.
    #[arg(long, conflicts_with_all = ["clients", "kinds"])]
    write: bool,
}

/// Kinds of which something is nowhere have repositories of their own.
pub(crate) const CONFIGURATION: &str =
    "[[policy]]\nrepositories = \"sparse/**\"\npreset = \"sparse\"\n";

type Start = fn(Sandbox) -> Result<Box<dyn Client>>;

const CLIENTS: [(&str, Start); 8] = [
    ("portolan", |sandbox| Ok(Box::new(Portolan::new(sandbox)))),
    ("skopeo", |sandbox| Ok(Box::new(Skopeo::new(sandbox)))),
    ("podman", |sandbox| Ok(Box::new(Podman::new(sandbox)))),
    ("buildah", |sandbox| Ok(Box::new(Podman::buildah(sandbox)))),
    ("docker", |sandbox| Ok(Box::new(Docker::start(sandbox)?))),
    ("containerd", |sandbox| {
        Ok(Box::new(Containerd::start(sandbox)?))
    }),
    ("crane", |sandbox| Ok(Box::new(Crane::new(sandbox)))),
    ("oras", |sandbox| Ok(Box::new(Oras::new(sandbox)))),
];

const TOOLS: [Tool; 12] = [
    tools::SKOPEO,
    tools::PODMAN,
    tools::BUILDAH,
    tools::DOCKER,
    tools::DOCKERD,
    tools::RUNC,
    tools::CONTAINERD,
    tools::CTR,
    tools::CRANE,
    tools::ORAS,
    tools::UMOCI,
    tools::UNSHARE,
];

/// Runs both tables, prints them, fails if a cell did, and writes the page if asked to.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    tools::require(&TOOLS)?;
    // Without the usual random letters: podman and buildah name what they pull from a layout after its path, which has
    // to be in lower case for that.
    let name = format!("interop-{}", std::process::id());
    let folder = tempfile::Builder::new()
        .prefix(&name)
        .rand_bytes(0)
        .tempdir()?;
    let data = folder.path().join("registry");
    let server = Server::start(Program::Portolan, &data, CONFIGURATION)?;
    let host = server.host();
    let tables = tables(arguments, folder.path(), &host).with_context(|| end_of_log(&data))?;
    let [matrix, exchange] = &tables;
    ensure!(
        matrix.len() + exchange.len() > 0,
        "no such client, or no such kind"
    );
    let failed = report::print([matrix, exchange]);
    if failed > 0 {
        bail!("{failed} cells failed; {}", end_of_log(&data));
    }
    if arguments.write {
        page::write(
            [matrix, exchange],
            &Scrub {
                host,
                folder: folder.path(),
            },
        )
    } else {
        Ok(())
    }
}

/// The matrix of clients and kinds, the story of the mixed index, and the exchange on disk.
fn tables(arguments: &Arguments, folder: &Path, host: &str) -> Result<[Vec<Cell>; 2]> {
    let seeded = seed(all_kinds(folder, &arguments.kinds, host)?, host)?;
    let clients = start_clients(folder, &arguments.clients)?;
    let mut matrix = run_matrix(&clients, &seeded, host)?;
    if wanted(&arguments.kinds, matrix::OWN) {
        matrix.extend(run_own(&clients, host)?);
    }
    if let Some(eleven) = seeded
        .iter()
        .find(|seeded| seeded.kind.name == eleven::NAMES[0])
    {
        story::run(
            eleven,
            &clients,
            &Portolan::new(Sandbox::new(folder.join("story"))?),
            host,
        )?;
    }
    let umoci = wanted(&arguments.clients, Umoci::NAME);
    Ok([
        matrix,
        run_exchange(&clients, umoci, &seeded, folder, host)?,
    ])
}

/// What the server said at last.
pub(crate) fn end_of_log(data: &Path) -> String {
    let log = fs::read_to_string(data.with_extension("log")).unwrap_or_default();
    let lines: Vec<_> = log.lines().rev().take(20).collect();
    format!(
        "the server's log ends with:\n{}",
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    )
}

/// Whether a name is among those that were chosen, or nothing was.
pub(crate) fn wanted(chosen: &[String], name: &str) -> bool {
    chosen.is_empty() || chosen.iter().any(|choice| choice == name)
}

fn all_kinds(folder: &Path, chosen: &[String], host: &str) -> Result<Vec<Kind>> {
    let mut all = Vec::new();
    if eleven::NAMES.iter().any(|name| wanted(chosen, name)) {
        let sandbox = Sandbox::new(folder.join("build"))?;
        all.extend(eleven::build(&sandbox, &mut Registry::new(host)?, host)?);
    }
    all.extend(kinds::all()?);
    all.retain(|kind| wanted(chosen, kind.name));
    Ok(all)
}

/// Puts kinds into the registry, and says of each whether it is there.
pub(crate) fn seed(kinds: Vec<Kind>, host: &str) -> Result<Vec<Seeded>> {
    let mut registry = Registry::new(host)?;
    let seeded = kinds.into_iter().map(|kind| {
        let policy = if kind.sparse { "sparse" } else { "open" };
        let repository = format!("{policy}/{}", kind.name);
        let place = Place {
            host: host.to_owned(),
            repository,
            tag: "sea".to_owned(),
        };
        let result = registry
            .seed(&kind, &place)
            .and_then(|()| registry.compare(&kind, &kind.top, &place));
        Seeded {
            kind,
            place,
            error: result.err().map(|error| format!("{error:#}")),
        }
    });
    Ok(seeded.collect())
}

fn start_clients(folder: &Path, chosen: &[String]) -> Result<Vec<Box<dyn Client>>> {
    let chosen = CLIENTS.iter().filter(|(name, _)| wanted(chosen, name));
    chosen
        .map(|(name, start)| {
            let sandbox = Sandbox::new(folder.join(name))?;
            start(sandbox).with_context(|| format!("starting {name}"))
        })
        .collect()
}

fn run_own(clients: &[Box<dyn Client>], host: &str) -> Result<Vec<Cell>> {
    let root_folder = images::root_folder(eleven::AMD64)?;
    let mut registry = Registry::new(host)?;
    let cells = clients.iter().filter_map(|client| {
        let repository = format!("open/{}/by-{}", matrix::OWN, client.name());
        let to = Place {
            host: host.to_owned(),
            repository,
            tag: "sea".to_owned(),
        };
        matrix::run_own(client.as_ref(), &root_folder, &to, &mut registry)
    });
    Ok(cells.collect())
}

fn run_matrix(clients: &[Box<dyn Client>], seeded: &[Seeded], host: &str) -> Result<Vec<Cell>> {
    side_by_side(clients, host, |client, registry| {
        matrix::run_client(client.as_ref(), seeded, registry)
    })
}

fn run_exchange(
    clients: &[Box<dyn Client>],
    umoci: bool,
    seeded: &[Seeded],
    folder: &Path,
    host: &str,
) -> Result<Vec<Cell>> {
    let portolan = Portolan::new(Sandbox::new(folder.join("exchange"))?);
    let umoci = umoci
        .then(|| Sandbox::new(folder.join(Umoci::NAME)).map(Umoci::new))
        .transpose()?;
    let keepers = clients
        .iter()
        .filter_map(|client| Some((client.name(), client.keeper()?)));
    let keepers = keepers.chain(
        umoci
            .iter()
            .map(|umoci| (Umoci::NAME, umoci as &dyn Keeper)),
    );
    let exchange = |(name, keeper)| Exchange {
        name,
        keeper,
        folder: folder.join(name),
        portolan: &portolan,
    };
    let exchanges: Vec<_> = keepers.map(exchange).collect();
    let subjects = exchange::subjects(seeded);
    side_by_side(&exchanges, host, |exchange, registry| {
        exchange.run(&subjects, registry)
    })
}

/// Clients run side by side, each with its own storage and its own repositories.
pub(crate) fn side_by_side<T: Sync, C: Send>(
    clients: &[T],
    host: &str,
    run: impl Fn(&T, &mut Registry) -> Vec<C> + Sync,
) -> Result<Vec<C>> {
    let columns: Result<Vec<Vec<C>>> = thread::scope(|scope| {
        let run = |client| Ok(run(client, &mut Registry::new(host)?));
        let threads: Vec<_> = clients
            .iter()
            .map(|client| scope.spawn(move || run(client)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().ok().context("a client's thread panicked")?)
            .collect()
    });
    Ok(columns?.into_iter().flatten().collect())
}
