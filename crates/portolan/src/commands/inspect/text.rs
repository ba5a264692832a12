//! Text output of a [`Summary`].

use super::summary::{BlobSummary, ChildSummary, ImageSummary, Summary};
use crate::output::{self, Table, format_size};

/// Renders a summary as text.
pub(super) fn render(summary: &Summary) -> output::Text {
    let mut text = SummaryText::default();
    text.write_field("Reference", &summary.reference);
    text.write_field("Kind", summary.kind);
    text.write_field("Media type", &summary.media_type);
    text.write_field("Digest", &summary.digest);
    text.write_field("Size", format_size(summary.size));
    text.write_optional("Artifact type", summary.artifact_type.as_ref());
    text.write_optional("Subject", summary.subject.as_ref());
    if let Some(image) = &summary.image {
        text.write_image(image);
    }
    text.write_optional("Referrers", summary.referrers.filter(|count| *count > 0));
    if !summary.findings.is_zero() {
        text.write_field(
            "Findings",
            format!(
                "{} (for details, run `portolan lint {}`)",
                summary.findings, summary.reference
            ),
        );
    }
    for (key, value) in &summary.annotations {
        text.write_field("Annotation", format!("{key}={value}"));
    }
    if let Some(image) = &summary.image {
        text.write_parts(image);
    }
    if let Some(children) = &summary.children {
        text.write_children(children);
    }
    text.0
}

/// Text of a summary under construction.
#[derive(Default)]
struct SummaryText(output::Text);

impl SummaryText {
    fn write_field(&mut self, name: &str, value: impl std::fmt::Display) {
        self.0
            .line(format_args!("{:15}{value}", format!("{name}:")));
    }

    fn write_optional(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.write_field(name, value);
        }
    }

    fn write_list(&mut self, name: &str, values: &[String]) {
        if !values.is_empty() {
            self.write_field(name, format!("{values:?}"));
        }
    }

    fn write_image(&mut self, image: &ImageSummary) {
        let config = &image.config_fields;
        self.write_optional("Platform", config.platform.as_ref());
        self.write_optional("Created", config.created.as_ref());
        self.write_optional("User", config.user.as_ref());
        self.write_optional("Working dir", config.working_dir.as_ref());
        self.write_list("Entrypoint", &config.entrypoint);
        self.write_list("Cmd", &config.cmd);
        for variable in &config.env {
            self.write_field("Env", variable);
        }
        for (key, value) in &config.labels {
            self.write_field("Label", format!("{key}={value}"));
        }
    }

    fn write_parts(&mut self, image: &ImageSummary) {
        let mut table = Table::new(["PART", "SIZE", "DIGEST", "MEDIA TYPE"]);
        if let Some(config) = &image.config {
            table.row(part_row("config", config));
        }
        for layer in &image.layers {
            table.row(part_row("layer", layer));
        }
        table.row([
            "total".into(),
            format_size(image.content_size),
            String::new(),
            String::new(),
        ]);
        self.0.blank_line();
        self.0.table(&table);
    }

    fn write_children(&mut self, children: &[ChildSummary]) {
        let mut table = Table::new(["PLATFORM", "SIZE", "DIGEST", "MEDIA TYPE"]);
        for child in children {
            table.row([
                child
                    .platform
                    .as_ref()
                    .map_or_else(|| "-".into(), ToString::to_string),
                child_size(child),
                child.digest.to_string(),
                child
                    .media_type
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            ]);
        }
        self.0.blank_line();
        self.0.table(&table);
    }
}

fn part_row(name: &str, part: &BlobSummary) -> [String; 4] {
    let media_type = part
        .media_type
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    [
        name.into(),
        part.size.map(format_size).unwrap_or_default(),
        part.digest.to_string(),
        media_type,
    ]
}

/// Returns the size to print for a child. For an image, this is the size of its content, and for
/// any other child the size of the document itself. Returns `absent` if the repository does not
/// have the child.
fn child_size(child: &ChildSummary) -> String {
    if !child.present {
        return "missing".into();
    }
    child
        .content_size
        .or(child.size)
        .map(format_size)
        .unwrap_or_default()
}
