//! The clients: which versions were found, and by which commands they pull and push, write and read.

use anyhow::{Context, Result, ensure};

use super::table::markdown;
use crate::tools::{self, Tool};

/// A client for readers.
struct Program {
    name: &'static str,
    tool: Tool,
    ask_version: &'static str,
    /// How it takes what Portolan has: pulls or reads.
    takes: &'static str,
    /// How it gives Portolan something: pushes or writes.
    gives: &'static str,
}

const CLIENTS: [Program; 8] = [
    Program {
        name: "portolan",
        tool: tools::PORTOLAN,
        ask_version: "--version",
        takes: "`portolan copy` to an OCI layout",
        gives: "`portolan copy` from an OCI layout; for the sparse index: `--sparse`",
    },
    Program {
        name: "skopeo",
        tool: tools::SKOPEO,
        ask_version: "--version",
        takes: "`skopeo copy --all --preserve-digests` to a `dir:` folder",
        gives: "the same from a `dir:` folder",
    },
    Program {
        name: "podman",
        tool: tools::PODMAN,
        ask_version: "--version",
        takes: "`podman pull --platform`",
        gives: "`podman push`; indexes and lists: `podman manifest add --all`, `podman manifest push --all`",
    },
    Program {
        name: "buildah",
        tool: tools::BUILDAH,
        ask_version: "--version",
        takes: "`buildah pull --platform`",
        gives: "`buildah push`; indexes and lists: `buildah manifest add --all`, `buildah manifest push --all`",
    },
    Program {
        name: "docker",
        tool: tools::DOCKERD,
        ask_version: "--version",
        takes: "`docker pull --platform`",
        gives: "`docker push` of what was pulled; indexes and lists: `docker manifest create`, `docker manifest push`",
    },
    Program {
        name: "containerd",
        tool: tools::CONTAINERD,
        ask_version: "--version",
        takes: "`ctr content fetch --all-platforms`, and `ctr images pull` where there is an image",
        gives: "`ctr images import --all-platforms` of an OCI layout, `ctr images push`",
    },
    Program {
        name: "crane",
        tool: tools::CRANE,
        ask_version: "version",
        takes: "`crane pull --format=oci`",
        gives: "`crane push` of an OCI layout",
    },
    Program {
        name: "oras",
        tool: tools::ORAS,
        ask_version: "version",
        takes: "`oras cp` to an OCI layout",
        gives: "`oras cp` from an OCI layout; the sparse index: `oras manifest push`",
    },
];

const TOOLS: [Program; 8] = [
    Program {
        name: "skopeo",
        tool: tools::SKOPEO,
        ask_version: "--version",
        takes: "`skopeo copy --all` to the registry; docker-archives: without `--all`",
        gives: "`skopeo copy --all` from the registry; docker-archives: without `--all`",
    },
    Program {
        name: "podman",
        tool: tools::PODMAN,
        ask_version: "--version",
        takes: "`podman load`; layouts: `podman pull oci:`",
        gives: "`podman save` of what was pulled; indexes: `podman manifest push --all`",
    },
    Program {
        name: "buildah",
        tool: tools::BUILDAH,
        ask_version: "--version",
        takes: "`buildah pull` of the reference",
        gives: "`buildah push` of what was pulled; indexes: `buildah manifest push --all`",
    },
    Program {
        name: "docker",
        tool: tools::DOCKERD,
        ask_version: "--version",
        takes: "`docker load`",
        gives: "`docker save` of what was pulled",
    },
    Program {
        name: "containerd",
        tool: tools::CONTAINERD,
        ask_version: "--version",
        takes: "`ctr images import --all-platforms`",
        gives: "`ctr images export --all-platforms`; docker-archives: `--platform`",
    },
    Program {
        name: "crane",
        tool: tools::CRANE,
        ask_version: "version",
        takes: "`crane push`",
        gives: "`crane pull --format=oci`, `--format=tarball`",
    },
    Program {
        name: "oras",
        tool: tools::ORAS,
        ask_version: "version",
        takes: "`oras cp --from-oci-layout`",
        gives: "`oras cp --to-oci-layout`",
    },
    Program {
        name: "umoci",
        tool: tools::UMOCI,
        ask_version: "--version",
        takes: "`umoci unpack`",
        gives: "`umoci init`, `new` and `repack` of the files in the image for linux/amd64",
    },
];

/// The tables of the clients and of the tools that exchange; every program is asked for its version.
pub(crate) fn tables() -> Result<[String; 2]> {
    Ok([
        table(&["client", "version", "pulls by", "pushes by"], &CLIENTS)?,
        table(&["tool", "version", "reads by", "writes by"], &TOOLS)?,
    ])
}

fn table(head: &[&str], programs: &[Program]) -> Result<String> {
    let row = |program: &Program| {
        let Program {
            name, takes, gives, ..
        } = program;
        Ok(vec![
            (*name).to_owned(),
            version(program)?,
            (*takes).to_owned(),
            (*gives).to_owned(),
        ])
    };
    let rows = programs.iter().map(row).collect::<Result<Vec<_>>>()?;
    Ok(markdown(head, &rows))
}

fn version(program: &Program) -> Result<String> {
    let path = program.tool.path();
    let output = std::process::Command::new(&path)
        .arg(program.ask_version)
        .output()
        .with_context(|| format!("starting {}", path.display()))?;
    ensure!(
        output.status.success(),
        "{} {} ended with {}",
        path.display(),
        program.ask_version,
        output.status
    );
    let said = String::from_utf8_lossy(&output.stdout);
    let version = version_in(&said)
        .with_context(|| format!("{} named no version: {said}", path.display()))?;
    Ok(version.to_owned())
}

/// The first word that is a number with a point in it.
fn version_in(said: &str) -> Option<&str> {
    let words = said
        .split_whitespace()
        .map(|word| word.trim_start_matches('v').trim_end_matches(','));
    words
        .into_iter()
        .find(|word| word.starts_with(|sign: char| sign.is_ascii_digit()) && word.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::super::super::CLIENTS as STARTED;
    use super::*;

    #[test]
    fn every_client_is_described() {
        assert!(
            CLIENTS
                .iter()
                .map(|program| program.name)
                .eq(STARTED.iter().map(|(name, _)| *name))
        );
    }

    #[test]
    fn versions_are_found() {
        for (said, version) in [
            ("skopeo version 1.9.3", "1.9.3"),
            (
                "Docker version 20.10.24+dfsg1, build 5d6db84",
                "20.10.24+dfsg1",
            ),
            (
                "containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1",
                "1.6.20~ds1",
            ),
            ("v0.22.1", "0.22.1"),
            ("Version:    1.3.6\nGo version: go1.26.8", "1.3.6"),
        ] {
            assert_eq!(version_in(said), Some(version));
        }
        assert_eq!(version_in("(devel)"), None);
    }
}
