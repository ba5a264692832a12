//! Rust files as flat lists of tokens, without comments and test modules.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Word, literal or punctuation.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Tokens of a file, and the number of its lines in test modules.
pub(crate) struct Tokens {
    pub(crate) all: Vec<Token>,
    pub(crate) test_lines: usize,
}

impl Tokens {
    /// Parses a file. The error is that of the lexer.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let stream: TokenStream = text.parse().map_err(|error| format!("{error}"))?;
        let mut tokens = Self {
            all: Vec::new(),
            test_lines: 0,
        };
        tokens.flatten(stream);
        Ok(tokens)
    }

    /// Returns the lines that name `crate_name::item`, including `use crate_name::{item, …}`.
    pub(crate) fn lines_naming(&self, crate_name: &str, item: &str) -> Vec<usize> {
        let starts = (0..self.all.len()).filter(|&at| self.is_path(at, crate_name));
        starts
            .filter_map(|at| self.line_of_item(at + 3, item))
            .collect()
    }

    /// Returns the lines that contain a word.
    pub(crate) fn lines_with(&self, word: &str) -> Vec<usize> {
        self.all
            .iter()
            .filter(|token| token.text == word)
            .map(|token| token.line)
            .collect()
    }

    fn is_path(&self, at: usize, crate_name: &str) -> bool {
        self.text(at) == crate_name && self.text(at + 1) == ":" && self.text(at + 2) == ":"
    }

    /// Returns the line of `item` if it follows at `at`, alone or as a member of a braced list.
    fn line_of_item(&self, at: usize, item: &str) -> Option<usize> {
        if self.text(at) == item {
            return Some(self.all[at].line);
        }
        if self.text(at) != "{" {
            return None;
        }
        let mut depth = 0;
        for index in at..self.all.len() {
            match self.text(index) {
                "{" => depth += 1,
                "}" if depth == 1 => return None,
                "}" => depth -= 1,
                text if text == item && depth == 1 && matches!(self.text(index - 1), "{" | ",") => {
                    return Some(self.all[index].line);
                }
                _ => {}
            }
        }
        None
    }

    fn text(&self, at: usize) -> &str {
        self.all.get(at).map_or("", |token| &token.text)
    }

    fn flatten(&mut self, stream: TokenStream) {
        let mut trees = stream.into_iter().peekable();
        while let Some(tree) = trees.next() {
            match tree {
                TokenTree::Punct(sign) if sign.as_char() == '#' => {
                    if matches!(trees.peek(), Some(TokenTree::Punct(sign)) if sign.as_char() == '!')
                    {
                        trees.next();
                    }
                    let Some(TokenTree::Group(attribute)) = trees.next() else {
                        continue;
                    };
                    if is_for_tests(&attribute) {
                        self.skip_item(attribute.span_open().start().line, &mut trees);
                    } else if !is_doc(&attribute) {
                        self.push_group(&attribute);
                    }
                }
                TokenTree::Group(group) => self.push_group(&group),
                other => self.push(other.to_string(), other.span().start().line),
            }
        }
    }

    fn push_group(&mut self, group: &Group) {
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => ("", ""),
        };
        self.push(open.to_owned(), group.span_open().start().line);
        self.flatten(group.stream());
        self.push(close.to_owned(), group.span_close().start().line);
    }

    fn push(&mut self, text: String, line: usize) {
        self.all.push(Token { text, line });
    }

    /// Skips an item up to the end of its body or its semicolon.
    fn skip_item(&mut self, from: usize, trees: &mut impl Iterator<Item = TokenTree>) {
        for tree in trees {
            let ends = match &tree {
                TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                TokenTree::Punct(sign) => sign.as_char() == ';',
                _ => false,
            };
            if ends {
                self.test_lines += tree.span().end().line - from + 1;
                return;
            }
        }
    }
}

/// Returns whether the attribute is `#[cfg(test)]`, alone or with other conditions, but not
/// negated.
fn is_for_tests(attribute: &Group) -> bool {
    let text = attribute.stream().to_string();
    let words: Vec<_> = text
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .collect();
    words.first() == Some(&"cfg") && words.contains(&"test") && !words.contains(&"not")
}

fn is_doc(attribute: &Group) -> bool {
    matches!(attribute.stream().into_iter().next(), Some(TokenTree::Ident(word)) if word == "doc")
}

#[cfg(test)]
mod tests {
    use super::Tokens;

    fn lines(text: &str, item: &str) -> Vec<usize> {
        Tokens::parse(text).unwrap().lines_naming("std", item)
    }

    #[test]
    fn finds_paths_and_braced_lists() {
        assert_eq!(lines("\nfn f() { std::fs::read(p) }", "fs"), [2]);
        assert_eq!(
            lines(
                "use std::{collections::BTreeMap,\n fs::{self, File}};",
                "fs"
            ),
            [2]
        );
        assert_eq!(
            lines("use std::{io::{Read, fs}, fmt};", "fs"),
            Vec::<usize>::new()
        );
        assert_eq!(lines("use other::fs;", "fs"), Vec::<usize>::new());
    }

    #[test]
    fn skips_comments_and_tests() {
        let text =
            "// std::fs\n/// std::fs\nfn f() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        let tokens = Tokens::parse(text).unwrap();
        assert!(tokens.lines_naming("std", "fs").is_empty());
        assert_eq!(tokens.test_lines, 4);
    }

    #[test]
    fn includes_items_with_other_attributes() {
        assert_eq!(lines("#[cfg(not(test))]\nuse std::fs;", "fs"), [2]);
        assert_eq!(lines("#![allow(x)]\nuse std::fs;", "fs"), [2]);
    }
}
