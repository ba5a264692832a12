//! Pairs of source and destination to copy, from the command line or from a file.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, stdin};
use std::path::Path;

use anyhow::{Context, anyhow};
use portolan_model::ImageReference;

use super::prefix::Prefix;
use crate::failure::{Failure, Outcome};
use crate::image_ref::{Location, RemoteImage, is_host};
use crate::usage::ValueError;

/// Source and destination of one copy.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) source: Location,
    pub(super) target: Location,
}

impl Pair {
    /// Returns the name of the copy in messages.
    pub(super) fn name(&self) -> String {
        format!("{} -> {}", self.source, self.target)
    }

    /// Returns whether the destination is the tag of the source, so that the copy replaces the
    /// image. A digest that the source also contains is ignored.
    pub(super) fn is_in_place(&self) -> bool {
        without_digest(&self.source) == without_digest(&self.target)
    }
}

/// Returns the location without its digest if it has a tag. Adds the default tag if it has no tag
/// and no digest.
fn without_digest(location: &Location) -> Location {
    match location.with_default_tag() {
        Location::Registry(RemoteImage { reference, .. }) => {
            let digest = reference.digest.filter(|_| reference.tag.is_none());
            Location::Registry(RemoteImage {
                scheme: None,
                reference: ImageReference {
                    digest,
                    ..reference
                },
            })
        }
        local @ Location::Local(_) => local,
    }
}

/// Parses the pairs that the command line requests. `references` are the positional arguments, and
/// `from` is the value of `--from`.
pub(super) fn parse_pairs(references: &[String], from: Option<&Path>) -> Outcome<Vec<Pair>> {
    let pairs = match (from, references) {
        (Some(file), []) => read_pairs(file, None)?,
        (Some(file), [prefix]) => read_pairs(file, Some(&Prefix::parse(prefix)?))?,
        (Some(_), _) => {
            return Err(usage_error(
                "--from allows at most one DST on the command line",
            ));
        }
        (None, [source, target]) if !target.ends_with('/') || is_local(target) => {
            vec![Pair {
                source: parse_location(source)?,
                target: parse_target(target)?,
            }]
        }
        (None, [sources @ .., prefix]) if !sources.is_empty() => {
            let prefix = Prefix::parse(prefix)?;
            sources
                .iter()
                .map(|source| pair_with_prefix(&prefix, source))
                .collect::<Outcome<_>>()?
        }
        (None, _) => return Err(usage_error("the destination is missing")),
    };
    check_distinct(&pairs)?;
    Ok(pairs)
}

/// Reads the pairs from a file. Errors contain the number of the line.
fn read_pairs(file: &Path, prefix: Option<&Prefix>) -> Outcome<Vec<Pair>> {
    let text = read_file(file)?;
    let lines = text.lines().enumerate().filter_map(|(number, line)| {
        let words: Vec<_> = line
            .split_once('#')
            .map_or(line, |(line, _)| line)
            .split_whitespace()
            .collect();
        (!words.is_empty()).then(|| {
            parse_line(&words, prefix)
                .map_err(|error| error.context(format!("{}, line {}", file.display(), number + 1)))
        })
    });
    lines.collect()
}

fn read_file(file: &Path) -> Outcome<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        let read = stdin().read_to_string(&mut text);
        read.context("failed to read standard input")?;
        return Ok(text);
    }
    if !file.exists() {
        return Err(Failure::missing_file(file));
    }
    fs::read_to_string(file)
        .with_context(|| format!("failed to read {}", file.display()))
        .map_err(Failure::usage)
}

fn parse_line(words: &[&str], prefix: Option<&Prefix>) -> Outcome<Pair> {
    match (words, prefix) {
        ([source, target], _) => Ok(Pair {
            source: parse_location(source)?,
            target: parse_target(target)?,
        }),
        ([source], Some(prefix)) => pair_with_prefix(prefix, source),
        ([_], None) => Err(usage_error(
            "the destination is missing, both on this line and on the command line",
        )),
        _ => Err(usage_error("a line must contain SRC, or SRC and DST")),
    }
}

fn pair_with_prefix(prefix: &Prefix, source: &str) -> Outcome<Pair> {
    let source = parse_location(source)?;
    let target = prefix.apply(&source)?;
    Ok(Pair { source, target })
}

fn parse_location(text: &str) -> Outcome<Location> {
    Ok(text.parse::<Location>()?)
}

/// Parses a destination. For a host, suggests the forms that `copy` accepts.
fn parse_target(text: &str) -> Outcome<Location> {
    if is_host(text.strip_prefix("docker://").unwrap_or(text)) {
        return Err(ValueError::new(
            format!("\"{text}\" is a host, not an image"),
            format!("use `{text}/` to keep the repository and tag, or `{text}/NAME:TAG`"),
        )
        .into());
    }
    parse_location(text)
}

fn is_local(text: &str) -> bool {
    matches!(text.parse(), Ok(Location::Local(_)))
}

