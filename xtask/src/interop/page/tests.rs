//! The page from a run of a few cells.

use std::path::Path;

use super::*;
use crate::interop::client::Arrival;
use crate::interop::expect::Limit;
use crate::interop::matrix::Outcome;

const NESTED: Limit = Limit {
    words: "is a list",
    reason: "No lists in lists.",
};
const FEIGNED: Limit = Limit {
    words: "404",
    reason: "No unknown types.",
};

fn cell(client: &'static str, direction: &'static str, kind: &str, outcome: Outcome) -> Cell {
    Cell {
        client,
        direction,
        kind: kind.to_owned(),
        outcome,
    }
}

fn page(matrix: &[Cell]) -> String {
    page_with(matrix, &[])
}

fn page_with(matrix: &[Cell], exchange: &[Cell]) -> String {
    let scrub = Scrub {
        host: "127.0.0.1:7".to_owned(),
        folder: Path::new("/tmp/interop"),
    };
    text(
        [matrix, exchange],
        &["CLIENTS\n", "TOOLS\n"].map(ToOwned::to_owned),
        &scrub,
    )
}

fn refused() -> Outcome {
    Outcome::Cannot(NESTED, "start | Error: 127.0.0.1:7/a is a list".to_owned())
}

#[test]
fn cells_are_pull_and_push() {
    let page = page(&[
        cell(
            "skopeo",
            "pull",
            "oci-index",
            Outcome::Passed(Arrival::OneImage),
        ),
        cell(
            "skopeo",
            "push",
            "oci-index",
            Outcome::Passed(Arrival::Rewritten(String::new())),
        ),
        cell("oras", "pull", "oci-index", Outcome::Passed(Arrival::Whole)),
        cell("oras", "push", "oci-index", refused()),
    ]);
    assert!(
        page.contains("\n| kind        | skopeo      | oras   |\n"),
        "{page}"
    );
    assert!(
        page.contains("\n| `oci-index` | image / own | ok / — |\n"),
        "{page}"
    );
    assert!(
        page.contains("\n| `oci-index` | An OCI index of OCI images for three platforms |\n"),
        "{page}"
    );
}

#[test]
fn a_reason_is_told_once_with_the_clients_words() {
    let page = page(&[
        cell("docker", "pull", "nested-index", refused()),
        cell("docker", "push", "nested-index", refused()),
        cell("docker", "push", "empty-index", refused()),
        cell(
            "docker",
            "push",
            "custom-type",
            Outcome::Feigned(FEIGNED, "GET: 404".to_owned()),
        ),
        cell(
            "oras",
            "pull",
            "nested-index",
            Outcome::Passed(Arrival::Whole),
        ),
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
    let own = |client| {
        cell(
            client,
            "push",
            OWN,
            Outcome::Passed(Arrival::Rewritten(String::new())),
        )
    };
    let page = page(&[own("podman"), own("docker"), own("oras")]);
    assert!(
        page.contains("\nBesides, podman, docker and oras each pushed"),
        "{page}"
    );
    assert!(!page.contains(OWN), "{page}");
}

#[test]
fn a_tool_has_no_word_for_a_form_that_it_has_not() {
    let rewritten = || Outcome::Passed(Arrival::Rewritten(String::new()));
    let exchange = [
        cell(
            "skopeo",
            "read",
            "oci:real-image",
            Outcome::Passed(Arrival::Whole),
        ),
        cell("skopeo", "write", "oci:real-image", refused()),
        cell("docker", "read", "docker-archive:real-image", rewritten()),
        cell("docker", "write", "docker-archive:real-image", rewritten()),
    ];
    let page = page_with(&[cell("docker", "pull", "oci-image", refused())], &exchange);
    assert!(
        page.contains("\n| `oci:real-image`            | ok / — |           |\n"),
        "{page}"
    );
    assert!(
        page.contains("\n| `docker-archive:real-image` |        | own / own |\n"),
        "{page}"
    );
    assert!(
        page.contains("\n### skopeo\n- No lists in lists. Write of `oci:real-image`.\n"),
        "{page}"
    );
}
