//! Mutated requests and documents: no panic, no 5xx except for a full disk or a busy server, and the
//! process lives. The seed and the number of a request determine its mutations.

mod documents;
mod exchange;
mod mutator;
mod requests;

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tokio::runtime::Handle;

use self::exchange::Exchange;
use self::requests::{SESSION, Seeds};
use super::family::{CONFIGURATION, panics};
use super::field::is_fault;
use super::outcome::Outcome;
use super::scene::Scene;
use crate::load::Random;

const CLIENTS: u8 = 4;

/// Number of requests after which a client opens a new upload session.
const REQUESTS_PER_SESSION: u64 = 100;

/// Number of faults after which the run ends.
const FAULT_LIMIT: usize = 20;

/// Bytes of a request to print with its fault.
const SHOWN: usize = 400;

/// State that the clients share.
struct Run<'a> {
    address: SocketAddr,
    runtime: Handle,
    seeds: &'a Seeds,
    seed: u64,
    count: u64,
    next: AtomicU64,
    answered: AtomicU64,
    faults: Mutex<Vec<String>>,
}

/// Sends `count` mutated requests.
pub(super) fn run(scene: &Scene, count: u64) -> Outcome {
    match send_all(scene, count) {
        Ok((remark, faults)) => Outcome::new("mutate", remark, Vec::new(), faults),
        Err(error) => Outcome::of_check("mutate", Err(error)),
    }
}

fn send_all(scene: &Scene, count: u64) -> Result<(String, Vec<String>)> {
    let mut server = scene.start("mutate", CONFIGURATION)?;
    let seeds = Seeds::new();
    let run = Run {
        address: server.address(),
        runtime: scene.runtime.handle().clone(),
        seeds: &seeds,
        seed: scene.seed,
        count,
        next: AtomicU64::new(0),
        answered: AtomicU64::new(0),
        faults: Mutex::default(),
    };
    let begin = Instant::now();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let run = &run;
            scope.spawn(move || run.send_next(client));
        }
    });
    let elapsed = begin.elapsed();
    ensure!(!server.has_ended()?, "the server ended");
    let mut faults = run.faults.into_inner().unwrap_or_default();
    faults.extend(panics(&scene.data("mutate"))?);
    let sent = run.next.into_inner().min(count);
    let remark = format!(
        "{sent} requests with seed {} in {elapsed:.0?}, {} answered",
        scene.seed,
        run.answered.into_inner()
    );
    Ok((remark, faults))
}

impl Run<'_> {
    /// Sends requests until all are sent or too many failed.
    fn send_next(&self, client: u8) {
        let mut exchange = Exchange::new(self.address, client + 1, self.runtime.clone());
        let mut session = String::from("/v2/mutated/blobs/uploads/none");
        for own in 0.. {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.count || self.has_too_many_faults() {
                return;
            }
            if own % REQUESTS_PER_SESSION == 0 {
                session = exchange.open_session().unwrap_or(session);
            }
            let request = self.request(number, &session);
            if let Err(error) = self.send_one(&mut exchange, &request) {
                self.record(number, &request, &format!("{error:#}"));
            }
        }
    }

    fn request(&self, number: u64, session: &str) -> Vec<u8> {
        let mut random = Random::new(self.seed, number);
        let request = self.seeds.request(&mut random);
        replace(&request, SESSION.as_bytes(), session.as_bytes())
    }

    fn send_one(&self, exchange: &mut Exchange, request: &[u8]) -> Result<()> {
        let status = exchange
            .send(request)
            .context("the server is unreachable")?;
        if let Some(status) = status {
            self.answered.fetch_add(1, Ordering::Relaxed);
            ensure!(!is_fault(status), "{status}");
        }
        Ok(())
    }

    fn record(&self, number: u64, request: &[u8], fault: &str) {
        let shown = request[..request.len().min(SHOWN)].escape_ascii();
        if let Ok(mut faults) = self.faults.lock() {
            faults.push(format!("request {number}: {fault}: {shown}"));
        }
    }

    fn has_too_many_faults(&self) -> bool {
        self.faults
            .lock()
            .is_ok_and(|faults| faults.len() >= FAULT_LIMIT)
    }
}

/// Replaces the first occurrence of `from`.
fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    match bytes.windows(from.len()).position(|part| part == from) {
        Some(at) => [&bytes[..at], to, &bytes[at + from.len()..]].concat(),
        None => bytes.to_vec(),
    }
}
