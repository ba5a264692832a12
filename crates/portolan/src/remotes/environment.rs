//! Paths from the environment. Only this module and `config` read environment variables.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Paths of the files of other container tools, and of Portolan's own state.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// Home folder, if known.
    pub(crate) home: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME`, or `.config` in the home folder.
    pub(crate) config_home: Option<PathBuf>,
    /// Podman's logins: `containers/auth.json` in `$XDG_RUNTIME_DIR`, or
    /// `/run/containers/UID/auth.json`.
    pub(crate) runtime_auth_file: Option<PathBuf>,
    /// Folder `$DOCKER_CONFIG`, or `.docker` in the home folder.
    pub(crate) docker_config: Option<PathBuf>,
    /// Text in `$DOCKER_AUTH_CONFIG`.
    pub(crate) docker_auth_config: Option<String>,
    /// `$REGISTRY_AUTH_FILE`.
    pub(crate) auth_file: Option<PathBuf>,
    /// `$CONTAINERS_REGISTRIES_CONF`.
    pub(crate) registries_conf: Option<PathBuf>,
    /// Folder for state that a later run uses: `portolan` in `$XDG_STATE_HOME`, or in
    /// `.local/state` of the home folder.
    pub(crate) state_folder: Option<PathBuf>,
    /// `$PATH`, to search for credential helpers.
    pub(crate) search_path: OsString,
    /// System configuration folder, `/etc`.
    pub(crate) system: PathBuf,
}

impl Environment {
    /// Reads the environment of this process.
    pub(crate) fn from_process() -> Self {
        let home = path_variable("HOME");
        let in_home = |name: &str| home.as_ref().map(|home| home.join(name));
        Self {
            config_home: path_variable("XDG_CONFIG_HOME").or_else(|| in_home(".config")),
            runtime_auth_file: runtime_folder().map(|folder| folder.join("auth.json")),
            docker_config: path_variable("DOCKER_CONFIG").or_else(|| in_home(".docker")),
            docker_auth_config: env::var("DOCKER_AUTH_CONFIG")
                .ok()
                .filter(|text| !text.trim().is_empty()),
            auth_file: path_variable("REGISTRY_AUTH_FILE"),
            registries_conf: path_variable("CONTAINERS_REGISTRIES_CONF"),
            state_folder: path_variable("XDG_STATE_HOME")
                .or_else(|| in_home(".local/state"))
                .map(|state| state.join("portolan")),
            search_path: env::var_os("PATH").unwrap_or_default(),
            system: "/etc".into(),
            home,
        }
    }
}

/// Returns the path in a variable. An empty variable counts as unset.
fn path_variable(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn runtime_folder() -> Option<PathBuf> {
    let of_session = path_variable("XDG_RUNTIME_DIR").map(|folder| folder.join("containers"));
    of_session.or_else(|| {
        let user = fs::metadata("/proc/self").ok()?.uid();
        Some(format!("/run/containers/{user}").into())
    })
}

#[cfg(test)]
impl Environment {
    /// Creates an environment with all paths below `folder` and no variables set.
    pub(crate) fn rooted_at(folder: &std::path::Path) -> Self {
        Self {
            home: Some(folder.join("home")),
            config_home: Some(folder.join("home/.config")),
            runtime_auth_file: Some(folder.join("run/containers/auth.json")),
            docker_config: Some(folder.join("home/.docker")),
            docker_auth_config: None,
            auth_file: None,
            registries_conf: None,
            state_folder: Some(folder.join("home/.local/state/portolan")),
            search_path: folder.join("bin").into(),
            system: folder.join("etc"),
        }
    }
}
