//! The end of a series: all of it is checked once more, then the folders, then the test itself.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use super::files;
use super::proof;
use super::report::Report;
use super::run::Run;
use super::verify::verify;
use crate::servers::Server;

/// Well over the expiry of the configuration these servers run with.
const UPLOADS_LIMIT: Duration = Duration::from_secs(30);

/// Below the expiry, so that what is left behind is still there.
const LAST_LOAD: Duration = Duration::from_secs(1);

/// Closes the series that `server` came out of.
pub(crate) async fn series(
    run: &mut Run,
    report: &mut Report,
    name: &str,
    data: &Path,
    server: Server,
) -> Result<()> {
    let uploads = data.join("uploads");
    let (left, met) = last_crash(run, server, &uploads).await?;
    let (server, _) = run.subject.start(data).await?;
    let mut verdict = verify(server.address(), &run.ledger, 0).await?;
    verdict.faults.extend(met);
    let remark = format!("{} contents, {} tags", verdict.contents, verdict.tags);
    report.check(
        &format!("{name}: all of it, byte for byte"),
        &remark,
        &verdict.faults,
    );
    if run.subject.is_portolan() {
        let (remark, faults) = uploads_are_cleared(&uploads, left).await?;
        report.check(&format!("{name}: left-over uploads"), &remark, &faults);
        let stored = files::count(&files::below(&data.join("blobs"))?)?;
        let faults = files::compare(&stored, &run.ledger.entries().blobs_by_digest());
        let remark = format!("{} distinct", stored.len());
        report.check(&format!("{name}: blob files"), &remark, &faults);
    }
    Report::remark(&run.summary(name));
    proof::series(run, report, name, data, server).await
}

/// One more load and kill, and at once a look at the uploads it interrupts; what clients met before it is a fault.
async fn last_crash(
    run: &mut Run,
    mut server: Server,
    uploads: &Path,
) -> Result<(usize, Vec<String>)> {
    let load = run.load(&server, u32::MAX);
    sleep(LAST_LOAD).await;
    load.expect_crash();
    server.kill()?;
    let left = files::below(uploads)?.len();
    Ok((left, load.join().await?))
}

/// Waits until the folder is empty. One that was empty all along would prove nothing, and is a fault too.
async fn uploads_are_cleared(folder: &Path, before: usize) -> Result<(String, Vec<String>)> {
    let begin = Instant::now();
    let mut left = files::below(folder)?;
    while !left.is_empty() && begin.elapsed() < UPLOADS_LIMIT {
        sleep(Duration::from_millis(100)).await;
        left = files::below(folder)?;
    }
    let mut faults: Vec<_> = left
        .iter()
        .map(|file| format!("{} is still there", file.display()))
        .collect();
    if before == 0 {
        faults.push(format!(
            "no upload was under way in {}, so nothing was shown",
            folder.display()
        ));
    }
    let took = begin.elapsed();
    Ok((
        format!(
            "{before} files at the last crash, {} after {took:.1?}",
            left.len()
        ),
        faults,
    ))
}
