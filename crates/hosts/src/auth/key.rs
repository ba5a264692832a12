//! Keys in credential files. A key is a host. In podman's files, a prefix of repository names may
//! follow the host.

use portolan_model::RepositoryName;

const DOCKER_HUB: &str = "docker.io";

/// Key of Docker Hub in docker's credential files and helpers.
const DOCKER_HUB_SERVER: &str = "https://index.docker.io/v1/";

/// Returns the key that docker uses for `host`.
pub fn docker_key(host: &str) -> &str {
    if host == DOCKER_HUB {
        DOCKER_HUB_SERVER
    } else {
        host
    }
}

/// Returns the addresses under which a credential helper may store `host`: docker's, then podman's.
pub fn server_addresses(host: &str) -> Vec<&str> {
    if host == DOCKER_HUB {
        vec![DOCKER_HUB_SERVER, DOCKER_HUB]
    } else {
        vec![host]
    }
}

/// Splits a key into the host, spelled as in image references, and a prefix of repository names. An
/// empty prefix matches all repositories.
///
/// As in docker and podman, only the host of a URL counts, because its path is the version of an
/// API. But a longer path below `v1/` is a prefix, as in
/// `https://index.docker.io/v1/refresh-token`, so that such an entry is not used for the host.
pub(super) fn split_key(key: &str) -> (&str, &str) {
    let stripped = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"));
    let (host, path) = stripped
        .unwrap_or(key)
        .split_once('/')
        .unwrap_or((stripped.unwrap_or(key), ""));
    let is_version =
        |path: &str| path.trim_end_matches('/').is_empty() || matches!(path, "v1/" | "v2/");
    let path = match stripped {
        Some(_) if path.starts_with("v1/") && !is_version(path) => path,
        Some(_) => "",
        None if is_version(path) => "",
        None => path.trim_end_matches('/'),
    };
    (normalize_host(host), path)
}

/// Returns the length of the repository prefix in `key`, or `None` if the key does not match `host`
/// and `repository`. A longer prefix is more specific.
pub(super) fn covered_length(
    key: &str,
    host: &str,
    repository: Option<&RepositoryName>,
) -> Option<usize> {
    let (key_host, path) = split_key(key);
    let within = match repository.map(RepositoryName::as_str) {
        _ if path.is_empty() => true,
        Some(name) => name
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        None => false,
    };
    (within && key_host.eq_ignore_ascii_case(normalize_host(host))).then_some(path.len())
}

/// Returns the usual spelling of a host: without the default port of TLS, and `docker.io` for all
/// names of Docker Hub.
fn normalize_host(host: &str) -> &str {
    match host.strip_suffix(":443").unwrap_or(host) {
        "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB,
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::repository;

    use super::*;

    #[test]
    fn recognizes_all_names_of_docker_hub() {
        for key in [
            "docker.io",
            "index.docker.io",
            "registry-1.docker.io",
            DOCKER_HUB_SERVER,
            "https://registry-1.docker.io/v2/",
        ] {
            assert_eq!(split_key(key), (DOCKER_HUB, ""), "{key}");
        }
        assert_eq!(
            split_key("docker.io/library/alpine"),
            (DOCKER_HUB, "library/alpine")
        );
        assert_eq!(
            split_key("https://index.docker.io/v1/refresh-token"),
            (DOCKER_HUB, "v1/refresh-token")
        );
    }

    #[test]
    fn removes_the_path_only_from_urls() {
        for key in [
            "https://quay.io/v2/",
            "https://quay.io/v2",
            "http://quay.io",
            "https://quay.io/anything/else",
            "quay.io/v1/",
            "quay.io/v2/",
            "quay.io/",
            "quay.io:443",
            "https://quay.io:443/v2/",
        ] {
            assert_eq!(split_key(key), ("quay.io", ""), "{key}");
        }
        assert_eq!(split_key("quay.io/v2"), ("quay.io", "v2"));
        assert_eq!(split_key("[::1]:5000/team"), ("[::1]:5000", "team"));
    }

    #[test]
    fn covers_repositories_by_components() {
        let app = repository("team/app");
        let covered = |key| covered_length(key, "quay.io", Some(&app));
        assert_eq!(covered("quay.io"), Some(0));
        assert_eq!(covered("quay.io/team"), Some(4));
        assert_eq!(covered("quay.io/team/app"), Some(8));
        assert_eq!(covered("Quay.IO/team/"), Some(4));
        for key in [
            "quay.io/te",
            "quay.io/team/ap",
            "quay.io/team/app/x",
            "quay.io:5000",
            "gcr.io",
            "gcr.io/team",
        ] {
            assert_eq!(covered(key), None, "{key}");
        }
        assert_eq!(covered_length("quay.io/team", "quay.io", None), None);
        assert_eq!(covered_length("quay.io", "quay.io", None), Some(0));
        assert_eq!(covered_length("quay.io", "quay.io:443", None), Some(0));
    }
}
