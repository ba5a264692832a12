//! Measured servers behind a common interface, and the machine itself as the limit.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::runtime::Runtime;
use xtask::load::process::{peak_memory, resident_memory};
use xtask::load::{Connection, push};
use xtask::servers::RunningServer;
use xtask::tools;

use super::cold::drop_page_cache;
use super::content::{BenchContent, READ_REPOSITORY, READ_TAG};
use super::limits::Machine;
use super::measure::{Sample, measure};
use super::nginx::Nginx;
use super::workload::{Workload, WorkloadContext};
use super::zot;

/// Measured server. The order is that of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SubjectName {
    Portolan,
    Distribution2,
    Distribution3,
    Zot,
    /// Serves the same content as files: the limit for reads.
    Nginx,
    /// The limit for pushes: dd and openssl.
    Machine,
}

impl SubjectName {
    /// Registries that Portolan is compared with.
    pub(crate) const PEERS: [Self; 3] = [Self::Distribution2, Self::Distribution3, Self::Zot];

    /// Returns the servers of a run. zot is included if the environment names its program.
    pub(crate) fn available() -> Vec<Self> {
        let mut all = vec![
            Self::Portolan,
            Self::Distribution2,
            Self::Distribution3,
            Self::Nginx,
            Self::Machine,
        ];
        all.extend(zot::program().map(|_| Self::Zot));
        all
    }

    /// Returns the name for readers.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Portolan => "Portolan",
            Self::Distribution2 => "distribution 2",
            Self::Distribution3 => "distribution 3",
            Self::Zot => "zot",
            Self::Nginx => "nginx",
            Self::Machine => "dd and openssl",
        }
    }

    /// Returns the name of its folder and its key in JSON.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Portolan => "portolan",
            Self::Distribution2 => "distribution2",
            Self::Distribution3 => "distribution3",
            Self::Zot => "zot",
            Self::Nginx => "nginx",
            Self::Machine => "machine",
        }
    }
}

enum Process {
    Registry(RunningServer),
    Files(Nginx),
    Machine(Machine),
}

/// Measured server, running.
pub(crate) struct Subject {
    pub(crate) name: SubjectName,
    /// Folder with its files.
    data: PathBuf,
    /// Resident memory after the start, in bytes.
    idle: u64,
    process: Process,
}

impl Subject {
    /// Starts a server on an empty folder below `place`. Registries receive the image that the
    /// reading workloads need.
    pub(crate) fn start(
        name: SubjectName,
        place: &Path,
        content: &BenchContent,
        runtime: &Runtime,
    ) -> Result<Self> {
        let data = place.join(name.key());
        fs::create_dir_all(&data)?;
        let mut subject = Self {
            name,
            process: start_process(name, &data, content)?,
            data,
            idle: 0,
        };
        if let Process::Registry(server) = &subject.process {
            subject.idle = runtime
                .block_on(push_image(server, content))
                .with_context(|| format!("first push to {} failed", name.title()))?;
        }
        Ok(subject)
    }

    /// Measures a workload.
    pub(crate) fn measure(
        &self,
        workload: Workload,
        context: &WorkloadContext<'_>,
    ) -> Result<Sample> {
        let (address, pid) = match &self.process {
            Process::Machine(machine) => return machine.measure(),
            Process::Registry(server) => (server.address(), server.pid()),
            Process::Files(nginx) => (nginx.address, nginx.pid()),
        };
        if workload.is_cold() {
            drop_page_cache(&self.data)?;
        }
        measure(pid, || workload.run(address, context))
    }

    /// Returns the resident memory of a registry after the start and at the peak, in bytes.
    pub(crate) fn memory(&self) -> Result<Option<(u64, u64)>> {
        match &self.process {
            Process::Registry(server) => Ok(Some((self.idle, peak_memory(server.pid())?))),
            Process::Files(_) | Process::Machine(_) => Ok(None),
        }
    }
}

fn start_process(name: SubjectName, data: &Path, content: &BenchContent) -> Result<Process> {
    let registry = match name {
        SubjectName::Portolan => RunningServer::portolan(data, ""),
        SubjectName::Distribution2 => RunningServer::distribution(data),
        SubjectName::Distribution3 => {
            RunningServer::distribution_binary(&tools::DISTRIBUTION_3.path(), data)
        }
        SubjectName::Zot => {
            let program = zot::program().context("BENCH_ZOT is not set")?;
            RunningServer::zot(&program, data)
        }
        SubjectName::Nginx => return Nginx::start(data, content).map(Process::Files),
        SubjectName::Machine => return Machine::new(data, &content.layer).map(Process::Machine),
    };
    registry.map(Process::Registry)
}

/// Pushes the image of the reading workloads. Returns the resident memory before that.
async fn push_image(server: &RunningServer, content: &BenchContent) -> Result<u64> {
    let mut connection = Connection::new(server.address());
    connection.get("/v2/").await?;
    let idle = resident_memory(server.pid())?;
    push::push_image(&mut connection, READ_REPOSITORY, READ_TAG, &content.image).await?;
    Ok(idle)
}
