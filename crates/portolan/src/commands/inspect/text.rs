//! A summary as lines for people.

use std::fmt::Write;

use super::summary::{Child, Image, Part, Summary};
use crate::output::{Table, size};

pub(super) fn written(summary: &Summary) -> String {
    let mut text = Text::default();
    text.field("Reference", &summary.reference);
    text.field("Kind", summary.kind);
    text.field("Media type", &summary.media_type);
    text.field("Digest", &summary.digest);
    text.field("Size", size(summary.size));
    text.optional("Artifact type", summary.artifact_type.as_ref());
    text.optional("Subject", summary.subject.as_ref());
    if let Some(image) = &summary.image {
        text.image(image);
    }
    text.optional("Referrers", summary.referrers.filter(|count| *count > 0));
    if !summary.findings.is_zero() {
        text.field(
            "Findings",
            format!(
                "{}, see portolan lint {}",
                summary.findings, summary.reference
            ),
        );
    }
    for (key, value) in &summary.annotations {
        text.field("Annotation", format!("{key}={value}"));
    }
    if let Some(image) = &summary.image {
        text.parts(image);
    }
    if let Some(children) = &summary.children {
        text.children(children);
    }
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn field(&mut self, name: &str, value: impl std::fmt::Display) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{:15}{value}", format!("{name}:"));
    }

    fn optional(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    fn list(&mut self, name: &str, values: &[String]) {
        if !values.is_empty() {
            self.field(name, format!("{values:?}"));
        }
    }

    fn image(&mut self, image: &Image) {
        let says = &image.says;
        self.optional("Platform", says.platform.as_ref());
        self.optional("Created", says.created.as_ref());
        self.optional("User", says.user.as_ref());
        self.optional("Working dir", says.working_dir.as_ref());
        self.list("Entrypoint", &says.entrypoint);
        self.list("Cmd", &says.cmd);
        for variable in &says.env {
            self.field("Env", variable);
        }
        for (key, value) in &says.labels {
            self.field("Label", format!("{key}={value}"));
        }
    }

    fn parts(&mut self, image: &Image) {
        let mut table = Table::new(["", "SIZE", "DIGEST", "MEDIA TYPE"]);
        if let Some(config) = &image.config {
            table.row(part("config", config));
        }
        for layer in &image.layers {
            table.row(part("layer", layer));
        }
        table.row([
            "in all".into(),
            size(image.content_size),
            String::new(),
            String::new(),
        ]);
        let _ = write!(self.0, "\n{table}");
    }

    fn children(&mut self, children: &[Child]) {
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
        let _ = write!(self.0, "\n{table}");
    }
}

fn part(name: &str, part: &Part) -> [String; 4] {
    let media_type = part
        .media_type
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    [
        name.into(),
        part.size.map(size).unwrap_or_default(),
        part.digest.to_string(),
        media_type,
    ]
}

/// An image is as large as its layers; of anything else the size is that of the document.
fn child_size(child: &Child) -> String {
    if !child.there {
        return "absent".into();
    }
    child
        .content_size
        .or(child.size)
        .map(size)
        .unwrap_or_default()
}
