//! Rules about the content of layers.

use super::{Finding, FindingSink, LintTree, Rule};
use crate::{Child, ChildKind, Compression, Digest};

/// Result of unpacking a layer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LayerContent {
    /// The layer was unpacked completely.
    Unpacked {
        /// Compression, according to the first bytes.
        compression: Compression,
        /// Digest of the unpacked content, with the algorithm of the `diff_id`.
        diff_id: Digest,
    },
    /// The layer was not unpacked, because its compression is not supported.
    Unsupported(Compression),
    /// The layer is damaged or too large. Contains the reason.
    Unreadable(String),
    /// The layer is not in the repository. Other rules report this where it is a problem.
    Absent,
}

impl LintTree {
    /// Adds findings about the layers of an image in the tree. `diff_ids` are the texts in the
    /// config of the image. `layers` contains the result for each layer, in order.
    pub fn add_layer_findings(
        &mut self,
        image: &Digest,
        diff_ids: &[String],
        layers: &[LayerContent],
    ) {
        let mut sink = FindingSink::default();
        if let Some(document) = self.document(image) {
            let children = document.manifest.children().iter();
            let children: Vec<_> = children
                .filter(|child| child.kind == ChildKind::Layer)
                .collect();
            if diff_ids.len() != children.len() {
                sink.push(count_finding(diff_ids.len(), children.len()));
            }
            for (position, (child, content)) in children.into_iter().zip(layers).enumerate() {
                check_compression(child, content, &mut sink);
                check_content(child, content, diff_ids.get(position), &mut sink);
            }
        }
        self.add_findings(image, sink.finish());
    }
}

fn count_finding(diff_ids: usize, layers: usize) -> Finding {
    let message =
        format!("the manifest has {layers} layers, but its config has {diff_ids} diff_ids");
    Finding::new(Rule::DiffIdMismatch, "/layers", message)
}

fn check_compression(child: &Child, content: &LayerContent, sink: &mut FindingSink) {
    let (LayerContent::Unpacked { compression, .. } | LayerContent::Unsupported(compression)) =
        content
    else {
        return;
    };
    let media_type = child.descriptor.media_type.as_ref();
    let stated = media_type.and_then(Compression::of_layer_type);
    let is_unsupported = matches!(content, LayerContent::Unsupported(_));
    let Some(media_type) = media_type
        .filter(|_| is_unsupported || stated.is_some_and(|stated| stated != *compression))
    else {
        return;
    };
    let actual = match compression {
        Compression::None => "not compressed".to_owned(),
        compression => format!("compressed with {compression}"),
    };
    let unchecked = if is_unsupported {
        ", and its diff_id was not checked"
    } else {
        ""
    };
    let message = format!("the layer has the type {media_type}, but is {actual}{unchecked}");
    sink.push(Finding::for_child(Rule::LayerCompression, child, message));
}

fn check_content(
    child: &Child,
    content: &LayerContent,
    stated: Option<&String>,
    sink: &mut FindingSink,
) {
    match (content, stated) {
        (LayerContent::Unpacked { diff_id, .. }, Some(stated)) if diff_id.as_str() != stated => {
            let message = format!(
                "the layer unpacks to {diff_id}, but its config has the diff_id {stated:.200}"
            );
            sink.push(Finding::for_child(Rule::DiffIdMismatch, child, message));
        }
        (LayerContent::Unreadable(reason), _) => {
            let message = format!("failed to unpack the layer: {reason}");
            sink.push(Finding::for_child(Rule::LayerUnreadable, child, message));
        }
        _ => (),
    }
}
