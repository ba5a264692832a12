//! Tests that compare the OpenAPI document with the routes and their responses.

use std::collections::BTreeSet;

use portolan_model::fixtures::{IndexFixture, image};
use portolan_model::{Digest, MediaType, Reference, RepositoryName};
use portolan_registry::Error;
use portolan_server::ReadyCheck;
use portolan_wire::ApiEndpoint;
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::harness::{TestResponse, TestServer};
use crate::schema;

const REPOSITORY: &str = "/api/v1/repositories/{name}";
const MANIFESTS: &str = "/api/v1/repositories/{name}/-/manifests";
const CHECK: &str = "/api/v1/repositories/{name}/-/check";
const TREE: &str = "/api/v1/repositories/{name}/-/tree/{reference}";
const DESCRIPTION: &str = "/api/v1/openapi.json";

async fn description(server: &TestServer) -> Value {
    let answer = server.get(DESCRIPTION).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json")
    );
    answer.json()
}

/// Returns every path and method in the document, with the operation.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .iter()
                .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
        .collect()
}

fn fill_parameters(path: &str) -> String {
    path.replace("{name}", "team%2Fapp")
        .replace("{reference}", "v1")
}

/// Returns the path of an endpoint. A new endpoint must be added here, and to the document.
fn endpoint_path(endpoint: &ApiEndpoint) -> &'static str {
    match endpoint {
        ApiEndpoint::Description => DESCRIPTION,
        ApiEndpoint::Repository(_) => REPOSITORY,
        ApiEndpoint::Manifests(_) => MANIFESTS,
        ApiEndpoint::Check(_) => CHECK,
        ApiEndpoint::Tree(..) => TREE,
    }
}

#[tokio::test]
async fn document_has_this_version_and_is_consistent() {
    let document = description(&TestServer::start().await).await;
    assert_eq!(
        (&document["openapi"], &document["info"]["version"]),
        (&json!("3.1.0"), &json!(env!("CARGO_PKG_VERSION")))
    );
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        assert!(
            operation["summary"]
                .as_str()
                .is_some_and(|summary| !summary.is_empty()),
            "{method} {path}"
        );
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let described = parameters
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap());
        let named = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(
            described.collect::<BTreeSet<_>>(),
            named.collect(),
            "{method} {path}"
        );
        assert!(
            ids.insert(operation["operationId"].as_str().unwrap()),
            "{method} {path}"
        );
    }
    references_resolve(&document, &document);
}

fn references_resolve(document: &Value, value: &Value) {
    if value["$ref"].is_string() {
        schema::resolve(document, value);
    }
    let members = value
        .as_object()
        .into_iter()
        .flat_map(|object| object.values());
    for part in members.chain(value.as_array().into_iter().flatten()) {
        references_resolve(document, part);
    }
}

#[tokio::test]
async fn document_contains_exactly_the_routes() {
    let server = TestServer::start().await;
    let document = description(&server).await;
    let (name, reference): (RepositoryName, Reference) =
        ("team/app".parse().unwrap(), "v1".parse().unwrap());
    let endpoints = [
        ApiEndpoint::Description,
        ApiEndpoint::Repository(name.clone()),
        ApiEndpoint::Manifests(name.clone()),
        ApiEndpoint::Check(name.clone()),
        ApiEndpoint::Tree(name, reference),
    ];
    let mut expected: BTreeSet<_> = endpoints.iter().map(endpoint_path).collect();
    expected.extend(["/healthz", "/readyz"]);
    let described: BTreeSet<_> = operations(&document)
        .iter()
        .map(|(path, ..)| *path)
        .collect();
    assert_eq!(described, expected);
    for path in described {
        // One of the paths deletes it.
        server
            .request(
                "PUT",
                "/v2/team/app/manifests/v1",
                &[],
                &IndexFixture::oci().bytes(),
            )
            .await;
        let methods = document["paths"][path].as_object().unwrap();
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE",
        ] {
            let answer = server
                .request(method, &fill_parameters(path), &[], b"")
                .await;
            let described = if method == "HEAD" {
                "get".into()
            } else {
                method.to_lowercase()
            };
            assert_eq!(
                answer.status != 405,
                methods.contains_key(&described),
                "{method} {path}"
            );
            assert_ne!(answer.status, 404, "{method} {path}");
        }
    }
}

/// Server, method, path in the document, target, body, and expected status.
type Case<'a> = (
    &'a TestServer,
    &'static str,
    &'static str,
    String,
    &'a [u8],
    u16,
);

/// Returns the path of an endpoint below that of the repositories.
fn at(rest: &str) -> String {
    format!("/api/v1/repositories/{rest}")
}

/// Returns the requests for lists of manifests and for deletions.
fn repository_cases(servers: &Servers) -> [Case<'_>; 8] {
    let Servers {
        default, failing, ..
    } = servers;
    [
        (
            default,
            "GET",
            MANIFESTS,
            at("team/app/-/manifests?n=2"),
            b"",
            200,
        ),
        (default, "GET", MANIFESTS, at("A/-/manifests"), b"", 400),
        (
            default,
            "GET",
            MANIFESTS,
            at("team/app/-/manifests?n=x"),
            b"",
            400,
        ),
        (default, "GET", MANIFESTS, at("none/-/manifests"), b"", 404),
        (default, "DELETE", REPOSITORY, at("A"), b"", 400),
        (default, "DELETE", REPOSITORY, at("none"), b"", 404),
        (failing, "DELETE", REPOSITORY, at("kept"), b"", 405),
        (default, "DELETE", REPOSITORY, at("team/app"), b"", 202),
    ]
}

