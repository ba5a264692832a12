//! Downloads of huge blobs over a bare socket: bytes are counted, not kept, so that the server is what is measured.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use anyhow::{Context, Result, bail};

const BUFFER: usize = 1 << 20;
const HEAD_LIMIT: usize = 16 << 10;

/// Reads `target` by so many clients at once, and fails unless each got `length` bytes.
pub(crate) fn together(
    address: SocketAddr,
    target: &str,
    length: u64,
    clients: usize,
) -> Result<()> {
    thread::scope(|scope| {
        let all: Vec<_> = (0..clients)
            .map(|_| scope.spawn(|| one(address, target, length)))
            .collect();
        for client in all {
            client
                .join()
                .ok()
                .context("a downloading thread panicked")??;
        }
        Ok(())
    })
}

fn one(address: SocketAddr, target: &str, length: u64) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut buffer = vec![0; BUFFER];
    let mut received = rest_after_head(&mut stream, &mut buffer)?;
    loop {
        let read = stream.read(&mut buffer)? as u64;
        received += read;
        if read == 0 {
            break;
        }
    }
    if received != length {
        bail!("{target}: {received} bytes instead of {length}");
    }
    Ok(())
}

/// Reads past the head of a 200 and answers how many bytes of the body came along.
fn rest_after_head(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<u64> {
    let mut filled = 0;
    while filled < HEAD_LIMIT {
        let read = stream.read(&mut buffer[filled..])?;
        filled += read;
        let head = buffer[..filled]
            .windows(4)
            .position(|window| window == b"\r\n\r\n");
        if let Some(end) = head {
            if !buffer.starts_with(b"HTTP/1.1 200 ") {
                bail!("{}", String::from_utf8_lossy(&buffer[..end]));
            }
            return Ok((filled - end - 4) as u64);
        }
        if read == 0 {
            break;
        }
    }
    bail!("no answer's head within {HEAD_LIMIT} bytes")
}
