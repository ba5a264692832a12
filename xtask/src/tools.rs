//! The programs that the tiers run: where each stands, and how a missing one is installed on Debian.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::servers;

/// A program that a tier runs as a client or a peer, named so that it is found again after it was installed.
#[derive(Clone, Copy)]
pub(crate) struct Tool {
    name: &'static str,
    source: Source,
}

#[derive(Clone, Copy)]
enum Source {
    /// The full path matters: another build of the same name may stand earlier in `PATH`.
    Debian {
        package: &'static str,
        path: &'static str,
    },
    /// Pinned, and installed again when the binary at hand was built from another version.
    Go {
        package: &'static str,
        version: &'static str,
    },
    /// Built by whoever starts the server.
    Workspace,
}

pub(crate) const BUILDAH: Tool = debian("buildah", "buildah", "/usr/bin/buildah");
pub(crate) const CONTAINERD: Tool = debian("containerd", "containerd", "/usr/bin/containerd");
pub(crate) const CTR: Tool = debian("ctr", "containerd", "/usr/bin/ctr");
pub(crate) const DISTRIBUTION: Tool = debian(
    "docker-registry",
    "docker-registry",
    "/usr/bin/docker-registry",
);
pub(crate) const DOCKER: Tool = debian("docker", "docker.io", "/usr/bin/docker");
pub(crate) const DOCKERD: Tool = debian("dockerd", "docker.io", "/usr/sbin/dockerd");
pub(crate) const MMDEBSTRAP: Tool = debian("mmdebstrap", "mmdebstrap", "/usr/bin/mmdebstrap");
pub(crate) const MKFS: Tool = debian("mkfs.ext4", "e2fsprogs", "/usr/sbin/mkfs.ext4");
pub(crate) const MOUNT: Tool = debian("mount", "mount", "/usr/bin/mount");
pub(crate) const NGINX: Tool = debian("nginx", "nginx-light", "/usr/sbin/nginx");
pub(crate) const OPENSSL: Tool = debian("openssl", "openssl", "/usr/bin/openssl");
pub(crate) const PODMAN: Tool = debian("podman", "podman", "/usr/bin/podman");
pub(crate) const PORTOLAN: Tool = Tool {
    name: "portolan",
    source: Source::Workspace,
};
pub(crate) const RUNC: Tool = debian("runc", "runc", "/usr/sbin/runc");
pub(crate) const SKOPEO: Tool = debian("skopeo", "skopeo", "/usr/bin/skopeo");
pub(crate) const UMOCI: Tool = debian("umoci", "umoci", "/usr/bin/umoci");
pub(crate) const UNSHARE: Tool = debian("unshare", "util-linux", "/usr/bin/unshare");
pub(crate) const WRK: Tool = debian("wrk", "wrk", "/usr/bin/wrk");
pub(crate) const CRANE: Tool = go(
    "crane",
    "github.com/google/go-containerregistry/cmd/crane",
    "v0.22.1",
);
pub(crate) const ORAS: Tool = go("oras", "oras.land/oras/cmd/oras", "v1.3.6");
pub(crate) const CONFORMANCE: Tool = go(
    "conformance",
    "github.com/opencontainers/distribution-spec/conformance",
    "v0.0.0-20260831232431-97274622c111",
);
pub(crate) const ZSTD: Tool = debian("zstd", "zstd", "/usr/bin/zstd");

const fn debian(name: &'static str, package: &'static str, path: &'static str) -> Tool {
    Tool {
        name,
        source: Source::Debian { package, path },
    }
}

const fn go(name: &'static str, package: &'static str, version: &'static str) -> Tool {
    Tool {
        name,
        source: Source::Go { package, version },
    }
}

/// Installs what is missing; fails naming what could not be had.
pub(crate) fn require(tools: &[Tool]) -> Result<()> {
    let mut packages: Vec<_> = tools.iter().filter_map(Tool::missing_package).collect();
    packages.dedup();
    if !packages.is_empty() {
        install_packages(&packages)?;
    }
    for tool in tools {
        tool.require()?;
    }
    Ok(())
}

impl Tool {
    /// Where the program stands, or would after [`require`].
    pub(crate) fn path(&self) -> PathBuf {
        match self.source {
            Source::Debian { path, .. } => PathBuf::from(path),
            Source::Go { .. } => go_folder().join(self.name),
            Source::Workspace => servers::portolan_binary(),
        }
    }

    fn missing_package(&self) -> Option<&'static str> {
        match self.source {
            Source::Debian { package, path } if !Path::new(path).exists() => Some(package),
            _ => None,
        }
    }

    fn require(&self) -> Result<()> {
        match self.source {
            Source::Debian { package, path } if !Path::new(path).exists() => {
                bail!(
                    "{} is missing: Debian's package {package} brought no {path}",
                    self.name
                )
            }
            Source::Go { package, version } if !self.is_built_from(version) => {
                go_install(package, version)
            }
            _ => Ok(()),
        }
    }

    fn is_built_from(&self, version: &str) -> bool {
        let module = output(
            "go",
            [
                OsStr::new("version"),
                OsStr::new("-m"),
                self.path().as_os_str(),
            ],
        );
        module.is_ok_and(|text| {
            text.lines()
                .any(|line| line.contains("\tmod\t") && line.contains(version))
        })
    }
}

fn install_packages(packages: &[&str]) -> Result<()> {
    let wanted = packages.join(", ");
    let install = [&["install", "--yes", "--no-install-recommends"], packages].concat();
    apt_get(&["update"])
        .and_then(|()| apt_get(&install))
        .with_context(|| {
            format!("{wanted} missing, and Debian's packages of that name could not be installed")
        })
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    succeed(
        Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

fn go_install(package: &str, version: &str) -> Result<()> {
    let module = format!("{package}@{version}");
    succeed(Command::new("go").args(["install", &module]))
        .with_context(|| format!("`go install {module}` failed (Go 1.24 or newer is needed)"))
}

/// Where `go install` puts programs.
fn go_folder() -> PathBuf {
    let setting = |name: &str| {
        output("go", ["env", name])
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    match setting("GOBIN") {
        folder if folder.is_empty() => Path::new(&setting("GOPATH")).join("bin"),
        folder => PathBuf::from(folder),
    }
}

fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("starting {program}"))?;
    if !status.success() {
        bail!("{program} ended with {status}");
    }
    Ok(())
}

fn output<I: IntoIterator<Item: AsRef<OsStr>>>(program: &str, arguments: I) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        bail!("{program} ended with {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
