//! Features that all requests to a host share: the limit, warnings, error messages and TLS.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use portolan_client::{Client, Scheme, Settings};
use portolan_model::Digest;
use portolan_model::fixtures::{blob, image};
use portolan_registry::{Kind, Reader};
use portolan_testkit::InMemoryServer;
use tokio::sync::Semaphore;

use crate::harness::{Listener, READ_LIMIT, app, context, put, read_blob};
use portolan_testkit::fake::{Fake, Reply};

/// Timeout that is far longer than the test takes, to detect a deadlock.
const PATIENCE: Duration = Duration::from_secs(20);

fn x() -> Digest {
    Digest::sha256(&blob("x"))
}

#[tokio::test]
async fn limits_concurrent_requests() {
    let (gate, inside, most) = (
        Arc::new(Semaphore::new(0)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    let (gate_of_all, arrived, seen) = (Arc::clone(&gate), Arc::clone(&inside), Arc::clone(&most));
    let fake = Fake::waiting(move |_| {
        let (gate, inside, most) = (
            Arc::clone(&gate_of_all),
            Arc::clone(&arrived),
            Arc::clone(&seen),
        );
        Box::pin(async move {
            let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
            inside.fetch_sub(1, Ordering::SeqCst);
            Reply::new(200).body(blob("x"))
        })
    })
    .await;
    let client = Client::new(Settings {
        connections: 3,
        ..fake.settings()
    })
    .unwrap();
    let asking = (0..9).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.head_blob(&context(), &app(), &x()).await })
    });
    let asking: Vec<_> = asking.collect();
    for _ in 0..9 {
        while inside.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(1);
    }
    for asked in asking {
        asked.await.unwrap().unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_download_holds_its_permit_until_it_ends() {
    let fake = Fake::start(|_| Reply::new(200).body(blob("x"))).await;
    let client = Client::new(Settings {
        connections: 2,
        ..fake.settings()
    })
    .unwrap();
    let first = client
        .get_blob(&context(), &app(), &x(), None)
        .await
        .unwrap();
    let digest = x();
    let mut second = pin!(read_blob(&client, &digest));
    assert!(second.as_mut().now_or_never().is_none());
    client
        .head_blob(&context(), &app(), &x())
        .await
        .expect("one permit is left for other requests");
    assert!(second.as_mut().now_or_never().is_none());
    assert_eq!(fake.asked().len(), 2, "the second download has not started");
    first.body.collect(READ_LIMIT).await.unwrap();
    second.await.unwrap();
}

#[tokio::test]
async fn calls_with_several_requests_do_not_deadlock() {
    let fake = Fake::start(|_| Reply::new(201)).await;
    let client = Client::new(Settings {
        connections: 2,
        ..fake.settings()
    })
    .unwrap();
    let (bytes, media_type) = (image("a").bytes(), image("a").media_type());
    let pushes = (0..16).map(|_| put(&client, bytes.clone(), &media_type, &["v1", "v2", "v3"]));
    let pushed = tokio::time::timeout(PATIENCE, futures_util::future::join_all(pushes)).await;
    for push in pushed.expect("no call waits forever for a permit") {
        push.unwrap();
    }
}

#[tokio::test]
async fn reports_each_warning_once() {
    let fake = Fake::start(|_| {
        Reply::new(200)
            .header("Warning", "299 - \"old\"")
            .header("Warning", "299 - \"and slow\"")
            .body(blob("x"))
    })
    .await;
    let listener = Arc::new(Listener::default());
    let client = Client::new(Settings {
        observer: listener.clone(),
        ..fake.settings()
    })
    .unwrap();
    for _ in 0..3 {
        read_blob(&client, &x()).await.unwrap();
    }
    assert_eq!(*listener.warnings.lock().unwrap(), ["old", "and slow"]);
}

#[tokio::test]
async fn reports_all_errors_of_a_response() {
    let body = r#"{"errors":[{"code":"DENIED","message":"not yours","detail":{"a":1}},{"code":"UNSUPPORTED"}]}"#;
    let fake = Fake::start(move |_| Reply::new(403).body(body)).await;
    let error = fake.client().ping().await.unwrap_err();
    assert_eq!(*error.kind(), Kind::Denied);
    assert_eq!(
        error.message(),
        format!("{} returned DENIED: not yours; UNSUPPORTED", fake.host())
    );
    assert_eq!(error.detail()[0]["detail"]["a"], 1);
    let fake = Fake::start(|_| Reply::new(403).body("<html><body>Forbidden</body></html>")).await;
    let error = fake.client().ping().await.unwrap_err();
    assert_eq!(
        error.message(),
        format!("{} returned 403 Forbidden", fake.host())
    );
}

#[tokio::test]
async fn detects_plain_http_instead_of_tls() {
    let served = InMemoryServer::start().await.unwrap();
    let listener = Arc::new(Listener::default());
    let observer = listener.clone();
    let settings = Settings {
        scheme: Scheme::Https,
        observer,
        ..Settings::new(served.address().to_string())
    };
    let error = Client::new(settings).unwrap().ping().await.unwrap_err();
    assert_eq!(*error.kind(), Kind::Unavailable);
    let help = format!(
        "the server seems to use plain HTTP: write `http://{}`",
        served.address()
    );
    assert_eq!(error.help(), Some(&*help), "{error}");
    assert_eq!(listener.retried(), 0, "the failure is permanent");
}
