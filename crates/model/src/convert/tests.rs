//! Tests of conversions: the changed values, the unchanged values, and the remarks.

mod docker;
mod flatten;
mod oci;
mod properties;

use std::collections::HashMap;

use serde_json::Value;

use super::{Conversion, ConvertError, Converted, Effect, ImageFormat, convert};
use crate::fixtures::{ImageFixture, IndexFixture};
use crate::{ChildKind, Digest, Manifest, MediaType, Platform};

const UNKNOWN: &str = "application/vnd.example.unknown.v1+json";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

fn to(format: ImageFormat) -> Conversion {
    Conversion {
        to: Some(format),
        ..Conversion::default()
    }
}

/// Documents by digest, and the platforms that their configs contain.
#[derive(Clone, Debug, Default)]
struct Store {
    documents: HashMap<Digest, Manifest>,
    platforms: HashMap<Digest, Platform>,
}

impl Store {
    fn new(images: &[&ImageFixture], indexes: &[&IndexFixture]) -> Self {
        let mut store = Self::default();
        let manifests = images
            .iter()
            .map(|image| image.manifest())
            .chain(indexes.iter().map(|index| index.manifest()));
        for manifest in manifests {
            store.add(manifest);
        }
        store
    }

    fn add(&mut self, manifest: Manifest) -> Digest {
        let digest = Digest::sha256(manifest.bytes());
        self.documents.insert(digest.clone(), manifest);
        digest
    }

    fn try_convert(
        &self,
        root: &Digest,
        conversion: Conversion,
    ) -> Result<Converted, ConvertError> {
        let platform = |digest: &Digest| self.platforms.get(digest).cloned();
        convert(
            root,
            |digest| self.documents.get(digest),
            platform,
            &conversion,
        )
    }

    /// Converts a tree and adds the rewritten documents.
    fn convert(&mut self, root: &Digest, conversion: Conversion) -> Converted {
        let converted = self.try_convert(root, conversion).unwrap();
        for written in converted.documents.values() {
            self.documents
                .insert(written.digest.clone(), written.manifest.clone());
        }
        converted
    }

    fn value(&self, digest: &Digest) -> Value {
        serde_json::from_slice(self.documents[digest].bytes()).unwrap()
    }

    /// Returns every stored document that can be reached from `root`.
    fn reachable(&self, root: &Digest) -> Vec<(&Digest, &Manifest)> {
        let (mut found, mut pending) = (HashMap::new(), vec![root.clone()]);
        while let Some(digest) = pending.pop() {
            if let Some((digest, manifest)) = self.documents.get_key_value(&digest)
                && found.insert(digest, manifest).is_none()
            {
                let children = manifest
                    .children()
                    .iter()
                    .filter(|child| child.kind == ChildKind::Manifest);
                pending.extend(children.map(|child| child.descriptor.digest.clone()));
            }
        }
        found.into_iter().collect()
    }
}

/// Returns the remarks with an effect, as `POINTER: MESSAGE`.
fn remarks(converted: &Converted, effect: Effect) -> Vec<String> {
    let chosen = converted
        .remarks
        .iter()
        .filter(|remark| remark.effect == effect);
    chosen
        .map(|remark| format!("{}: {}", remark.pointer, remark.message))
        .collect()
}

fn types(index: &Value) -> Vec<&str> {
    index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| child["mediaType"].as_str().unwrap())
        .collect()
}
