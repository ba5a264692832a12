//! Check of media types against a policy.

use portolan_model::convert::{Conversion, ImageFormat};
use portolan_model::lint::{Fix, Invocation};
use portolan_model::{
    Child, ChildKind, Descriptor, Family, Finding, Manifest, MediaType, MediaTypeRole, Rule,
    child_descriptors,
};

use super::Policy;

impl Policy {
    /// Finds media types that the policy does not accept: the type of the manifest, and the types
    /// that it declares for its children.
    pub fn check_types(&self, manifest: &Manifest) -> Vec<Finding> {
        let mut findings = Vec::new();
        findings.extend(self.check_own_type(manifest.media_type()));
        let children = manifest
            .children()
            .iter()
            .filter(|child| child.kind != ChildKind::Other);
        findings.extend(children.filter_map(|child| self.check_child_type(child)));
        if let Some(command) = self.conversion_command(manifest) {
            for finding in &mut findings {
                finding.fix = command;
            }
        }
        findings
    }

    /// Returns the command that converts a manifest to types that the policy accepts, if conversion
    /// is possible.
    fn conversion_command(&self, manifest: &Manifest) -> Option<Fix> {
        let format = self.required_format?;
        // A conversion cannot add the missing type of a child.
        if child_descriptors(manifest).any(|child| child.media_type.is_none()) {
            return None;
        }
        let command = Fix::Command(Invocation::Convert(Conversion {
            to: Some(format),
            drop_unknown: child_descriptors(manifest)
                .any(|child| !can_convert_child(child, format)),
            flatten: false,
        }));
        let own = format.counterpart(manifest.media_type())?;
        let fits = own.role() == MediaTypeRole::Index || can_convert_parts(manifest, format);
        (fits && self.allows_manifest_type(&own)).then_some(command)
    }

    fn allows_manifest_type(&self, media_type: &MediaType) -> bool {
        self.manifest_types
            .as_ref()
            .is_none_or(|types| types.contains(media_type))
    }

    fn check_own_type(&self, media_type: &MediaType) -> Option<Finding> {
        if self.allows_manifest_type(media_type)
            && self
                .required_format
                .is_none_or(|format| media_type.family() == format.family())
        {
            return None;
        }
        let message =
            format!("the repository policy does not allow manifests of type {media_type}");
        Some(Finding {
            media_type: Some(media_type.clone()),
            ..Finding::new(Rule::TypeNotAllowed, "", message)
        })
    }

    /// Checks the media type of a child.
    ///
    /// A child of an index must belong to the required format. A config or layer may have a type of
    /// the required format or of no format, because artifacts define their own types. BuildKit
    /// caches list configs and layers in an index, so an index may reference these types too.
    ///
    /// A child of an index without a media type may be a manifest of any type, which clients would
    /// detect in its content, so it does not belong to the required format.
    fn check_child_type(&self, child: &Child) -> Option<Finding> {
        let format = self.required_format?;
        let media_type = child.descriptor.media_type.as_ref();
        let is_manifest = child.kind == ChildKind::Manifest;
        let fits = match media_type.map(MediaType::family) {
            None => !is_manifest,
            Some(Family::Other) => {
                !is_manifest || media_type.is_some_and(MediaType::is_config_or_layer)
            }
            Some(own) => own == format.family(),
        };
        (!fits).then(|| Finding {
            digest: Some(child.descriptor.digest.clone()),
            media_type: media_type.cloned(),
            ..Finding::new(Rule::TypeNotAllowed, &child.pointer, child_message(child))
        })
    }
}

fn child_message(child: &Child) -> String {
    let kind = child.kind.as_str();
    match &child.descriptor.media_type {
        Some(media_type) => {
            format!("the repository policy does not allow a {kind} of type {media_type}")
        }
        None => format!("the repository policy does not allow a {kind} without a media type"),
    }
}

/// Returns whether a child of an index certainly can be converted to `format`, according to its
/// descriptor. Docker's format has no artifacts, which a descriptor does not always reveal.
fn can_convert_child(child: &Descriptor, format: ImageFormat) -> bool {
    let media_type = child.media_type.as_ref();
    format == ImageFormat::Oci && media_type.is_some_and(MediaType::is_known_manifest)
}

/// Returns whether the config and the layers of a manifest can be converted to `format`. OCI also
/// accepts types that belong to no format. Docker requires a config, and a Docker equivalent of
/// each type.
fn can_convert_parts(manifest: &Manifest, format: ImageFormat) -> bool {
    let parts = manifest
        .children()
        .iter()
        .map(|child| (child.kind, child.descriptor.media_type.as_ref()));
    let fits = |media_type: Option<&MediaType>| {
        let stays = media_type.is_none_or(|media_type| media_type.family() == Family::Other);
        (stays && format == ImageFormat::Oci)
            || media_type.is_some_and(|own| format.counterpart(own).is_some())
    };
    let parts = parts.filter(|(kind, _)| matches!(kind, ChildKind::Config | ChildKind::Layer));
    parts.clone().all(|(_, media_type)| fits(media_type))
        && (format == ImageFormat::Oci || parts.clone().any(|(kind, _)| kind == ChildKind::Config))
}
