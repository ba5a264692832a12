//! The table itself: complete, and each name for one target.

use std::collections::HashSet;

use crate::compat::{Feature, Operation, Role, Target};
use crate::lint::mend::is_typable_or_prose;

#[test]
fn every_fact_says_what_happens_and_where_that_is_known_from() {
    for target in Target::all() {
        assert!(target.facts().next().is_some(), "{}", target.id);
        let mut seen = HashSet::new();
        for fact in target.facts() {
            let name = format!("{}: {}", target.id, fact.feature);
            assert!(
                fact.says.ends_with('.') && !fact.source.is_empty(),
                "{name}"
            );
            assert!(target.operations.contains(&fact.operation), "{name}");
            assert!(seen.insert((fact.feature, fact.operation)), "{name} twice");
        }
    }
}

#[test]
fn every_feature_matters_to_somebody() {
    let mattering: HashSet<_> = Target::all()
        .iter()
        .flat_map(Target::facts)
        .map(|fact| fact.feature)
        .collect();
    let ids: HashSet<_> = Feature::ALL.into_iter().map(Feature::id).collect();
    assert_eq!(ids.len(), Feature::ALL.len());
    for (position, feature) in Feature::ALL.into_iter().enumerate() {
        assert_eq!(feature as usize, position, "{feature}");
        assert!(mattering.contains(&feature), "{feature}");
        assert!(
            feature.summary().ends_with('.') && is_typable_or_prose(feature.mend()),
            "{feature}"
        );
    }
}

#[test]
fn targets_are_found_by_every_name_and_by_no_other() {
    let mut names = HashSet::new();
    for target in Target::all() {
        for name in target.aliases.iter().chain([&target.id]) {
            assert!(
                names.insert(name.to_ascii_lowercase()),
                "{name} stands for two"
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
fn registries_are_pushed_to_and_clients_are_not() {
    for target in Target::all() {
        let is_registry = target.operations == [Operation::Push];
        assert_eq!(target.role == Role::Registry, is_registry, "{}", target.id);
        assert!(
            is_registry || !target.operations.contains(&Operation::Push),
            "{}",
            target.id
        );
    }
}
