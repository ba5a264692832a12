//! Results of a run, as Markdown and as JSON.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::arguments::Arguments;
use super::document;
use super::machine::Machine;

/// Results of one part.
pub(crate) struct Section {
    /// Key in the JSON document.
    pub(crate) name: &'static str,
    pub(crate) markdown: String,
    pub(crate) data: Value,
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
            document::write(&self.to_markdown())?;
        }
        Ok(())
    }

    fn to_markdown(&self) -> String {
        let mut parts = vec![self.machine.to_string()];
        parts.extend(self.sections.iter().map(|section| section.markdown.clone()));
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

    #[test]
    fn both_forms_contain_each_section() {
        let mut report = Report {
            machine: Machine::default(),
            sections: Vec::new(),
            prints_markdown: false,
        };
        for name in ["first", "second"] {
            report.add(Section {
                name,
                markdown: format!("| {name} |\n"),
                data: json!({ "value": 1 }),
            });
        }
        assert!(report.to_markdown().ends_with("| first |\n\n| second |\n"));
        assert_eq!(
            report.to_json()["results"],
            json!({ "first": { "value": 1 }, "second": { "value": 1 } })
        );
    }
}
