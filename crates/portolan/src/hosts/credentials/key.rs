//! The keys under which credentials are kept: hosts, and in podman's files the start of repository names.

use portolan_model::RepositoryName;

const DOCKER_HUB: &str = "docker.io";

/// What docker calls its Hub in credential stores.
const DOCKER_HUB_SERVER: &str = "https://index.docker.io/v1/";

/// The key that docker writes for `host`.
pub(super) fn written(host: &str) -> &str {
    if host == DOCKER_HUB {
        DOCKER_HUB_SERVER
    } else {
        host
    }
}

/// The addresses under which a helper may know `host`: docker's, then podman's.
pub(super) fn server_addresses(host: &str) -> Vec<&str> {
    if host == DOCKER_HUB {
        vec![DOCKER_HUB_SERVER, DOCKER_HUB]
    } else {
        vec![host]
    }
}

/// The host that a key names, as references write it, and the repositories below it: all of them if
/// that part is empty.
pub(super) fn scope(key: &str) -> (&str, &str) {
    let stripped = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"));
    let is_url = stripped.is_some() || key.ends_with('/');
    let (host, path) = stripped
        .unwrap_or(key)
        .split_once('/')
        .unwrap_or((stripped.unwrap_or(key), ""));
    let path = path.trim_end_matches('/');
    // In an URL this is the version of the registry's API; elsewhere it may be a repository.
    let path = if is_url && matches!(path, "v1" | "v2") {
        ""
    } else {
        path
    };
    (docker_hub_by_any_name(host), path)
}

/// How many characters of the repository's name a key fixes, if it covers that repository.
pub(super) fn covers(key: &str, host: &str, repository: Option<&RepositoryName>) -> Option<usize> {
    let (key_host, path) = scope(key);
    let within = match repository.map(RepositoryName::as_str) {
        _ if path.is_empty() => true,
        Some(name) => name
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        None => false,
    };
    (within && key_host == docker_hub_by_any_name(host)).then_some(path.len())
}

fn docker_hub_by_any_name(host: &str) -> &str {
    if matches!(host, "index.docker.io" | "registry-1.docker.io") {
        DOCKER_HUB
    } else {
        host
    }
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::repository;

    use super::*;

    #[test]
    fn docker_hub_has_many_names() {
        for key in [
            "docker.io",
            "index.docker.io",
            "registry-1.docker.io",
            DOCKER_HUB_SERVER,
            "https://registry-1.docker.io/v2/",
        ] {
            assert_eq!(scope(key), (DOCKER_HUB, ""), "{key}");
        }
        assert_eq!(
            scope("docker.io/library/alpine"),
            (DOCKER_HUB, "library/alpine")
        );
        assert_eq!(
            scope("https://index.docker.io/v1/refresh-token"),
            (DOCKER_HUB, "v1/refresh-token")
        );
    }

    #[test]
    fn a_version_is_one_in_urls_alone() {
        for key in [
            "https://quay.io/v2/",
            "https://quay.io/v2",
            "http://quay.io",
            "quay.io/v1/",
            "quay.io/",
        ] {
            assert_eq!(scope(key), ("quay.io", ""), "{key}");
        }
        assert_eq!(scope("quay.io/v2"), ("quay.io", "v2"));
        assert_eq!(scope("[::1]:5000/team"), ("[::1]:5000", "team"));
    }

    #[test]
    fn a_repository_is_covered_component_by_component() {
        let app = repository("team/app");
        let covered = |key| covers(key, "quay.io", Some(&app));
        assert_eq!(covered("quay.io"), Some(0));
        assert_eq!(covered("quay.io/team"), Some(4));
        assert_eq!(covered("quay.io/team/app"), Some(8));
        for key in [
            "quay.io/te",
            "quay.io/team/ap",
            "quay.io/team/app/x",
            "quay.io:443",
            "gcr.io",
            "gcr.io/team",
        ] {
            assert_eq!(covered(key), None, "{key}");
        }
        assert_eq!(covers("quay.io/team", "quay.io", None), None);
        assert_eq!(covers("quay.io", "quay.io", None), Some(0));
    }
}
