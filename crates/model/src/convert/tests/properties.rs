//! Properties of every conversion: it changes nothing without need, and a second conversion changes
//! nothing.

use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::MediaTypeRole;
use crate::fixtures::{blob, image};

/// Description of a tree: each child is an image, unknown content, absent content or another tree.
#[derive(Clone, Debug)]
enum Node {
    Image {
        name: u8,
        docker: bool,
        layer: usize,
    },
    Unknown(u8),
    Absent(u8),
    Index {
        docker: bool,
        spaced: bool,
        twice: bool,
        children: Vec<(Self, Option<u8>)>,
    },
}

const LAYERS: [&str; 6] = [
    MediaType::OCI_LAYER_GZIP,
    MediaType::DOCKER_LAYER_GZIP,
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ZSTD,
    "application/vnd.example.layer",
];

fn trees() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        8 => (0_u8..4, any::<bool>(), 0..LAYERS.len())
            .prop_map(|(name, docker, layer)| Node::Image { name, docker, layer }),
        1 => (0_u8..3).prop_map(Node::Unknown),
        1 => (0_u8..3).prop_map(Node::Absent),
    ];
    let nodes = leaf.prop_recursive(3, 24, 5, |inner| index(inner).boxed());
    index(nodes)
}

fn index(child: impl Strategy<Value = Node>) -> impl Strategy<Value = Node> {
    let children = prop::collection::vec((child, prop::option::of(0_u8..3)), 0..5);
    let index = |(docker, spaced, twice, children)| Node::Index {
        docker,
        spaced,
        twice,
        children,
    };
    (
        any::<bool>(),
        any::<bool>(),
        prop::bool::weighted(0.1),
        children,
    )
        .prop_map(index)
}

impl Node {
    /// Stores this document and its children, and returns the media type and the bytes of this
    /// document.
    fn store(&self, store: &mut Store) -> (MediaType, Vec<u8>) {
        let manifest = match self {
            Self::Unknown(name) => return (UNKNOWN.into(), blob(&name.to_string()).to_vec()),
            Self::Absent(name) => {
                return (
                    MediaType::DOCKER_MANIFEST.into(),
                    blob(&name.to_string()).to_vec(),
                );
            }
            Self::Image {
                name,
                docker,
                layer,
            } => {
                let image = image(&name.to_string()).layer_of_type(LAYERS[*layer], "layer");
                if *docker {
                    image.docker().manifest()
                } else {
                    image.field("annotations", json!({"a": "b"})).manifest()
                }
            }
            Self::Index {
                docker,
                spaced,
                twice,
                children,
            } => {
                let mut index = if *docker {
                    IndexFixture::docker()
                } else {
                    IndexFixture::oci()
                };
                for (child, platform) in children {
                    let (media_type, bytes) = child.store(store);
                    let platform = platform.map(|platform| format!("linux/{platform}"));
                    index = index.child_of_type(media_type.as_str(), &bytes, platform.as_deref());
                }
                let text = serde_json::from_slice::<Value>(&index.bytes()).unwrap();
                let text = if *spaced {
                    format!("{text:#}")
                } else {
                    text.to_string()
                };
                let text = if *twice {
                    with_first_children_before(&text)
                } else {
                    text
                };
                Manifest::parse(text.into(), Some(&index.media_type())).unwrap()
            }
        };
        let (media_type, bytes) = (manifest.media_type().clone(), manifest.bytes().to_vec());
        store.add(manifest);
        (media_type, bytes)
    }
}

/// Returns the index with an additional list of children that most parsers ignore.
fn with_first_children_before(index: &str) -> String {
    let children = serde_json::from_str::<Value>(index).unwrap()["manifests"]
        .as_array()
        .unwrap()
        .clone();
    format!(
        "{{\"manifests\":{},{}",
        json!(children[..children.len().min(2)]),
        &index[1..]
    )
}

fn conversions() -> impl Strategy<Value = Conversion> {
    let to = prop_oneof![
        Just(None),
        Just(Some(ImageFormat::Oci)),
        Just(Some(ImageFormat::Docker))
    ];
    (to, any::<bool>(), any::<bool>()).prop_map(|(to, flatten, drop_unknown)| Conversion {
        to,
        flatten,
        drop_unknown,
    })
}

fn store_tree(node: &Node) -> (Store, Digest) {
    let mut store = Store::default();
    let (_, bytes) = node.store(&mut store);
    (store, Digest::sha256(&bytes))
}

