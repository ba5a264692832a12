//! Server process of a built `portolan` binary, on a free port.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Maximum time that a server has to print its address.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// Server process. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    /// Runs `binary serve --listen 127.0.0.1:0 --data DATA` with additional `arguments`, and waits
    /// until it prints its address.
    ///
    /// The first line of its standard output must end in `http://ADDRESS` or `https://ADDRESS`. The
    /// process inherits standard error from the test.
    ///
    /// # Errors
    /// Returns the error of starting the process, [`io::ErrorKind::InvalidData`] if the first line
    /// has no address or the process ends without one, and [`io::ErrorKind::TimedOut`] if it prints
    /// no line in time.
    pub fn serve(binary: &Path, data: &Path, arguments: &[&str]) -> io::Result<Self> {
        let mut command = Command::new(binary);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(arguments);
        Self::start(&mut command)
    }

    /// Runs a command that prints its address in the same way as `portolan serve`, and waits until
    /// it does.
    ///
    /// # Errors
    /// Returns the errors of [`Process::serve`].
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let address = child
            .stdout
            .take()
            .ok_or_else(missing_address)
            .and_then(read_first_line)
            .and_then(|line| address(&line));
        match address {
            Ok(address) => Ok(Self { child, address }),
            Err(error) => {
                kill_and_wait(&mut child);
                Err(error)
            }
        }
    }

    /// Returns the address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Requests a shutdown (SIGTERM) and waits until the process has ended.
    ///
    /// # Errors
    /// Returns the error of the system call.
    pub fn stop(mut self) -> io::Result<ExitStatus> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait()
    }

    /// Kills the process (SIGKILL), as a crash would, and waits until it has ended.
    ///
    /// # Errors
    /// Returns the error of the system call.
    pub fn kill(mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        kill_and_wait(&mut self.child);
    }
}

/// Kills the process and waits for its end.
///
/// If the process has already been waited for, its id may belong to another process. This is safe,
/// because [`Child`] records that and then sends no signal.
fn kill_and_wait(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Returns the first line that a process prints.
///
/// A thread reads the output to its end, because a full pipe would block the process.
fn read_first_line(output: ChildStdout) -> io::Result<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = String::new();
        let read = output.read_line(&mut line);
        // The receiver is gone if this took too long.
        let _ = sender.send(read.map(|_| line));
        let _ = io::copy(&mut output, &mut io::sink());
    });
    receiver
        .recv_timeout(START_TIMEOUT)
        .map_err(|_| missing_address())?
}

fn missing_address() -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        "the server did not print its address",
    )
}

fn address(line: &str) -> io::Result<SocketAddr> {
    let address = line
        .trim_end()
        .rsplit_once("://")
        .and_then(|(_, address)| address.parse().ok());
    address.ok_or_else(|| {
        let message = format!("the server's first line does not end in SCHEME://ADDRESS: {line:?}");
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
    fn reads_the_address_and_stops() {
        let process =
            shell("echo 'portolan listens on http://127.0.0.1:4711'; exec sleep 600").unwrap();
        assert_eq!(process.address(), "127.0.0.1:4711".parse().unwrap());
        assert_eq!(process.stop().unwrap().code(), None);
    }

    #[test]
    fn rejects_a_missing_or_invalid_address() {
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
