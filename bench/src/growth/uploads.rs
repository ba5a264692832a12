//! Number of slow uploads: the server's memory, and the cost of reads that are answered meanwhile.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use anyhow::Result;
use tokio::runtime::Runtime;
use xtask::load::process::resident_memory;
use xtask::load::push;
use xtask::load::{Connection, LoadImage, Random};
use xtask::servers::RunningServer;

use super::{load, runtime, steps};
use crate::figure::{Figure, Panel, Series};
use crate::measure::{to_float, to_mebibytes};
use crate::sizes::GrowthSizes;

const REPOSITORY: &str = "growth/uploads";

/// Announced length of each upload, and the part of it that is sent. The part ends in the middle of a
/// mebibyte, so that a buffer of the server is not empty.
const LENGTH: usize = 16 << 20;
const SENT: usize = (1 << 20) + (1 << 19);

/// Measures from 1 upload on.
pub(super) fn measure(folder: &Path, sizes: &GrowthSizes) -> Result<Figure> {
    let runtime = runtime()?;
    let server = RunningServer::portolan(&folder.join("data"), "")?;
    let image = LoadImage::random(&mut Random::new(30, 2), &[], &[4_000]);
    let mut connection = Connection::new(server.address());
    runtime.block_on(push::push_image(&mut connection, REPOSITORY, "v1", &image))?;
    let manifest = format!("/v2/{REPOSITORY}/manifests/v1");
    let (mut uploads, mut memory, mut reads) = (vec![], vec![], vec![]);
    for count in steps(1, sizes.uploads, 4) {
        eprintln!("        {count} slow uploads");
        let x = to_float(count);
        while (uploads.len() as u64) < count {
            uploads.push(begin_upload(&runtime, server.address())?);
        }
        reads.push((x, load::read(&server, &manifest, sizes)?));
        memory.push((x, to_mebibytes(resident_memory(server.pid())?)));
    }
    let panel = |vertical, unit, name, points| Panel {
        horizontal: "slow uploads",
        vertical,
        unit,
        series: vec![Series { name, points }],
    };
    Ok(Figure {
        name: "uploads",
        title: "Slow uploads",
        note:
            "Each upload has sent 1.5 MiB of a PATCH of 16 MiB and waits. Memory grows because the \
               server gathers each mebibyte before it hashes and writes it."
                .to_owned(),
        panels: vec![
            panel(
                "resident memory of the server",
                "MiB",
                "resident memory",
                memory,
            ),
            panel(
                "CPU time of the server per request",
                "µs",
                "GET manifest by tag meanwhile",
                reads,
            ),
        ],
    })
}

/// Sends the beginning of an upload. It lasts as long as the connection is open.
fn begin_upload(runtime: &Runtime, address: SocketAddr) -> Result<TcpStream> {
    let mut connection = Connection::new(address);
    let session = runtime.block_on(push::open_session(&mut connection, REPOSITORY))?;
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "PATCH {session} HTTP/1.1\r\nHost: {address}\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: {LENGTH}\r\n\r\n"
    )?;
    stream.write_all(&vec![0; SENT])?;
    Ok(stream)
}
