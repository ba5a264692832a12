//! Requests whose cost is measured as CPU time of the server.

use std::fs;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::try_join_all;
use tokio::runtime::Runtime;
use xtask::load::Connection;
use xtask::servers::RunningServer;

use crate::images::CLIENTS;
use crate::measure::measure;
use crate::sizes::GrowthSizes;
use crate::wrk;

/// Duration of one measurement of a read.
pub(super) const READING: Duration = Duration::from_secs(1);

/// Returns the server's CPU time for each of the units that `work` returns, in microseconds. `work`
/// receives the number of the round. The lowest time of all rounds counts, because other programs on
/// the machine only add to it.
pub(super) fn cpu_micros(
    server: &RunningServer,
    rounds: u64,
    mut work: impl FnMut(u64) -> Result<u64>,
) -> Result<f64> {
    let mut lowest = f64::INFINITY;
    for round in 0..rounds {
        lowest = lowest.min(measure(server.pid(), || work(round))?.server);
    }
    Ok(lowest * 1e6)
}

/// Returns the CPU time of a GET over 64 connections, in microseconds.
pub(super) fn read(server: &RunningServer, target: &str, sizes: &GrowthSizes) -> Result<f64> {
    cpu_micros(server, sizes.rounds, |_| {
        wrk::count_requests(server.address(), target, READING)
    })
}

/// Returns the CPU time of a GET like [`read`], where each request replaces `%07d` in the target by a
/// random number below `count`. The script is written to `folder`.
pub(super) fn read_random(
    server: &RunningServer,
    folder: &Path,
    target: &str,
    count: u64,
    sizes: &GrowthSizes,
) -> Result<f64> {
    let script = folder.join("random.lua");
    fs::write(&script, wrk::random_script(target, count))?;
    cpu_micros(server, sizes.rounds, |_| {
        wrk::count_scripted(server.address(), &script, wrk::CONNECTIONS, READING)
    })
}

/// Returns the CPU time of `work` for one number, in microseconds. Eight clients share the numbers,
/// none of which comes twice.
pub(super) fn write(
    runtime: &Runtime,
    server: &RunningServer,
    sizes: &GrowthSizes,
    work: &impl AsyncFn(&mut Connection, u64) -> Result<()>,
) -> Result<f64> {
    let count = sizes.pushes;
    cpu_micros(server, sizes.rounds, |round| {
        let numbers = round * count..(round + 1) * count;
        runtime.block_on(for_each(server.address(), CLIENTS, numbers, work))?;
        Ok(count)
    })
}

/// Calls `work` with each number, which the clients share.
pub(super) async fn for_each(
    address: SocketAddr,
    clients: u64,
    numbers: Range<u64>,
    work: &impl AsyncFn(&mut Connection, u64) -> Result<()>,
) -> Result<()> {
    try_join_all((0..clients).map(async |client| {
        let mut connection = Connection::new(address);
        let mut number = numbers.start + client;
        while number < numbers.end {
            work(&mut connection, number).await?;
            number += clients;
        }
        anyhow::Ok(())
    }))
    .await?;
    Ok(())
}
