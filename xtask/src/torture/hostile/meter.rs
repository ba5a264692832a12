//! Meter of the server's memory, CPU time and disk usage, which samples ten times per second.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::load::process;

const INTERVAL: Duration = Duration::from_millis(100);

/// Size of the blocks in which the system counts the disk usage of a file.
const BLOCK: u64 = 512;

/// Running meter.
pub(super) struct Meter {
    process: u32,
    started: Instant,
    cpu: Duration,
    disk: u64,
    peak_memory: u64,
    stop: Arc<AtomicBool>,
    sampler: JoinHandle<(u64, u64)>,
}

/// Usage by the server while it was measured.
pub(super) struct Usage {
    /// Maximum resident memory in bytes.
    pub(super) memory: u64,
    /// Maximum growth of the data folder in bytes.
    pub(super) disk: u64,
    /// CPU time per second, in percent of a core.
    pub(super) cpu: u64,
}

impl Meter {
    /// Starts to measure a process and its data folder.
    pub(super) fn start(process: u32, data: &Path) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let sampler = {
            let (stop, data) = (Arc::clone(&stop), data.to_owned());
            thread::spawn(move || sample(process, &data, &stop))
        };
        Ok(Self {
            process,
            started: Instant::now(),
            cpu: process::cpu_time(process)?,
            disk: disk_usage(data),
            peak_memory: process::peak_memory(process)?,
            stop,
            sampler,
        })
    }

    /// Stops the meter. Fails if the process has ended.
    pub(super) fn stop(self) -> Result<Usage> {
        self.stop.store(true, Ordering::Relaxed);
        let (mut memory, disk) = self
            .sampler
            .join()
            .map_err(|_| anyhow!("the meter panicked"))?;
        // The system's own peak has no gaps, but it includes the time before the meter.
        let peak = process::peak_memory(self.process)?;
        if peak > self.peak_memory {
            memory = peak;
        }
        let cpu = process::cpu_time(self.process)?.saturating_sub(self.cpu);
        let elapsed = self.started.elapsed().as_millis().max(1);
        Ok(Usage {
            memory,
            disk: disk.saturating_sub(self.disk),
            cpu: u64::try_from(cpu.as_millis() * 100 / elapsed)?,
        })
    }
}

/// Returns the maximum memory and disk usage.
fn sample(process: u32, data: &Path, stop: &AtomicBool) -> (u64, u64) {
    let (mut memory, mut disk) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        memory = memory.max(process::resident_memory(process).unwrap_or(0));
        disk = disk.max(disk_usage(data));
        thread::sleep(INTERVAL);
    }
    (memory, disk)
}

/// Returns the disk usage of a folder. Files that disappear meanwhile are skipped.
fn disk_usage(folder: &Path) -> u64 {
    let mut total = 0;
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) => total += metadata.blocks() * BLOCK,
                Err(_) => {}
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disk_usage_includes_nested_folders() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        let before = disk_usage(folder.path());
        fs::write(folder.path().join("a/file"), vec![1; 100_000]).unwrap();
        fs::File::open(folder.path().join("a/file"))
            .unwrap()
            .sync_all()
            .unwrap();
        assert!(disk_usage(folder.path()) >= before + 100_000);
    }
}
