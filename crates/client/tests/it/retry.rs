//! Retries: which failures, how often, and after which wait.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use portolan_client::{Client, Retry, Scheme, Settings};
use portolan_model::Digest;
use portolan_model::fixtures::{blob, image, tag};
use portolan_registry::{
    Body, Deleter, Deletion, Kind, Precondition, PutManifest, Reader, Result, TagUpdate, UploadId,
    Uploads, Writer,
};
use tokio::net::TcpListener;

use crate::harness::{Listener, app, context, read_blob, read_manifest};
use portolan_testkit::fake::{Counter, Fake, Reply};

fn with_listener(settings: Settings) -> (Client, Arc<Listener>) {
    let listener = Arc::new(Listener::default());
    (
        Client::new(Settings {
            observer: listener.clone(),
            ..settings
        })
        .unwrap(),
        listener,
    )
}

fn x() -> Digest {
    Digest::sha256(&blob("x"))
}

/// Sends `reply` so many times, and a blob to each later request.
async fn after(times: usize, reply: Reply) -> Fake {
    let count = Counter::default();
    Fake::start(move |_| {
        if count.next() < times {
            reply.clone()
        } else {
            Reply::new(200).body(blob("x"))
        }
    })
    .await
}

#[tokio::test]
async fn retries_temporary_failures() {
    for status in [408, 429, 500, 502, 503, 504] {
        let fake = after(2, Reply::new(status)).await;
        let (client, listener) = with_listener(fake.settings());
        assert_eq!(
            read_blob(&client, &x()).await.unwrap(),
            blob("x"),
            "{status}"
        );
        assert_eq!(listener.retried(), 2);
    }
    let fake = after(2, Reply::hang_up()).await;
    assert_eq!(read_blob(&fake.client(), &x()).await.unwrap(), blob("x"));
}

#[tokio::test]
async fn does_not_retry_permanent_failures() {
    for status in [400, 403, 405, 501, 507] {
        let fake = after(1, Reply::new(status)).await;
        let (client, listener) = with_listener(fake.settings());
        read_blob(&client, &x()).await.unwrap_err();
        assert_eq!((fake.asked().len(), listener.retried()), (1, 0), "{status}");
    }
}

#[tokio::test]
async fn returns_the_error_of_the_last_attempt() {
    let fake = after(9, Reply::error(503, "UNAVAILABLE")).await;
    let error = read_blob(&fake.client(), &x()).await.unwrap_err();
    assert_eq!(*error.kind(), Kind::Unavailable);
    assert_eq!(
        error.message(),
        format!("{} returned UNAVAILABLE: rejected", fake.host())
    );
    assert_eq!(fake.asked().len(), 5);

    let reply = Reply::error(429, "TOOMANYREQUESTS").header("ratelimit-limit", "100;w=21600");
    let fake = after(9, reply).await;
    let error = read_blob(&fake.client(), &x()).await.unwrap_err();
    assert_eq!(*error.kind(), Kind::TooManyRequests { retry_after: 0 });
    assert!(
        error.message().ends_with("(the rate limit is 100;w=21600)"),
        "{error}"
    );
}

#[tokio::test]
async fn waits_as_long_as_the_registry_asks() {
    let fake = after(1, Reply::new(429).header("Retry-After", 1)).await;
    let (client, listener) = with_listener(fake.settings());
    read_blob(&client, &x()).await.unwrap();
    assert_eq!(*listener.retries.lock().unwrap(), [Duration::from_secs(1)]);
}

#[tokio::test]
async fn fails_at_once_if_the_requested_wait_is_too_long() {
    let fake = after(1, Reply::new(503).header("Retry-After", 3600)).await;
    let (client, listener) = with_listener(fake.settings());
    let error = read_blob(&client, &x()).await.unwrap_err();
    assert!(
        error.message().contains("asks to wait 3600 seconds"),
        "{error}"
    );
    assert_eq!(listener.retried(), 0);
}

#[tokio::test]
async fn reports_the_cause_if_the_host_is_unreachable() {
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let retry = Retry {
        initial_wait: Duration::from_millis(1),
        ..Retry::default()
    };
    let settings = Settings {
        scheme: Scheme::Http,
        retry,
        ..Settings::new(free.to_string())
    };
    let (client, listener) = with_listener(settings);
    let error = client.ping().await.unwrap_err();
    assert_eq!(*error.kind(), Kind::Unavailable);
    assert!(
        error
            .message()
            .starts_with(&format!("{free} is unreachable: ")),
        "{error}"
    );
    assert!(error.message().contains("Connection refused"), "{error}");
    assert_eq!(listener.retried(), 4);
}

