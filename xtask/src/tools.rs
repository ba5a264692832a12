//! Programs that the tiers run: their paths, and their installation on Debian.

#![expect(
    missing_docs,
    reason = "each constant is named for the program that it describes"
)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::servers;

/// Program that a tier runs as a client or a peer.
#[derive(Clone, Copy)]
pub struct Tool {
    name: &'static str,
    source: Source,
}

#[derive(Clone, Copy)]
enum Source {
    /// Debian package. The full path matters, because `PATH` may contain another build of the same
    /// name.
    Debian {
        package: &'static str,
        path: &'static str,
    },
    /// Go module with a pinned version. It is installed again if the existing binary was built from
    /// another version.
    Go {
        package: &'static str,
        version: &'static str,
    },
    /// Binary of the workspace. A build precedes the start of the server.
    Workspace,
}

pub const BUILDAH: Tool = debian("buildah", "buildah", "/usr/bin/buildah");
pub const CADDY: Tool = debian("caddy", "caddy", "/usr/bin/caddy");
pub const CONTAINERD: Tool = debian("containerd", "containerd", "/usr/bin/containerd");
pub const CTR: Tool = debian("ctr", "containerd", "/usr/bin/ctr");
pub const DISTRIBUTION: Tool = debian(
    "docker-registry",
    "docker-registry",
    "/usr/bin/docker-registry",
);
pub const DISTRIBUTION_3: Tool = go(
    "registry",
    "github.com/distribution/distribution/v3/cmd/registry",
    "v3.1.2",
);
pub const DOCKER: Tool = debian("docker", "docker.io", "/usr/bin/docker");
pub const DOCKERD: Tool = debian("dockerd", "docker.io", "/usr/sbin/dockerd");
pub const HAPROXY: Tool = debian("haproxy", "haproxy", "/usr/sbin/haproxy");
pub const INITDB: Tool = debian(
    "initdb",
    "postgresql-15",
    "/usr/lib/postgresql/15/bin/initdb",
);
pub const MMDEBSTRAP: Tool = debian("mmdebstrap", "mmdebstrap", "/usr/bin/mmdebstrap");
pub const MKFS: Tool = debian("mkfs.ext4", "e2fsprogs", "/usr/sbin/mkfs.ext4");
pub const MOUNT: Tool = debian("mount", "mount", "/usr/bin/mount");
pub const NGINX: Tool = debian("nginx", "nginx-light", "/usr/sbin/nginx");
pub const OPENSSL: Tool = debian("openssl", "openssl", "/usr/bin/openssl");
pub const PODMAN: Tool = debian("podman", "podman", "/usr/bin/podman");
pub const PORTOLAN: Tool = Tool {
    name: "portolan",
    source: Source::Workspace,
};
pub const POSTGRES: Tool = debian(
    "postgres",
    "postgresql-15",
    "/usr/lib/postgresql/15/bin/postgres",
);
pub const RUNC: Tool = debian("runc", "runc", "/usr/sbin/runc");
pub const SETPRIV: Tool = debian("setpriv", "util-linux", "/usr/bin/setpriv");
pub const SKOPEO: Tool = debian("skopeo", "skopeo", "/usr/bin/skopeo");
pub const STRACE: Tool = debian("strace", "strace", "/usr/bin/strace");
pub const UMOCI: Tool = debian("umoci", "umoci", "/usr/bin/umoci");
pub const UNSHARE: Tool = debian("unshare", "util-linux", "/usr/bin/unshare");
pub const WRK: Tool = debian("wrk", "wrk", "/usr/bin/wrk");
pub const CRANE: Tool = go(
    "crane",
    "github.com/google/go-containerregistry/cmd/crane",
    "v0.22.1",
);
pub const ORAS: Tool = go("oras", "oras.land/oras/cmd/oras", "v1.3.6");
pub const REGCTL: Tool = go(
    "regctl",
    "github.com/regclient/regclient/cmd/regctl",
    "v0.11.7",
);
pub const CONFORMANCE: Tool = go(
    "conformance",
    "github.com/opencontainers/distribution-spec/conformance",
    "v0.0.0-20260831232431-97274622c111",
);
pub const ZSTD: Tool = debian("zstd", "zstd", "/usr/bin/zstd");

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

/// Installs missing tools.
///
/// # Errors
///
/// Returns an error that names a tool which cannot be installed.
pub fn require(tools: &[Tool]) -> Result<()> {
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
    /// Returns the path of the program. It exists after [`require`].
    pub fn path(&self) -> PathBuf {
        match self.source {
            Source::Debian { path, .. } => PathBuf::from(path),
            Source::Go { .. } => go_folder().join(self.name),
            Source::Workspace => servers::portolan_binary(),
        }
    }

    /// Returns the pinned version of a Go module.
    pub fn version(&self) -> Option<&'static str> {
        match self.source {
            Source::Go { version, .. } => Some(version),
            _ => None,
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
                    "{} is missing: Debian's package {package} does not contain {path}",
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
        let module = read_output(
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
        .with_context(|| format!("{wanted} missing, and failed to install these Debian packages"))
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    run_successfully(
        Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

fn go_install(package: &str, version: &str) -> Result<()> {
    let module = format!("{package}@{version}");
    run_successfully(Command::new("go").args(["install", &module]))
        .with_context(|| format!("`go install {module}` failed (requires Go 1.24 or newer)"))
}

/// Returns the folder to which `go install` writes programs.
fn go_folder() -> PathBuf {
    let setting = |name: &str| {
        read_output("go", ["env", name])
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    match setting("GOBIN") {
        folder if folder.is_empty() => Path::new(&setting("GOPATH")).join("bin"),
        folder => PathBuf::from(folder),
    }
}

fn run_successfully(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("failed to start {program}"))?;
    if !status.success() {
        bail!("{program} exited with {status}");
    }
    Ok(())
}

fn read_output<I: IntoIterator<Item: AsRef<OsStr>>>(program: &str, arguments: I) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        bail!("{program} exited with {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
