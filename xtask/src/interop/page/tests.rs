//! Tests of the page with few cells.

use std::path::Path;

use super::*;
use crate::interop::client::Arrival;
use crate::interop::expect::Limit;
use crate::interop::matrix::CellOutcome;

const NESTED: Limit = Limit {
    text: "is a list",
    reason: "No lists in lists.",
};
const FEIGNED: Limit = Limit {
    text: "404",
    reason: "No unknown types.",
};

fn cell(
    client: &'static str,
    direction: &'static str,
    kind: &str,
    outcome: CellOutcome,
) -> MatrixCell {
    MatrixCell {
        client,
        direction,
        kind: kind.to_owned(),
        outcome,
    }
}

fn page(matrix: &[MatrixCell]) -> String {
    page_with(matrix, &[])
}

fn page_with(matrix: &[MatrixCell], exchange: &[MatrixCell]) -> String {
    let scrub = RunDetails {
        host: "127.0.0.1:7".to_owned(),
        folder: Path::new("/tmp/interop"),
    };
    render_page(
        [matrix, exchange],
        &["CLIENTS\n", "TOOLS\n"].map(ToOwned::to_owned),
        &scrub,
    )
}

fn refused() -> CellOutcome {
    CellOutcome::Unsupported(NESTED, "start | Error: 127.0.0.1:7/a is a list".to_owned())
}

#[test]
fn cells_show_pull_and_push() {
    let page = page(&[
        cell(
            "skopeo",
            "pull",
            "oci-index",
            CellOutcome::Passed(Arrival::OneImage),
        ),
        cell(
            "skopeo",
            "push",
            "oci-index",
            CellOutcome::Passed(Arrival::Rewritten(String::new())),
        ),
        cell(
            "oras",
            "pull",
            "oci-index",
            CellOutcome::Passed(Arrival::Full),
        ),
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
fn each_reason_appears_once_with_the_clients_message() {
    let page = page(&[
        cell("docker", "pull", "nested-index", refused()),
        cell("docker", "push", "nested-index", refused()),
        cell("docker", "push", "empty-index", refused()),
        cell(
            "docker",
            "push",
            "custom-type",
            CellOutcome::FalseSuccess(FEIGNED, "GET: 404".to_owned()),
        ),
        cell(
            "oras",
            "pull",
            "nested-index",
            CellOutcome::Passed(Arrival::Full),
        ),
    ]);
    let section = "
### docker
- No lists in lists. Pull and push of `nested-index`; push of `empty-index`.
  ```text
  Error: registry.example/a is a list
  ```
- No unknown types. Push of `custom-type`. The push exits with status 0 nevertheless.
";
    assert!(page.ends_with(section), "{page}");
}

#[test]
fn own_builds_have_a_sentence_and_no_row() {
    let own = |client| {
        cell(
            client,
            "push",
            OWN,
            CellOutcome::Passed(Arrival::Rewritten(String::new())),
        )
    };
    let page = page(&[own("podman"), own("docker"), own("oras")]);
    assert!(
        page.contains("\nIn addition, podman, docker and oras each built"),
        "{page}"
    );
    assert!(!page.contains(OWN), "{page}");
}

#[test]
fn unsupported_forms_have_empty_cells() {
    let rewritten = || CellOutcome::Passed(Arrival::Rewritten(String::new()));
    let exchange = [
        cell(
            "skopeo",
            "read",
            "oci:real-image",
            CellOutcome::Passed(Arrival::Full),
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
