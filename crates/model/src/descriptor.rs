//! Descriptors: type, digest, size and metadata of content (image-spec, descriptor.md).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Digest, Json, JsonNumber, MediaType, Platform, PlatformKey, Rule};

/// Maximum size in a descriptor: the largest integer that all JSON parsers represent exactly (RFC
/// 7493, section 2.2).
const MAX_SIZE: u64 = (1 << 53) - 1;

/// Maximum number of characters of a field name or a value in a message.
const MAX_SHOWN: usize = 80;

/// Annotation of a child that is a copy of another child with zstd layers. Clients that support
/// zstd select a child with this annotation.
const ZSTD_ANNOTATION: &str = "io.github.containers.compression.zstd";

/// Properties by which clients select a child of an index.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SelectionKey<'a> {
    platform: PlatformKey,
    compression: Option<&'a str>,
}

/// Descriptor, parsed leniently: only the digest is required, and unknown fields are preserved.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Declared media type of the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// Digest of the content.
    pub digest: Digest,
    /// Declared size of the content in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Artifact type, if the content is a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
    /// Platform of the image, if the content is an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Annotations: arbitrary keys and values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Other URLs of the content, for example of a foreign layer that the registry does not store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Embedded content, encoded in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Fields that the specification does not define.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Descriptor {
    /// Creates a descriptor with a media type, a digest and a size.
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self {
            media_type: Some(media_type),
            size: Some(size),
            ..Self::from_digest(digest)
        }
    }

    /// Creates a descriptor that has only a digest.
    pub fn from_digest(digest: Digest) -> Self {
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

    /// Annotation that BuildKit sets on an attestation. It contains the digest of the attested
    /// image.
    pub(crate) const ATTESTED_IMAGE: &str = "vnd.docker.reference.digest";

    /// Returns the properties by which clients select this child of an index, or `None` if it has
    /// no platform. Clients select the first of several children with equal properties.
    pub fn selection_key(&self) -> Option<SelectionKey<'_>> {
        let platform = self.platform.as_ref()?;
        (!platform.os.is_empty()).then(|| SelectionKey {
            platform: platform.key(),
            compression: self.annotations.get(ZSTD_ANNOTATION).map(String::as_str),
        })
    }

    /// Returns the digest of the attested image, or `None` if the descriptor is not for an
    /// attestation.
    ///
    /// BuildKit adds an attestation to the same index as its image, and links it by an annotation.
    pub fn attested_image(&self) -> Option<Digest> {
        self.annotations.get(Self::ATTESTED_IMAGE)?.parse().ok()
    }

    /// Returns whether the content is an attestation: the descriptor has the platform
    /// `unknown/unknown` or the annotation that BuildKit writes.
    pub fn is_attestation(&self) -> bool {
        let platform = self.platform.as_ref();
        let is_unknown =
            |platform: &Platform| platform.os == "unknown" && platform.architecture == "unknown";
        platform.is_some_and(is_unknown) || self.attested_image().is_some()
    }

    /// Parses the fields of a descriptor with a known digest. Skips fields, annotations and URLs
    /// whose value is invalid, and passes each of them to `report`. In optional fields, `null`
    /// counts as absent.
    pub(crate) fn from_json(object: &Json, digest: Digest, report: Report<'_>) -> Self {
        let mut descriptor = Self::from_digest(digest);
        for (key, value) in object.as_object().unwrap_or_default() {
            match key.as_str() {
                "annotations" => descriptor.annotations = parse_annotations(value, report),
                "urls" => descriptor.urls = parse_strings(&[key], value, report),
                "platform" => descriptor.platform = Platform::from_json(value, report),
                _ => {
                    if let Err(violation) = descriptor.set_field(key, value) {
                        report(FieldError::new(&[key], violation, value));
                    }
                }
            }
        }
        descriptor
    }

    /// Parses only the media type and the size of an object with a known digest, if they are valid.
    pub(crate) fn from_json_outline(object: &Json, digest: Digest) -> Self {
        let mut descriptor = Self::from_digest(digest);
        for (key, value) in object.as_object().unwrap_or_default() {
            if matches!(key.as_str(), "mediaType" | "size") {
                // Ignore invalid values: the object may not be a descriptor.
                let _ = descriptor.set_field(key, value);
            }
        }
        descriptor
    }

    /// Sets a field with a single value.
    fn set_field(&mut self, key: &str, value: &Json) -> Result<(), Violation> {
        match key {
            "digest" => (),
            "mediaType" => self.media_type = Some(MediaType::new(parse_string(value)?)),
            "artifactType" => self.artifact_type = parse_optional(value)?.map(MediaType::new),
            "data" => self.data = parse_optional(value)?.map(Into::into),
            "size" => self.size = Some(parse_size(value)?),
            _ => drop(self.other.insert(key.into(), value.to_value())),
        }
        Ok(())
    }
}

