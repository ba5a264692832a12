//! Results of a run, as Markdown and as JSON.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use xtask::servers::{target_folder, workspace};

use super::arguments::Arguments;
use super::document;
use super::figure::{Figure, render};
use super::machine::Machine;

/// Blocks of docs/performance.md.
const BLOCKS: [&str; 2] = ["bench", "growth"];

/// Results of one part.
pub(crate) struct Section {
    /// Key in the JSON document.
    name: &'static str,
    markdown: String,
    data: Value,
    /// Figure to which the Markdown refers.
    figure: Option<Figure>,
}

impl Section {
    /// Creates a section with a table.
    pub(crate) fn new(name: &'static str, markdown: String, data: Value) -> Self {
        Self {
            name,
            markdown,
            data,
            figure: None,
        }
    }

    /// Creates a section with a figure.
    pub(crate) fn from_figure(name: &'static str, figure: Figure) -> Self {
        Self {
            name,
            markdown: figure.to_markdown(),
            data: json!(figure),
            figure: Some(figure),
        }
    }

    /// Returns the block of docs/performance.md to which the section belongs.
    fn block(&self) -> &'static str {
        if self.figure.is_some() {
            "growth"
        } else {
            "bench"
        }
    }
}

/// Results of a run. Each part is printed when it is known, so that a later failure does not lose it.
pub(crate) struct Report {
    machine: Machine,
    sections: Vec<Section>,
    prints_markdown: bool,
}

impl Report {
    /// Creates an empty report.
    pub(crate) fn new(machine: Machine, arguments: &Arguments) -> Self {
        let report = Self {
            machine,
            sections: Vec::new(),
            prints_markdown: !arguments.prints_json(),
        };
        report.print(&report.machine.to_string());
        report
    }

    /// Prints a section and adds it.
    pub(crate) fn add(&mut self, section: Section) {
        self.print(&section.markdown);
        self.sections.push(section);
    }

    fn print(&self, markdown: &str) {
        if self.prints_markdown {
            println!("{markdown}");
        }
    }

    /// Writes the results to the files that the arguments name.
    pub(crate) fn publish(&self, arguments: &Arguments) -> Result<()> {
        if arguments.prints_json() {
            println!("{:#}", self.to_json());
        } else if let Some(file) = &arguments.json {
            fs::write(file, format!("{:#}\n", self.to_json()))
                .with_context(|| file.display().to_string())?;
        }
        if arguments.write {
            let docs = workspace().join("docs");
            self.write_blocks(&docs.join("performance.md"))?;
            return self.write_figures(&docs.join("growth"));
        }
        self.write_figures(&target_folder().join("growth"))
    }

    /// Replaces the blocks of a document whose parts were measured.
    fn write_blocks(&self, file: &Path) -> Result<()> {
        for block in BLOCKS {
            let mut sections = self.sections.iter();
            if sections.any(|section| section.block() == block) {
                document::write(file, block, &self.to_markdown(block))?;
            }
        }
        Ok(())
    }

    fn write_figures(&self, folder: &Path) -> Result<()> {
        let figures = self.sections.iter().filter_map(|part| part.figure.as_ref());
        for figure in figures {
            fs::create_dir_all(folder)?;
            let file = folder.join(figure.name).with_extension("svg");
            fs::write(&file, render(figure)).with_context(|| file.display().to_string())?;
            eprintln!("        wrote {}", file.display());
        }
        Ok(())
    }

    fn to_markdown(&self, block: &str) -> String {
        let sections = self.sections.iter();
        let sections = sections.filter(|section| section.block() == block);
        let mut parts = vec![self.machine.to_string()];
        parts.extend(sections.map(|section| section.markdown.clone()));
        parts.join("\n")
    }

    fn to_json(&self) -> Value {
        let sections = self.sections.iter();
        let results: Map<_, _> = sections
            .map(|section| (section.name.to_owned(), section.data.clone()))
            .collect();
        json!({ "machine": self.machine, "results": results })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report {
            machine: Machine::default(),
            sections: Vec::new(),
            prints_markdown: false,
        };
        for name in ["first", "second"] {
            let markdown = format!("| {name} |\n");
            report.add(Section::new(name, markdown, json!({ "value": 1 })));
        }
        let figure = Figure {
            name: "tags",
            title: "Tags",
            note: "Note.".to_owned(),
            panels: Vec::new(),
        };
        report.add(Section::from_figure("growthTags", figure));
        report
    }

    #[test]
    fn both_forms_contain_each_section() {
        let report = report();
        let markdown = report.to_markdown("bench");
        assert!(
            markdown.ends_with("| first |\n\n| second |\n"),
            "{markdown}"
        );
        let results = &report.to_json()["results"];
        assert_eq!(results["first"], json!({ "value": 1 }));
        assert_eq!(results["growthTags"]["name"], "tags");
    }

    #[test]
    fn document_contains_only_new_results_after_a_run() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("performance.md");
        let document = fs::read_to_string(workspace().join("docs/performance.md")).unwrap();
        fs::write(&file, &document).unwrap();
        report().write_blocks(&file).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let begin = document.find("<!-- bench -->").unwrap();
        assert_eq!(text[..begin], document[..begin]);
        assert!(
            text.contains("| first |\n\n| second |\n<!-- /bench -->\n"),
            "{text}"
        );
        assert!(
            text.contains("![Tags](growth/tags.svg)\n\nNote.\n\n<!-- /growth -->\n"),
            "{text}"
        );
        assert_eq!(text.matches("Command:").count(), 2, "{text}");
        report()
            .write_figures(&folder.path().join("growth"))
            .unwrap();
        assert!(folder.path().join("growth/tags.svg").exists());
    }
}
