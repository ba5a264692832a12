//! A built `portolan`, started on a free port and stopped by its process id.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Longest time that a server may take until it says where it listens.
const START: Duration = Duration::from_mins(1);

/// A server that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    /// Runs `binary serve --listen 127.0.0.1:0 --data DATA` and what stands in `arguments`, and
    /// waits until it listens: the first line that it prints ends in `http://ADDRESS`.
    ///
    /// What it prints to its standard error goes to that of the test.
    ///
    /// # Errors
    /// Those of starting a process; [`io::ErrorKind::InvalidData`] when the line says something
    /// else; [`io::ErrorKind::TimedOut`] when none comes, as from a process that ends at once.
    pub fn serve(binary: &Path, data: &Path, arguments: &[&str]) -> io::Result<Self> {
        let mut command = Command::new(binary);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(arguments);
        Self::start(&mut command)
    }

    /// Runs a command that prints, as [`Process::serve`] does, where it listens.
    ///
    /// # Errors
    /// As [`Process::serve`].
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let address = child
            .stdout
            .take()
            .ok_or_else(nothing_printed)
            .and_then(first_line)
            .and_then(|line| address(&line));
        match address {
            Ok(address) => Ok(Self { child, address }),
            Err(error) => {
                end(&mut child);
                Err(error)
            }
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// Those of the system.
    pub fn stop(mut self) -> io::Result<ExitStatus> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait()
    }

    /// Ends it at once (SIGKILL), as a crash would, and waits until it is gone.
    ///
    /// # Errors
    /// Those of the system.
    pub fn kill(mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A process that has ended already was waited for, and its id may be another's: `Child` knows.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// The first line of an output, which is read to its end in the background: a full pipe would stop
/// the process.
fn first_line(output: ChildStdout) -> io::Result<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = String::new();
        let read = output.read_line(&mut line);
        // Nobody listens any more if this took too long.
        let _ = sender.send(read.map(|_| line));
        let _ = io::copy(&mut output, &mut io::sink());
    });
    receiver
        .recv_timeout(START)
        .map_err(|_| nothing_printed())?
}

fn nothing_printed() -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        "the server did not say where it listens",
    )
}

fn address(line: &str) -> io::Result<SocketAddr> {
    let address = line
        .trim_end()
        .rsplit_once("http://")
        .and_then(|(_, address)| address.parse().ok());
    address.ok_or_else(|| {
        let message = format!("the server's first line does not end in http://ADDRESS: {line:?}");
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> io::Result<Process> {
        Process::start(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn waits_for_the_line_and_stops() {
        let process =
            shell("echo 'portolan listens on http://127.0.0.1:4711'; exec sleep 600").unwrap();
        assert_eq!(process.address(), "127.0.0.1:4711".parse().unwrap());
        assert_eq!(process.stop().unwrap().code(), None);
    }

    #[test]
    fn an_end_or_another_line_is_an_error() {
        assert_eq!(
            shell("exit 3").unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
        assert_eq!(
            shell("echo nowhere; exec sleep 600").unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }
}