#[tokio::test]
async fn times_out_if_the_registry_is_silent() {
    let fake = Fake::start(|_| Reply::silence()).await;
    let retry = Retry {
        attempts: 1,
        ..Retry::default()
    };
    let settings = Settings {
        idle_timeout: Duration::from_millis(100),
        retry,
        ..fake.settings()
    };
    let error = Client::new(settings).unwrap().ping().await.unwrap_err();
    assert_eq!(*error.kind(), Kind::Unavailable);
    assert_eq!(
        error.message(),
        format!("{} sent no data for 0.1 seconds", fake.host())
    );
}

#[tokio::test]
async fn a_slow_source_does_not_cause_a_timeout() {
    let fake = Fake::start(|_| {
        Reply::new(202)
            .header("Location", "/session")
            .header("Range", "0-2")
    })
    .await;
    let settings = Settings {
        idle_timeout: Duration::from_millis(100),
        ..fake.settings()
    };
    let pieces = stream::unfold(0, |count| async move {
        tokio::time::sleep(Duration::from_millis(150)).await;
        (count < 3).then(|| (Ok(Bytes::from_static(b"x")), count + 1))
    });
    let id = UploadId::new(format!("team/app {}", fake.url("/session")));
    let client = Client::new(settings).unwrap();
    let upload = client
        .append_upload(&context(), &app(), &id, None, Body::from_stream(pieces))
        .await
        .unwrap();
    assert_eq!(upload.offset, 3);
}

#[tokio::test]
async fn does_not_repeat_a_chunk_that_may_have_arrived() {
    for reply in [Reply::new(503), Reply::hang_up()] {
        let fake = after(1, reply).await;
        let id = UploadId::new(format!("team/app {}", fake.url("/session")));
        let client = fake.client();
        let error = client
            .append_upload(&context(), &app(), &id, None, blob("x").into())
            .await
            .unwrap_err();
        assert!(
            error.is_transient(),
            "the caller may query the offset and resume: {error}"
        );
        let error = client
            .finish_upload(&context(), &app(), &id, None, blob("x").into(), &x())
            .await;
        error.expect("the next response is a success");
        assert_eq!(fake.asked().len(), 2);
    }
}

#[tokio::test]
async fn a_repeated_deletion_that_finds_nothing_succeeds() {
    let count = Counter::default();
    let fake = Fake::start(move |_| match count.next() {
        0 => Reply::hang_up(),
        _ => Reply::error(404, "BLOB_UNKNOWN"),
    })
    .await;
    let client = fake.client();
    client
        .delete_blob(&context(), &app(), &x(), Deletion::Guarded)
        .await
        .unwrap();
    let again = client
        .delete_blob(&context(), &app(), &x(), Deletion::Forced)
        .await
        .unwrap_err();
    assert_eq!(*again.kind(), Kind::BlobUnknown);
    assert!(fake.lines()[2].ends_with("?force=true"));
}

#[tokio::test]
async fn a_repeated_conditional_push_that_finds_its_own_change_succeeds() {
    async fn push(there: Digest) -> Result<()> {
        let pushes = Counter::default();
        let fake = Fake::start(move |asked| match asked.method() {
            "GET" => Reply::new(200).header("Portolan-Features", "preconditions"),
            "HEAD" => Reply::new(200)
                .header("Docker-Content-Digest", &there)
                .header("Content-Type", "a/b")
                .body("x"),
            _ if pushes.next() == 0 => Reply::hang_up(),
            _ => Reply::error(412, "DENIED"),
        })
        .await;
        let tags = vec![TagUpdate {
            tag: tag("v1"),
            precondition: Precondition::Absent,
        }];
        let options = PutManifest {
            tags,
            ..PutManifest::default()
        };
        fake.client()
            .put_manifest(&context(), &app(), image("a").bytes(), options)
            .await
            .map(drop)
    }
    push(image("a").digest())
        .await
        .expect("the tag already points to the manifest");
    assert_eq!(
        *push(image("b").digest()).await.unwrap_err().kind(),
        Kind::PreconditionFailed
    );
}

#[tokio::test]
async fn retries_a_response_that_ends_early() {
    let count = Counter::default();
    let fake = Fake::start(move |_| {
        let reply = Reply::new(200)
            .header("Content-Type", image("a").media_type())
            .body(image("a").bytes());
        if count.next() == 0 {
            reply.cut_after(9)
        } else {
            reply
        }
    })
    .await;
    let (digest, _, bytes) = read_manifest(&fake.client(), "v1").await.unwrap();
    assert_eq!((digest, bytes), (image("a").digest(), image("a").bytes()));
}

#[tokio::test]
async fn retries_head_requests() {
    let fake = after(1, Reply::new(503)).await;
    assert_eq!(
        fake.client()
            .head_blob(&context(), &app(), &x())
            .await
            .unwrap()
            .size,
        blob("x").len() as u64
    );
}
