//! Tests that the table is complete and that each name belongs to one target.

use std::collections::HashSet;

use crate::compat::{Feature, Operation, Target, TargetRole};
use crate::lint::fix::is_well_formed;

#[test]
fn every_fact_has_a_summary_and_a_source() {
    for target in Target::all() {
        assert!(target.facts().next().is_some(), "{}", target.id);
        let mut seen = HashSet::new();
        for fact in target.facts() {
            let name = format!("{}: {}", target.id, fact.feature);
            assert!(
                fact.summary.ends_with('.') && !fact.source.is_empty(),
                "{name}"
            );
            assert!(target.operations.contains(&fact.operation), "{name}");
            assert!(
                seen.insert((fact.feature, fact.operation)),
                "{name} occurs twice"
            );
        }
    }
}

#[test]
fn every_feature_matters_to_some_target() {
    let relevant: HashSet<_> = Target::all()
        .iter()
        .flat_map(Target::facts)
        .map(|fact| fact.feature)
        .collect();
    let ids: HashSet<_> = Feature::ALL.into_iter().map(Feature::id).collect();
    assert_eq!(ids.len(), Feature::ALL.len());
    for (position, feature) in Feature::ALL.into_iter().enumerate() {
        assert_eq!(feature as usize, position, "{feature}");
        assert!(relevant.contains(&feature), "{feature}");
        assert!(
            feature.summary().ends_with('.') && is_well_formed(feature.fix()),
            "{feature}"
        );
    }
}

#[test]
fn finds_targets_by_id_and_alias() {
    let mut names = HashSet::new();
    for target in Target::all() {
        for name in target.aliases.iter().chain([&target.id]) {
            assert!(
                names.insert(name.to_ascii_lowercase()),
                "{name} belongs to two targets"
            );
            assert_eq!(
                Target::find(&name.to_uppercase()).map(|found| found.id),
                Some(target.id)
            );
        }
    }
    assert_eq!(Target::find("quay").unwrap().id, "quay");
    assert_eq!(Target::find("podman").unwrap().id, "containers-image");
    assert!(Target::find("quai").is_none());
}

#[test]
fn registries_only_push_and_clients_never_push() {
    for target in Target::all() {
        let is_registry = target.operations == [Operation::Push];
        assert_eq!(
            target.role == TargetRole::Registry,
            is_registry,
            "{}",
            target.id
        );
        assert!(
            is_registry || !target.operations.contains(&Operation::Push),
            "{}",
            target.id
        );
    }
}