/// Rejects different sources with the same destination. Copies run in parallel, so the result would
/// be random.
fn check_distinct(pairs: &[Pair]) -> Outcome {
    let mut seen = HashMap::new();
    let complete = pairs
        .iter()
        .map(|Pair { source, target }| (source.with_default_tag(), target.with_default_tag()));
    for (source, target) in complete.filter(|(_, target)| target.has_reference()) {
        match seen.get(&target) {
            Some(other) if *other != source => {
                return Err(usage_error(&format!(
                    "{other} and {source} would both be copied to {target}"
                )));
            }
            _ => seen.insert(target, source),
        };
    }
    Ok(())
}

fn usage_error(message: &str) -> Failure {
    Failure::usage(anyhow!("{message}")).with_hint("run `portolan copy --help`")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::failure::Status;

    fn pairs(references: &[&str], from: Option<&str>) -> Outcome<Vec<String>> {
        let file = from.map(|text| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file
        });
        let references: Vec<_> = references.iter().map(ToString::to_string).collect();
        let pairs = parse_pairs(
            &references,
            file.as_ref().map(tempfile::NamedTempFile::path),
        )?;
        Ok(pairs
            .iter()
            .map(|pair| format!("{} {}", pair.source, pair.target))
            .collect())
    }

    #[test]
    fn one_source_has_its_own_target_and_several_share_a_prefix() {
        assert_eq!(
            pairs(&["quay.io/a:1", "localhost/b"], None).unwrap(),
            ["quay.io/a:1 localhost/b"]
        );
        assert_eq!(
            pairs(&["quay.io/a:1", "localhost/"], None).unwrap(),
            ["quay.io/a:1 localhost/a:1"]
        );
        assert_eq!(
            pairs(&["quay.io/a:1", "oci:folder/"], None).unwrap(),
            ["quay.io/a:1 oci:folder/"]
        );
        let several = pairs(&["quay.io/a:1", "quay.io/b:2", "localhost/x"], None).unwrap();
        assert_eq!(
            several,
            ["quay.io/a:1 localhost/x/a:1", "quay.io/b:2 localhost/x/b:2"]
        );
        let untagged = pairs(&["oci:a", "oci:b", "oci:folder"], None).unwrap();
        assert_eq!(untagged, ["oci:a oci:folder", "oci:b oci:folder"]);
        assert_eq!(
            pairs(&["quay.io/a", "quay.io/a:latest", "localhost"], None)
                .unwrap()
                .len(),
            2,
            "the same twice"
        );
    }

    #[test]
    fn detects_copies_in_place_also_with_a_digest() {
        let digest = portolan_model::Digest::sha256(b"a");
        let is_in_place = |source: &str, target: &str| {
            Pair {
                source: source.parse().unwrap(),
                target: target.parse().unwrap(),
            }
            .is_in_place()
        };
        assert!(is_in_place(&format!("quay.io/a:1@{digest}"), "quay.io/a:1"));
        assert!(is_in_place("quay.io/a", "quay.io/a:latest") && is_in_place("oci:a:1", "oci:a:1"));
        assert!(!is_in_place("quay.io/a:1", "quay.io/a:2") && !is_in_place("oci:a:1", "oci:b:1"));
        assert!(
            !is_in_place(&format!("quay.io/a@{digest}"), "quay.io/a:1"),
            "the source has no tag"
        );
    }

    #[test]
    fn a_file_may_contain_comments_and_targets() {
        let text = "# all\n\nquay.io/a:1 # the first\nquay.io/b:2 oci:b\n";
        let listed = pairs(&["localhost"], Some(text)).unwrap();
        assert_eq!(listed, ["quay.io/a:1 localhost/a:1", "quay.io/b:2 oci:b"]);
        let failure = pairs(&[], Some(text)).unwrap_err();
        assert!(
            failure.status == Status::Usage && failure.to_string().contains("line 3"),
            "{failure}"
        );
    }

    #[test]
    fn rejects_missing_and_ambiguous_targets() {
        for references in [
            &["quay.io/a:1"][..],
            &[],
            &["quay.io/a:1", "ghcr.io/a:1", "localhost"],
            &["quay.io/a", "ghcr.io/a", "localhost"],
            &["quay.io/a", "ghcr.io/a:latest", "localhost"],
        ] {
            assert_eq!(
                pairs(references, None).unwrap_err().status,
                Status::Usage,
                "{references:?}"
            );
        }
    }

    #[test]
    fn rejects_a_host_as_target() {
        for host in [
            "127.0.0.1:5000",
            "localhost:5000",
            "[::1]:5000",
            "docker://quay.io:443",
        ] {
            let failure = pairs(&["quay.io/a:1", host], None).unwrap_err();
            assert!(
                failure.status == Status::Usage && failure.to_string().contains("is a host"),
                "{failure}"
            );
            pairs(&[], Some(&format!("quay.io/a:1 {host}\n"))).unwrap_err();
        }
        for (target, location) in [
            ("alpine:5000", "docker.io/library/alpine:5000"),
            ("oci:5000", "oci:5000"),
        ] {
            assert_eq!(
                pairs(&["quay.io/a:1", target], None).unwrap(),
                [format!("quay.io/a:1 {location}")]
            );
        }
    }
}
