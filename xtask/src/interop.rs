//! `cargo xtask interop`: real clients push every kind to the release binary, pull it, and exchange
//! images with it on disk.

pub(crate) mod builder;
mod client;
pub(crate) mod containerd;
pub(crate) mod crane;
mod daemon;
pub(crate) mod docker;
mod docker_text;
pub(crate) mod document;
mod exchange;
mod expect;
pub(crate) mod joined;
pub(crate) mod kinds;
pub(crate) mod layout;
mod limits;
pub(crate) mod matrix;
pub(crate) mod media;
pub(crate) mod mixed_index;
pub(crate) mod oras;
mod page;
pub(crate) mod podman;
mod portolan;
pub(crate) mod reference;
pub(crate) mod registry;
pub(crate) mod report;
pub(crate) mod sandbox;
pub(crate) mod skopeo;
mod tutorial;

use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use self::client::Client;
use self::containerd::Containerd;
use self::crane::Crane;
use self::docker::Docker;
use self::document::Kind;
use self::exchange::{Exchange, Holder, Umoci};
use self::matrix::{MatrixCell, SeededKind};
use self::oras::Oras;
use self::page::RunDetails;
use self::podman::Podman;
use self::portolan::Portolan;
use self::reference::TaggedReference;
use self::registry::RegistryConnection;
use self::sandbox::Sandbox;
use self::skopeo::Skopeo;
use crate::images;
use crate::servers::{RunningServer, ServerProgram};
use crate::tools::{self, Tool};

/// Command line arguments of `cargo xtask interop`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only these clients
    #[arg(long = "client", value_name = "CLIENT")]
    clients: Vec<String>,
    /// Run only these kinds
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Write docs/clients.md if no cell fails; requires all clients and kinds
    #[arg(long, conflicts_with_all = ["clients", "kinds"])]
    write: bool,
}

/// Kinds with missing content have repositories of their own.
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

/// Runs both tables, prints them, fails if a cell failed, and writes the page if requested.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    tools::require(&TOOLS)?;
    // Without the usual random letters: podman and buildah derive the name of an image pulled from
    // a layout from its path, which must then be lowercase.
    let name = format!("interop-{}", std::process::id());
    let folder = tempfile::Builder::new()
        .prefix(&name)
        .rand_bytes(0)
        .tempdir()?;
    let data = folder.path().join("registry");
    let server = RunningServer::start(ServerProgram::Portolan, &data, CONFIGURATION)?;
    let host = server.host();
    let tables = run_tables(arguments, folder.path(), &host).with_context(|| log_tail(&data))?;
    let [matrix, exchange] = &tables;
    ensure!(
        matrix.len() + exchange.len() > 0,
        "no client or kind matches"
    );
    let failed = report::print([matrix, exchange]);
    if failed > 0 {
        bail!("{failed} cells failed; {}", log_tail(&data));
    }
    if arguments.write {
        page::write(
            [matrix, exchange],
            &RunDetails {
                host,
                folder: folder.path(),
            },
        )
    } else {
        Ok(())
    }
}

/// Runs the matrix of clients and kinds, the tutorial of the mixed index, the join of two builds,
/// and the exchange on disk.
fn run_tables(arguments: &Arguments, folder: &Path, host: &str) -> Result<[Vec<MatrixCell>; 2]> {
    let seeded = seed(all_kinds(folder, &arguments.kinds, host)?, host)?;
    let clients = start_clients(folder, &arguments.clients)?;
    let mut matrix = run_matrix(&clients, &seeded, host)?;
    if is_chosen(&arguments.kinds, matrix::OWN) {
        matrix.extend(run_own(&clients, host)?);
    }
    if let Some(eleven) = seeded
        .iter()
        .find(|seeded| seeded.kind.name == mixed_index::NAMES[0])
    {
        tutorial::run(
            eleven,
            &clients,
            &Portolan::new(Sandbox::new(folder.join("story"))?),
            host,
        )?;
    }
    if is_chosen(&arguments.kinds, joined::NAME) {
        let sandbox = Sandbox::new(folder.join("join"))?;
        joined::run(&clients, &Portolan::new(sandbox), host)?;
    }
    let umoci = is_chosen(&arguments.clients, Umoci::NAME);
    Ok([
        matrix,
        run_exchange(&clients, umoci, &seeded, folder, host)?,
    ])
}

/// Returns the end of the server's log.
pub(crate) fn log_tail(data: &Path) -> String {
    let log = fs::read_to_string(data.with_extension("log")).unwrap_or_default();
    let lines: Vec<_> = log.lines().rev().take(20).collect();
    format!(
        "the server's log ends with:\n{}",
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    )
}