/// Callback that receives each field that is skipped.
pub(crate) type Report<'a> = &'a mut dyn FnMut(FieldError);

/// Field of a descriptor whose value is invalid. The text contains the name and the value of the
/// field.
#[derive(Debug)]
pub(crate) struct FieldError {
    /// Path from the descriptor to the field: names of members, and positions of items.
    pub(crate) path: Vec<String>,
    pub(crate) rule: Rule,
    expected: &'static str,
    found: String,
}

impl FieldError {
    pub(crate) fn new(path: &[&str], violation: impl Into<Violation>, value: &Json) -> Self {
        let Violation { rule, expected } = violation.into();
        Self {
            path: path.iter().map(ToString::to_string).collect(),
            rule,
            expected,
            found: describe_value(value),
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            expected,
            found,
            ..
        } = self;
        let field: String = path
            .last()
            .map(|name| name.chars().take(MAX_SHOWN).collect())
            .unwrap_or_default();
        match path.get(path.len().wrapping_sub(2)) {
            Some(parent) if parent != "platform" => {
                write!(
                    formatter,
                    "{field} in {parent} must be {expected}, found {found}"
                )
            }
            _ => write!(formatter, "{field} must be {expected}, found {found}"),
        }
    }
}

/// Rule that a value violates, and a description of the expected value.
pub(crate) struct Violation {
    rule: Rule,
    expected: &'static str,
}

impl From<&'static str> for Violation {
    fn from(expected: &'static str) -> Self {
        Self {
            rule: Rule::MalformedField,
            expected,
        }
    }
}

/// Describes a value in a message: a number, a boolean, the start of a string, or only the type of
/// any other value.
fn describe_value(value: &Json) -> String {
    match value {
        Json::Number(_) | Json::Bool(_) => value.to_string(),
        Json::String(text) => match text.char_indices().nth(MAX_SHOWN) {
            Some((end, _)) => format!("the string {}…", text[..end].escape_debug()),
            None => format!("the string {}", text.escape_debug()),
        },
        Json::Null | Json::Array(_) | Json::Object(_) => value.kind().into(),
    }
}

fn parse_string(value: &Json) -> Result<&str, &'static str> {
    value.as_str().ok_or("a string")
}

/// Parses an optional string. `null` counts as absent, because Go programs write `null` or omit the
/// field.
pub(crate) fn parse_optional(value: &Json) -> Result<Option<&str>, &'static str> {
    match value {
        Json::Null => Ok(None),
        value => parse_string(value).map(Some),
    }
}

/// Parses an optional array of strings. Skips items that are not strings.
pub(crate) fn parse_strings(path: &[&str], value: &Json, report: Report<'_>) -> Vec<String> {
    let Json::Array(items) = value else {
        if *value != Json::Null {
            report(FieldError::new(path, "an array of strings", value));
        }
        return Vec::new();
    };
    let mut strings = Vec::new();
    for (position, item) in items.iter().enumerate() {
        match parse_optional(item) {
            Ok(text) => strings.extend(text.map(str::to_owned)),
            Err(expected) => {
                let position = position.to_string();
                let path = [path, &[position.as_str()]].concat();
                report(FieldError::new(&path, expected, item));
            }
        }
    }
    strings
}

/// Parses optional annotations. Skips annotations whose value is not a string.
fn parse_annotations(value: &Json, report: Report<'_>) -> BTreeMap<String, String> {
    let Json::Object(members) = value else {
        if *value != Json::Null {
            let expected = "an object with string values";
            report(FieldError::new(&["annotations"], expected, value));
        }
        return BTreeMap::new();
    };
    let mut annotations = BTreeMap::new();
    for (key, value) in members {
        match parse_optional(value) {
            Ok(Some(text)) => drop(annotations.insert(key.clone(), text.to_owned())),
            Ok(None) => (),
            Err(expected) => report(FieldError::new(&["annotations", key], expected, value)),
        }
    }
    annotations
}

