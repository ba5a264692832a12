//! The headers and the JSON fields of answers to requests of every kind, and the errors in them.

use std::collections::BTreeSet;
use std::fs;

use portolan_model::fixtures::blob;
use portolan_model::{Digest, MediaType};
use portolan_testkit::Process;

use super::assert_lines;
use super::fields::Fields;
use super::http::{Answer, Request};
use crate::binary;
use crate::snapshots::{Session, content};
use crate::toolkit::User;

/// Headers whose values are part of the contract. Of the others, the name is.
const FIXED: [&str; 10] = [
    "accept-ranges",
    "allow",
    "content-security-policy",
    "content-type",
    "docker-distribution-api-version",
    "oci-filters-applied",
    "portolan-features",
    "retry-after",
    "www-authenticate",
    "x-content-type-options",
];

/// Everything that the answers show.
#[derive(Default)]
struct Record {
    answers: Vec<String>,
    fields: Fields,
    errors: BTreeSet<String>,
}

impl Record {
    /// Adds an answer under `label`, the request with placeholders.
    fn add(&mut self, label: &str, answer: &Answer) {
        self.answers.push(format!("{label} -> {}", answer.status));
        for (name, value) in &answer.headers {
            let value = if FIXED.contains(&name.as_str()) {
                format!(": {value}")
            } else {
                String::new()
            };
            self.answers.push(format!("    {name}{value}"));
        }
        let Some(document) = answer.json() else {
            return;
        };
        for error in document["errors"].as_array().into_iter().flatten() {
            let code = error["code"].as_str().unwrap();
            self.errors.insert(format!("{} {code}", answer.status));
        }
        let kind = match (answer.status, label) {
            (400.., _) => "errors",
            (_, label) if label.contains("/manifests/") || label.contains("openapi") => return,
            (_, label) if label.contains("/-/check") => "check",
            (_, label) if label.contains("/-/tree/") => "tree",
            (_, label) if label.contains("/referrers/") => "referrers",
            (_, label) if label.contains("/tags/") => "tags",
            (_, label) if label.contains("/_catalog") => "catalog",
            (_, label) if label.ends_with('z') => "health",
            _ => "other",
        };
        self.fields.collect(kind, &document);
    }
}

/// A server to ask, and what it answered.
struct Client {
    host: String,
    record: Record,
}

impl Client {
    /// Sends a request, whose target is also its label.
    fn call(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) {
        self.ask(method, target, target, headers, body);
    }

    /// Sends a request that `label` describes.
    fn ask(
        &mut self,
        method: &str,
        label: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let request = Request {
            method,
            target,
            headers,
            body,
        };
        let answer = request.send(&self.host);
        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        let with = if names.is_empty() {
            String::new()
        } else {
            format!(" ({})", names.join(", "))
        };
        self.record.add(&format!("{method} {label}{with}"), &answer);
        answer
    }

    fn pull(&mut self) {
        let manifest = content::mixed().digest();
        let layer = Digest::sha256(&content::oci().blobs()[1]);
        let tagged = "/v2/team/app/manifests/v1";
        let etag = format!("\"{manifest}\"");
        self.call("GET", "/v2/", &[], b"");
        self.call("GET", "/v2/_catalog", &[], b"");
        self.call("GET", "/v2/_catalog?n=1", &[], b"");
        self.call("GET", "/v2/team/app/tags/list", &[], b"");
        self.call("GET", "/v2/team/app/tags/list?n=1&last=amd64", &[], b"");
        self.call("GET", "/v2/nowhere/tags/list", &[], b"");
        for method in ["GET", "HEAD"] {
            self.call(method, tagged, &[], b"");
            self.call(method, tagged, &[("if-none-match", &etag)], b"");
            self.call(method, "/v2/team/app/manifests/v9", &[], b"");
        }
        let blobs = format!("/v2/team/app/blobs/{layer}");
        for headers in [
            &[][..],
            &[("range", "bytes=2-5")],
            &[("range", "bytes=99-")],
        ] {
            self.ask("GET", "/v2/team/app/blobs/DIGEST", &blobs, headers, b"");
        }
        self.ask("HEAD", "/v2/team/app/blobs/DIGEST", &blobs, &[], b"");
        let missing = format!("/v2/team/app/blobs/{}", Digest::sha256(b""));
        self.ask("GET", "/v2/team/app/blobs/MISSING", &missing, &[], b"");
        let referrers = format!("/v2/team/app/referrers/{manifest}");
        self.ask("GET", "/v2/team/app/referrers/DIGEST", &referrers, &[], b"");
        let (label, query) = (
            "/v2/team/app/referrers/DIGEST?artifactType=a/b",
            "?artifactType=a/b",
        );
        self.ask("GET", label, &format!("{referrers}{query}"), &[], b"");
    }