/// Returns whether the user chose a name, or chose no names at all.
pub(crate) fn is_chosen(chosen: &[String], name: &str) -> bool {
    chosen.is_empty() || chosen.iter().any(|choice| choice == name)
}

fn all_kinds(folder: &Path, chosen: &[String], host: &str) -> Result<Vec<Kind>> {
    let mut all = Vec::new();
    if mixed_index::NAMES
        .iter()
        .any(|name| is_chosen(chosen, name))
    {
        let sandbox = Sandbox::new(folder.join("build"))?;
        all.extend(mixed_index::build(
            &sandbox,
            &mut RegistryConnection::new(host)?,
            host,
        )?);
    }
    all.extend(kinds::all_kinds()?);
    all.retain(|kind| is_chosen(chosen, kind.name));
    Ok(all)
}

/// Pushes kinds to the registry and records whether it stores them correctly.
pub(crate) fn seed(kinds: Vec<Kind>, host: &str) -> Result<Vec<SeededKind>> {
    let mut registry = RegistryConnection::new(host)?;
    let seeded = kinds.into_iter().map(|kind| {
        let policy = if kind.sparse { "sparse" } else { "open" };
        let repository = format!("{policy}/{}", kind.name);
        let place = TaggedReference {
            host: host.to_owned(),
            repository,
            tag: "sea".to_owned(),
        };
        let result = registry
            .seed(&kind, &place)
            .and_then(|()| registry.compare(&kind, &kind.top, &place));
        SeededKind {
            kind,
            place,
            error: result.err().map(|error| format!("{error:#}")),
        }
    });
    Ok(seeded.collect())
}

fn start_clients(folder: &Path, chosen: &[String]) -> Result<Vec<Box<dyn Client>>> {
    let chosen = CLIENTS.iter().filter(|(name, _)| is_chosen(chosen, name));
    chosen
        .map(|(name, start)| {
            let sandbox = Sandbox::new(folder.join(name))?;
            start(sandbox).with_context(|| format!("failed to start {name}"))
        })
        .collect()
}

fn run_own(clients: &[Box<dyn Client>], host: &str) -> Result<Vec<MatrixCell>> {
    let root_folder = images::root_folder(mixed_index::AMD64)?;
    let mut registry = RegistryConnection::new(host)?;
    let cells = clients.iter().filter_map(|client| {
        let repository = format!("open/{}/by-{}", matrix::OWN, client.name());
        let to = TaggedReference {
            host: host.to_owned(),
            repository,
            tag: "sea".to_owned(),
        };
        matrix::run_own(client.as_ref(), &root_folder, &to, &mut registry)
    });
    Ok(cells.collect())
}

fn run_matrix(
    clients: &[Box<dyn Client>],
    seeded: &[SeededKind],
    host: &str,
) -> Result<Vec<MatrixCell>> {
    run_in_parallel(clients, host, |client, registry| {
        matrix::run_client(client.as_ref(), seeded, registry)
    })
}

fn run_exchange(
    clients: &[Box<dyn Client>],
    umoci: bool,
    seeded: &[SeededKind],
    folder: &Path,
    host: &str,
) -> Result<Vec<MatrixCell>> {
    let portolan = Portolan::new(Sandbox::new(folder.join("exchange"))?);
    let umoci = umoci
        .then(|| Sandbox::new(folder.join(Umoci::NAME)).map(Umoci::new))
        .transpose()?;
    let keepers = clients
        .iter()
        .filter_map(|client| Some((client.name(), client.as_holder()?)));
    let keepers = keepers.chain(
        umoci
            .iter()
            .map(|umoci| (Umoci::NAME, umoci as &dyn Holder)),
    );
    let exchange = |(name, keeper)| Exchange {
        name,
        keeper,
        folder: folder.join(name),
        portolan: &portolan,
    };
    let exchanges: Vec<_> = keepers.map(exchange).collect();
    let subjects = exchange::subjects(seeded);
    run_in_parallel(&exchanges, host, |exchange, registry| {
        exchange.run(&subjects, registry)
    })
}

/// Runs all clients in parallel, each with its own storage and its own repositories.
pub(crate) fn run_in_parallel<T: Sync, C: Send>(
    clients: &[T],
    host: &str,
    run: impl Fn(&T, &mut RegistryConnection) -> Vec<C> + Sync,
) -> Result<Vec<C>> {
    let columns: Result<Vec<Vec<C>>> = thread::scope(|scope| {
        let run = |client| Ok(run(client, &mut RegistryConnection::new(host)?));
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
