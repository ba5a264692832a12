//! The clients: which versions were found, and by which commands they pull and push.

use anyhow::{Context, Result, ensure};

use super::table::markdown;
use crate::tools::{self, Tool};

/// A client for readers.
struct Program {
    name: &'static str,
    tool: Tool,
    ask_version: &'static str,
    pulls: &'static str,
    pushes: &'static str,
}

const PROGRAMS: [Program; 7] = [
    Program {
        name: "skopeo",
        tool: tools::SKOPEO,
        ask_version: "--version",
        pulls: "`skopeo copy --all --preserve-digests` to a `dir:` folder",
        pushes: "the same from a `dir:` folder",
    },
    Program {
        name: "podman",
        tool: tools::PODMAN,
        ask_version: "--version",
        pulls: "`podman pull --platform`",
        pushes: "`podman push`; indexes and lists: `podman manifest add --all`, `podman manifest push --all`",
    },
    Program {
        name: "buildah",
        tool: tools::BUILDAH,
        ask_version: "--version",
        pulls: "`buildah pull --platform`",
        pushes: "`buildah push`; indexes and lists: `buildah manifest add --all`, `buildah manifest push --all`",
    },
    Program {
        name: "docker",
        tool: tools::DOCKERD,
        ask_version: "--version",
        pulls: "`docker pull --platform`",
        pushes: "`docker push` of what was pulled; indexes and lists: `docker manifest create`, `docker manifest push`",
    },
    Program {
        name: "containerd",
        tool: tools::CONTAINERD,
        ask_version: "--version",
        pulls: "`ctr content fetch --all-platforms`, and `ctr images pull` where there is an image",
        pushes: "`ctr images import --all-platforms` of an OCI layout, `ctr images push`",
    },
    Program {
        name: "crane",
        tool: tools::CRANE,
        ask_version: "version",
        pulls: "`crane pull --format=oci`",
        pushes: "`crane push` of an OCI layout",
    },
    Program {
        name: "oras",
        tool: tools::ORAS,
        ask_version: "version",
        pulls: "`oras cp` to an OCI layout",
        pushes: "`oras cp` from an OCI layout; the sparse index: `oras manifest push`",
    },
];

/// The table of clients; every program is asked for its version.
pub(crate) fn table() -> Result<String> {
    let row = |program: &Program| {
        let Program { name, pulls, pushes, .. } = program;
        Ok(vec![(*name).to_owned(), version(program)?, (*pulls).to_owned(), (*pushes).to_owned()])
    };
    let rows = PROGRAMS.iter().map(row).collect::<Result<Vec<_>>>()?;
    Ok(markdown(&["client", "version", "pulls by", "pushes by"], &rows))
}

fn version(program: &Program) -> Result<String> {
    let path = program.tool.path();
    let output = std::process::Command::new(&path)
        .arg(program.ask_version)
        .output()
        .with_context(|| format!("starting {}", path.display()))?;
    ensure!(output.status.success(), "{} {} ended with {}", path.display(), program.ask_version, output.status);
    let said = String::from_utf8_lossy(&output.stdout);
    let version = version_in(&said).with_context(|| format!("{} named no version: {said}", path.display()))?;
    Ok(version.to_owned())
}

/// The first word that is a number with a point in it.
fn version_in(said: &str) -> Option<&str> {
    let words = said.split_whitespace().map(|word| word.trim_start_matches('v').trim_end_matches(','));
    words.into_iter().find(|word| word.starts_with(|sign: char| sign.is_ascii_digit()) && word.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::super::super::CLIENTS;
    use super::*;

    #[test]
    fn every_client_is_described() {
        assert!(PROGRAMS.iter().map(|program| program.name).eq(CLIENTS.iter().map(|(name, _)| *name)));
    }

    #[test]
    fn versions_are_found() {
        for (said, version) in [
            ("skopeo version 1.9.3", "1.9.3"),
            ("Docker version 20.10.24+dfsg1, build 5d6db84", "20.10.24+dfsg1"),
            ("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1", "1.6.20~ds1"),
            ("v0.22.1", "0.22.1"),
            ("Version:    1.3.6\nGo version: go1.26.8", "1.3.6"),
        ] {
            assert_eq!(version_in(said), Some(version));
        }
        assert_eq!(version_in("(devel)"), None);
    }
}
