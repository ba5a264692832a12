//! docs/clients.md: what a full run found, for people who use the clients.

mod kinds;
mod limits;
mod message;
mod programs;
mod table;

use std::fs;

use anyhow::{Context, Result};

use super::matrix::{Cell, OWN};
use super::report::unique;
use crate::servers::workspace;

pub(crate) use message::Scrub;

const BEGINNING: &str = "\
# Clients

What skopeo, podman, buildah, Docker Engine, containerd, crane and oras can push to Portolan and pull from it, kind by kind. This page
is written by the run that tries it:

```
cargo xtask interop --write
```

It needs root and Debian, and installs the clients that are missing: crane and oras through Go, the others as Debian's packages.
It starts the release binary on loopback and puts every kind into it over HTTP. Each client, with storage of its own, then pulls each
kind, and what it has is compared with what was put in. Then it pushes each kind to another repository, and every document there is
read, hashed and compared.
";

const PROGRAMS: &str = "
## The clients
These versions were found, and were asked like this:

";

const LEGEND: &str = "
## What works
Portolan takes every kind and serves it as it came. What a client makes of it is pull / push:

| cell | meaning |
| --- | --- |
| ok | All of it arrived, byte for byte. |
| image | Out of an index or a list, the image for one platform arrived, byte for byte. |
| own | The client wrote the manifest, the index or the list anew, so the digest is another; the config or the children are the same. |
| — | The client itself cannot do it; [below](#what-clients-cannot-do) are the reason and the client's words. |

";

const KINDS: &str = "
## The kinds
The first two are images of a Debian system, built by buildah. The others are small and made for the run.

";

const LIMITS: &str = "
## What clients cannot do
These are limits of the clients, in the versions above and asked as above. Another version, or another command of the same client, may
well do it.
";

/// Writes the page; no cell has failed.
pub(crate) fn write(cells: &[Cell], scrub: &Scrub) -> Result<()> {
    let path = workspace().join("docs/clients.md");
    let text = text(cells, &programs::table()?, scrub);
    fs::write(&path, text).with_context(|| path.display().to_string())?;
    println!("{} is written", path.display());
    Ok(())
}

fn text(cells: &[Cell], programs: &str, scrub: &Scrub) -> String {
    let (own, cells): (Vec<_>, Vec<_>) = cells.iter().partition(|cell| cell.kind == OWN);
    [
        BEGINNING,
        PROGRAMS,
        programs,
        LEGEND,
        &table::matrix(&cells),
        &own_sentence(&own),
        KINDS,
        &kinds::table(&cells),
        LIMITS,
        &limits::sections(&cells, scrub),
    ]
    .concat()
}

fn own_sentence(own: &[&Cell]) -> String {
    let clients = unique(own.iter().map(|cell| cell.client));
    let Some((last, others)) = clients.split_last().filter(|(_, others)| !others.is_empty()) else {
        return String::new();
    };
    let clients = format!("{} and {last}", others.join(", "));
    format!(
        "\nBesides, {clients} each pushed something that they made themselves out of the root folder of a Debian\n\
         system, and all of it was there afterwards.\n"
    )
}

#[cfg(test)]
mod tests;
