//! The OpenAPI document, held against the routes and against what they answer.

use std::collections::BTreeSet;

use portolan_model::fixtures::{Index, image};
use portolan_model::{Digest, MediaType, Reference, RepositoryName};
use portolan_registry::Error;
use portolan_server::ReadyCheck;
use portolan_wire::ApiEndpoint;
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::harness::{Answer, Running};
use crate::schema;

const CHECK: &str = "/api/v1/repositories/{name}/check";
const TREE: &str = "/api/v1/repositories/{name}/tree/{reference}";
const DESCRIPTION: &str = "/api/v1/openapi.json";

async fn description(server: &Running) -> Value {
    let answer = server.get(DESCRIPTION).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json")
    );
    answer.json()
}

/// Every path and method that is described, and the description.
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

fn filled(path: &str) -> String {
    path.replace("{name}", "team%2Fapp")
        .replace("{reference}", "v1")
}

/// Where an endpoint is described. A new one has to be added here, and described.
fn path_of(endpoint: &ApiEndpoint) -> &'static str {
    match endpoint {
        ApiEndpoint::Description => DESCRIPTION,
        ApiEndpoint::Check(_) => CHECK,
        ApiEndpoint::Tree(..) => TREE,
    }
}

#[tokio::test]
async fn it_is_of_this_version_and_hangs_together() {
    let document = description(&Running::start().await).await;
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
        schema::resolved(document, value);
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
async fn it_has_every_route_and_no_other() {
    let server = Running::start().await;
    server
        .call(
            "PUT",
            "/v2/team/app/manifests/v1",
            &[],
            &Index::oci().bytes(),
        )
        .await;
    let document = description(&server).await;
    let (name, reference): (RepositoryName, Reference) =
        ("team/app".parse().unwrap(), "v1".parse().unwrap());
    let endpoints = [
        ApiEndpoint::Description,
        ApiEndpoint::Check(name.clone()),
        ApiEndpoint::Tree(name, reference),
    ];
    let mut expected: BTreeSet<_> = endpoints.iter().map(path_of).collect();
    expected.extend(["/healthz", "/readyz"]);
    let described: BTreeSet<_> = operations(&document)
        .iter()
        .map(|(path, ..)| *path)
        .collect();
    assert_eq!(described, expected);
    for path in described {
        let methods = document["paths"][path].as_object().unwrap();
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE",
        ] {
            let answer = server.call(method, &filled(path), &[], b"").await;
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

/// Servers of which each answers some requests as the others do not.
struct Servers {
    usual: Running,
    full: Running,
    failing: Running,
}

impl Servers {
    async fn start() -> Self {
        let usual = Running::with(|settings| settings.limits.manifest_bytes = 10_000).await;
        let full =
            Running::with(|settings| (settings.limits.trees, settings.limits.uploads) = (0, 0))
                .await;
        let not_ready = ReadyCheck::new(|| async {
            Err(Error::internal("reaching the database", "it is gone"))
        });
        Self {
            usual,
            full,
            failing: Running::checked(Gate::new(), not_ready, |_| ()).await,
        }
    }
}

#[tokio::test]
async fn answers_are_as_it_says() {
    let Servers {
        usual,
        full,
        failing,
    } = Servers::start().await;
    let document = description(&usual).await;
    fill(&usual).await;
    let absent = image("not there").layers(["x"]).bytes();
    let large = vec![b' '; 10_001];
    let by_digest = format!("/api/v1/repositories/team/app/tree/{}", Digest::sha256(b""));
    let at = |rest: &str| format!("/api/v1/repositories/{rest}");
    let cases: [(_, _, _, String, &[u8], _); 18] = [
        (&usual, "GET", DESCRIPTION, DESCRIPTION.into(), b"", 200),
        (&usual, "GET", "/healthz", "/healthz".into(), b"", 200),
        (&usual, "GET", "/readyz", "/readyz".into(), b"", 200),
        (&failing, "GET", "/readyz", "/readyz".into(), b"", 503),
        (&usual, "POST", CHECK, at("team/app/check"), &absent, 200),
        (&usual, "POST", CHECK, at("team/app/check"), b"{", 200),
        (
            &usual,
            "POST",
            CHECK,
            at("team/app/check?reference=v1&tag=v2"),
            b"",
            200,
        ),
        (
            &usual,
            "POST",
            CHECK,
            at("team/app/check?reference=signature"),
            b"",
            200,
        ),
        (&usual, "POST", CHECK, at("team/app/check"), b"", 400),
        (
            &usual,
            "POST",
            CHECK,
            at("team/app/check?reference=v9"),
            b"",
            404,
        ),
        (&failing, "POST", CHECK, at("no-dry-run/check"), b"{}", 405),
        (&usual, "POST", CHECK, at("team/app/check"), &large, 413),
        (&full, "POST", CHECK, at("team/app/check"), b"{}", 429),
        (&usual, "GET", TREE, at("team/app/tree/v1"), b"", 200),
        (&usual, "GET", TREE, at("team/app/tree/signature"), b"", 200),
        (&usual, "GET", TREE, at("UPPER/tree/v1"), b"", 400),
        (&usual, "GET", TREE, by_digest, b"", 404),
        (&full, "GET", TREE, at("team/app/tree/v1"), b"", 429),
    ];
    let mut seen = BTreeSet::new();
    for (server, method, path, target, body, status) in cases {
        let answer = server.call(method, &target, &[], body).await;
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

/// A tree that has all that the document describes.
async fn fill(server: &Running) {
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
    let index = Index::oci()
        .image(&oci, "linux/arm/v7")
        .child(child)
        .field("annotations", json!({"a": "b"}));
    let headers = [("content-type", MediaType::OCI_INDEX)];
    server
        .call("PUT", "/v2/team/app/manifests/v1", &headers, &index.bytes())
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

fn assert_fits(document: &Value, path: &str, method: &str, answer: &Answer) {
    let responses = &document["paths"][path][method]["responses"];
    let status = answer.status.to_string();
    let response = responses
        .get(&status)
        .or(responses.get("default"))
        .unwrap_or_else(|| panic!("{path} {status}"));
    let media_type = answer.header("content-type");
    let faults = schema::faults(
        document,
        &response["content"][media_type]["schema"],
        &answer.json(),
    );
    assert!(faults.is_empty(), "{method} {path} {status}: {faults:#?}");
}
