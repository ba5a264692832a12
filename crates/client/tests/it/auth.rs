//! Authentication in all ways that registries use.

use std::sync::Arc;

use portolan_client::{Client, Credential, Credentials, Lookup, Secret, Settings};
use portolan_model::fixtures::{blob, repository};
use portolan_model::{Digest, RepositoryName};
use portolan_registry::{Kind, Lister, PageRequest, Reader, Uploads, Writer};

use crate::harness::{Known, SOMEBODY, app, context, read_blob};
use portolan_testkit::fake::{Asked, Counter, Fake, Reply};

fn client(fake: &Fake, credentials: Arc<dyn Credentials>) -> Client {
    Client::new(Settings {
        credentials,
        ..fake.settings()
    })
    .unwrap()
}

/// Returns a blob to requests with `authorization`, and sends a challenge to all others.
fn guarded(
    authorization: &'static str,
    challenge: String,
) -> impl Fn(&Asked) -> Reply + Send + Sync {
    move |asked| match asked.header("authorization") {
        value if value == authorization => Reply::new(200).body(blob("x")),
        _ => Reply::error(401, "UNAUTHORIZED").header("WWW-Authenticate", &challenge),
    }
}

/// Issues tokens `t0`, `t1` and so on, with the lifetime in `life`.
async fn tokens(life: &'static str) -> Fake {
    let count = Counter::default();
    Fake::start(move |_| Reply::new(200).body(format!(r#"{{"token":"t{}"{life}}}"#, count.next())))
        .await
}

fn bearer(realm: &Fake) -> String {
    format!(
        r#"Bearer realm="{}",service="the registry""#,
        realm.url("/token")
    )
}

fn x() -> Digest {
    Digest::sha256(&blob("x"))
}

#[tokio::test]
async fn sends_basic_credentials_after_the_first_challenge() {
    let fake = Fake::start(guarded(SOMEBODY, r#"Basic realm="here""#.into())).await;
    let known = Known::somebody();
    let client = client(&fake, known.clone());
    for _ in 0..2 {
        assert_eq!(read_blob(&client, &x()).await.unwrap(), blob("x"));
    }
    let said: Vec<_> = fake
        .asked()
        .iter()
        .map(|asked| asked.header("authorization").to_owned())
        .collect();
    assert_eq!(said, ["", SOMEBODY, SOMEBODY]);
    assert_eq!(
        *known.asked.lock().unwrap(),
        [fake.host()],
        "the credentials are looked up once"
    );
}

#[tokio::test]
async fn requests_and_caches_a_token_for_the_needed_scope() {
    let realm = tokens("").await;
    let fake = Fake::start(guarded("Bearer t0", bearer(&realm))).await;
    let client = client(&fake, Known::somebody());
    for _ in 0..2 {
        assert_eq!(read_blob(&client, &x()).await.unwrap(), blob("x"));
    }
    let asked = realm.asked();
    assert_eq!(
        realm.lines(),
        ["GET /token?service=the+registry&scope=repository%3Ateam%2Fapp%3Apull"]
    );
    assert_eq!(asked[0].header("authorization"), SOMEBODY);
    assert_eq!(fake.asked().len(), 3, "the second blob needs one request");
}

#[tokio::test]
async fn requests_anonymous_tokens() {
    let realm = tokens("").await;
    let fake = Fake::start(guarded("Bearer t0", bearer(&realm))).await;
    assert_eq!(read_blob(&fake.client(), &x()).await.unwrap(), blob("x"));
    assert_eq!(realm.asked()[0].header("authorization"), "");
}

#[tokio::test]
async fn a_token_with_more_scopes_is_reused() {
    let realm = tokens("").await;
    let challenge = bearer(&realm);
    let fake = Fake::start(
        move |asked| match (asked.header("authorization"), asked.method()) {
            ("", _) => Reply::error(401, "UNAUTHORIZED").header("WWW-Authenticate", &challenge),
            (_, "POST") => Reply::new(202).header("Location", "/session"),
            _ => Reply::new(200).body(blob("x")),
        },
    )
    .await;
    let client = client(&fake, Known::somebody());
    let algorithm = x().algorithm().clone();
    client
        .open_upload(&context(), &app(), &algorithm)
        .await
        .unwrap();
    read_blob(&client, &x()).await.unwrap();
    assert_eq!(
        realm.lines(),
        ["GET /token?service=the+registry&scope=repository%3Ateam%2Fapp%3Apull%2Cpush"]
    );
}

#[tokio::test]
async fn mount_and_catalog_request_their_own_scopes() {
    let realm = tokens("").await;
    let challenge = bearer(&realm);
    let fake = Fake::start(move |asked| match asked.header("authorization") {
        "" => Reply::error(401, "UNAUTHORIZED").header("WWW-Authenticate", &challenge),
        _ if asked.line.contains("_catalog") => Reply::new(200).body(r#"{"repositories":[]}"#),
        _ => Reply::new(201),
    })
    .await;
    let client = client(&fake, Known::somebody());
    client
        .mount(&context(), &app(), &x(), Some(&repository("team/from")))
        .await
        .unwrap();
    client
        .repositories(&context(), &PageRequest::first(1))
        .await
        .unwrap();
    let scopes: Vec<_> = realm
        .lines()
        .iter()
        .map(|line| line.replace("%3A", ":").replace("%2F", "/"))
        .collect();
    let service = "GET /token?service=the+registry";
    let mount =
        format!("{service}&scope=repository:team/app:pull%2Cpush&scope=repository:team/from:pull");
    assert_eq!(
        scopes,
        [mount, format!("{service}&scope=registry:catalog:*")]
    );
}

#[tokio::test]
async fn adds_the_scope_of_the_challenge() {
    let realm = tokens("").await;
    let challenge = format!(r#"{},scope="repository:team/app:*""#, bearer(&realm));
    let fake = Fake::start(guarded("Bearer t0", challenge)).await;
    read_blob(&client(&fake, Known::somebody()), &x())
        .await
        .unwrap();
    assert!(
        realm.lines()[0].ends_with("scope=repository%3Ateam%2Fapp%3A*%2Cpull"),
        "{:?}",
        realm.lines()
    );
}

#[tokio::test]
async fn sends_a_refresh_token_with_post() {
    let realm = tokens("").await;
    let fake = Fake::start(guarded("Bearer t0", bearer(&realm))).await;
    let client = client(
        &fake,
        Known::new(Credential::RefreshToken(Secret::new("re+fresh"))),
    );
    read_blob(&client, &x()).await.unwrap();
    assert_eq!(realm.lines(), ["POST /token"]);
    let form = "grant_type=refresh_token&refresh_token=re%2Bfresh&service=the%20registry&client_id=portolan&\
                scope=repository%3Ateam%2Fapp%3Apull";
    assert_eq!(realm.asked()[0].body, form);
}

#[tokio::test]
async fn sends_a_password_with_post_if_get_is_unsupported() {
    let realm = Fake::start(|asked| match asked.method() {
        "POST" => Reply::new(200).body(r#"{"access_token":"t0"}"#),
        _ => Reply::new(405),
    })
    .await;
    let fake = Fake::start(guarded("Bearer t0", bearer(&realm))).await;
    read_blob(&client(&fake, Known::somebody()), &x())
        .await
        .unwrap();
    let asked = realm.asked();
    assert!(
        asked[1]
            .body
            .starts_with(b"grant_type=password&username=somebody&password=secret&")
    );
    assert_eq!(
        asked[1].header("content-type"),
        "application/x-www-form-urlencoded"
    );
}

#[tokio::test]
async fn uses_an_issued_refresh_token_until_it_is_revoked() {
    let count = Counter::default();
    let realm = Fake::start(move |asked| match (count.next(), asked.method()) {
        (2, "POST") => Reply::error(401, "UNAUTHORIZED"),
        _ => Reply::new(200).body(r#"{"token":"t","refresh_token":"again","expires_in":0}"#),
    })
    .await;
    let fake = Fake::start(guarded("Bearer t", bearer(&realm))).await;
    let client = client(&fake, Known::somebody());
    for _ in 0..3 {
        read_blob(&client, &x()).await.unwrap();
    }
    let methods: Vec<_> = realm
        .lines()
        .iter()
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(methods, ["GET", "POST", "POST", "GET"]);
    assert!(
        realm.asked()[1]
            .body
            .starts_with(b"grant_type=refresh_token&refresh_token=again&")
    );
}

#[tokio::test]
async fn renews_a_token_before_it_expires() {
    let realm = tokens(r#","expires_in":0"#).await;
    let challenge = bearer(&realm);
    let first = Counter::default();
    let fake = Fake::start(move |_| match first.next() {
        0 => Reply::error(401, "UNAUTHORIZED").header("WWW-Authenticate", &challenge),
        _ => Reply::new(200).body(blob("x")),
    })
    .await;
    let client = client(&fake, Known::somebody());
    read_blob(&client, &x()).await.unwrap();
    read_blob(&client, &x()).await.unwrap();
    let said: Vec<_> = fake
        .asked()
        .iter()
        .map(|asked| asked.header("authorization").to_owned())
        .collect();
    assert_eq!(
        said,
        ["", "Bearer t0", "Bearer t1"],
        "the expired token is not sent"
    );
}

#[tokio::test]
async fn requests_a_new_token_if_the_cached_one_is_rejected() {
    let realm = tokens("").await;
    let (challenge, count) = (bearer(&realm), Counter::default());
    let fake = Fake::start(
        move |asked| match (count.next(), asked.header("authorization")) {
            (1, "Bearer t0") | (3, "Bearer t1") => Reply::new(200).body(blob("x")),
            _ => Reply::error(401, "UNAUTHORIZED").header("WWW-Authenticate", &challenge),
        },
    )
    .await;
    let client = client(&fake, Known::somebody());
    for _ in 0..2 {
        assert_eq!(read_blob(&client, &x()).await.unwrap(), blob("x"));
    }
    assert_eq!(fake.asked().len(), 4);
}

#[tokio::test]
async fn concurrent_requests_share_one_token_request() {
    let realm = tokens("").await;
    let fake = Fake::start(guarded("Bearer t0", bearer(&realm))).await;
    let client = client(&fake, Known::somebody());
    let digest = x();
    let reads = (0..8).map(|_| read_blob(&client, &digest));
    for read in futures_util::future::join_all(reads).await {
        assert_eq!(read.unwrap(), blob("x"));
    }
    assert_eq!(realm.asked().len(), 1);
}

#[tokio::test]
async fn sends_a_registry_token_unchanged() {
    let fake = Fake::start(guarded(
        "Bearer mine",
        r#"Bearer realm="http://127.0.0.1:1/token""#.into(),
    ))
    .await;
    let client = client(
        &fake,
        Known::new(Credential::BearerToken(Secret::new("mine"))),
    );
    assert_eq!(read_blob(&client, &x()).await.unwrap(), blob("x"));
}

#[tokio::test]
async fn rejected_credentials_name_the_registry_to_log_in_at() {
    let fake = Fake::start(guarded("never", r#"Basic realm="here""#.into())).await;
    for client in [fake.client(), client(&fake, Known::somebody())] {
        let error = client.ping().await.unwrap_err();
        assert_eq!(*error.kind(), Kind::Unauthorized);
        let expected = format!("{} returned UNAUTHORIZED: rejected", fake.host());
        assert_eq!(error.message(), expected);
        assert_eq!(error.origin(), Some(&fake.host().into()));
    }
    assert_eq!(
        fake.asked().len(),
        3,
        "the same credentials are not sent twice"
    );
}

#[tokio::test]
async fn reports_why_a_realm_issues_no_token() {
    let realm = Fake::start(|_| Reply::error(403, "DENIED")).await;
    let fake = Fake::start(guarded("never", bearer(&realm))).await;
    let error = client(&fake, Known::somebody()).ping().await.unwrap_err();
    assert_eq!(*error.kind(), Kind::Unauthorized);
    let (host, realm) = (fake.host(), realm.host());
    let expected = format!("{host} requires a token, but {realm} returned DENIED: rejected");
    assert_eq!(error.message(), expected);
    assert_eq!(error.origin(), Some(&host.into()));
}

#[tokio::test]
async fn authenticates_at_the_base_endpoint_for_hidden_content() {
    let fake = Fake::start(|asked| match asked.header("authorization") {
        SOMEBODY => Reply::new(200).body(blob("x")),
        _ if asked.is("GET /v2/") => Reply::new(401).header("WWW-Authenticate", "Basic realm=here"),
        _ => Reply::error(404, "BLOB_UNKNOWN"),
    })
    .await;
    assert_eq!(
        read_blob(&client(&fake, Known::somebody()), &x())
            .await
            .unwrap(),
        blob("x")
    );
    let asked_before = fake.asked().len();
    assert!(read_blob(&fake.client(), &x()).await.is_err());
    let anonymous = &fake.lines()[asked_before..];
    assert!(
        !anonymous.contains(&"GET /v2/".into()),
        "without credentials no challenge is requested: {anonymous:?}"
    );
}

#[tokio::test]
async fn looks_up_credentials_by_host_name() {
    let known = Known::somebody();
    let retry = portolan_client::Retry {
        attempts: 1,
        ..Default::default()
    };
    let settings = Settings {
        credentials: known.clone(),
        retry,
        ..Settings::new("docker.io")
    };
    let client = Client::new(settings).unwrap();
    assert_eq!(format!("{client:?}"), "Client(docker.io)");
    let wrong = Client::new(Settings::new("docker.io/library"));
    assert_eq!(*wrong.unwrap_err().kind(), Kind::Unsupported);
}

#[tokio::test]
async fn looks_up_credentials_by_repository() {
    struct ByRepository;
    #[async_trait::async_trait]
    impl Credentials for ByRepository {
        async fn find(&self, _: &str, name: Option<&RepositoryName>) -> Lookup {
            let username = name.map_or_else(|| "nobody".into(), ToString::to_string);
            let password = Secret::new("");
            Some(Credential::Basic { username, password }).into()
        }
    }
    let fake = Fake::start(|asked| match asked.header("authorization") {
        "" => Reply::new(401).header("WWW-Authenticate", "Basic realm=here"),
        _ => Reply::new(200).body(blob("x")),
    })
    .await;
    let client = client(&fake, Arc::new(ByRepository));
    for name in ["a", "b"] {
        client
            .head_blob(&context(), &repository(name), &x())
            .await
            .unwrap();
    }
    let said: Vec<_> = fake
        .asked()
        .iter()
        .map(|asked| asked.header("authorization").to_owned())
        .collect();
    assert_eq!(said, ["", "Basic YTo=", "Basic Yjo="]);
}

/// Source of credentials whose only entry cannot be used.
struct Unusable;

#[async_trait::async_trait]
impl Credentials for Unusable {
    async fn find(&self, _: &str, _: Option<&RepositoryName>) -> Lookup {
        Lookup {
            credential: None,
            skipped: vec!["a.json: auths/x was not used: auth is not base64".into()],
        }
    }
}

#[tokio::test]
async fn rejections_name_credentials_that_could_not_be_used() {
    const ITEM: &str = "; a.json: auths/x was not used: auth is not base64";
    let realm = Fake::start(|_| Reply::error(401, "UNAUTHORIZED")).await;
    let (basic, token) = ("Basic realm=here".to_owned(), bearer(&realm));
    for challenge in [basic, token] {
        let fake = Fake::start(guarded("never", challenge)).await;
        let client = client(&fake, Arc::new(Unusable));
        for _ in 0..2 {
            let error = client.ping().await.unwrap_err();
            assert_eq!(*error.kind(), Kind::Unauthorized);
            assert_eq!(error.message().matches(ITEM).count(), 1, "{error}");
        }
    }
    let hidden = Fake::start(|_| Reply::error(404, "NAME_UNKNOWN")).await;
    let client = client(&hidden, Arc::new(Unusable));
    let page = PageRequest::first(10);
    let error = client.tags(&context(), &app(), &page).await.unwrap_err();
    assert!(error.message().ends_with(ITEM), "{error}");
}

#[tokio::test]
async fn public_content_needs_no_usable_credentials() {
    let tokens = tokens("").await;
    let fake = Fake::start(guarded("Bearer t0", bearer(&tokens))).await;
    let client = client(&fake, Arc::new(Unusable));
    assert_eq!(read_blob(&client, &x()).await.unwrap(), blob("x"));
}