    fn upload(&mut self) {
        let content = blob("uploaded");
        let digest = Digest::sha256(&content);
        let (start, session) = (
            "/v2/team/app/blobs/uploads/",
            "/v2/team/app/blobs/uploads/ID",
        );
        let begun = self.ask("POST", start, start, &[], b"");
        let location = begun.headers["location"].clone();
        self.ask("GET", session, &location, &[], b"");
        let range = [
            ("content-range", "0-4"),
            ("content-type", "application/octet-stream"),
        ];
        self.ask("PATCH", session, &location, &range, &content[..5]);
        self.ask(
            "PATCH",
            &format!("{session} again"),
            &location,
            &range,
            &content[..5],
        );
        let closing = format!("{location}?digest={digest}");
        let closed = format!("{session}?digest=DIGEST");
        self.ask("PUT", &closed, &closing, &[], &content[5..]);
        self.ask("GET", &format!("{session} closed"), &location, &[], b"");
        let cancelled = self.ask("POST", start, start, &[], b"").headers["location"].clone();
        self.ask("DELETE", session, &cancelled, &[], b"");
        let whole = |digest: &Digest| format!("{start}?digest={digest}");
        let (label, target) = (format!("{start}?digest=DIGEST"), whole(&digest));
        self.ask("POST", &label, &target, &[], &content);
        let wrong = whole(&Digest::sha256(b"other"));
        self.ask(
            "POST",
            &format!("{start}?digest=WRONG"),
            &wrong,
            &[],
            &content,
        );
        let mount = format!("{start}?mount={digest}&from=team/app").replace("team/app/b", "new/b");
        self.ask(
            "POST",
            "/v2/new/blobs/uploads/?mount=DIGEST&from=team/app",
            &mount,
            &[],
            b"",
        );
        let algorithm = format!("{start}?digest-algorithm=md5");
        self.ask("POST", &algorithm, &algorithm, &[], b"");
    }

    fn push(&mut self) {
        let (index, signature) = (content::mixed(), content::signature());
        let oci_index = [("content-type", MediaType::OCI_INDEX)];
        let oci_manifest = [("content-type", MediaType::OCI_MANIFEST)];
        let put = |tag: &str| format!("/v2/team/app/manifests/{tag}");
        self.call("PUT", &put("new"), &oci_index, &index.bytes());
        self.call("PUT", &put("new?tag=a&tag=b"), &oci_index, &index.bytes());
        let by_digest = put(index.digest().as_str());
        let label = put("DIGEST?tag=c&tag=d");
        self.ask(
            "PUT",
            &label,
            &format!("{by_digest}?tag=c&tag=d"),
            &oci_index,
            &index.bytes(),
        );
        self.call("PUT", &put("signed"), &oci_manifest, &signature.bytes());
        let taken = [oci_index[0], ("if-none-match", "*")];
        self.call("PUT", &put("new"), &taken, &index.bytes());
        let moved = [oci_index[0], ("if-match", "\"sha256:0\"")];
        self.call("PUT", &put("new"), &moved, &index.bytes());
        self.call("PUT", &put("invalid"), &oci_index, b"{");
        self.call(
            "PUT",
            &put("incomplete"),
            &oci_index,
            &content::incomplete().bytes(),
        );
        let docker = content::docker();
        let docker_manifest = [("content-type", MediaType::DOCKER_MANIFEST)];
        self.call(
            "PUT",
            "/v2/oci/app/manifests/v1",
            &docker_manifest,
            &docker.bytes(),
        );
        for content in docker.blobs() {
            let digest = Digest::sha256(&content);
            let target = format!("/v2/normalized/app/blobs/uploads/?digest={digest}");
            let label = "/v2/normalized/app/blobs/uploads/?digest=DIGEST";
            self.ask("POST", label, &target, &[], &content);
        }
        let normalized = "/v2/normalized/app/manifests/v1";
        self.call("PUT", normalized, &docker_manifest, &docker.bytes());
        let check = "/api/v1/repositories/normalized/app/-/check?tag=v1";
        self.call("POST", check, &docker_manifest, &docker.bytes());
    }

