//! Ctrl-C and SIGTERM for long runs without an event loop of their own: no child process survives
//! them.

use std::fs;
use std::path::Path;
use std::thread;

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use xtask::load::process;

/// Installs signal handlers that stop all children, delete the folder and exit.
pub(crate) fn install_cleanup(folder: &Path) -> Result<()> {
    let folder = folder.to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        stop_and_exit(&folder);
    });
    Ok(())
}

fn stop_and_exit(folder: &Path) -> ! {
    // nginx stops its workers only if it is stopped with TERM.
    for child in process::own_children().unwrap_or_default() {
        if let Some(pid) = i32::try_from(child).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }
    let _ = fs::remove_dir_all(folder);
    eprintln!("interrupted");
    std::process::exit(130)
}
