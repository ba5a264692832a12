//! Which platforms a kind names, and the image for each.

use serde_json::Value;

use crate::interop::builder::{AMD64, ARM_V7, ARM64};
use crate::interop::document::{Document, Image, Kind};

/// The platforms that kinds are made for.
const ALL: [&str; 3] = [AMD64, ARM64, ARM_V7];

/// The kind as it is asked for: once for each platform that it names, or once if it names none.
pub(super) fn each(kind: &Kind) -> Vec<Kind> {
    let named = named(kind);
    let asked = ALL.into_iter().filter_map(|platform| {
        let mut children = named
            .iter()
            .filter(|(name, _)| name == platform)
            .map(|(_, digest)| digest)
            .peekable();
        children.peek()?;
        let image = children.find_map(|digest| image(kind, digest));
        Some(Kind {
            image,
            platform,
            ..kind.clone()
        })
    });
    let asked: Vec<_> = asked.collect();
    if asked.is_empty() {
        vec![kind.clone()]
    } else {
        asked
    }
}

/// Every child that is no index itself, with its platform or that of the index around it, in the order of a reader.
fn named(kind: &Kind) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![(None, kind.top.clone())];
    while let Some((platform, digest)) = open.pop() {
        let children = kind
            .document(&digest)
            .filter(|document| document.is_list())
            .map(entries);
        match (children, platform) {
            (Some(children), around) => {
                let inherited = children
                    .into_iter()
                    .map(|(own, child)| (own.or_else(|| around.clone()), child));
                open.extend(inherited.rev());
            }
            (None, platform) => found.extend(platform.map(|platform| (platform, digest))),
        }
    }
    found
}

fn entries(index: &Document) -> Vec<(Option<String>, String)> {
    let document: Value = serde_json::from_slice(&index.bytes).unwrap_or_default();
    let entries = document["manifests"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let entry = |entry: &Value| {
        Some((
            platform(&entry["platform"]),
            entry["digest"].as_str()?.to_owned(),
        ))
    };
    entries.iter().filter_map(entry).collect()
}

/// As `os/architecture/variant`.
fn platform(value: &Value) -> Option<String> {
    let parts = ["os", "architecture", "variant"]
        .into_iter()
        .map_while(|part| value[part].as_str());
    Some(parts.collect::<Vec<_>>().join("/")).filter(|text| !text.is_empty())
}

fn image(kind: &Kind, manifest: &str) -> Option<Image> {
    let document: Value = serde_json::from_slice(&kind.document(manifest)?.bytes).ok()?;
    let config = document["config"]["digest"].as_str()?.to_owned();
    Some(Image {
        manifest: manifest.to_owned(),
        config,
    })
}

#[cfg(test)]
mod tests {
    use super::super::corpus;
    use super::*;

    fn asked(name: &str) -> Vec<(&'static str, bool)> {
        let kinds = corpus::small().unwrap();
        let kind = kinds.iter().find(|kind| kind.name == name).unwrap();
        each(kind)
            .into_iter()
            .map(|kind| (kind.platform, kind.image.is_some()))
            .collect()
    }

    #[test]
    fn every_platform_is_asked_for_also_that_of_an_inner_index() {
        assert_eq!(
            asked("oci-index"),
            [(AMD64, true), (ARM64, true), (ARM_V7, true)]
        );
        assert_eq!(asked("list-oci-index"), [(AMD64, true), (ARM64, true)]);
        assert_eq!(asked("nested-index"), [(AMD64, true), (ARM_V7, true)]);
    }

    #[test]
    fn what_names_no_platform_is_asked_for_once() {
        assert_eq!(asked("oci-image"), [(AMD64, true)]);
        assert_eq!(asked("no-platform"), [(AMD64, true)]);
        assert_eq!(asked("buildkit-cache"), [(AMD64, false)]);
    }

    #[test]
    fn an_image_that_is_nowhere_is_asked_for() {
        assert_eq!(asked("sparse-wanted"), [(AMD64, false), (ARM64, true)]);
    }

    #[test]
    fn what_nobody_knows_is_not_the_image() {
        let kinds = corpus::small().unwrap();
        let kind = kinds
            .iter()
            .find(|kind| kind.name == "unknown-child-first")
            .unwrap();
        let image = each(kind).remove(0).image.unwrap();
        assert_eq!(image.manifest, kind.image.as_ref().unwrap().manifest);
    }
}
