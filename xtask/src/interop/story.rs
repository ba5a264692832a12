//! The story that docs/tutorials/mixed-index.md tells, on the real eleven-child index: what is wrong with it is
//! found, it is mended, and everybody takes it then.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::client::Client;
use super::document::{Document, Image, Kind};
use super::matrix::Seeded;
use super::place::Place;
use super::portolan::Portolan;
use super::registry::Registry;

/// What the mended index is called.
const MENDED: &str = "real-eleven-mended";

/// Where the Docker image stands in the index.
const THIRD: &str = "/manifests/2";

/// Tells the whole of it, and fails where it is not so.
pub(crate) fn run(
    eleven: &Seeded,
    clients: &[Box<dyn Client>],
    portolan: &Portolan,
    host: &str,
) -> Result<()> {
    let Seeded { kind, place, .. } = eleven;
    let mut registry = Registry::new(host)?;
    println!("=== the story of the mixed index");
    lint_names_the_child(portolan, place)?;
    let to = Place {
        repository: format!("open/{MENDED}"),
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
    let mended = mended(kind, &mut registry, &to)?;
    layers_are_untouched(kind, &mended)?;
    every_target_takes_it(portolan, &to)?;
    for client in clients {
        client
            .pull(&mended, &to)
            .with_context(|| format!("{} pulls the mended index", client.name()))?;
        println!("{} pulls it", client.name());
    }
    Ok(())
}

fn lint_names_the_child(portolan: &Portolan, place: &Place) -> Result<()> {
    let report = portolan.lint(place, "quay-before-2026-05,gcr,quay")?;
    for rule in ["index-mixed-families", "child-much-older"] {
        let finding = items(&report, "findings")
            .iter()
            .find(|finding| finding["rule"] == rule);
        let finding = finding.with_context(|| format!("no finding {rule} in {report}"))?;
        ensure!(
            finding["pointer"] == THIRD,
            "{rule} is at {}",
            finding["pointer"]
        );
        println!("{rule} at {THIRD}: {}", finding["message"]);
    }
    for (target, verdict) in [
        ("quay-before-2026-05", "fails"),
        ("gcr", "fails"),
        ("quay", "works"),
    ] {
        let judged = items(&report, "targets")
            .iter()
            .find(|judged| judged["target"] == target);
        let judged = judged.with_context(|| format!("nothing about {target} in {report}"))?;
        ensure!(judged["verdict"] == verdict, "{target}: {judged}");
        let reasons = items(judged, "reasons");
        ensure!(
            reasons
                .iter()
                .all(|reason| reason["causes"][0]["pointer"] == THIRD),
            "{target}: {judged}"
        );
        println!(
            "{target}: {verdict}{}",
            reasons
                .first()
                .map_or_else(String::new, |reason| format!(", {}", reason["says"]))
        );
    }
    Ok(())
}

/// The mended index as a kind: the documents of the old one that it still names, and those that are new.
fn mended(old: &Kind, registry: &mut Registry, to: &Place) -> Result<Kind> {
    let top = registry.manifest(to, &to.tag)?;
    let mut documents: Vec<Document> = Vec::new();
    for digest in registry.walk(&top.digest, to)? {
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
        name: MENDED,
        documents,
        top: top_digest,
        image,
        ..old.clone()
    })
}

/// Of eleven children ten are as they were, and the third names the same config and layers.
fn layers_are_untouched(old: &Kind, new: &Kind) -> Result<()> {
    let children = |kind: &Kind| {
        kind.document(&kind.top)
            .map(Document::children)
            .context("a kind without its top")
    };
    let (before, after) = (children(old)?, children(new)?);
    let changed: Vec<_> = (0..before.len())
        .filter(|position| before.get(*position) != after.get(*position))
        .collect();
    ensure!(
        before.len() == 11 && after.len() == 11 && changed == [2],
        "children {changed:?} of {} changed",
        before.len()
    );
    let parts = |kind: &Kind, digest: &str| kind.document(digest).map(Document::children);
    ensure!(
        parts(old, &before[2]) == parts(new, &after[2]),
        "the third child names other content"
    );
    println!("converted: the third child and the index; its config and layers are the same");
    Ok(())
}

fn every_target_takes_it(portolan: &Portolan, to: &Place) -> Result<()> {
    let report = portolan.lint(to, "all")?;
    let targets = items(&report, "targets");
    ensure!(!targets.is_empty(), "no targets in {report}");
    for judged in targets {
        ensure!(judged["verdict"] != "fails", "{judged}");
    }
    println!("all {} targets of the table take it", targets.len());
    Ok(())
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}
