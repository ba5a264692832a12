//! All attacks at once: 64 hostile connections, each of which chooses a random attack again and
//! again. The server is killed afterwards, and has to have what it acknowledged.

use std::time::Duration;

use super::families::FAMILIES;
use super::family::{Attack, Family};
use super::limits::Limits;
use super::outcome::Outcome;
use super::scene::Scene;

const CLIENTS: u64 = 64;

/// Time for which a client holds a connection before it does something else.
const HOLD: Duration = Duration::from_secs(3);

/// Runs the attack.
pub(super) fn run(scene: &Scene) -> Outcome {
    let families: Vec<&Family> = FAMILIES.iter().collect();
    Attack {
        name: "all",
        families: &families,
        clients: CLIENTS,
        burst: 1,
        hold: HOLD,
        time: Duration::from_secs(if scene.quick { 10 } else { 60 }),
        limits: Limits::ALL,
        crash: true,
    }
    .run(scene)
}
