//! The contract, held against the reference implementation; and that no behaviour was forgotten.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use portolan_registry::Registry;
use portolan_registry::memory::MemoryRegistry;

async fn fresh() -> Arc<dyn Registry> {
    Arc::new(MemoryRegistry::new())
}

portolan_registry::contract_tests!(fresh);
portolan_registry::contract_tests_local!(fresh);

/// A behaviour that is not listed in `macros.rs` would never run, and nobody would see it.
#[test]
fn every_behaviour_is_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/contract");
    let lists = fs::read_to_string(folder.join("macros.rs")).unwrap();
    let mut behaviours = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let listed = list_of(&lists, path.file_stem().unwrap().to_str().unwrap());
        for line in fs::read_to_string(&path).unwrap().lines() {
            let signature = line
                .strip_prefix("pub async fn ")
                .and_then(|rest| rest.strip_suffix(SIGNATURE));
            if let Some(name) = signature {
                assert!(
                    listed.contains(&name),
                    "{name} of {} is not listed",
                    path.display()
                );
                behaviours += 1;
            }
        }
    }
    assert!(behaviours > 100, "the behaviours were not found");
}

const SIGNATURE: &str = "(registry: Arc<dyn Registry>) {";

fn list_of<'a>(lists: &'a str, group: &str) -> Vec<&'a str> {
    let list = lists
        .split_once(&format!("$make, {group}: ["))
        .and_then(|(_, rest)| rest.split_once(']'));
    list.map_or_else(Vec::new, |(list, _)| {
        list.split(',').map(str::trim).collect()
    })
}
