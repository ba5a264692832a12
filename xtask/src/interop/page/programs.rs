//! Clients: the versions found, and the commands by which they pull and push, read and write.

use anyhow::{Context, Result, ensure};

use super::table::render_markdown;
use crate::tools::{self, Tool};

/// Client as described to readers.
struct DescribedProgram {
    name: &'static str,
    tool: Tool,
    ask_version: &'static str,
    /// Commands by which it pulls or reads.
    receives: &'static str,
    /// Commands by which it pushes or writes.
    sends: &'static str,
}

const CLIENTS: [DescribedProgram; 8] = [
    DescribedProgram {
        name: "portolan",
        tool: tools::PORTOLAN,
        ask_version: "--version",
        receives: "`portolan copy` to an OCI layout",
        sends: "`portolan copy` from an OCI layout; for the sparse index: `--sparse`",
    },
    DescribedProgram {
        name: "skopeo",
        tool: tools::SKOPEO,
        ask_version: "--version",
        receives: "`skopeo copy --all --preserve-digests` to a `dir:` folder",
        sends: "`skopeo copy --all --preserve-digests` from a `dir:` folder",
    },
    DescribedProgram {
        name: "podman",
        tool: tools::PODMAN,
        ask_version: "--version",
        receives: "`podman pull --platform`",
        sends: "`podman push`; indexes and lists: `podman manifest add --all`, `podman manifest push --all`",
    },
    DescribedProgram {
        name: "buildah",
        tool: tools::BUILDAH,
        ask_version: "--version",
        receives: "`buildah pull --platform`",
        sends: "`buildah push`; indexes and lists: `buildah manifest add --all`, `buildah manifest push --all`",
    },
    DescribedProgram {
        name: "docker",
        tool: tools::DOCKERD,
        ask_version: "--version",
        receives: "`docker pull --platform`",
        sends: "`docker push` of a pulled image; indexes and lists: `docker manifest create`, \
         `docker manifest push`",
    },
    DescribedProgram {
        name: "containerd",
        tool: tools::CONTAINERD,
        ask_version: "--version",
        receives: "`ctr content fetch --all-platforms`, and `ctr images pull` if the kind has an \
         image",
        sends: "`ctr images import --all-platforms` of an OCI layout, `ctr images push`",
    },
    DescribedProgram {
        name: "crane",
        tool: tools::CRANE,
        ask_version: "version",
        receives: "`crane pull --format=oci`",
        sends: "`crane push` of an OCI layout",
    },
    DescribedProgram {
        name: "oras",
        tool: tools::ORAS,
        ask_version: "version",
        receives: "`oras cp` to an OCI layout",
        sends: "`oras cp` from an OCI layout; the sparse index: `oras manifest push`",
    },
];

const TOOLS: [DescribedProgram; 8] = [
    DescribedProgram {
        name: "skopeo",
        tool: tools::SKOPEO,
        ask_version: "--version",
        receives: "`skopeo copy --all` to the registry; docker-archives: without `--all`",
        sends: "`skopeo copy --all` from the registry; docker-archives: without `--all`",
    },
    DescribedProgram {
        name: "podman",
        tool: tools::PODMAN,
        ask_version: "--version",
        receives: "`podman load`; layouts: `podman pull oci:`",
        sends: "`podman save` of a pulled image; indexes: `podman manifest push --all`",
    },
    DescribedProgram {
        name: "buildah",
        tool: tools::BUILDAH,
        ask_version: "--version",
        receives: "`buildah pull` of the reference",
        sends: "`buildah push` of a pulled image; indexes: `buildah manifest push --all`",
    },
    DescribedProgram {
        name: "docker",
        tool: tools::DOCKERD,
        ask_version: "--version",
        receives: "`docker load`",
        sends: "`docker save` of a pulled image",
    },
    DescribedProgram {
        name: "containerd",
        tool: tools::CONTAINERD,
        ask_version: "--version",
        receives: "`ctr images import --all-platforms`",
        sends: "`ctr images export --all-platforms`; docker-archives: `--platform`",
    },
    DescribedProgram {
        name: "crane",
        tool: tools::CRANE,
        ask_version: "version",
        receives: "`crane push`",
        sends: "`crane pull --format=oci`, `--format=tarball`",
    },
    DescribedProgram {
        name: "oras",
        tool: tools::ORAS,
        ask_version: "version",
        receives: "`oras cp --from-oci-layout`",
        sends: "`oras cp --to-oci-layout`",
    },
    DescribedProgram {
        name: "umoci",
        tool: tools::UMOCI,
        ask_version: "--version",
        receives: "`umoci unpack`",
        sends: "`umoci init`, `new` and `repack` with the files of the image for linux/amd64",
    },
];

/// Returns the tables of the clients and of the tools that exchange images on disk. Every program
/// is run to obtain its version.
pub(crate) fn tables() -> Result<[String; 2]> {
    Ok([
        table(
            &["client", "version", "pulls with", "pushes with"],
            &CLIENTS,
        )?,
        table(&["tool", "version", "reads with", "writes with"], &TOOLS)?,
    ])
}

fn table(head: &[&str], programs: &[DescribedProgram]) -> Result<String> {
    let row = |program: &DescribedProgram| {
        let DescribedProgram {
            name,
            receives: takes,
            sends: gives,
            ..
        } = program;
        Ok(vec![
            (*name).to_owned(),
            query_version(program)?,
            (*takes).to_owned(),
            (*gives).to_owned(),
        ])
    };
    let rows = programs.iter().map(row).collect::<Result<Vec<_>>>()?;
    Ok(render_markdown(head, &rows))
}

fn query_version(program: &DescribedProgram) -> Result<String> {
    let path = program.tool.path();
    let output = std::process::Command::new(&path)
        .arg(program.ask_version)
        .output()
        .with_context(|| format!("failed to start {}", path.display()))?;
    ensure!(
        output.status.success(),
        "{} {} exited with {}",
        path.display(),
        program.ask_version,
        output.status
    );
    let output_text = String::from_utf8_lossy(&output.stdout);
    let version = find_version(&output_text)
        .with_context(|| format!("{} printed no version: {output_text}", path.display()))?;
    Ok(version.to_owned())
}

/// Returns the first word that is a number with a point in it.
fn find_version(text: &str) -> Option<&str> {
    let words = text
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
    fn describes_every_client() {
        assert!(
            CLIENTS
                .iter()
                .map(|program| program.name)
                .eq(STARTED.iter().map(|(name, _)| *name))
        );
    }

    #[test]
    fn finds_versions() {
        for (text, version) in [
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
            assert_eq!(find_version(text), Some(version));
        }
        assert_eq!(find_version("(devel)"), None);
    }
}
