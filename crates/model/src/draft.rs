//! Documents written anew: what is not changed stays as it was, in its order.

use bytes::Bytes;

use crate::{Descriptor, Digest, Json, Manifest, MediaType};

/// A manifest or index that is being changed, and becomes another document by that.
///
/// Unknown fields, the order of keys and what stands twice are kept; white space is not.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    document: Json,
}

/// What becomes of a child of an index.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It stays as it is.
    Keep,
    /// It goes.
    Drop,
    /// It stays, with everything said about it, but names this content instead.
    Replace {
        /// The digest of the content.
        digest: Digest,
        /// Its size in bytes.
        size: u64,
    },
}

impl Draft {
    /// An index without children (image-spec, image-index.md).
    pub fn index(media_type: &MediaType) -> Self {
        let mut document = Json::Object(Vec::new());
        document.set("schemaVersion", Json::Number(2.into()));
        document.set("mediaType", text(media_type.as_str()));
        document.set("manifests", Json::Array(Vec::new()));
        Self { document }
    }

    /// An existing document; one that is no JSON object is replaced by an empty one.
    pub fn of(manifest: &Manifest) -> Self {
        match manifest.document() {
            document @ Json::Object(_) => Self {
                document: document.clone(),
            },
            _ => Self {
                document: Json::Object(Vec::new()),
            },
        }
    }

    /// Decides about each of `manifests` in turn. What is no descriptor stays.
    pub fn children(&mut self, mut decide: impl FnMut(&Descriptor) -> Fate) {
        let Some(Json::Array(children)) = self.document.get_mut("manifests") else {
            return;
        };
        children.retain_mut(|child| {
            match Self::descriptor(child).map(|descriptor| decide(&descriptor)) {
                None | Some(Fate::Keep) => true,
                Some(Fate::Drop) => false,
                Some(Fate::Replace { digest, size }) => {
                    name_content(child, &digest, size);
                    true
                }
            }
        });
    }

    /// Adds a child behind the others.
    pub fn add_child(&mut self, descriptor: &Descriptor) {
        let child = descriptor_document(descriptor);
        match self.document.get_mut("manifests") {
            Some(Json::Array(children)) => children.push(child),
            _ => self.document.set("manifests", Json::Array(vec![child])),
        }
    }

    /// Makes the subject name other content, if there is one (image-spec, manifest.md, "`subject`").
    pub fn replace_subject(&mut self, media_type: &MediaType, digest: &Digest, size: u64) {
        if let Some(subject) = self
            .document
            .get_mut("subject")
            .filter(|subject| subject.as_object().is_some())
        {
            subject.set("mediaType", text(media_type.as_str()));
            name_content(subject, digest, size);
        }
    }

    /// Sets an annotation, or removes it (image-spec, annotations.md).
    pub fn annotate(&mut self, key: &str, value: Option<&str>) {
        annotate(&mut self.document, key, value);
    }

    /// Sets or removes an annotation of each child that is chosen, and answers how many there were.
    pub fn annotate_children(
        &mut self,
        mut chosen: impl FnMut(&Descriptor) -> bool,
        key: &str,
        value: Option<&str>,
    ) -> usize {
        let Some(Json::Array(children)) = self.document.get_mut("manifests") else {
            return 0;
        };
        let chosen = children
            .iter_mut()
            .filter(|child| Self::descriptor(child).is_some_and(|child| chosen(&child)));
        chosen.map(|child| annotate(child, key, value)).count()
    }

    /// The document's bytes.
    pub fn to_bytes(&self) -> Bytes {
        self.document.to_string().into()
    }

    /// The whole document.
    pub(crate) fn document(&self) -> &Json {
        &self.document
    }

    /// The whole document, to be changed.
    pub(crate) fn document_mut(&mut self) -> &mut Json {
        &mut self.document
    }

    /// The lists of children: one, unless the key stands twice.
    pub(crate) fn lists_mut(&mut self) -> impl Iterator<Item = &mut Vec<Json>> {
        self.document.all_mut("manifests").filter_map(|list| {
            if let Json::Array(list) = list {
                Some(list)
            } else {
                None
            }
        })
    }

    /// What can be read of a descriptor; nothing if it names nothing.
    pub(crate) fn descriptor(child: &Json) -> Option<Descriptor> {
        let digest = child.get("digest")?.as_str()?.parse().ok()?;
        Some(Descriptor::read(child, digest).0)
    }
}

