//! The page on media types names tests and files that are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

/// Everything below a folder that is written in Rust, as one text.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&read(path));
        }
    }
}

/// What stands between backquotes.
fn quoted(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2)
}

fn is_snake_case(name: &str) -> bool {
    name.contains('_')
        && name
            .chars()
            .all(|character| matches!(character, 'a'..='z' | '0'..='9' | '_'))
}

#[test]
fn the_tests_and_keys_that_the_page_names_are_there() {
    let (page, configuration) = (read("docs/media-types.md"), read("docs/configuration.md"));
    let mut code = String::new();
    sources(&Path::new(ROOT).join("crates"), &mut code);
    let names: BTreeSet<_> = quoted(&page).filter(|text| is_snake_case(text)).collect();
    let is_there = |name: &str| {
        code.contains(&format!("fn {name}(")) || configuration.contains(&format!("\n{name} = "))
    };
    let gone: Vec<_> = names.iter().filter(|name| !is_there(name)).collect();
    assert!(gone.is_empty() && names.len() > 10, "{gone:?} of {names:?}");
}

#[test]
fn the_files_that_the_page_names_are_there() {
    let page = read("docs/media-types.md");
    let named =
        page.split(|character: char| character.is_whitespace() || "()`,;".contains(character));
    let files: BTreeSet<_> = named.filter(|word| word.starts_with("crates/")).collect();
    let gone: Vec<_> = files
        .iter()
        .filter(|file| !Path::new(ROOT).join(file).exists())
        .collect();
    assert!(
        gone.is_empty() && !files.is_empty(),
        "{gone:?} of {files:?}"
    );
}