/// Servers that together produce every documented response.
struct Servers {
    default: TestServer,
    full: TestServer,
    failing: TestServer,
}

impl Servers {
    async fn start() -> Self {
        let default =
            TestServer::with_settings(|settings| settings.limits.manifest_bytes = 10_000).await;
        let full = TestServer::with_settings(|settings| {
            (settings.limits.trees, settings.limits.uploads) = (0, 0);
        })
        .await;
        let not_ready = ReadyCheck::new(|| async {
            Err(Error::internal(
                "failed to reach the database",
                "it is down",
            ))
        });
        Self {
            default,
            full,
            failing: TestServer::with_ready_check(Gate::new(), not_ready, |_| ()).await,
        }
    }
}

#[tokio::test]
async fn responses_match_the_document() {
    let servers = Servers::start().await;
    let Servers {
        default,
        full,
        failing,
    } = &servers;
    let document = description(default).await;
    push_tree(default).await;
    let absent = image("absent").layers(["x"]).bytes();
    let large = vec![b' '; 10_001];
    let by_digest = format!(
        "/api/v1/repositories/team/app/-/tree/{}",
        Digest::sha256(b"")
    );
    let cases: [Case<'_>; 18] = [
        (default, "GET", DESCRIPTION, DESCRIPTION.into(), b"", 200),
        (default, "GET", "/healthz", "/healthz".into(), b"", 200),
        (default, "GET", "/readyz", "/readyz".into(), b"", 200),
        (failing, "GET", "/readyz", "/readyz".into(), b"", 503),
        (default, "POST", CHECK, at("team/app/-/check"), &absent, 200),
        (default, "POST", CHECK, at("team/app/-/check"), b"{", 200),
        (
            default,
            "POST",
            CHECK,
            at("team/app/-/check?reference=v1&tag=v2"),
            b"",
            200,
        ),
        (
            default,
            "POST",
            CHECK,
            at("team/app/-/check?reference=signature"),
            b"",
            200,
        ),
        (default, "POST", CHECK, at("team/app/-/check"), b"", 400),
        (
            default,
            "POST",
            CHECK,
            at("team/app/-/check?reference=v9"),
            b"",
            404,
        ),
        (failing, "POST", CHECK, at("no-dry-run/-/check"), b"{}", 405),
        (default, "POST", CHECK, at("team/app/-/check"), &large, 413),
        (full, "POST", CHECK, at("team/app/-/check"), b"{}", 429),
        (default, "GET", TREE, at("team/app/-/tree/v1"), b"", 200),
        (
            default,
            "GET",
            TREE,
            at("team/app/-/tree/signature"),
            b"",
            200,
        ),
        (default, "GET", TREE, at("UPPER/-/tree/v1"), b"", 400),
        (default, "GET", TREE, by_digest, b"", 404),
        (full, "GET", TREE, at("team/app/-/tree/v1"), b"", 429),
    ];
    let mut seen = BTreeSet::new();
    for (server, method, path, target, body, status) in
        cases.into_iter().chain(repository_cases(&servers))
    {
        let answer = server.request(method, &target, &[], body).await;
        assert_eq!(answer.status, status, "{method} {target}");
        assert_fits(&document, path, &method.to_lowercase(), &answer);
        seen.insert((path.to_owned(), method.to_lowercase(), status.to_string()));
    }
    for (path, method, operation) in operations(&document) {
        for status in operation["responses"]
            .as_object()
            .unwrap()
            .keys()
            .filter(|status| *status != "default")
        {
            assert!(
                seen.contains(&(path.into(), method.into(), status.clone())),
                "{method} {path} {status} was not seen"
            );
        }
    }
}

/// Pushes a tree that covers every documented field.
async fn push_tree(server: &TestServer) {
    let (oci, docker) = (
        image("a").built_at("2026-11-01T00:00:00Z"),
        image("b").docker(),
    );
    for image in [&oci, &docker] {
        server
            .push_image("team/app", image.digest().as_str(), image)
            .await;
    }
    let mut child = json!(docker.descriptor());
    child["platform"] = json!({"os": "windows", "architecture": "amd64", "os.version": "10.0", "os.features": ["win32k"]});
    child["annotations"] = json!({"a": "b"});
    child["artifactType"] = "application/vnd.example".into();
    let index = IndexFixture::oci()
        .image(&oci, "linux/arm/v7")
        .child(child)
        .field("annotations", json!({"a": "b"}));
    let headers = [("content-type", MediaType::OCI_INDEX)];
    server
        .request("PUT", "/v2/team/app/manifests/v1", &headers, &index.bytes())
        .await;
    let signature = image("signature")
        .subject(&index.descriptor())
        .field("annotations", json!({"a": "b"}));
    assert_eq!(
        server
            .push_image("team/app", "signature", &signature)
            .await
            .status,
        201
    );
}

fn assert_fits(document: &Value, path: &str, method: &str, answer: &TestResponse) {
    let responses = &document["paths"][path][method]["responses"];
    let status = answer.status.to_string();
    let response = responses
        .get(&status)
        .or(responses.get("default"))
        .unwrap_or_else(|| panic!("{path} {status}"));
    if answer.body.is_empty() {
        assert!(response["content"].is_null(), "{method} {path} {status}");
        return;
    }
    let media_type = answer.header("content-type");
    let faults = schema::find_errors(
        document,
        &response["content"][media_type]["schema"],
        &answer.json(),
    );
    assert!(faults.is_empty(), "{method} {path} {status}: {faults:#?}");
}
