//! End of a series: a final check of all content, then of the folders, then of the test itself.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use super::files;
use super::proof;
use super::report::CheckReport;
use super::series::Series;
use super::verify::verify;
use crate::servers::RunningServer;

/// Time limit for the removal of uploads, well above the expiry in the servers' configuration.
const UPLOADS_LIMIT: Duration = Duration::from_secs(30);

/// Shorter than the expiry, so that abandoned uploads still exist.
const LAST_LOAD: Duration = Duration::from_secs(1);

/// Completes the series of `server`.
pub(crate) async fn close_series(
    run: &mut Series,
    report: &mut CheckReport,
    name: &str,
    data: &Path,
    server: RunningServer,
) -> Result<()> {
    let uploads = data.join("uploads");
    let (left, earlier_faults) = crash_last(run, server, &uploads).await?;
    let (server, _) = run.subject.start(data).await?;
    let mut verdict = verify(server.address(), &run.ledger, 0).await?;
    verdict.faults.extend(earlier_faults);
    let remark = format!("{} contents, {} tags", verdict.contents, verdict.tags);
    report.check(
        &format!("{name}: all content, byte for byte"),
        &remark,
        &verdict.faults,
    );
    if run.subject.is_portolan() {
        let (remark, faults) = wait_for_empty_folder(&uploads, left).await?;
        report.check(&format!("{name}: abandoned uploads"), &remark, &faults);
        let stored = files::count_by_digest(&files::list_files(&data.join("blobs"))?)?;
        let faults = files::check_files(&stored, &run.ledger.entries().blobs_by_digest());
        let remark = format!("{} distinct", stored.len());
        report.check(&format!("{name}: blob files"), &remark, &faults);
    }
    CheckReport::print_remark(&run.summary(name));
    proof::prove_checks(run, report, name, data, server).await
}

/// Runs the load and kills the server once more, and counts the interrupted uploads immediately.
/// Also returns faults that clients met before the crash.
async fn crash_last(
    run: &mut Series,
    mut server: RunningServer,
    uploads: &Path,
) -> Result<(usize, Vec<String>)> {
    let load = run.start_load(&server, u32::MAX);
    sleep(LAST_LOAD).await;
    load.expect_crash();
    server.kill()?;
    let left = files::list_files(uploads)?.len();
    Ok((left, load.join().await?))
}

/// Waits until the folder is empty. A folder that was empty from the start would prove nothing, and
/// is a fault too.
async fn wait_for_empty_folder(folder: &Path, before: usize) -> Result<(String, Vec<String>)> {
    let begin = Instant::now();
    let mut left = files::list_files(folder)?;
    while !left.is_empty() && begin.elapsed() < UPLOADS_LIMIT {
        sleep(Duration::from_millis(100)).await;
        left = files::list_files(folder)?;
    }
    let mut faults: Vec<_> = left
        .iter()
        .map(|file| format!("{} still exists", file.display()))
        .collect();
    if before == 0 {
        faults.push(format!(
            "no upload was in progress in {}, so that nothing was tested",
            folder.display()
        ));
    }
    let took = begin.elapsed();
    Ok((
        format!(
            "{before} files at the last crash, {} files after {took:.1?}",
            left.len()
        ),
        faults,
    ))
}
