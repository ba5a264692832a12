//! Exit statuses, as the table in docs/cli.md states them.

use std::fs;
use std::net::TcpListener;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::super::fault::Fault;
use super::super::http::answer_all;
use super::super::scene::Scene;
use crate::interop::builder::{AMD64, Builder};
use crate::interop::media::OCI;
use crate::servers::{free_address, workspace};

pub(super) const FAULTS: &[Fault] = &[Fault {
    name: "exit-statuses",
    check: exit_statuses,
}];

const DENIED: &str = "HTTP/1.1 403 Forbidden\nContent-Length: 0\nConnection: close\n\n";

fn exit_statuses(scene: &Scene) -> Result<()> {
    let documented = fs::read_to_string(workspace().join("docs/cli.md"))?;
    let server = scene.serve("")?;
    let host = server.host();
    let mut builder = Builder::new("statuses");
    let image = builder.add_image(OCI, AMD64)?;
    let source = Scene::seed(&builder.build(&image), &host, "app:v1")?;
    scene
        .portolan(&["tags", "set", &source, "other"])?
        .expect_status(0)?;
    let (missing, manifest) = (format!("{host}/app:missing"), format!("{host}/app:v1"));
    let denied = format!("{}/app:v1", answer_all(DENIED)?);
    let unreachable = format!("{}/app:v1", free_address()?);
    let data = scene.path("registry-1").display().to_string();
    fs::write(scene.path("file"), "")?;
    let cases: [(i32, &[&str]); 10] = [
        (0, &["inspect", &source]),
        (1, &["lint", "--policy", "docker-only", &source]),
        (2, &["inspect"]),
        (2, &["copy", &source, "oci:"]),
        (2, &["serve", "--config", "missing.toml"]),
        (3, &["inspect", &missing]),
        (4, &["inspect", &denied]),
        (5, &["inspect", &unreachable]),
        (6, &["delete", "--manifest", &manifest]),
        (7, &["copy", &source, "oci:file/folder:v1"]),
    ];
    for (status, arguments) in cases {
        scene.portolan(arguments)?.expect_status(status)?;
        ensure!(
            documented.contains(&format!("\n| {status} |")),
            "{status} is not documented"
        );
    }
    scene
        .portolan(&["serve", "--listen", "127.0.0.1:0", "--data", &data])?
        .expect_status(7)?;
    for (status, signal) in [(130, Signal::INT), (143, Signal::TERM)] {
        let silent = TcpListener::bind("127.0.0.1:0")?;
        let reference = format!("http://{}/app:v1", silent.local_addr()?);
        let mut running = scene.start_portolan(&["inspect", &reference])?;
        let _connection = silent.accept()?;
        let process = Pid::from_raw(i32::try_from(running.id())?).context("no process id")?;
        kill_process(process, signal)?;
        let ended = running.wait()?;
        ensure!(
            ended.code() == Some(status),
            "{signal:?} ended it with {ended}"
        );
    }
    Ok(())
}