    fn delete(&mut self) {
        let image = content::oci().digest();
        let target = format!("/v2/team/app/manifests/{image}");
        self.ask("DELETE", "/v2/team/app/manifests/DIGEST", &target, &[], b"");
        let force = format!("{target}?force=true");
        self.ask(
            "DELETE",
            "/v2/team/app/manifests/DIGEST?force=true",
            &force,
            &[],
            b"",
        );
        self.call("DELETE", "/v2/team/app/manifests/new", &[], b"");
        self.call("DELETE", "/v2/team/app/manifests/new", &[], b"");
    }

    fn api(&mut self) {
        let at = |rest: &str| format!("/api/v1/repositories/{rest}");
        self.call("GET", "/healthz", &[], b"");
        self.call("GET", "/readyz", &[], b"");
        self.call("GET", "/api/v1/openapi.json", &[], b"");
        for tree in ["v1", "nested", "signature", "v9"] {
            self.call("GET", &at(&format!("team/app/-/tree/{tree}")), &[], b"");
        }
        self.call("GET", &at("sparse/app/-/tree/v1"), &[], b"");
        self.call("GET", &at("sparse/odd/-/tree/size"), &[], b"");
        self.call("GET", &at("team/app/-/tree/deep"), &[], b"");
        self.call("GET", &at("UPPER/-/tree/v1"), &[], b"");
        self.call(
            "POST",
            &at("team/app/-/check?reference=v1&tag=v2"),
            &[],
            b"",
        );
        self.call(
            "POST",
            &at("team/app/-/check?reference=signature"),
            &[],
            b"",
        );
        self.call("POST", &at("team/app/-/check?reference=v9"), &[], b"");
        self.call("POST", &at("team/app/-/check"), &[], b"{");
        let docker = content::docker().bytes();
        self.call("POST", &at("oci/app/-/check"), &[], &docker);
        self.call("POST", &at("team/app/-/check"), &[], b"");
    }

    fn errors(&mut self) {
        self.call("GET", "/", &[], b"");
        self.call("GET", "/v2/UPPER/tags/list", &[], b"");
        self.call("GET", "/v2/team/app/manifests/-wrong", &[], b"");
        self.call("GET", "/v2/team/app/blobs/sha256:1", &[], b"");
        self.call("GET", "/v2/team/app/tags/list?n=x", &[], b"");
        self.call("POST", "/v2/team/app/tags/list", &[], b"");
        self.call("GET", "/v2/team/app/blobs/uploads/unknown", &[], b"");
        self.call("PUT", "/v2/team/app/blobs/uploads/unknown", &[], b"");
        self.call("GET", "/api/v1/nothing", &[], b"");
        let large = vec![b' '; 5 << 20];
        self.call("PUT", "/v2/team/app/manifests/large", &[], &large);
    }
}

/// A server with no room for requests that cost much.
fn busy(person: &User) -> Process {
    let file = person.path("busy.toml");
    fs::write(&file, "[server.limits]\nuploads = 0\ntrees = 0\n").unwrap();
    let arguments = ["--config", file.to_str().unwrap()];
    Process::serve(binary(), &person.path("busy"), &arguments).unwrap()
}

#[tokio::test]
async fn headers_fields_and_errors_of_answers() {
    let session = Session::start().await;
    content::push_oddities(&session.server).await;
    let mut client = Client {
        host: session.server.host(),
        record: Record::default(),
    };
    client.pull();
    client.api();
    client.upload();
    client.push();
    client.errors();
    client.delete();
    let busy = busy(&session.person);
    client.host = busy.address().to_string();
    let start = "/v2/team/app/blobs/uploads/?digest=DIGEST";
    let digest = Digest::sha256(b"x");
    client.ask(
        "POST",
        start,
        &start.replace("DIGEST", digest.as_str()),
        &[],
        b"x",
    );
    client.call("GET", "/api/v1/repositories/team/app/-/tree/v1", &[], b"");
    let record = client.record;
    assert_lines("headers", &record.answers);
    assert_lines("api-fields", record.fields.lines());
    assert_lines("error-answers", &record.errors);
}