fn parse_size(value: &Json) -> Result<u64, Violation> {
    let Json::Number(number) = value else {
        return Err("a number of bytes".into());
    };
    match number.as_u64() {
        Some(size) if size <= MAX_SIZE => Ok(size),
        _ if is_out_of_range(number) => Err(Violation {
            rule: Rule::SizeOutOfRange,
            expected: "a number of bytes from 0 to 2^53-1",
        }),
        _ => Err("an integer number of bytes, without fraction or exponent".into()),
    }
}

/// Returns whether a number is an integer below 0 or above the largest size.
fn is_out_of_range(number: &JsonNumber) -> bool {
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    number.as_u64().is_some()
        || number.as_i64().is_some()
        || number
            .as_f64()
            .is_some_and(|value| value.fract() == 0.0 && !(0.0..=LARGEST).contains(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Descriptor, Vec<FieldError>) {
        let (object, mut errors) = (Json::parse(text.as_bytes()).unwrap(), Vec::new());
        let digest = Digest::sha256(b"");
        let descriptor = Descriptor::from_json(&object, digest, &mut |error| errors.push(error));
        (descriptor, errors)
    }

    #[test]
    fn preserves_unknown_fields() {
        let (descriptor, errors) =
            read(r#"{"mediaType":"a/b","size":3,"x":{"y":[1]},"urls":null}"#);
        assert!(errors.is_empty());
        assert_eq!(descriptor.other["x"], serde_json::json!({"y": [1]}));
        assert_eq!((descriptor.size, descriptor.urls.len()), (Some(3), 0));
    }

    #[test]
    fn reports_every_invalid_field_and_reads_the_others() {
        let (descriptor, errors) = read(
            r#"{"mediaType":7,"size":-1,"platform":{"os":"linux"},"annotations":{"a":1,"b":"c"},
                "urls":["x",true],"data":[],"artifactType":"t"}"#,
        );
        let messages: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            [
                "mediaType must be a string, found 7",
                "size must be a number of bytes from 0 to 2^53-1, found -1",
                "platform must be an object with os and architecture, found an object",
                "a in annotations must be a string, found 1",
                "1 in urls must be a string, found true",
                "data must be a string, found an array"
            ]
        );
        assert_eq!(descriptor.artifact_type, Some(MediaType::new("t")));
        assert_eq!(descriptor.annotations["b"], "c");
        assert_eq!(descriptor.urls, ["x"]);
    }

    #[test]
    fn null_counts_as_absent_in_optional_fields() {
        let (descriptor, errors) = read(
            r#"{"platform":{"os":"linux","architecture":"arm","variant":null,"os.version":null,"os.features":null},
                "annotations":{"a":null},"urls":null,"data":null,"artifactType":null}"#,
        );
        assert!(errors.is_empty(), "{errors:?}");
        let expected = Descriptor {
            platform: Some("linux/arm".parse().unwrap()),
            ..Descriptor::from_digest(descriptor.digest.clone())
        };
        assert_eq!(descriptor, expected);
        assert!(read(r#"{"platform":null,"annotations":null}"#).1.is_empty());
    }

    #[test]
    fn reads_a_platform_with_invalid_optional_fields() {
        let (descriptor, errors) = read(
            r#"{"platform":{"os":"windows","architecture":"amd64","variant":8,"os.features":["win32k",1],"os.version":{}}}"#,
        );
        let messages: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            [
                "variant must be a string, found 8",
                "1 in os.features must be a string, found 1",
                "os.version must be a string, found an object"
            ]
        );
        assert_eq!(errors[1].path, ["platform", "os.features", "1"]);
        assert_eq!(descriptor.platform.unwrap().os_features, ["win32k"]);
    }

    #[test]
    fn shows_the_start_of_a_long_value() {
        let (_, errors) = read(&format!(r#"{{"size":"{}"}}"#, "é".repeat(100)));
        let expected = format!(
            "size must be a number of bytes, found the string {}…",
            "é".repeat(80)
        );
        assert_eq!(errors[0].to_string(), expected);
    }

    #[test]
    fn accepts_only_integer_sizes_up_to_2_to_the_53() {
        let violated_rule = |size: &str| {
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
            assert_eq!(violated_rule(size), Some(Rule::SizeOutOfRange), "{size}");
        }
        for size in ["1.5", "-1.5", "1e3", "3.0", "\"3\"", "null", "-0"] {
            assert_eq!(violated_rule(size), Some(Rule::MalformedField), "{size}");
        }
        for size in ["0", "9007199254740991"] {
            assert_eq!(violated_rule(size), None, "{size}");
        }
    }
}
