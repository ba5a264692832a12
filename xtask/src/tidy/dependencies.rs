//! Which of our crates may depend on which, and what must not be below those that do no IO.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, Node};

use super::Finding::{self, Fault};

const PREFIX: &str = "portolan-";
const BINARY: &str = "portolan";
const TESTKIT: &str = "testkit";

/// The Workspace table of docs/architecture.md; what a line names brings its own line along.
const MAY_DEPEND_ON: [(&str, &[&str]); 8] = [
    ("model", &[]),
    ("wire", &["model"]),
    ("registry", &["model"]),
    ("client", &["wire", "registry"]),
    ("layout", &["registry"]),
    ("store", &["registry"]),
    ("auth", &["wire", "registry"]),
    ("server", &["wire", "registry", "auth"]),
];

/// These may use every crate of ours but the testkit.
const MAY_DEPEND_ON_ALL: [&str; 2] = [BINARY, TESTKIT];

/// Their tests would see two copies of `model` if they used the testkit.
const WITHOUT_TESTKIT: [&str; 3] = ["model", "wire", "registry"];

/// Crates that do no IO and know no runtime, and what would betray it.
const SANS_IO: [&str; 2] = ["model", "wire"];
const IO: [&str; 12] = [
    "async-io",
    "async-std",
    "hyper",
    "mio",
    "object_store",
    "reqwest",
    "rusqlite",
    "rustix",
    "smol",
    "socket2",
    "tempfile",
    "tokio",
];

/// Crates that read configuration files; only the binary does.
const CONFIGURATION: [&str; 2] = ["figment", "toml"];

/// One of our crates.
#[derive(Default)]
pub(crate) struct Package {
    /// Its folder's name.
    pub(crate) name: String,
    /// Dependencies of the library and of its build script, by package name.
    pub(crate) normal: BTreeSet<String>,
    /// Dependencies of its tests.
    pub(crate) tests: BTreeSet<String>,
    /// All that is linked into it, down to the last.
    pub(crate) tree: BTreeSet<String>,
}

/// Our crates out of `cargo metadata`.
pub(crate) fn packages(metadata: &Metadata) -> Result<Vec<Package>> {
    let resolve = metadata
        .resolve
        .as_ref()
        .context("metadata without a graph")?;
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut packages = Vec::new();
    for package in metadata.workspace_packages() {
        let Some(name) = ours(&package.name) else {
            continue;
        };
        let of_kind = |test: bool| {
            let all = package.dependencies.iter();
            all.filter(move |dependency| (dependency.kind == DependencyKind::Development) == test)
                .map(|dependency| dependency.name.clone())
                .collect()
        };
        let mut tree = BTreeSet::new();
        let start = nodes
            .get(&package.id)
            .context("a package outside the graph")?;
        descend(metadata, &nodes, start, &mut tree);
        packages.push(Package {
            name: name.to_owned(),
            normal: of_kind(false),
            tests: of_kind(true),
            tree,
        });
    }
    Ok(packages)
}

/// Checks each package by itself.
pub(crate) fn check(packages: &[Package]) -> Vec<Finding> {
    packages.iter().flat_map(check_one).collect()
}

fn check_one(package: &Package) -> Vec<Finding> {
    let name = package.name.as_str();
    let Some(allowed) = allowed(name) else {
        return vec![Fault(format!(
            "crates/{name}: has no line in the table of docs/architecture.md"
        ))];
    };
    let mut faults = Vec::new();
    for dependency in package
        .normal
        .iter()
        .filter_map(|dependency| ours(dependency))
    {
        if !allowed.contains(dependency) {
            faults.push(format!("must not depend on {dependency}"));
        }
    }
    for dependency in package
        .tests
        .iter()
        .filter_map(|dependency| ours(dependency))
    {
        let testkit = dependency == TESTKIT && !WITHOUT_TESTKIT.contains(&name);
        if !testkit && dependency != name && !allowed.contains(dependency) {
            faults.push(format!(
                "must not depend on {dependency}, not even in tests"
            ));
        }
    }
    if SANS_IO.contains(&name) {
        let io = package
            .tree
            .iter()
            .filter(|below| IO.contains(&below.as_str()));
        faults.extend(io.map(|below| format!("does no IO, yet {below} is in its tree")));
    }
    if !MAY_DEPEND_ON_ALL.contains(&name) {
        let readers = CONFIGURATION
            .iter()
            .filter(|reader| package.normal.contains(**reader));
        faults.extend(readers.map(|reader| {
            format!("only {BINARY} reads configuration, yet it depends on {reader}")
        }));
    }
    faults
        .into_iter()
        .map(|fault| Fault(format!("crates/{name}: {fault}")))
        .collect()
}

