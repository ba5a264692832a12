//! Check that the page on media types names only existing tests and files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

/// Appends all Rust sources below a folder to a text.
fn append_sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            append_sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&read(path));
        }
    }
}

/// Returns the texts between backquotes.
fn quoted_texts(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2)
}

fn is_snake_case(name: &str) -> bool {
    name.contains('_')
        && name
            .chars()
            .all(|character| matches!(character, 'a'..='z' | '0'..='9' | '_'))
}

#[test]
fn page_names_existing_tests_and_keys() {
    let (page, configuration) = (read("docs/media-types.md"), read("docs/configuration.md"));
    let mut code = String::new();
    append_sources(&Path::new(ROOT).join("crates"), &mut code);
    let names: BTreeSet<_> = quoted_texts(&page)
        .filter(|text| is_snake_case(text))
        .collect();
    let exists = |name: &str| {
        code.contains(&format!("fn {name}(")) || configuration.contains(&format!("\n{name} = "))
    };
    let gone: Vec<_> = names.iter().filter(|name| !exists(name)).collect();
    assert!(gone.is_empty() && names.len() > 10, "{gone:?} of {names:?}");
}

#[test]
fn page_names_existing_files() {
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