/// Returns the configs and layers of all images in a tree.
fn contents(store: &Store, root: &Digest) -> HashSet<Digest> {
    let documents = store.reachable(root);
    let parts = documents
        .iter()
        .flat_map(|(_, manifest)| manifest.children());
    parts
        .filter(|part| part.kind != ChildKind::Manifest)
        .map(|part| part.descriptor.digest.clone())
        .collect()
}

/// Returns the children in a tree that are not stored.
fn absent(store: &Store, root: &Digest) -> HashSet<Digest> {
    let documents = store.reachable(root);
    let children = documents
        .iter()
        .flat_map(|(_, manifest)| manifest.children());
    let children = children
        .filter(|child| child.kind == ChildKind::Manifest)
        .map(|child| &child.descriptor.digest);
    children
        .filter(|digest| !store.documents.contains_key(digest))
        .cloned()
        .collect()
}

/// Asserts that bytes, digest, size and type agree wherever a document is referenced.
fn assert_consistent(store: &Store, root: &Digest, absent_before: &HashSet<Digest>) {
    for (digest, manifest) in store.reachable(root) {
        assert_eq!(*digest, Digest::sha256(manifest.bytes()));
        for child in manifest
            .children()
            .iter()
            .filter(|child| child.kind == ChildKind::Manifest)
        {
            match store.documents.get(&child.descriptor.digest) {
                Some(document) => {
                    assert_eq!(child.descriptor.size, Some(document.bytes().len() as u64));
                    assert_eq!(
                        child.descriptor.media_type.as_ref(),
                        Some(document.media_type())
                    );
                }
                None => assert!(
                    absent_before.contains(&child.descriptor.digest),
                    "the child was present before"
                ),
            }
        }
    }
}

/// Asserts that each document that could not be converted to `to` has a remark.
fn assert_reported(store: &Store, converted: &Converted, to: ImageFormat) {
    for (_, manifest) in store.reachable(&converted.root) {
        for child in manifest
            .children()
            .iter()
            .filter(|child| child.kind == ChildKind::Manifest)
        {
            let media_type = child.descriptor.media_type.as_ref().unwrap();
            let foreign = matches!(
                media_type.role(),
                MediaTypeRole::Manifest | MediaTypeRole::Index
            ) && media_type.family() != to.family();
            let digest = child.descriptor.digest.as_str();
            let reported = || {
                converted
                    .remarks
                    .iter()
                    .any(|remark| remark.effect == Effect::Left && remark.message.contains(digest))
            };
            assert!(
                !foreign || reported(),
                "{digest} is {media_type}: {:?}",
                converted.remarks
            );
        }
    }
}

proptest! {
    #[test]
    fn second_conversion_changes_nothing(node in trees(), conversion in conversions()) {
        let (mut store, root) = store_tree(&node);
        let once = store.convert(&root, conversion);
        let twice = store.convert(&once.root, conversion);
        prop_assert_eq!(&twice.root, &once.root);
        prop_assert!(twice.documents.is_empty());
        prop_assert!(twice.remarks.iter().all(|remark| remark.effect == Effect::Left || remark.effect == Effect::Incomplete));
    }

    #[test]
    fn result_is_consistent_and_foreign_documents_are_reported(node in trees(), conversion in conversions()) {
        let (mut store, root) = store_tree(&node);
        let before = store.clone();
        let converted = store.convert(&root, conversion);
        assert_consistent(&store, &converted.root, &absent(&before, &root));
        if let Some(to) = conversion.to {
            assert_reported(&store, &converted, to);
        }
        if conversion.flatten {
            for (digest, manifest) in store.reachable(&converted.root) {
                prop_assert!(*digest == converted.root || manifest.media_type().role() == MediaTypeRole::Manifest);
            }
        }
        if !conversion.drop_unknown {
            prop_assert_eq!(contents(&store, &converted.root), contents(&before, &root));
        }
    }

    #[test]
    fn round_trip_preserves_configs_and_layers(node in trees()) {
        let (mut store, root) = store_tree(&node);
        let before = contents(&store, &root);
        let oci = store.convert(&root, to(ImageFormat::Oci));
        let docker = store.convert(&oci.root, to(ImageFormat::Docker));
        let back = store.convert(&docker.root, to(ImageFormat::Oci));
        prop_assert_eq!(contents(&store, &docker.root), before.clone());
        prop_assert_eq!(contents(&store, &back.root), before);
        prop_assert!(remarks(&oci, Effect::Lost).is_empty(), "OCI supports everything that Docker does");
    }

    #[test]
    fn default_options_change_nothing(node in trees()) {
        let (mut store, root) = store_tree(&node);
        let converted = store.convert(&root, Conversion::default());
        prop_assert_eq!((converted.root, converted.documents.len(), converted.remarks), (root, 0, Vec::new()));
    }
}
