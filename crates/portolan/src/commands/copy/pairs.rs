//! What is to be copied where: from the command line, or from a file.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, stdin};
use std::path::Path;

use anyhow::{Context, anyhow};
use portolan_model::ImageReference;

use super::prefix::Prefix;
use crate::failure::{Failure, Outcome};
use crate::location::Location;

/// One thing to copy, and where to.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) source: Location,
    pub(super) target: Location,
}

impl Pair {
    /// What it is called in messages.
    pub(super) fn name(&self) -> String {
        format!("{} -> {}", self.source, self.target)
    }

    /// Whether what a tag points to takes its own place, though the source may also say the digest that it is to have.
    pub(super) fn is_in_place(&self) -> bool {
        tagged(&self.source) == tagged(&self.target)
    }
}

/// The place that a tag names, whatever digest is to be found there.
fn tagged(location: &Location) -> Location {
    match location.complete() {
        Location::Registry(image) if image.tag.is_some() => Location::Registry(ImageReference {
            digest: None,
            ..image
        }),
        location => location,
    }
}

/// The pairs that the command line asks for.
pub(super) fn of(references: &[String], from: Option<&Path>) -> Outcome<Vec<Pair>> {
    let pairs = match (from, references) {
        (Some(file), []) => listed(file, None)?,
        (Some(file), [prefix]) => listed(file, Some(&Prefix::parse(prefix)?))?,
        (Some(_), _) => {
            return Err(wrong(
                "with --from there is at most one DST on the command line",
            ));
        }
        (None, [source, target]) if !target.ends_with('/') || is_local(target) => {
            vec![Pair {
                source: parsed(source)?,
                target: parsed_target(target)?,
            }]
        }
        (None, [sources @ .., prefix]) if !sources.is_empty() => {
            let prefix = Prefix::parse(prefix)?;
            sources
                .iter()
                .map(|source| under(&prefix, source))
                .collect::<Outcome<_>>()?
        }
        (None, _) => return Err(wrong("there is one reference, and no DST behind it")),
    };
    distinct(&pairs)?;
    Ok(pairs)
}

fn listed(file: &Path, prefix: Option<&Prefix>) -> Outcome<Vec<Pair>> {
    let text = read(file)
        .with_context(|| format!("reading {}", file.display()))
        .map_err(Failure::usage)?;
    let lines = text.lines().enumerate().filter_map(|(number, line)| {
        let words: Vec<_> = line
            .split_once('#')
            .map_or(line, |(line, _)| line)
            .split_whitespace()
            .collect();
        (!words.is_empty()).then(|| {
            line_pair(&words, prefix)
                .map_err(|error| error.about(format!("{}, line {}", file.display(), number + 1)))
        })
    });
    lines.collect()
}

fn read(file: &Path) -> std::io::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(file)
}

fn line_pair(words: &[&str], prefix: Option<&Prefix>) -> Outcome<Pair> {
    match (words, prefix) {
        ([source, target], _) => Ok(Pair {
            source: parsed(source)?,
            target: parsed_target(target)?,
        }),
        ([source], Some(prefix)) => under(prefix, source),
        ([_], None) => Err(wrong(
            "there is no DST, neither here nor on the command line",
        )),
        _ => Err(wrong("a line is SRC, or SRC and DST")),
    }
}

fn under(prefix: &Prefix, source: &str) -> Outcome<Pair> {
    let source = parsed(source)?;
    let target = prefix.under(&source)?;
    Ok(Pair { source, target })
}

fn parsed(text: &str) -> Outcome<Location> {
    text.parse()
        .map_err(|error: crate::location::LocationError| Failure::usage(error))
}

/// Whoever writes a host alone does not mean an image of Docker Hub whose tag is a number.
fn parsed_target(text: &str) -> Outcome<Location> {
    if is_host(text.strip_prefix("docker://").unwrap_or(text)) {
        return Err(wrong(&format!(
            "\"{text}\" is a host; write {text}/ to keep repository and tag, or {text}/NAME"
        )));
    }
    parsed(text)
}

fn is_host(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let is_name = !host.contains('/') && (host.contains('.') || host == "localhost");
    let is_address = host.starts_with('[') && host.ends_with(']');
    (is_name || is_address) && port.parse::<u16>().is_ok()
}

fn is_local(text: &str) -> bool {
    matches!(text.parse(), Ok(Location::Local(_)))
}

/// Two sources under one name would be one of the two, by chance.
fn distinct(pairs: &[Pair]) -> Outcome {
    let mut seen = HashMap::new();
    let complete = pairs
        .iter()
        .map(|Pair { source, target }| (source.complete(), target.complete()));
    for (source, target) in complete.filter(|(_, target)| target.names_image()) {
        match seen.get(&target) {
            Some(other) if *other != source => {
                return Err(wrong(&format!(
                    "{other} and {source} would both be {target}"
                )));
            }
            _ => seen.insert(target, source),
        };
    }
    Ok(())
}

fn wrong(message: &str) -> Failure {
    Failure::usage(anyhow!("{message}; see portolan copy --help"))
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
        let pairs = of(
            &references,
            file.as_ref().map(tempfile::NamedTempFile::path),
        )?;
        Ok(pairs
            .iter()
            .map(|pair| format!("{} {}", pair.source, pair.target))
            .collect())
    }

    #[test]
    fn one_source_names_its_target_and_several_share_a_place() {
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
    fn a_tag_takes_its_own_place_also_by_its_digest() {
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
            "nobody says where the tag was"
        );
    }

    #[test]
    fn a_file_has_comments_and_targets_of_its_own() {
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
    fn what_makes_no_sense_is_refused() {
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
    fn a_host_alone_is_no_image() {
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
