//! The names of commands, arguments and flags, with their defaults and values.

use super::assert_lines;
use crate::snapshots::{Help, all_helps};
use crate::toolkit::User;

/// Lines such as `copy --jobs <N> [default: 8]`, made of the usage and the options of a help text.
fn lines(help: &Help) -> Vec<String> {
    let command = format!("portolan {}", help.command);
    let command = command.trim_end();
    let mut lines: Vec<String> = Vec::new();
    let mut in_usage = false;
    for line in help.text.lines() {
        let trimmed = line.trim();
        in_usage = (in_usage && !trimmed.is_empty()) || trimmed.starts_with("Usage:");
        if in_usage {
            let usage = trimmed.trim_start_matches("Usage:").trim();
            lines.push(format!("{command}: {usage}"));
        } else if line.starts_with(' ') && trimmed.starts_with('-') {
            // The description is two spaces behind, or on the next line.
            let option = trimmed.split("  ").next().unwrap_or_default();
            lines.push(format!("{command} {option}"));
        }
        for start in ["[default: ", "[possible values: "] {
            let Some((_, value)) = line.split_once(start) else {
                continue;
            };
            let last = lines.last_mut().unwrap();
            last.extend([" ", start, value]);
        }
    }
    lines
}

#[test]
fn commands_and_flags() {
    let helps = all_helps(&User::new());
    assert_lines("commands", helps.iter().flat_map(lines));
}