/// The folder's name of a package of ours.
fn ours(package: &str) -> Option<&str> {
    if package == BINARY {
        Some(package)
    } else {
        package.strip_prefix(PREFIX)
    }
}

/// What a crate may name, directly or through what it may name.
fn allowed(name: &str) -> Option<BTreeSet<&'static str>> {
    if MAY_DEPEND_ON_ALL.contains(&name) {
        return Some(MAY_DEPEND_ON.iter().map(|(other, _)| *other).collect());
    }
    let (_, direct) = MAY_DEPEND_ON.iter().find(|(line, _)| *line == name)?;
    let mut all: BTreeSet<_> = direct.iter().copied().collect();
    for below in *direct {
        all.extend(allowed(below).unwrap_or_default());
    }
    Some(all)
}

/// Collects what is linked in: dependencies of tests and build scripts are not.
fn descend<'a>(
    metadata: &Metadata,
    nodes: &BTreeMap<&'a cargo_metadata::PackageId, &'a Node>,
    node: &Node,
    tree: &mut BTreeSet<String>,
) {
    for dependency in &node.deps {
        let linked = dependency
            .dep_kinds
            .iter()
            .any(|kind| kind.kind == DependencyKind::Normal);
        let name = metadata[&dependency.pkg].name.to_string();
        if linked
            && tree.insert(name)
            && let Some(below) = nodes.get(&dependency.pkg)
        {
            descend(metadata, nodes, below, tree);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn findings(name: &str, normal: &[&str], tests: &[&str]) -> usize {
        check_one(&Package {
            name: name.to_owned(),
            normal: set(normal),
            tests: set(tests),
            tree: set(normal),
        })
        .len()
    }

    #[test]
    fn the_server_never_depends_on_the_store() {
        assert_eq!(findings("server", &["portolan-store"], &[]), 1);
        assert_eq!(findings("server", &[], &["portolan-store"]), 1);
        assert_eq!(
            findings(
                "server",
                &["portolan-registry", "portolan-model", "axum"],
                &["portolan-testkit"]
            ),
            0
        );
    }

    #[test]
    fn dependencies_point_downwards() {
        assert_eq!(findings("model", &["portolan-wire"], &[]), 1);
        assert_eq!(findings("registry", &["portolan-wire"], &[]), 1);
        assert_eq!(findings("store", &["portolan-wire"], &[]), 1);
        assert_eq!(
            findings(
                "portolan",
                &["portolan-store", "portolan-server", "figment"],
                &[]
            ),
            0
        );
    }

    #[test]
    fn the_testkit_is_for_tests_and_not_below_itself() {
        assert_eq!(findings("portolan", &["portolan-testkit"], &[]), 1);
        assert_eq!(findings("store", &[], &["portolan-testkit"]), 0);
        for name in WITHOUT_TESTKIT {
            assert_eq!(findings(name, &[], &["portolan-testkit"]), 1);
        }
    }

    #[test]
    fn model_and_wire_have_no_runtime_below_them() {
        assert_eq!(findings("model", &["tokio"], &[]), 1);
        assert_eq!(findings("wire", &["mio"], &[]), 1);
        assert_eq!(findings("wire", &[], &["tokio"]), 0);
        assert_eq!(findings("store", &["tokio"], &[]), 0);
    }

    #[test]
    fn only_the_binary_reads_configuration() {
        assert_eq!(findings("server", &["figment"], &[]), 1);
    }

    #[test]
    fn a_crate_without_a_line_is_a_fault() {
        assert_eq!(findings("surprise", &[], &[]), 1);
    }

    #[test]
    fn this_workspace_is_read() {
        let packages = packages(&crate::tidy::tree::metadata().unwrap()).unwrap();
        let model = packages
            .iter()
            .find(|package| package.name == "model")
            .unwrap();
        assert!(model.tree.contains("serde"));
        assert!(!model.tree.contains("proptest"));
    }
}
