//! All families of attacks and all checks of broken surroundings, with their limits.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::checks::CHECKS;
use super::family::Family;
use super::limits::Limits;
use super::outcome::Outcome;
use super::scene::Scene;
use super::turns::{
    abandoned, bodies, checks, children, connections, deletes, documents, heads, prepare_nothing,
    readers, referrers, sessions, trees,
};

const TIME: Duration = Duration::from_secs(8);

/// Duration of each attack in the short form.
const QUICK_TIME: Duration = Duration::from_secs(3);

/// Limit of the response times in the short form, which runs beside other work. In so few samples,
/// a single slow write to the disk decides. The limit of memory is higher by half, because buffers
/// fill while the disk is slow.
const QUICK_LATENCY: Duration = Duration::from_secs(2);

/// Attacks that the short form skips, with the reason.
const LONG: &[(&str, &str)] = &[
    (
        "trickle",
        "the first request of another client may wait for 10 seconds",
    ),
    ("all", "its limits hold for the full time only"),
];

/// Families of attacks.
pub(super) const FAMILIES: &[Family] = &[
    work("documents", 4, prepare_nothing, documents::push),
    work("checks", 8, prepare_nothing, checks::check),
    work("children", 2, prepare_nothing, children::push),
    work("trees", 8, trees::prepare, trees::read),
    work("heads", 8, prepare_nothing, heads::push),
    work("deletes", 2, prepare_nothing, deletes::push_and_delete),
    work("referrers", 8, referrers::prepare, referrers::list),
    work("abandoned", 16, referrers::prepare, abandoned::leave),
    work("sessions", 8, prepare_nothing, sessions::open),
    hold("readers", 60, readers::prepare, readers::stall),
    Family {
        // The first request of another client may wait for 10 seconds, and further ones must not.
        time: Duration::from_secs(20),
        ..hold("trickle", 1100, prepare_nothing, bodies::trickle)
    },
    hold(
        "unfinished",
        60,
        prepare_nothing,
        bodies::stop_before_the_end,
    ),
    hold("blobs", 150, prepare_nothing, bodies::stop_in_a_blob),
    hold(
        "half-heads",
        1000,
        prepare_nothing,
        connections::send_half_a_head,
    ),
    Family {
        // Opening so many connections takes seconds.
        time: Duration::from_secs(15),
        clients: 8,
        limits: Limits {
            memory: 192,
            ..Limits::HOLD
        },
        ..hold("idle", 1300, prepare_nothing, connections::stay_idle)
    },
];

type Prepare = fn(&mut super::client::HostileClient<'_>) -> Result<()>;

const fn work(name: &'static str, clients: u64, prepare: Prepare, turn: Prepare) -> Family {
    Family {
        name,
        prepare,
        turn,
        clients,
        burst: 1,
        time: TIME,
        limits: Limits::WORK,
    }
}

/// Returns a family of one client that holds `burst` connections.
const fn hold(name: &'static str, burst: usize, prepare: Prepare, turn: Prepare) -> Family {
    Family {
        name,
        prepare,
        turn,
        clients: 1,
        burst,
        time: TIME,
        limits: Limits::HOLD,
    }
}

/// Runs the families and checks that `name` selects.
pub(super) fn run(scene: &Scene, name: &str, outcomes: &mut Vec<Outcome>) -> Result<()> {
    let begin = outcomes.len();
    for family in FAMILIES {
        if is_selected(scene, name, family.name) {
            outcomes.push(scene.clean(run_family(scene, family)));
        }
    }
    for (check, function) in CHECKS {
        if is_selected(scene, name, check) {
            outcomes.push(scene.clean(Outcome::of_check(check, function(scene))));
        }
    }
    ensure!(outcomes.len() > begin, "no attack is named {name}");
    Ok(())
}

fn run_family(scene: &Scene, family: &Family) -> Outcome {
    if !scene.quick {
        return family.run(scene);
    }
    let limits = Limits {
        latency: QUICK_LATENCY,
        memory: family.limits.memory * 3 / 2,
        ..family.limits
    };
    Family {
        time: QUICK_TIME,
        limits,
        ..*family
    }
    .run(scene)
}

fn is_selected(scene: &Scene, name: &str, family: &str) -> bool {
    match name {
        "families" => !is_skipped(scene, family),
        _ => name == family,
    }
}

/// Returns whether the short form skips an attack, and prints why.
pub(super) fn is_skipped(scene: &Scene, attack: &str) -> bool {
    let known = LONG.iter().find(|(name, _)| *name == attack);
    match known {
        Some((_, reason)) if scene.quick => {
            println!("{attack:<18} skipped: {reason}");
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_names_exist() {
        let names: Vec<&str> = FAMILIES
            .iter()
            .map(|family| family.name)
            .chain(CHECKS.iter().map(|(name, _)| *name))
            .chain(["all"])
            .collect();
        for (name, _) in LONG {
            assert!(names.contains(name), "{name}");
        }
    }
}
