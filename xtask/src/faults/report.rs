//! Table of the cases, with the outcomes of the peers.

use anyhow::Result;

use super::peer::Peer;

/// Outcome of a case.
pub(crate) struct Outcome {
    result: Result<()>,
    peers: Vec<(Peer, String)>,
}

impl Outcome {
    /// Creates the outcome from that of Portolan and those of the peers.
    pub(crate) fn new(result: Result<()>, peers: Vec<(Peer, String)>) -> Self {
        Self { result, peers }
    }
}

/// Prints the table, then the errors, and returns the number of failed cases.
pub(crate) fn print(outcomes: &[(&str, &str, Outcome)]) -> usize {
    let mut current = "";
    for (section, name, outcome) in outcomes {
        if current != *section {
            println!("=== {section}");
            current = section;
        }
        println!("{}", row(name, outcome));
    }
    let mut failed = 0;
    for (_, name, outcome) in outcomes {
        if let Err(error) = &outcome.result {
            failed += 1;
            println!("--- {name}: {error:#}\n");
        }
    }
    println!("{} passed, {failed} failed", outcomes.len() - failed);
    failed
}

fn row(name: &str, outcome: &Outcome) -> String {
    let status = match outcome.result {
        Ok(()) => "passed",
        Err(_) => "FAILED",
    };
    let peers: Vec<_> = outcome
        .peers
        .iter()
        .map(|(peer, text)| format!("{} {text}", peer.name()))
        .collect();
    format!("{name:<52} {status}  {}", peers.join(", "))
        .trim_end()
        .to_owned()
}
