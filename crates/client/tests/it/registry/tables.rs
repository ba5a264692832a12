//! Values of the capabilities of real registries. Each row contains the registry and the source, or
//! the section of the distribution-spec that permits the value.

use portolan_testkit::fake_registry::{
    Auth, Behavior, DigestHeader, Head, Location, Mount, Pages, Patch, Range, Referrers,
};

/// Behavior of one capability.
pub(super) struct Row {
    /// Registry and source.
    pub(super) source: &'static str,
    pub(super) apply: fn(&mut Behavior),
}

const fn row(source: &'static str, apply: fn(&mut Behavior)) -> Row {
    Row { source, apply }
}

const HTML: &str = "<!DOCTYPE html><title>Registry</title>";

pub(super) const REFERRERS: &[Row] = &[
    row("specification, Listing Referrers", |it| {
        it.referrers = Referrers::Listed;
    }),
    row("HTML for every path: oras-project/oras-go#633", |it| {
        it.referrers = Referrers::Other("text/html", HTML);
    }),
    row("200 without the API: sigstore/sigstore-js#1187", |it| {
        it.referrers = Referrers::Other("application/json", "{}");
    }),
    row(
        "permitted by RFC 9110 only; the type is not that of an index",
        |it| {
            it.referrers = Referrers::Other("application/json", r#"{"manifests":[]}"#);
        },
    ),
    row(
        "tolerated by google/go-containerregistry, remote/referrers.go",
        |it| {
            it.referrers = Referrers::Status(400);
        },
    ),
    row("GitHub behind a cache rule of Azure: Azure/acr#891", |it| {
        it.referrers = Referrers::Status(403);
    }),
    row(
        "CNCF distribution: oras-project/rust-oci-client#259",
        |it| {
            it.referrers = Referrers::Status(404);
        },
    ),
    row("permitted by RFC 9110, section 15.5.6", |it| {
        it.referrers = Referrers::Status(405);
    }),
    row(
        "tolerated by google/go-containerregistry, remote/referrers.go",
        |it| {
            it.referrers = Referrers::Status(406);
        },
    ),
    row("Azure cache rule: Azure/acr#891", |it| {
        it.referrers = Referrers::Status(424);
    }),
    row("permitted by RFC 9110, section 15.6.1", |it| {
        it.referrers = Referrers::Status(500);
    }),
    row("permitted by RFC 9110, section 15.6.2", |it| {
        it.referrers = Referrers::Status(501);
    }),
    row("GitLab: oras-project/oras-go#1396", |it| {
        it.referrers = Referrers::TagIsDigest;
    }),
];

pub(super) const SUBJECTS: &[Row] = &[
    row("specification, Pushing Manifests with Subject", |it| {
        it.hides_subject = false;
    }),
    row("Quay: opencontainers/distribution-spec#563", |it| {
        it.hides_subject = true;
    }),
];

pub(super) const HEADS: &[Row] = &[
    row("specification, Checking if content exists", |it| {
        set_heads(it, Head::Full);
    }),
    row("permitted by RFC 9110, section 15.5.1", |it| {
        set_heads(it, Head::Status(400));
    }),
    row(
        "Amazon ECR Public, blobs: aws/containers-roadmap#2671",
        |it| {
            set_heads(it, Head::Status(401));
        },
    ),
    row(
        "without the reason of the registry: containerd/containerd#8969",
        |it| {
            set_heads(it, Head::Status(403));
        },
    ),
    row("404 for HEAD alone: nicholas-fedor/watchtower#667", |it| {
        set_heads(it, Head::Status(404));
    }),
    row("Nexus: merll/docker-registry-util#3", |it| {
        set_heads(it, Head::Status(405));
    }),
    row(
        "Harbor: goharbor/harbor#19408, goharbor/harbor#15885",
        |it| {
            set_heads(it, Head::Status(412));
        },
    ),
    row("permitted by RFC 7725", |it| {
        set_heads(it, Head::Status(451));
    }),
    row("permitted by RFC 9110, section 15.6.1", |it| {
        set_heads(it, Head::Status(500));
    }),
    row("permitted by RFC 9110, section 15.6.2", |it| {
        set_heads(it, Head::Status(501));
    }),
    row("proxy: harrisonwang/wharf#11", |it| {
        set_heads(it, Head::NoLength);
    }),
    row("permitted by RFC 9110, section 9.3.2", |it| {
        set_heads(it, Head::NoType);
    }),
    row("static files: distribution/distribution#2384", |it| {
        set_heads(it, Head::NoDigest);
    }),
    row(
        "Docker Hub, by platform: opencontainers/distribution-spec#207",
        |it| {
            set_heads(it, Head::WrongDigest);
        },
    ),
    row(
        "violates RFC 9110, section 8.6; stored content was truncated",
        |it| {
            set_heads(it, Head::WrongLength);
        },
    ),
];

fn set_heads(behavior: &mut Behavior, head: Head) {
    behavior.head_manifest = head;
    behavior.head_blob = head;
}

pub(super) const RANGES: &[Row] = &[
    row("specification, Pulling blobs", |it| {
        it.range = Range::Supported;
    }),
    row(
        "registry.k8s.io: podman-container-tools/container-libs#1114",
        |it| {
            it.range = Range::Ignored;
        },
    ),
    row("permitted by RFC 9110, section 15.5.17", |it| {
        it.range = Range::Status(416);
    }),
    row("permitted by RFC 9110, section 15.5.1", |it| {
        it.range = Range::Status(400);
    }),
    row("permitted by RFC 9110, section 15.6.2", |it| {
        it.range = Range::Status(501);
    }),
    row(
        "permitted by RFC 9110, section 14.2, for coalesced ranges",
        |it| it.range = Range::Wrong,
    ),
    row("crane registry serve: anchore/stereoscope#695", |it| {
        it.range = Range::OnlyClosed;
    }),
];

pub(super) const LENGTHS: &[Row] = &[
    row("specification, Pulling blobs", |it| {
        it.sends_chunked = false;
    }),
    row(
        "zot, Amazon ECR: oras-project/oras-go#374, oras-project/oras-go#333",
        |it| {
            it.sends_chunked = true;
        },
    ),
];

pub(super) const INTERRUPTIONS: &[Row] = &[
    row("no interruption", |it| {
        it.breaks_after = None;
    }),
    row("Fastly: podman-container-tools/container-libs#1114", |it| {
        it.breaks_after = Some(700_000);
    }),
];

pub(super) const REDIRECTS: &[Row] = &[
    row("no redirect", |it| {
        it.redirects_blobs = false;
    }),
    row("specification, Pulling blobs; Docker Hub", |it| {
        it.redirects_blobs = true;
    }),
];

pub(super) const MOUNTS: &[Row] = &[
    row(
        "specification, Mounting a blob from another repository",
        |it| it.mount = Mount::Mounted,
    ),
    row(
        "specification, Mounting a blob from another repository",
        |it| it.mount = Mount::Session,
    ),
    row(
        "violates the specification, which demands a Location",
        |it| {
            it.mount = Mount::SessionWithoutLocation;
        },
    ),
    row("Quay without from: quay/quay#899", |it| {
        it.mount = Mount::Status(400);
    }),
    row("Harbor: goharbor/harbor#17097", |it| {
        it.mount = Mount::Status(401);
    }),
    row("containerd/containerd#14086", |it| {
        it.mount = Mount::Status(403);
    }),
    row("permitted by RFC 9110, section 15.5.5", |it| {
        it.mount = Mount::Status(404);
    }),
    row("permitted by RFC 9110, section 15.5.6", |it| {
        it.mount = Mount::Status(405);
    }),
    row("permitted by RFC 9110, section 15.6.1", |it| {
        it.mount = Mount::Status(500);
    }),
    row("permitted by RFC 9110, section 15.6.2", |it| {
        it.mount = Mount::Status(501);
    }),
];

pub(super) const PATCHES: &[Row] = &[
    row("specification, Pushing a blob in chunks", |it| {
        it.patch = Patch::Accepted;
    }),
    row("Amazon ECR: kitops-ml/kitops#822", |it| {
        it.patch = Patch::Created;
    }),
    row("regclient/regclient#331", |it| {
        it.patch = Patch::Status(404);
    }),
    row(
        "Google Artifact Registry, status not recorded: podman-container-tools/skopeo#1101",
        |it| {
            it.patch = Patch::Status(405);
        },
    ),
    row("permitted by RFC 9110, section 15.5.12", |it| {
        it.patch = Patch::Status(411);
    }),
    row("regclient/regclient#75", |it| {
        it.patch = Patch::Status(501);
    }),
    row("Cloudflare: smol-machines/smolvm#436", |it| {
        it.patch = Patch::Limit(413, 700_000);
    }),
    row("GitHub: ocx-sh/ocx#237", |it| {
        it.patch = Patch::Limit(416, 700_000);
    }),
    row("specification, Pushing a blob in chunks", |it| {
        it.patch = Patch::Between(500_000, 700_000);
    }),
];

pub(super) const LOCATIONS: &[Row] = &[
    row("specification, Pushing blobs", |it| {
        it.location = Location::Relative;
    }),
    row(
        "CNCF distribution: opencontainers/distribution-spec#79",
        |it| {
            it.location = Location::Absolute;
        },
    ),
    row("CNCF distribution: _state in the query", |it| {
        it.location = Location::WithQuery;
    }),
    row(
        "Google Artifact Registry: oras-project/rust-oci-client#175",
        |it| {
            it.location = Location::Elsewhere;
        },
    ),
    row(
        "unclear after PATCH: opencontainers/distribution-spec#415",
        |it| {
            it.location = Location::OnlyAtStart;
        },
    ),
];

pub(super) const DIGESTS: &[Row] = &[
    row("specification, Pulling manifests", |it| {
        it.digest = DigestHeader::Same;
    }),
    row("Amazon ECR: google/containerregistry#10", |it| {
        it.digest = DigestHeader::Absent;
    }),
    row(
        "specification, Pulling manifests: the canonical digest may differ",
        |it| {
            it.digest = DigestHeader::OtherAlgorithm;
        },
    ),
];

pub(super) const TAG_QUERIES: &[Row] = &[
    row("specification 1.2, Pushing Manifests", |it| {
        it.ignores_tag_query = false;
    }),
    row("specification 1.1, which does not define ?tag=", |it| {
        it.ignores_tag_query = true;
    }),
];

pub(super) const PAGES: &[Row] = &[
    row("specification, Listing Tags", |it| {
        it.pages = Pages::One;
    }),
    row("specification, Listing Tags", |it| {
        it.pages = Pages::Relative;
    }),
    row("Pulp: pulp/pulp_container#220", |it| {
        it.pages = Pages::Absolute;
    }),
    row("Quay: heroku/docker-registry-client#11", |it| {
        it.pages = Pages::Bare;
    }),
    row(
        "violates RFC 8288; guarded against in gadievron/raptor#495",
        |it| {
            it.pages = Pages::Loop;
        },
    ),
    row("violates RFC 8288", |it| {
        it.pages = Pages::Garbage;
    }),
    row("permitted by the specification, Listing Tags", |it| {
        it.pages = Pages::NoPageSize;
    }),
];

const BEARER: &[&str] =
    &[r#"Bearer realm="REALM",service="fake",scope="repository:team/app:pull""#];
const TOKEN: &str = r#"{"token":"good"}"#;

fn set_auth(behavior: &mut Behavior, challenges: &'static [&'static str], token: &'static str) {
    behavior.auth = Some(Auth { challenges, token });
}

pub(super) const CHALLENGES: &[Row] = &[
    row("specification of Docker's tokens", |it| {
        set_auth(it, BEARER, TOKEN);
    }),
    row(
        "combined in one header: prowler-cloud/prowler#12691",
        |it| {
            set_auth(
                it,
                &[r#"Basic realm="fake", Bearer realm="REALM",service="fake""#],
                TOKEN,
            );
        },
    ),
    row("several headers: google/go-containerregistry#1075", |it| {
        set_auth(it, &["Negotiate", r#"Bearer realm="REALM""#], TOKEN);
    }),
    row(
        "permitted by RFC 9110, section 11.1: case and spaces",
        |it| {
            set_auth(it, &[r#"BEARER   Realm = "REALM" , SERVICE=fake"#], TOKEN);
        },
    ),
    row("permitted by RFC 9110, section 11.2: quoted pairs", |it| {
        set_auth(it, &[r#"bearer service="a \"b\", c",realm="REALM""#], TOKEN);
    }),
    row("an unusable challenge beside a usable one", |it| {
        set_auth(it, &["Bearer", r#"Bearer realm="REALM""#], TOKEN);
    }),
];

pub(super) const TOKENS: &[Row] = &[
    row("specification of Docker's tokens", |it| {
        set_auth(it, BEARER, r#"{"token":"good","expires_in":300}"#);
    }),
    row("OAuth 2: RFC 6749, section 5.1", |it| {
        set_auth(
            it,
            BEARER,
            r#"{"access_token":"good","token_type":"bearer","token":null}"#,
        );
    }),
    row(
        "a token server in Django: distribution/distribution#1746",
        |it| {
            set_auth(it, BEARER, r#"{"token":"good","expires_in":"300"}"#);
        },
    ),
    row("seconds since 1970: moby/moby#20970", |it| {
        set_auth(it, BEARER, r#"{"token":"good","issued_at":"1457510670"}"#);
    }),
    row("permitted by JSON: a number with a fraction", |it| {
        set_auth(
            it,
            BEARER,
            r#"{"token":"good","expires_in":59.5,"issued_at":7}"#,
        );
    }),
    row("Go without omitempty: null and empty fields", |it| {
        set_auth(
            it,
            BEARER,
            r#"{"token":"","access_token":"good","expires_in":null,"refresh_token":null,"issued_at":null}"#,
        );
    }),
    row("fields of another type", |it| {
        set_auth(
            it,
            BEARER,
            r#"{"token":7,"access_token":"good","expires_in":{},"refresh_token":[],"scope":1}"#,
        );
    }),
];
