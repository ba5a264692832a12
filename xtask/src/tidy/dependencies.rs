//! Allowed dependencies between the crates, and banned dependencies of crates without IO.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, Node};

use super::Finding::{self, Violation};

const PREFIX: &str = "portolan-";
const BINARY: &str = "portolan";
const TESTKIT: &str = "testkit";

/// Workspace table of docs/architecture.md. A crate may also use the dependencies of its
/// dependencies.
const MAY_DEPEND_ON: [(&str, &[&str]); 10] = [
    ("model", &[]),
    ("wire", &["model"]),
    ("registry", &["model"]),
    ("client", &["wire", "registry"]),
    ("hosts", &["client"]),
    ("files", &["registry"]),
    ("layout", &["registry", "files"]),
    ("store", &["registry", "files"]),
    ("auth", &["wire", "registry"]),
    ("server", &["wire", "registry", "auth"]),
];

/// Crates that may use every crate except the testkit.
const MAY_DEPEND_ON_ALL: [&str; 2] = [BINARY, TESTKIT];

/// Crates that may not use the testkit, because their tests would link two copies of `model`.
const WITHOUT_TESTKIT: [&str; 3] = ["model", "wire", "registry"];

/// Crates without IO and without a runtime.
const SANS_IO: [&str; 2] = ["model", "wire"];
/// Packages that indicate IO or a runtime.
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

/// Packages that read configuration files. Only the binary may use them.
const CONFIGURATION: [&str; 2] = ["figment", "toml"];
/// Crate that may parse the text of configuration files of other programs, without IO.
const PARSER: (&str, &str) = ("hosts", "toml");

/// Crate of the workspace.
#[derive(Default)]
pub(crate) struct Package {
    /// Name of its folder.
    pub(crate) name: String,
    /// Dependencies of the library and of its build script, by package name.
    pub(crate) normal: BTreeSet<String>,
    /// Dependencies of its tests.
    pub(crate) tests: BTreeSet<String>,
    /// Packages linked into it, including transitive ones.
    pub(crate) tree: BTreeSet<String>,
}

/// Returns the crates of the workspace in `cargo metadata`.
pub(crate) fn packages(metadata: &Metadata) -> Result<Vec<Package>> {
    let resolve = metadata
        .resolve
        .as_ref()
        .context("the metadata has no dependency graph")?;
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut packages = Vec::new();
    for package in metadata.workspace_packages() {
        let Some(name) = crate_folder(&package.name) else {
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
            .context("a package is missing in the dependency graph")?;
        collect_linked(metadata, &nodes, start, &mut tree);
        packages.push(Package {
            name: name.to_owned(),
            normal: of_kind(false),
            tests: of_kind(true),
            tree,
        });
    }
    Ok(packages)
}

/// Checks each package separately.
pub(crate) fn check(packages: &[Package]) -> Vec<Finding> {
    packages.iter().flat_map(check_one).collect()
}

fn check_one(package: &Package) -> Vec<Finding> {
    let name = package.name.as_str();
    let Some(allowed) = allowed_dependencies(name) else {
        return vec![Violation(format!(
            "crates/{name}: is missing in the table of docs/architecture.md"
        ))];
    };
    let mut faults = Vec::new();
    for dependency in package
        .normal
        .iter()
        .filter_map(|dependency| crate_folder(dependency))
    {
        if !allowed.contains(dependency) {
            faults.push(format!("must not depend on {dependency}"));
        }
    }
    for dependency in package
        .tests
        .iter()
        .filter_map(|dependency| crate_folder(dependency))
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
        faults.extend(
            io.map(|below| format!("must not do IO, but {below} is in its dependency tree")),
        );
    }
    if !MAY_DEPEND_ON_ALL.contains(&name) {
        let readers = CONFIGURATION
            .iter()
            .filter(|reader| package.normal.contains(**reader) && (name, **reader) != PARSER);
        faults.extend(readers.map(|reader| {
            format!("only {BINARY} may read configuration, but it depends on {reader}")
        }));
    }
    faults
        .into_iter()
        .map(|fault| Violation(format!("crates/{name}: {fault}")))
        .collect()
}

/// Returns the folder name of a crate of the workspace.
fn crate_folder(package: &str) -> Option<&str> {
    if package == BINARY {
        Some(package)
    } else {
        package.strip_prefix(PREFIX)
    }
}

/// Returns the crates that a crate may use directly or transitively.
fn allowed_dependencies(name: &str) -> Option<BTreeSet<&'static str>> {
    if MAY_DEPEND_ON_ALL.contains(&name) {
        return Some(MAY_DEPEND_ON.iter().map(|(other, _)| *other).collect());
    }
    let (_, direct) = MAY_DEPEND_ON.iter().find(|(line, _)| *line == name)?;
    let mut all: BTreeSet<_> = direct.iter().copied().collect();
    for below in *direct {
        all.extend(allowed_dependencies(below).unwrap_or_default());
    }
    Some(all)
}

/// Collects the linked packages. Dependencies of tests and build scripts are not linked.
fn collect_linked<'a>(
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
            collect_linked(metadata, nodes, below, tree);
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
    fn server_never_depends_on_store() {
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
    fn testkit_is_for_tests_and_not_for_its_own_dependencies() {
        assert_eq!(findings("portolan", &["portolan-testkit"], &[]), 1);
        assert_eq!(findings("store", &[], &["portolan-testkit"]), 0);
        for name in WITHOUT_TESTKIT {
            assert_eq!(findings(name, &[], &["portolan-testkit"]), 1);
        }
    }

    #[test]
    fn model_and_wire_do_not_depend_on_a_runtime() {
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
    fn crate_missing_in_the_table_is_a_fault() {
        assert_eq!(findings("surprise", &[], &[]), 1);
    }

    #[test]
    fn reads_this_workspace() {
        let packages = packages(&crate::tidy::tree::metadata().unwrap()).unwrap();
        let model = packages
            .iter()
            .find(|package| package.name == "model")
            .unwrap();
        assert!(model.tree.contains("serde"));
        assert!(!model.tree.contains("proptest"));
    }
}
