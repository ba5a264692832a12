//! The one place that asks the environment where files are. Everything else is given the answer.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Where the files of other container tools are looked for, and ours.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// The home folder; without one, no file in it is looked for.
    pub(crate) home: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME`, or `.config` in the home folder.
    pub(crate) config_home: Option<PathBuf>,
    /// `containers/auth.json` in `$XDG_RUNTIME_DIR`, or `/run/containers/UID/auth.json`: podman's logins.
    pub(crate) runtime_auth_file: Option<PathBuf>,
    /// The folder `$DOCKER_CONFIG`, or `.docker` in the home folder.
    pub(crate) docker_config: Option<PathBuf>,
    /// `$REGISTRY_AUTH_FILE`.
    pub(crate) auth_file: Option<PathBuf>,
    /// `$CONTAINERS_REGISTRIES_CONF`.
    pub(crate) registries_conf: Option<PathBuf>,
    /// `portolan` in `$XDG_STATE_HOME`, or in `.local/state` of the home folder: what outlives a run.
    pub(crate) state_folder: Option<PathBuf>,
    /// `$PATH`, where credential helpers are.
    pub(crate) search_path: OsString,
    /// `/etc`.
    pub(crate) system: PathBuf,
}

impl Environment {
    /// That of this process.
    pub(crate) fn of_process() -> Self {
        let home = path("HOME");
        let in_home = |name: &str| home.as_ref().map(|home| home.join(name));
        Self {
            config_home: path("XDG_CONFIG_HOME").or_else(|| in_home(".config")),
            runtime_auth_file: runtime_folder().map(|folder| folder.join("auth.json")),
            docker_config: path("DOCKER_CONFIG").or_else(|| in_home(".docker")),
            auth_file: path("REGISTRY_AUTH_FILE"),
            registries_conf: path("CONTAINERS_REGISTRIES_CONF"),
            state_folder: path("XDG_STATE_HOME")
                .or_else(|| in_home(".local/state"))
                .map(|state| state.join("portolan")),
            search_path: env::var_os("PATH").unwrap_or_default(),
            system: "/etc".into(),
            home,
        }
    }
}

/// A variable that is set to nothing is not set.
fn path(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn runtime_folder() -> Option<PathBuf> {
    let of_session = path("XDG_RUNTIME_DIR").map(|folder| folder.join("containers"));
    of_session.or_else(|| {
        let user = fs::metadata("/proc/self").ok()?.uid();
        Some(format!("/run/containers/{user}").into())
    })
}

#[cfg(test)]
impl Environment {
    /// One in which everything is below `folder`, and the variables are set for nothing.
    pub(crate) fn below(folder: &std::path::Path) -> Self {
        Self {
            home: Some(folder.join("home")),
            config_home: Some(folder.join("home/.config")),
            runtime_auth_file: Some(folder.join("run/containers/auth.json")),
            docker_config: Some(folder.join("home/.docker")),
            auth_file: None,
            registries_conf: None,
            state_folder: Some(folder.join("home/.local/state/portolan")),
            search_path: folder.join("bin").into(),
            system: folder.join("etc"),
        }
    }
}
