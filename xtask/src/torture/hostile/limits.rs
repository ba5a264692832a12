//! Limits of an attack, and their comparison with what was measured.

use std::time::Duration;

use super::meter::Usage;
use super::outcome::Measure;
use super::victim::Latencies;

const MIB: u64 = 1 << 20;

/// Maximum growth of the data folder, as a multiple of the bytes that the clients sent.
const DISK_FACTOR: u64 = 10;

/// Growth of the data folder that is always allowed: the write-ahead log is shortened when it has
/// reached 16 MiB, and its pages then are in the database too.
const DISK_ALLOWANCE: u64 = 48 * MIB;

/// Limits of an attack.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Maximum resident memory of the server in MiB.
    pub(super) memory: u64,
    /// 99th percentile of the innocent client's response times that is always allowed.
    pub(super) latency: Duration,
    /// Maximum CPU time of the server per second, in percent of a core. `None`: not limited,
    /// because the attack consists of work.
    pub(super) cpu: Option<u64>,
}

impl Limits {
    /// Limits of attacks that consist of work. A single request may hold a thread that others wait
    /// for during 200 ms.
    pub(super) const WORK: Self = Self {
        memory: 192,
        latency: Duration::from_millis(200),
        cpu: None,
    };

    /// Limits of attacks that only hold connections.
    pub(super) const HOLD: Self = Self {
        memory: 128,
        latency: Duration::from_millis(50),
        cpu: Some(50),
    };

    /// Limits of all attacks at once.
    pub(super) const ALL: Self = Self {
        memory: 256,
        latency: Duration::from_millis(50),
        cpu: None,
    };

    /// Compares the limits with what was measured while the clients sent `sent` bytes.
    pub(super) fn compare(
        &self,
        usage: &Usage,
        before: &Latencies,
        during: &Latencies,
        sent: u64,
    ) -> Vec<Measure> {
        let latency = self.latency.max(before.percentile(99) * 2);
        let disk = sent * DISK_FACTOR + DISK_ALLOWANCE;
        let mut measures = vec![
            Measure::new("memory (MiB)", usage.memory / MIB, self.memory),
            Measure::new(
                "p99 (ms)",
                milliseconds(during.percentile(99)),
                milliseconds(latency),
            ),
            Measure::new("failed requests", during.failed(), 0),
            Measure::new("disk (MiB)", usage.disk / MIB, disk / MIB),
        ];
        if let Some(cpu) = self.cpu {
            measures.push(Measure::new("CPU (%)", usage.cpu, cpu));
        }
        measures
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