fn text(text: &str) -> Json {
    Json::String(text.into())
}

/// Content that is embedded in a descriptor is not that of another digest, and goes.
pub(crate) fn name_content(descriptor: &mut Json, digest: &Digest, size: u64) {
    descriptor.set("digest", text(digest.as_str()));
    descriptor.set("size", Json::Number(size.into()));
    descriptor.remove("data");
}

fn annotate(document: &mut Json, key: &str, value: Option<&str>) {
    match (
        document
            .get_mut("annotations")
            .filter(|there| there.as_object().is_some()),
        value,
    ) {
        (Some(annotations), Some(value)) => annotations.set(key, text(value)),
        (Some(annotations), None) => annotations.remove(key),
        (None, Some(value)) => {
            document.set("annotations", Json::Object(vec![(key.into(), text(value))]))
        }
        (None, None) => (),
    }
}

fn descriptor_document(descriptor: &Descriptor) -> Json {
    let value = serde_json::to_vec(descriptor).unwrap_or_default();
    Json::parse(&value).unwrap_or(Json::Null)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{Index, blob, image};

    fn index() -> Manifest {
        Index::oci()
            .image(&image("a"), "linux/amd64")
            .image(&image("b"), "linux/arm64")
            .child(json!("no descriptor"))
            .field("zzz", json!({"kept": [1]}))
            .manifest()
    }

    fn written(draft: &Draft) -> serde_json::Value {
        serde_json::from_slice(&draft.to_bytes()).unwrap()
    }

    #[test]
    fn what_is_not_touched_stays() {
        let text = r#"{"schemaVersion":2,"x":{"b":1,"a":2},"manifests":[],"x":[1.5,null]}"#;
        let manifest =
            Manifest::parse(text.into(), Some(&MediaType::new(MediaType::OCI_INDEX))).unwrap();
        assert_eq!(Draft::of(&manifest).to_bytes(), text);
    }

    #[test]
    fn children_are_kept_dropped_and_replaced() {
        let other = Digest::sha256(&blob("other"));
        let mut draft = Draft::of(&index());
        draft.children(|child| {
            if child.digest == image("a").digest() {
                Fate::Drop
            } else {
                Fate::Replace {
                    digest: other.clone(),
                    size: 7,
                }
            }
        });
        let document = written(&draft);
        let mut kept = written(&Draft::of(&index()))["manifests"][1].clone();
        kept["digest"] = json!(other);
        kept["size"] = json!(7);
        assert_eq!(document["manifests"], json!([kept, "no descriptor"]));
        assert_eq!(document["zzz"], json!({"kept": [1]}));
    }

    #[test]
    fn an_index_is_made() {
        let mut draft = Draft::index(&MediaType::new(MediaType::OCI_INDEX));
        draft.add_child(&image("a").descriptor());
        let manifest = Manifest::parse(draft.to_bytes(), None).unwrap();
        assert_eq!(
            (manifest.children().len(), manifest.findings().len()),
            (1, 0)
        );
        assert_eq!(manifest.children()[0].descriptor, image("a").descriptor());
    }

    #[test]
    fn annotations_are_set_and_removed() {
        let mut draft = Draft::of(&index());
        draft.annotate("absent", None);
        draft.annotate("a", Some("1"));
        draft.annotate("a", Some("2"));
        draft.annotate("b", Some("3"));
        draft.annotate("b", None);
        assert_eq!(written(&draft)["annotations"], json!({"a": "2"}));
        let chosen =
            draft.annotate_children(|child| child.digest == image("b").digest(), "c", Some("4"));
        assert_eq!(
            (chosen, &written(&draft)["manifests"][1]["annotations"]),
            (1, &json!({"c": "4"}))
        );
    }

    #[test]
    fn a_subject_is_replaced_where_there_is_one() {
        let digest = Digest::sha256(b"new");
        let mut draft = Draft::of(&image("s").subject(&image("a").descriptor()).manifest());
        let media_type = MediaType::new(MediaType::DOCKER_MANIFEST);
        draft.replace_subject(&media_type, &digest, 3);
        let subject = &written(&draft)["subject"];
        assert_eq!(
            (&subject["digest"], &subject["mediaType"]),
            (&json!(digest), &json!(media_type))
        );
        let without = image("s").manifest();
        let mut draft = Draft::of(&without);
        draft.replace_subject(&media_type, &digest, 3);
        assert_eq!(draft.to_bytes(), without.bytes());
    }
}
