//! Platforms that a kind names, and the image for each.

use serde_json::Value;

use crate::interop::builder::{AMD64, ARM_V7, ARM64};
use crate::interop::document::{Document, Image, Kind};

/// Platforms of the kinds.
const ALL: [&str; 3] = [AMD64, ARM64, ARM_V7];

/// Returns the kind once for each platform that it names, or once if it names none.
pub(super) fn per_platform(kind: &Kind) -> Vec<Kind> {
    let named = children_by_platform(kind);
    let requested = ALL.into_iter().filter_map(|platform| {
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
    let requested: Vec<_> = requested.collect();
    if requested.is_empty() {
        vec![kind.clone()]
    } else {
        requested
    }
}

/// Returns every child that is not an index, in document order, with its own platform or that of
/// the index around it.
fn children_by_platform(kind: &Kind) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![(None, kind.top.clone())];
    while let Some((platform, digest)) = open.pop() {
        let children = kind
            .document(&digest)
            .filter(|document| document.is_list())
            .map(index_entries);
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

fn index_entries(index: &Document) -> Vec<(Option<String>, String)> {
    let document: Value = serde_json::from_slice(&index.bytes).unwrap_or_default();
    let entries = document["manifests"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let entry = |entry: &Value| {
        Some((
            format_platform(&entry["platform"]),
            entry["digest"].as_str()?.to_owned(),
        ))
    };
    entries.iter().filter_map(entry).collect()
}

/// Returns a platform as `os/architecture/variant`.
fn format_platform(value: &Value) -> Option<String> {
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

    fn requested(name: &str) -> Vec<(&'static str, bool)> {
        let kinds = corpus::small_kinds().unwrap();
        let kind = kinds.iter().find(|kind| kind.name == name).unwrap();
        per_platform(kind)
            .into_iter()
            .map(|kind| (kind.platform, kind.image.is_some()))
            .collect()
    }

    #[test]
    fn returns_every_platform_including_those_of_nested_indexes() {
        assert_eq!(
            requested("oci-index"),
            [(AMD64, true), (ARM64, true), (ARM_V7, true)]
        );
        assert_eq!(requested("list-oci-index"), [(AMD64, true), (ARM64, true)]);
        assert_eq!(requested("nested-index"), [(AMD64, true), (ARM_V7, true)]);
    }

    #[test]
    fn returns_a_kind_without_platforms_once() {
        assert_eq!(requested("oci-image"), [(AMD64, true)]);
        assert_eq!(requested("no-platform"), [(AMD64, true)]);
        assert_eq!(requested("buildkit-cache"), [(AMD64, false)]);
    }

    #[test]
    fn returns_platforms_of_missing_images() {
        assert_eq!(requested("sparse-wanted"), [(AMD64, false), (ARM64, true)]);
    }

    #[test]
    fn child_of_unknown_type_is_not_the_image() {
        let kinds = corpus::small_kinds().unwrap();
        let kind = kinds
            .iter()
            .find(|kind| kind.name == "unknown-child-first")
            .unwrap();
        let image = per_platform(kind).remove(0).image.unwrap();
        assert_eq!(image.manifest, kind.image.as_ref().unwrap().manifest);
    }
}
