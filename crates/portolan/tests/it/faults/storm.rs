//! Harm of all kinds at random, on both sides, over many seeds.

use std::thread;
use std::time::Duration;

use portolan_testkit::proxy::{BodyFault, Fault, Proxy, Requests, StatusCode, When};

use super::stage::{Content, Side, judge, portolan_copy, run, whether_arrived};

const SEEDS: u64 = 16;
/// Copies at a time: they mostly wait for their turn to try again.
const TOGETHER: u64 = 8;
/// Of so many requests one is spoilt by each kind of harm.
const TIMES: u32 = 80;

fn faults() -> Vec<Fault> {
    let refusal = |status, retry_after| Fault::Refuse {
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
        refusal(StatusCode::TOO_MANY_REQUESTS, Some(0)),
        refusal(StatusCode::INTERNAL_SERVER_ERROR, None),
        refusal(StatusCode::SERVICE_UNAVAILABLE, None),
        Fault::Delay(Duration::from_millis(100)),
        Fault::LoseAnswer,
    ];
    let bodies = bodies
        .into_iter()
        .flat_map(|fault| [Fault::Request(fault), Fault::Response(fault)]);
    others.into_iter().chain(bodies).collect()
}

fn storm(proxy: &Proxy, seed: u64) {
    for (number, fault) in (0..).zip(faults()) {
        proxy.spoil(
            Requests::all(),
            When::OneIn {
                times: TIMES,
                seed: seed * 1000 + number,
            },
            fault,
        );
    }
}

/// What became of one copy, and how often it met with harm.
async fn copy(content: &Content, source: &Side, seed: u64) -> (Result<(), String>, usize) {
    let (near, target, home) = (
        source.another_proxy(),
        Side::start(),
        tempfile::tempdir().unwrap(),
    );
    storm(&near, 2 * seed);
    storm(&target.proxy, 2 * seed + 1);
    let from = format!("{}/app:v1", near.address());
    let output = run(portolan_copy(home.path())
        .arg(from)
        .arg(target.by_proxy("copy:v1")));
    let arrived = whether_arrived(&target.registry(), content).await;
    (
        judge(&output, arrived),
        near.spoilt() + target.proxy.spoilt(),
    )
}

#[tokio::test]
async fn nothing_wrong_ever_arrives() {
    let content = Content::new();
    let source = Side::with(&content, &["v1"]).await;
    let (content, source) = (&content, &source);
    let copies = thread::scope(|scope| {
        let threads: Vec<_> = (0..TOGETHER)
            .map(|first| {
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    let seeds = (first..SEEDS).step_by(TOGETHER.try_into().unwrap());
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
