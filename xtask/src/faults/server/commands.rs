//! Configuration and addresses of the server.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::super::fault::Fault;
use super::super::run::Run;
use super::super::scene::Scene;
use crate::servers::free_address;
use crate::tools::OPENSSL;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "config-check-opens-what-serve-opens",
        check: config_check,
    },
    Fault {
        name: "spellings-of-an-address",
        check: spellings_of_an_address,
    },
];

fn config_check(scene: &Scene) -> Result<()> {
    let mut openssl = Command::new(OPENSSL.path());
    openssl
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-keyout", "tls.key", "-out", "tls.crt"])
        .current_dir(scene.path(""));
    Run::new(&mut openssl)?.expect_status(0)?;
    fs::write(scene.path("text"), "no certificate")?;
    let check = |certificate: &str, key: &str, folder: &str| {
        let configuration = format!(
            "[server.tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n[storage]\nfolder = \"{folder}\"\n"
        );
        fs::write(scene.path("portolan.toml"), configuration)?;
        let run = scene.portolan(&["config", "check", "--config", "portolan.toml"])?;
        let listen = ["--config", "portolan.toml", "--listen", "127.0.0.1:0"];
        anyhow::Ok((run, listen))
    };
    check("tls.crt", "tls.key", "data")?.0.expect_status(0)?;
    ensure!(
        !scene.path("data").exists(),
        "the check created the data folder"
    );
    for (certificate, key, folder, named) in [
        ("missing.crt", "tls.key", "data", "missing.crt"),
        ("tls.crt", "missing.key", "data", "missing.key"),
        ("text", "tls.key", "data", "text"),
        ("tls.crt", "text", "data", "text"),
        ("tls.crt", "tls.key", "text", "text"),
        ("tls.crt", "tls.key", "text/data", "text"),
    ] {
        let (run, listen) = check(certificate, key, folder)?;
        run.expect_status(2)?.expect_stderr(named)?;
        let served = scene.portolan(&[&["serve"], &listen[..]].concat())?;
        served.expect(served.status != 0, "that serve fails too")?;
    }
    Ok(())
}

fn spellings_of_an_address(scene: &Scene) -> Result<()> {
    for (number, prefix) in [":", "", "localhost:", "127.0.0.1:", "[::1]:"]
        .iter()
        .enumerate()
    {
        let port = free_address()?.port();
        let listen = format!("{prefix}{port}");
        let data = format!("data-{number}");
        let mut child = Command::new(scene.binary())
            .args(["serve", "--listen", &listen, "--data", &data])
            .current_dir(scene.path(""))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("no standard output")?;
        let read = BufReader::new(stdout).read_line(&mut line);
        child.kill()?;
        child.wait()?;
        read?;
        let host = if *prefix == "[::1]:" {
            "[::1]"
        } else {
            "127.0.0.1"
        };
        let expected = format!("http://{host}:{port}");
        ensure!(
            line.contains(&expected),
            "--listen {listen} printed {line:?}"
        );
    }
    for wrong in ["example.com:5000", "5000:5000", "localhost", "99999", ""] {
        scene
            .portolan(&["serve", "--listen", wrong, "--data", "data"])?
            .expect_status(2)?
            .expect_stderr("127.0.0.1:5000")?;
    }
    Ok(())
}
