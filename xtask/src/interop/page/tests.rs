//! The page from a run of a few cells.

use std::path::Path;

use super::*;
use crate::interop::client::Arrival;
use crate::interop::expect::{Direction, Limit};
use crate::interop::matrix::Outcome;

const NESTED: Limit = Limit { words: "is a list", reason: "No lists in lists." };
const FEIGNED: Limit = Limit { words: "404", reason: "No unknown types." };

fn cell(client: &'static str, direction: Direction, kind: &'static str, outcome: Outcome) -> Cell {
    Cell { client, direction, kind, outcome }
}

fn page(cells: &[Cell]) -> String {
    let scrub = Scrub { host: "127.0.0.1:7".to_owned(), folder: Path::new("/tmp/interop") };
    text(cells, "PROGRAMS\n", &scrub)
}

fn refused() -> Outcome {
    Outcome::Cannot(NESTED, "start | Error: 127.0.0.1:7/a is a list".to_owned())
}

#[test]
fn cells_are_pull_and_push() {
    let page = page(&[
        cell("skopeo", Direction::Pull, "oci-index", Outcome::Passed(Arrival::OneImage)),
        cell("skopeo", Direction::Push, "oci-index", Outcome::Passed(Arrival::Rewritten(String::new()))),
        cell("oras", Direction::Pull, "oci-index", Outcome::Passed(Arrival::Whole)),
        cell("oras", Direction::Push, "oci-index", refused()),
    ]);
    assert!(page.contains("\n| kind        | skopeo      | oras   |\n"), "{page}");
    assert!(page.contains("\n| `oci-index` | image / own | ok / — |\n"), "{page}");
    assert!(page.contains("\n| `oci-index` | An OCI index of OCI images for three platforms |\n"), "{page}");
}

#[test]
fn a_reason_is_told_once_with_the_clients_words() {
    let page = page(&[
        cell("docker", Direction::Pull, "nested-index", refused()),
        cell("docker", Direction::Push, "nested-index", refused()),
        cell("docker", Direction::Push, "empty-index", refused()),
        cell("docker", Direction::Push, "custom-type", Outcome::Feigned(FEIGNED, "GET: 404".to_owned())),
        cell("oras", Direction::Pull, "nested-index", Outcome::Passed(Arrival::Whole)),
    ]);
    let section = "
### docker
- No lists in lists. Pull and push of `nested-index`; push of `empty-index`.
  ```text
  Error: registry.example/a is a list
  ```
- No unknown types. Push of `custom-type`. The push ends with status 0 all the same.
";
    assert!(page.ends_with(section), "{page}");
}

#[test]
fn what_clients_make_themselves_has_a_sentence_and_no_row() {
    let own = |client| cell(client, Direction::Push, OWN, Outcome::Passed(Arrival::Rewritten(String::new())));
    let page = page(&[own("podman"), own("docker"), own("oras")]);
    assert!(page.contains("\nBesides, podman, docker and oras each pushed"), "{page}");
    assert!(!page.contains(OWN), "{page}");
}
