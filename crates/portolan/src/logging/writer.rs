//! Thread that writes log lines.

use std::io::{self, Write};
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// Maximum number of lines that wait to be written. Further lines are dropped and counted.
const MAX_WAITING: usize = 4096;

/// Maximum number of lines that one write takes from the queue.
const MAX_BATCH: usize = 1024;

/// Time after a write in which further lines only collect. To wake this thread for each line would
/// cost the requests more than the lines.
const PAUSE: Duration = Duration::from_millis(5);

/// Maximum time that the end of the process waits for the last lines.
const FLUSH_TIME: Duration = Duration::from_millis(500);

/// Time between two attempts to send a message to a full queue.
const RETRY_TIME: Duration = Duration::from_millis(1);

/// Name of events after which the process ends immediately. They are written before the call
/// returns.
const FATAL: &str = "fatal";

/// Thread that writes the lines of a queue. Dropping this value waits until the lines are written,
/// but only for a short time.
pub(crate) struct LogWriter(LineQueue);

impl LogWriter {
    /// Starts the thread.
    pub(crate) fn start(output: impl Write + Send + 'static) -> Self {
        let (sender, receiver) = sync_channel(MAX_WAITING);
        let dropped = Arc::<AtomicU64>::default();
        let count = Arc::clone(&dropped);
        thread::spawn(move || write_lines(output, &receiver, &count));
        Self(LineQueue { sender, dropped })
    }

    /// Returns the queue.
    pub(crate) fn queue(&self) -> LineQueue {
        self.0.clone()
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Queue of log lines.
#[derive(Clone)]
pub(crate) struct LineQueue {
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

enum Message {
    Line(Vec<u8>),
    /// Request for a message once all earlier lines are written.
    Flush(SyncSender<()>),
}

impl LineQueue {
    fn push(&self, line: &[u8]) {
        if self.sender.try_send(Message::Line(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until the lines are written, but at most for [`FLUSH_TIME`].
    fn flush(&self) {
        let end = Instant::now() + FLUSH_TIME;
        let (sender, receiver) = sync_channel(1);
        if self.send_until(end, Message::Flush(sender)) {
            let _ = receiver.recv_timeout(end.saturating_duration_since(Instant::now()));
        }
    }

    /// Sends a message, and waits until `end` while the queue is full. Returns whether the message
    /// was sent.
    fn send_until(&self, end: Instant, mut message: Message) -> bool {
        loop {
            match self.sender.try_send(message) {
                Ok(()) => return true,
                Err(TrySendError::Full(unsent)) if Instant::now() < end => message = unsent,
                Err(_) => return false,
            }
            thread::sleep(RETRY_TIME);
        }
    }
}

/// Writes lines until all handles to the queue are dropped. Ignores errors, because a log that
/// cannot be written must not stop the process.
fn write_lines(mut output: impl Write, messages: &Receiver<Message>, dropped: &AtomicU64) {
    while let Ok(first) = messages.recv() {
        let mut lines = Vec::new();
        let mut flushed = Vec::new();
        for message in iter::once(first).chain(messages.try_iter().take(MAX_BATCH)) {
            match message {
                Message::Line(line) => lines.extend(line),
                Message::Flush(sender) => flushed.push(sender),
            }
        }
        drop(output.write_all(&lines));
        let dropped = dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(
                dropped,
                "log lines were dropped, because the log was not read"
            );
        }
        if flushed.is_empty() {
            thread::sleep(PAUSE);
        }
        for sender in flushed {
            let _ = sender.try_send(());
        }
    }
}

/// Writer of one line to the queue.
pub(crate) struct LineWriter<'a> {
    queue: &'a LineQueue,
    is_last: bool,
}

impl<'a> MakeWriter<'a> for LineQueue {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter {
            queue: self,
            is_last: false,
        }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> LineWriter<'a> {
        LineWriter {
            queue: self,
            is_last: event.name() == FATAL,
        }
    }
}

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.is_last {
            let line = Message::Line(line.to_vec());
            self.queue.send_until(Instant::now() + FLUSH_TIME, line);
            self.queue.flush();
        } else {
            self.queue.push(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Output that fails, and blocks while the test holds the lock.
    struct Broken(Arc<Mutex<()>>);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            drop(self.0.lock());
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_without_a_reader_stops_nothing() {
        let blocked = Arc::<Mutex<()>>::default();
        let held = blocked.lock().unwrap();
        let writer = LogWriter::start(Broken(Arc::clone(&blocked)));
        let queue = writer.queue();
        for _ in 0..2 * MAX_WAITING {
            queue.make_writer().write_all(b"line\n").unwrap();
        }
        let dropped = queue.dropped.load(Ordering::Relaxed);
        assert!(dropped >= (MAX_WAITING - MAX_BATCH - 1) as u64, "{dropped}");
        drop(held);
        drop(writer);
    }

    #[test]
    fn a_full_queue_does_not_lose_the_last_line() {
        let (reader, mut output) = io::pipe().unwrap();
        let gate = Arc::<Mutex<()>>::default();
        let (held, inner) = (gate.lock().unwrap(), Arc::clone(&gate));
        let (sender, receiver) = sync_channel(2);
        let queue = LineQueue {
            sender,
            dropped: Arc::default(),
        };
        let writer = thread::spawn(move || {
            drop(inner.lock());
            write_lines(&mut output, &receiver, &AtomicU64::new(0));
        });
        for _ in 0..3 {
            queue.push(b"line\n");
        }
        drop(held);
        let mut last = LineWriter {
            queue: &queue,
            is_last: true,
        };
        last.write_all(b"last\n").unwrap();
        drop(queue);
        writer.join().unwrap();
        let lines = io::read_to_string(reader).unwrap();
        assert_eq!(lines, "line\nline\nlast\n");
    }

    #[test]
    fn the_last_lines_are_written() {
        let (reader, output) = io::pipe().unwrap();
        let writer = LogWriter::start(output);
        writer.queue().make_writer().write_all(b"last\n").unwrap();
        drop(writer);
        let mut line = String::new();
        io::BufRead::read_line(&mut io::BufReader::new(reader), &mut line).unwrap();
        assert_eq!(line, "last\n");
    }
}
