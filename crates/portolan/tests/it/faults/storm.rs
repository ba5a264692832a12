//! Random faults of all kinds on both sides, for many seeds.

use std::thread;
use std::time::Duration;

use portolan_testkit::proxy::{BodyFault, Fault, Proxy, RequestFilter, StatusCode, Trigger};

use super::stage::{Content, ProxiedRegistry, has_arrived, judge, portolan_copy, run};

const SEEDS: u64 = 16;
/// Number of parallel copies. They mostly wait for retries.
const PARALLEL: u64 = 8;
/// Each kind of fault hits one of this many requests.
const ONE_IN: u32 = 80;

fn faults() -> Vec<Fault> {
    let error = |status, retry_after| Fault::Reject {
        status,
        retry_after,
    };
    let bodies = [
        BodyFault::Cut(0),
        BodyFault::Cut(300_000),
        BodyFault::Truncate(300_000),
        BodyFault::Flip(400_000),
    ];
    let others = [
        error(StatusCode::TOO_MANY_REQUESTS, Some(0)),
        error(StatusCode::INTERNAL_SERVER_ERROR, None),
        error(StatusCode::SERVICE_UNAVAILABLE, None),
        Fault::Delay(Duration::from_millis(100)),
        Fault::DropResponse,
    ];
    let bodies = bodies
        .into_iter()
        .flat_map(|fault| [Fault::Request(fault), Fault::Response(fault)]);
    others.into_iter().chain(bodies).collect()
}

fn inject_random_faults(proxy: &Proxy, seed: u64) {
    for (number, fault) in (0..).zip(faults()) {
        proxy.inject(
            RequestFilter::all(),
            Trigger::OneIn {
                times: ONE_IN,
                seed: seed * 1000 + number,
            },
            fault,
        );
    }
}

/// Runs one copy, and returns its result and the number of injected faults.
async fn copy(
    content: &Content,
    source: &ProxiedRegistry,
    seed: u64,
) -> (Result<(), String>, usize) {
    let (near, target, home) = (
        source.another_proxy(),
        ProxiedRegistry::start(),
        tempfile::tempdir().unwrap(),
    );
    inject_random_faults(&near, 2 * seed);
    inject_random_faults(&target.proxy, 2 * seed + 1);
    let from = format!("{}/app:v1", near.address());
    let output = run(portolan_copy(home.path())
        .arg(from)
        .arg(target.proxied_reference("copy:v1")));
    let arrived = has_arrived(&target.registry(), content).await;
    (
        judge(&output, arrived),
        near.fault_count() + target.proxy.fault_count(),
    )
}

#[tokio::test]
async fn never_stores_wrong_content() {
    let content = Content::new();
    let source = ProxiedRegistry::start_with(&content, &["v1"]).await;
    let (content, source) = (&content, &source);
    let copies = thread::scope(|scope| {
        let threads: Vec<_> = (0..PARALLEL)
            .map(|first| {
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    let seeds = (first..SEEDS).step_by(PARALLEL.try_into().unwrap());
                    seeds
                        .map(|seed| runtime.block_on(copy(content, source, seed)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    let failures: Vec<_> = copies
        .iter()
        .filter_map(|(copied, _)| copied.as_ref().err())
        .collect();
    let spoilt: usize = copies.iter().map(|(_, spoilt)| spoilt).sum();
    assert!(spoilt > copies.len(), "{spoilt} in {} copies", copies.len());
    assert!(
        failures.len() < copies.len() / 4,
        "{} failed: {failures:#?}",
        failures.len()
    );
}
