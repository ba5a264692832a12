//! Descriptors: type, digest and size of content, and what is said about it (image-spec, descriptor.md).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Digest, Json, JsonNumber, MediaType, Platform, Rule};

/// Largest size that every reader of JSON holds exactly (RFC 7493, section 2.2).
const MAX_SIZE: u64 = (1 << 53) - 1;

/// A descriptor read leniently: only the digest has to be there, unknown fields are kept.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The type that the content is said to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The digest of the content.
    pub digest: Digest,
    /// The size of the content in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// What kind of artifact a manifest is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
    /// The platform that an image is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Free remarks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Where else the content can be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// The content itself, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Fields that this version of the specification does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Descriptor {
    /// A descriptor of content of this type, digest and size, with nothing more said about it.
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self {
            media_type: Some(media_type),
            size: Some(size),
            ..Self::of(digest)
        }
    }

    /// A descriptor that says the digest alone.
    pub fn of(digest: Digest) -> Self {
        Self {
            media_type: None,
            digest,
            size: None,
            artifact_type: None,
            platform: None,
            annotations: BTreeMap::new(),
            urls: Vec::new(),
            data: None,
            other: Map::new(),
        }
    }

    /// The annotation by which BuildKit names the image that something is an attestation of.
    pub(crate) const ATTESTS: &str = "vnd.docker.reference.digest";

    /// The image that this is an attestation of, which BuildKit puts beside it in an index and names in
    /// an annotation.
    pub fn attests(&self) -> Option<Digest> {
        self.annotations.get(Self::ATTESTS)?.parse().ok()
    }

    /// Reads what can be read of an object whose digest is known; the second value names each
    /// field whose value has a wrong type, and which is left out.
    pub(crate) fn read(object: &Json, digest: Digest) -> (Self, Vec<FieldError>) {
        let mut descriptor = Self::of(digest);
        let mut errors = Vec::new();
        for (key, value) in object.as_object().unwrap_or_default() {
            if let Err(Wrong { rule, expected }) = descriptor.set(key, value) {
                errors.push(FieldError {
                    field: key.clone(),
                    rule,
                    expected,
                    found: shown(value),
                });
            }
        }
        (descriptor, errors)
    }

    fn set(&mut self, key: &str, value: &Json) -> Result<(), Wrong> {
        match key {
            "digest" => (),
            "mediaType" => self.media_type = Some(MediaType::new(string(value)?)),
            "artifactType" => self.artifact_type = Some(MediaType::new(string(value)?)),
            "data" => self.data = Some(string(value)?.into()),
            "size" => self.size = Some(size(value)?),
            "annotations" => self.annotations = parse(value, "an object of strings")?,
            "urls" => self.urls = parse(value, "an array of strings")?,
            "platform" => self.platform = parse(value, "an object with os and architecture")?,
            _ => drop(self.other.insert(key.into(), value.to_value())),
        }
        Ok(())
    }
}

/// A field of a descriptor whose value is not of the type that the specification gives it.
pub(crate) struct FieldError {
    pub(crate) field: String,
    pub(crate) rule: Rule,
    pub(crate) expected: &'static str,
    pub(crate) found: String,
}

/// The rule that a value breaks, and what was expected.
struct Wrong {
    rule: Rule,
    expected: &'static str,
}

impl From<&'static str> for Wrong {
    fn from(expected: &'static str) -> Self {
        Self {
            rule: Rule::MalformedField,
            expected,
        }
    }
}

fn shown(value: &Json) -> String {
    if let Json::Number(number) = value {
        number.to_string()
    } else {
        value.kind().into()
    }
}

fn string(value: &Json) -> Result<&str, &'static str> {
    value.as_str().ok_or("a string")
}

fn size(value: &Json) -> Result<u64, Wrong> {
    let Json::Number(number) = value else {
        return Err("a number of bytes".into());
    };
    match number.as_u64() {
        Some(size) if size <= MAX_SIZE => Ok(size),
        _ if is_out_of_range(number) => Err(Wrong {
            rule: Rule::SizeOutOfRange,
            expected: "a number of bytes from 0 to 2^53-1",
        }),
        _ => Err("a whole number of bytes, without fraction and exponent".into()),
    }
}

/// Whether a number is whole, and below 0 or above the largest size.
fn is_out_of_range(number: &JsonNumber) -> bool {
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    number.as_u64().is_some()
        || number.as_i64().is_some()
        || number
            .as_f64()
            .is_some_and(|value| value.fract() == 0.0 && !(0.0..=LARGEST).contains(&value))
}

/// Absent and `null` are the same to Go clients, which write either.
fn parse<T: Default + serde::de::DeserializeOwned>(
    value: &Json,
    expected: &'static str,
) -> Result<T, &'static str> {
    let parsed: Option<T> = serde_json::from_value(value.to_value()).map_err(|_| expected)?;
    Ok(parsed.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Descriptor, Vec<FieldError>) {
        Descriptor::read(&Json::parse(text.as_bytes()).unwrap(), Digest::sha256(b""))
    }

    #[test]
    fn keeps_unknown_fields() {
        let (descriptor, errors) =
            read(r#"{"mediaType":"a/b","size":3,"x":{"y":[1]},"urls":null}"#);
        assert!(errors.is_empty());
        assert_eq!(descriptor.other["x"], serde_json::json!({"y": [1]}));
        assert_eq!((descriptor.size, descriptor.urls.len()), (Some(3), 0));
    }

    #[test]
    fn names_every_wrong_field_and_reads_the_rest() {
        let (descriptor, errors) = read(
            r#"{"mediaType":7,"size":-1,"platform":{"os":"linux"},"annotations":{"a":1},"urls":"x","artifactType":"t"}"#,
        );
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(
            fields,
            ["mediaType", "size", "platform", "annotations", "urls"]
        );
        assert_eq!(descriptor.artifact_type, Some(MediaType::new("t")));
    }

    #[test]
    fn sizes_are_whole_numbers_that_every_reader_holds() {
        let wrong = |size: &str| {
            let (descriptor, errors) = read(&format!("{{\"size\":{size}}}"));
            assert_eq!(descriptor.size.is_some(), errors.is_empty(), "{size}");
            errors.first().map(|error| error.rule)
        };
        for size in [
            "-1",
            "9007199254740992",
            "9223372036854775807",
            "18446744073709551615",
            "1e40",
            "-1e40",
        ] {
            assert_eq!(wrong(size), Some(Rule::SizeOutOfRange), "{size}");
        }
        for size in ["1.5", "-1.5", "1e3", "3.0", "\"3\"", "null", "-0"] {
            assert_eq!(wrong(size), Some(Rule::MalformedField), "{size}");
        }
        for size in ["0", "9007199254740991"] {
            assert_eq!(wrong(size), None, "{size}");
        }
    }
}
