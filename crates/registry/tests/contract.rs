//! Runs the contract suite against the reference implementation, and checks that no behavior is
//! missing from the lists.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use portolan_registry::contract::TestedRegistry;
use portolan_registry::memory::MemoryRegistry;

async fn fresh() -> TestedRegistry {
    TestedRegistry::local(Arc::new(MemoryRegistry::new()), ())
}

portolan_registry::contract_tests!(fresh);
portolan_registry::contract_tests_local!(fresh);

/// A behavior that is not listed in `macros.rs` never runs, and nobody notices.
#[test]
fn every_behavior_is_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/contract");
    let lists = fs::read_to_string(folder.join("macros.rs")).unwrap();
    let mut behaviors = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let listed = list_of(&lists, path.file_stem().unwrap().to_str().unwrap());
        for line in fs::read_to_string(&path).unwrap().lines() {
            let signature = line.strip_prefix("pub async fn ").and_then(|rest| {
                let name = SIGNATURES.map(|signature| rest.strip_suffix(signature));
                name.into_iter().flatten().next()
            });
            if let Some(name) = signature {
                assert!(
                    listed.contains(&name),
                    "{name} of {} is not listed",
                    path.display()
                );
                behaviors += 1;
            }
        }
    }
    assert!(behaviors > 100, "the behaviors were not found");
}

const SIGNATURES: [&str; 2] = [
    "(registry: Arc<dyn Registry>) {",
    "(registry: Arc<dyn LocalRegistry>) {",
];

fn list_of<'a>(lists: &'a str, group: &str) -> Vec<&'a str> {
    let list = lists
        .split_once(&format!("$make, {group}: ["))
        .and_then(|(_, rest)| rest.split_once(']'));
    list.map_or_else(Vec::new, |(list, _)| {
        list.split(',').map(str::trim).collect()
    })
}
