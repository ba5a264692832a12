//! Family of attacks: turns that hostile clients repeat beside the innocent client.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::client::HostileClient;
use super::field::Field;
use super::limits::Limits;
use super::meter::{Meter, Usage};
use super::outcome::{Measure, Outcome};
use super::scene::Scene;
use super::victim::Victim;
use crate::load::Random;

/// Configuration of the attacked servers. Documents of the attacks name absent content.
pub(super) const CONFIGURATION: &str =
    "[[policy]]\nrepositories = \"hostile/**\"\npreset = \"sparse\"\ndeletion = \"always\"\n";

/// Time for which the innocent client is measured before an attack.
const BASE: Duration = Duration::from_secs(1);

/// Time limit for what is stored before an attack.
const PREPARATION: Duration = Duration::from_mins(2);

/// Pause after a turn that failed, for example because its connection was rejected.
const FAILURE_PAUSE: Duration = Duration::from_millis(20);

/// Family of attacks.
pub(super) struct Family {
    /// Name on the command line.
    pub(super) name: &'static str,
    /// Stores what the turns need.
    pub(super) prepare: fn(&mut HostileClient<'_>) -> Result<()>,
    /// Acts once for one client. An error means that the server ended it.
    pub(super) turn: fn(&mut HostileClient<'_>) -> Result<()>,
    /// Number of clients.
    pub(super) clients: u64,
    /// Number of connections that a turn opens if it only holds them.
    pub(super) burst: usize,
    /// Duration of the attack.
    pub(super) time: Duration,
    /// Limits.
    pub(super) limits: Limits,
}

/// Attack by a number of clients, each of which chooses its turns.
pub(super) struct Attack<'a> {
    pub(super) name: &'a str,
    pub(super) families: &'a [&'a Family],
    pub(super) clients: u64,
    pub(super) burst: usize,
    /// Time for which a turn holds its connections.
    pub(super) hold: Duration,
    pub(super) time: Duration,
    pub(super) limits: Limits,
    /// Restart the server with `kill -9` before the check of acknowledged content.
    pub(super) crash: bool,
}

impl Family {
    /// Runs the attack of this family.
    pub(super) fn run(&self, scene: &Scene) -> Outcome {
        Attack {
            name: self.name,
            families: &[self],
            clients: self.clients,
            burst: self.burst,
            hold: self.time,
            time: self.time,
            limits: self.limits,
            crash: false,
        }
        .run(scene)
    }
}

impl Attack<'_> {
    /// Runs the attack beside an innocent client.
    pub(super) fn run(&self, scene: &Scene) -> Outcome {
        match self.measure(scene) {
            Ok((remark, measures, faults)) => Outcome::new(self.name, remark, measures, faults),
            Err(error) => Outcome::of_check(self.name, Err(error)),
        }
    }

    fn measure(&self, scene: &Scene) -> Result<(String, Vec<Measure>, Vec<String>)> {
        let data = scene.data(self.name);
        let mut server = scene.start(self.name, CONFIGURATION)?;
        self.prepare(scene, &self.field(scene, server.address(), PREPARATION))?;
        let mut victim = Victim::new(server.address(), scene.seed)?;
        let before = victim.observe(BASE);
        let already_sent = victim.sent();
        let meter = Meter::start(server.pid(), &data)?;
        let field = self.field(scene, server.address(), self.time);
        let during = thread::scope(|scope| {
            for client in 0..self.clients {
                let field = &field;
                scope.spawn(move || self.run_client(field, Random::new(scene.seed, client)));
            }
            victim.observe(self.time)
        });
        let usage = meter.stop()?;
        let sent = field.sent() + victim.sent() - already_sent;
        let measures = self.limits.compare(&usage, &before, &during, sent);
        let mut faults = field.faults();
        faults.extend_from_slice(during.failures());
        faults.extend(panics(&data)?);
        if self.crash {
            server.kill()?;
            server = scene.start(self.name, CONFIGURATION)?;
        }
        faults.extend(victim.verify(server.address())?);
        let remark = remark(
            &field,
            &usage,
            [before.percentile(99), during.percentile(50)],
        );
        Ok((remark, measures, faults))
    }

    fn field(&self, scene: &Scene, address: SocketAddr, time: Duration) -> Field {
        let runtime = scene.runtime.handle().clone();
        Field::new(address, runtime, self.burst, self.hold, time)
    }

    fn prepare(&self, scene: &Scene, field: &Field) -> Result<()> {
        let mut client = HostileClient::new(field, Random::new(scene.seed, u64::MAX));
        self.families
            .iter()
            .try_for_each(|family| (family.prepare)(&mut client))
    }

    fn run_client(&self, field: &Field, random: Random) {
        let mut client = HostileClient::new(field, random);
        while !field.is_over() {
            let family = *client.random.pick(self.families);
            if (family.turn)(&mut client).is_err() {
                thread::sleep(FAILURE_PAUSE);
            }
            field.count_turn();
        }
    }
}

fn remark(field: &Field, usage: &Usage, [before, median]: [Duration; 2]) -> String {
    format!(
        "p99 before {before:.1?}, p50 during {median:.1?}, CPU {} %, {} turns, {} raw connections, \
         sent {} MiB",
        usage.cpu,
        field.turns(),
        field.connections(),
        field.sent() >> 20
    )
}

/// Returns the panics in the log of a server.
pub(super) fn panics(data: &Path) -> Result<Vec<String>> {
    let log = fs::read(data.with_extension("log"))?;
    let log = String::from_utf8_lossy(&log);
    let panics = log.lines().filter(|line| line.contains("panicked"));
    Ok(panics.map(|line| format!("panic: {line}")).collect())
}
