//! Downloads of large blobs over a plain socket. Bytes are counted and discarded, so that the
//! server is measured and not the client.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use anyhow::{Context, Result, bail};

const BUFFER: usize = 1 << 20;
const HEAD_LIMIT: usize = 16 << 10;

/// Downloads `target` with `clients` clients at the same time.
///
/// # Errors
///
/// Returns an error unless each client receives `length` bytes.
pub(crate) fn download_concurrently(
    address: SocketAddr,
    target: &str,
    length: u64,
    clients: u8,
) -> Result<()> {
    thread::scope(|scope| {
        let all: Vec<_> = (0..clients)
            .map(|_| scope.spawn(|| download(address, target, length)))
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

fn download(address: SocketAddr, target: &str, length: u64) -> Result<()> {
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
        bail!("{target}: received {received} bytes instead of {length}");
    }
    Ok(())
}

/// Reads past the head of a 200 response and returns the number of body bytes that were read with
/// it.
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
    bail!("no response head within {HEAD_LIMIT} bytes")
}
