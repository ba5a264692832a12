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

What Portolan's own command line, skopeo, podman, buildah, Docker Engine, containerd, crane and oras can push to a Portolan registry
and pull from it, kind by kind, and what they and umoci exchange with Portolan on disk. This page is written by the run that tries it:

```
cargo xtask interop --write
```

It needs root and Debian, and installs the clients that are missing: crane and oras through Go, the others as Debian's packages.
It starts the release binary on loopback and puts every kind into it over HTTP. Each client, with storage of its own, then pulls each
kind, and what it has is compared with what was put in. Then it pushes each kind to another repository, and every document there is
read, hashed and compared. At last each tool that keeps images on disk writes some, which Portolan reads, and reads some that Portolan
wrote.
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

const EXCHANGE: &str = "
## What goes over disk
`portolan copy` knows the references `oci:FOLDER` for an OCI layout, `oci-archive:FILE` for a layout in a tar file and
`docker-archive:FILE` for what `docker save` writes. The tools were asked like this:

";

const EXCHANGE_LEGEND: &str = "
A cell is read / write, in the words of the first table; where a tool does not have the form, there is no word. Read: `portolan copy`
writes the kind to disk, and the tool reads it, into its own storage or back into the registry. Write: the tool writes the kind to disk,
`portolan copy` brings it into the registry, and the digest there is the one that the tool's `index.json` names. It is another than the
kind's where the tool packed layers anew or made OCI's out of Docker's; then the cell is \"own\", and all of what the tool wrote is there.
A docker-archive has images alone, without their manifests: the config is the same, and the layers unpack to what it says, so \"own\" is
the best that can be. Out of an index it has the image for linux/amd64, and so has what umoci writes. `real-image` is that image of
`real-eleven`.

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

/// Writes the page; no cell of either table has failed.
pub(crate) fn write(tables: [&[Cell]; 2], scrub: &Scrub) -> Result<()> {
    let path = workspace().join("docs/clients.md");
    let text = text(tables, &programs::tables()?, scrub);
    fs::write(&path, text).with_context(|| path.display().to_string())?;
    println!("{} is written", path.display());
    Ok(())
}

fn text([matrix, exchange]: [&[Cell]; 2], [clients, tools]: &[String; 2], scrub: &Scrub) -> String {
    let (own, matrix): (Vec<_>, Vec<_>) = matrix.iter().partition(|cell| cell.kind == OWN);
    let exchange: Vec<_> = exchange.iter().collect();
    [
        BEGINNING,
        PROGRAMS,
        clients,
        LEGEND,
        &table::matrix(&matrix),
        &own_sentence(&own),
        EXCHANGE,
        tools,
        EXCHANGE_LEGEND,
        &table::matrix(&exchange),
        KINDS,
        &kinds::table(&matrix),
        LIMITS,
        &limits::sections(&[matrix, exchange].concat(), scrub),
    ]
    .concat()
}

fn own_sentence(own: &[&Cell]) -> String {
    let clients = unique(own.iter().map(|cell| cell.client));
    let Some((last, others)) = clients
        .split_last()
        .filter(|(_, others)| !others.is_empty())
    else {
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
