//! Editing of manifests. Values that are not edited keep their text and order.

use bytes::Bytes;

use crate::{Descriptor, Digest, Json, Manifest, MediaType};

/// Editable copy of a manifest or index.
///
/// Preserves unknown fields, the order of keys and duplicate keys, but not white space.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestDraft {
    document: Json,
}

/// Change to make to a child of an index.
#[derive(Clone, Debug, PartialEq)]
pub enum ChildEdit {
    /// Leaves the child unchanged.
    Keep,
    /// Removes the child.
    Drop,
    /// Changes the descriptor to reference other content. Preserves its other fields.
    Replace {
        /// Digest of the new content.
        digest: Digest,
        /// Size of the new content in bytes.
        size: u64,
    },
    /// Replaces the child by these children.
    Substitute(Vec<Descriptor>),
}

impl ManifestDraft {
    /// Creates an index without children (image-spec, image-index.md).
    pub fn new_index(media_type: &MediaType) -> Self {
        let mut document = Json::Object(Vec::new());
        document.set("schemaVersion", Json::Number(2.into()));
        document.set("mediaType", json_string(media_type.as_str()));
        document.set("manifests", Json::Array(Vec::new()));
        Self { document }
    }

    /// Creates a draft from a manifest, or from `{}` if the manifest is not a JSON object.
    pub fn from_manifest(manifest: &Manifest) -> Self {
        match manifest.document() {
            document @ Json::Object(_) => Self {
                document: document.clone(),
            },
            _ => Self {
                document: Json::Object(Vec::new()),
            },
        }
    }

    /// Applies the edit that `decide` returns to each item of `manifests`. Items that are not
    /// descriptors remain unchanged.
    pub fn edit_children(&mut self, mut decide: impl FnMut(&Descriptor) -> ChildEdit) {
        let Some(Json::Array(children)) = self.document.get_mut("manifests") else {
            return;
        };
        let mut edited = Vec::with_capacity(children.len());
        for mut child in children.drain(..) {
            match Self::parse_descriptor(&child).map(|descriptor| decide(&descriptor)) {
                None | Some(ChildEdit::Keep) => edited.push(child),
                Some(ChildEdit::Drop) => (),
                Some(ChildEdit::Replace { digest, size }) => {
                    set_content(&mut child, &digest, size);
                    edited.push(child);
                }
                Some(ChildEdit::Substitute(others)) => {
                    edited.extend(others.iter().map(descriptor_to_json));
                }
            }
        }
        *children = edited;
    }

    /// Returns the descriptors in `manifests`.
    pub fn children(&self) -> Vec<Descriptor> {
        let children = self.document.get("manifests").and_then(Json::as_array);
        let children = children.unwrap_or_default().iter();
        children.filter_map(Self::parse_descriptor).collect()
    }

    /// Appends a child to `manifests`.
    pub fn add_child(&mut self, descriptor: &Descriptor) {
        let child = descriptor_to_json(descriptor);
        match self.document.get_mut("manifests") {
            Some(Json::Array(children)) => children.push(child),
            _ => self.document.set("manifests", Json::Array(vec![child])),
        }
    }

    /// Changes the subject, if there is one, to reference other content (image-spec, manifest.md,
    /// "`subject`").
    pub fn replace_subject(&mut self, media_type: &MediaType, digest: &Digest, size: u64) {
        if let Some(subject) = self
            .document
            .get_mut("subject")
            .filter(|subject| subject.as_object().is_some())
        {
            subject.set("mediaType", json_string(media_type.as_str()));
            set_content(subject, digest, size);
        }
    }

    /// Sets an annotation of the document, or removes it if `value` is `None` (image-spec,
    /// annotations.md).
    pub fn set_annotation(&mut self, key: &str, value: Option<&str>) {
        annotate(&mut self.document, key, value);
    }

    /// Sets an annotation of each selected child, or removes it if `value` is `None`, and returns
    /// the number of selected children.
    pub fn set_child_annotations(
        &mut self,
        mut is_selected: impl FnMut(&Descriptor) -> bool,
        key: &str,
        value: Option<&str>,
    ) -> usize {
        let Some(Json::Array(children)) = self.document.get_mut("manifests") else {
            return 0;
        };
        let selected = children
            .iter_mut()
            .filter(|child| Self::parse_descriptor(child).is_some_and(|child| is_selected(&child)));
        selected.map(|child| annotate(child, key, value)).count()
    }

    /// Returns the document as JSON text.
    pub fn to_bytes(&self) -> Bytes {
        self.document.to_string().into()
    }

    /// Returns the JSON document.
    pub(crate) fn document(&self) -> &Json {
        &self.document
    }

    /// Returns the JSON document for editing.
    pub(crate) fn document_mut(&mut self) -> &mut Json {
        &mut self.document
    }

    /// Returns the lists of children: the values of all `manifests` keys, because a JSON object can
    /// repeat a key.
    pub(crate) fn child_lists_mut(&mut self) -> impl Iterator<Item = &mut Vec<Json>> {
        self.document.all_mut("manifests").filter_map(|list| {
            if let Json::Array(list) = list {
                Some(list)
            } else {
                None
            }
        })
    }

    /// Parses a descriptor leniently, or returns `None` if it has no valid digest.
    pub(crate) fn parse_descriptor(child: &Json) -> Option<Descriptor> {
        let digest = child.get("digest")?.as_str()?.parse().ok()?;
        Some(Descriptor::from_json(child, digest, &mut |_| ()))
    }
}

