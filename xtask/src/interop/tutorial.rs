//! Run of docs/tutorials/mixed-index.md with the mixed index: lint finds its faults, they are
//! fixed, and every client accepts the result.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::client::Client;
use super::document::{Document, Image, Kind};
use super::matrix::SeededKind;
use super::portolan::Portolan;
use super::reference::TaggedReference;
use super::registry::RegistryConnection;

/// Name of the fixed index.
const FIXED: &str = "real-eleven-mended";

/// Pointer to the Docker image in the index.
const THIRD: &str = "/manifests/2";

/// Runs all steps, and fails if one of them differs from the tutorial.
pub(crate) fn run(
    eleven: &SeededKind,
    clients: &[Box<dyn Client>],
    portolan: &Portolan,
    host: &str,
) -> Result<()> {
    let SeededKind { kind, place, .. } = eleven;
    let mut registry = RegistryConnection::new(host)?;
    println!("=== tutorial of the mixed index");
    check_lint(portolan, place)?;
    let to = TaggedReference {
        repository: format!("open/{FIXED}"),
        ..place.clone()
    };
    portolan.run(&[
        "convert",
        "--quiet",
        &place.to_string(),
        &to.to_string(),
        "--to",
        "oci",
    ])?;
    let fixed = fixed_kind(kind, &mut registry, &to)?;
    check_layers_are_unchanged(kind, &fixed)?;
    check_every_target_accepts(portolan, &to)?;
    for client in clients {
        client
            .pull(&fixed, &to)
            .with_context(|| format!("{} failed to pull the fixed index", client.name()))?;
        println!("{} pulls the fixed index", client.name());
    }
    Ok(())
}

fn check_lint(portolan: &Portolan, place: &TaggedReference) -> Result<()> {
    let report = portolan.lint(place, "quay-before-2026-05,gcr,quay")?;
    for rule in ["index-mixed-families", "child-much-older"] {
        let finding = array_items(&report, "findings")
            .iter()
            .find(|finding| finding["rule"] == rule);
        let finding = finding.with_context(|| format!("rule {rule} is missing in {report}"))?;
        ensure!(
            finding["pointer"] == THIRD,
            "{rule} has the pointer {}",
            finding["pointer"]
        );
        println!("{rule} at {THIRD}: {}", finding["message"]);
    }
    for (target, verdict) in [
        ("quay-before-2026-05", "fails"),
        ("gcr", "fails"),
        ("quay", "works"),
    ] {
        let result = array_items(&report, "targets")
            .iter()
            .find(|result| result["target"] == target);
        let result = result.with_context(|| format!("target {target} is missing in {report}"))?;
        ensure!(result["verdict"] == verdict, "{target}: {result}");
        let reasons = array_items(result, "reasons");
        ensure!(
            reasons
                .iter()
                .all(|reason| reason["causes"][0]["pointer"] == THIRD),
            "{target}: {result}"
        );
        println!(
            "{target}: {verdict}{}",
            reasons
                .first()
                .map_or_else(String::new, |reason| format!(", {}", reason["summary"]))
        );
    }
    Ok(())
}

/// Returns the fixed index as a kind: the documents of the original one that it still names, and
/// the new ones.
fn fixed_kind(old: &Kind, registry: &mut RegistryConnection, to: &TaggedReference) -> Result<Kind> {
    let top = registry.manifest(to, &to.tag)?;
    let mut documents: Vec<Document> = Vec::new();
    for digest in registry.check_tree(&top.digest, to)? {
        let known = old.document(&digest).cloned();
        documents.push(known.map_or_else(|| registry.manifest(to, &digest), Ok)?);
    }
    let image = old
        .image
        .clone()
        .filter(|Image { manifest, .. }| documents.iter().any(|there| there.digest == *manifest));
    let top_digest = top.digest.clone();
    documents.push(top);
    Ok(Kind {
        name: FIXED,
        documents,
        top: top_digest,
        image,
        ..old.clone()
    })
}

/// Checks that ten of the eleven children are unchanged, and that the third names the same config
/// and layers.
fn check_layers_are_unchanged(old: &Kind, new: &Kind) -> Result<()> {
    let children = |kind: &Kind| {
        kind.document(&kind.top)
            .map(Document::children)
            .context("the kind has no top document")
    };
    let (before, after) = (children(old)?, children(new)?);
    let changed: Vec<_> = (0..before.len())
        .filter(|position| before.get(*position) != after.get(*position))
        .collect();
    ensure!(
        before.len() == 11 && after.len() == 11 && changed == [2],
        "children {changed:?} of {} changed instead of only the third",
        before.len()
    );
    let parts = |kind: &Kind, digest: &str| kind.document(digest).map(Document::children);
    ensure!(
        parts(old, &before[2]) == parts(new, &after[2]),
        "the third child names different content"
    );
    println!("converted the third child and the index; config and layers are unchanged");
    Ok(())
}

fn check_every_target_accepts(portolan: &Portolan, to: &TaggedReference) -> Result<()> {
    let report = portolan.lint(to, "all")?;
    let targets = array_items(&report, "targets");
    ensure!(!targets.is_empty(), "no targets in {report}");
    for result in targets {
        ensure!(result["verdict"] != "fails", "{result}");
    }
    println!(
        "all {} targets of the table accept the fixed index",
        targets.len()
    );
    Ok(())
}

fn array_items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}