fn json_string(text: &str) -> Json {
    Json::String(text.into())
}

/// Changes a descriptor to reference other content.
///
/// Removes embedded content (`data`), because it belongs to the old digest.
pub(crate) fn set_content(descriptor: &mut Json, digest: &Digest, size: u64) {
    descriptor.set("digest", json_string(digest.as_str()));
    descriptor.set("size", Json::Number(size.into()));
    descriptor.remove("data");
}

fn annotate(document: &mut Json, key: &str, value: Option<&str>) {
    match (
        document
            .get_mut("annotations")
            .filter(|existing| existing.as_object().is_some()),
        value,
    ) {
        (Some(annotations), Some(value)) => annotations.set(key, json_string(value)),
        (Some(annotations), None) => annotations.remove(key),
        (None, Some(value)) => {
            document.set(
                "annotations",
                Json::Object(vec![(key.into(), json_string(value))]),
            );
        }
        (None, None) => (),
    }
}

fn descriptor_to_json(descriptor: &Descriptor) -> Json {
    let value = serde_json::to_vec(descriptor).unwrap_or_default();
    Json::parse(&value).unwrap_or(Json::Null)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{IndexFixture, blob, image};

    fn index() -> Manifest {
        IndexFixture::oci()
            .image(&image("a"), "linux/amd64")
            .image(&image("b"), "linux/arm64")
            .child(json!("no descriptor"))
            .field("zzz", json!({"kept": [1]}))
            .manifest()
    }

    fn written(draft: &ManifestDraft) -> serde_json::Value {
        serde_json::from_slice(&draft.to_bytes()).unwrap()
    }

    #[test]
    fn preserves_what_is_not_edited() {
        let text = r#"{"schemaVersion":2,"x":{"b":1,"a":2},"manifests":[],"x":[1.5,null]}"#;
        let manifest =
            Manifest::parse(text.into(), Some(&MediaType::new(MediaType::OCI_INDEX))).unwrap();
        assert_eq!(ManifestDraft::from_manifest(&manifest).to_bytes(), text);
    }

    #[test]
    fn drops_and_replaces_children() {
        let other = Digest::sha256(&blob("other"));
        let mut draft = ManifestDraft::from_manifest(&index());
        draft.edit_children(|child| {
            if child.digest == image("a").digest() {
                ChildEdit::Drop
            } else {
                ChildEdit::Replace {
                    digest: other.clone(),
                    size: 7,
                }
            }
        });
        let document = written(&draft);
        let mut kept = written(&ManifestDraft::from_manifest(&index()))["manifests"][1].clone();
        kept["digest"] = json!(other);
        kept["size"] = json!(7);
        assert_eq!(document["manifests"], json!([kept, "no descriptor"]));
        assert_eq!(document["zzz"], json!({"kept": [1]}));
    }

    #[test]
    fn substitutes_children_in_place() {
        let mut draft = ManifestDraft::from_manifest(&index());
        let others = [image("c"), image("d")].map(|image| image.descriptor());
        draft.edit_children(|child| {
            if child.digest == image("a").digest() {
                ChildEdit::Substitute(others.to_vec())
            } else {
                ChildEdit::Keep
            }
        });
        let digests: Vec<_> = draft.children().into_iter().map(|it| it.digest).collect();
        assert_eq!(digests, ["c", "d", "b"].map(|name| image(name).digest()));
        assert_eq!(written(&draft)["manifests"][3], "no descriptor");
    }

    #[test]
    fn builds_an_index() {
        let mut draft = ManifestDraft::new_index(&MediaType::new(MediaType::OCI_INDEX));
        draft.add_child(&image("a").descriptor());
        let manifest = Manifest::parse(draft.to_bytes(), None).unwrap();
        assert_eq!(
            (manifest.children().len(), manifest.findings().len()),
            (1, 0)
        );
        assert_eq!(manifest.children()[0].descriptor, image("a").descriptor());
    }

    #[test]
    fn sets_and_removes_annotations() {
        let mut draft = ManifestDraft::from_manifest(&index());
        draft.set_annotation("absent", None);
        draft.set_annotation("a", Some("1"));
        draft.set_annotation("a", Some("2"));
        draft.set_annotation("b", Some("3"));
        draft.set_annotation("b", None);
        assert_eq!(written(&draft)["annotations"], json!({"a": "2"}));
        let count = draft.set_child_annotations(
            |child| child.digest == image("b").digest(),
            "c",
            Some("4"),
        );
        assert_eq!(
            (count, &written(&draft)["manifests"][1]["annotations"]),
            (1, &json!({"c": "4"}))
        );
    }

    #[test]
    fn replaces_the_subject_if_the_manifest_has_one() {
        let digest = Digest::sha256(b"new");
        let mut draft =
            ManifestDraft::from_manifest(&image("s").subject(&image("a").descriptor()).manifest());
        let media_type = MediaType::new(MediaType::DOCKER_MANIFEST);
        draft.replace_subject(&media_type, &digest, 3);
        let subject = &written(&draft)["subject"];
        assert_eq!(
            (&subject["digest"], &subject["mediaType"]),
            (&json!(digest), &json!(media_type))
        );
        let without = image("s").manifest();
        let mut draft = ManifestDraft::from_manifest(&without);
        draft.replace_subject(&media_type, &digest, 3);
        assert_eq!(draft.to_bytes(), without.bytes());
    }
}
