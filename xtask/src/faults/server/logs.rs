//! Standard error and the access log.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::super::fault::Fault;
use super::super::http::exchange;
use super::super::peer::Peer;
use super::super::scene::Scene;
use super::serve_in;
use crate::interop::builder::{AMD64, Builder};
use crate::interop::media::OCI;
use crate::interop::registry::RegistryConnection;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "closed-standard-error",
        check: closed_standard_error,
    },
    Fault {
        name: "reader-of-the-log-is-gone",
        check: reader_of_the_log_is_gone,
    },
    Fault {
        name: "fields-of-the-access-log",
        check: fields_of_the_access_log,
    },
];

/// Requests to a server whose log is not read. Their lines do not fit into the buffer of a pipe.
const REQUESTS: usize = 1500;

fn closed_standard_error(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let mut builder = Builder::new("quiet");
    let image = builder.add_image(OCI, AMD64)?;
    let source = Scene::seed(&builder.build(&image), &server.host(), "app:v1")?;
    let missing = format!("{}/app:missing", server.host());
    for (number, redirection) in ["2>&-", "2>/dev/full"].into_iter().enumerate() {
        let run = |arguments: &[&str]| {
            scene.shell(&format!("exec \"$0\" \"$@\" {redirection}"), arguments)
        };
        let target = format!("oci:folder-{number}:v1");
        run(&["copy", &source, &target])?.expect_status(0)?;
        scene.portolan(&["inspect", &target])?.expect_status(0)?;
        run(&["inspect", &missing])?.expect_status(3)?;
        run(&["inspect", "UPPER"])?.expect_status(2)?;
        run(&["no-such-command"])?.expect_status(2)?;
    }
    let plain = format!("--host=reg={},tls=disabled", server.host());
    for (peer, arguments) in [
        (Peer::Crane, ["manifest", "--insecure", &missing]),
        (Peer::Oras, ["manifest", "fetch", &missing]),
        (Peer::Regctl, [&plain, "digest", &missing]),
    ] {
        scene.peer(peer, &arguments)?;
    }
    Ok(())
}

fn reader_of_the_log_is_gone(scene: &Scene) -> Result<()> {
    const RUN: &str = "exec \"$0\" \"$@\"";
    const PIPE: &str = "mkfifo \"$5.pipe\" && exec 3<>\"$5.pipe\"";
    for (name, script) in [
        ("closed", format!("{RUN} 2>&-")),
        ("full", format!("{RUN} 2>/dev/full")),
        ("gone", format!("{PIPE} 2>\"$5.pipe\" 3>&- && {RUN}")),
        ("unread", format!("{PIPE} 2>&3 && {RUN}")),
    ] {
        let server = serve_in(scene, &script, name, "")?;
        let mut connection = RegistryConnection::new(&server.host())?;
        for number in 0..REQUESTS {
            let response = connection
                .send(Method::GET, "/v2/", "", Bytes::new())
                .with_context(|| format!("request {number}, log {name}"))?;
            ensure!(
                response.status == 200,
                "the log is {name}: {}",
                response.status
            );
        }
    }
    Ok(())
}

fn fields_of_the_access_log(scene: &Scene) -> Result<()> {
    let request =
        "GET /v2/team/app/tags/list HTTP/1.1\nUser-Agent: probe/1.0\nX-Forwarded-For: 203.0.113.7";
    let direct = scene.serve("")?;
    exchange(direct.address(), request, b"")?;
    let line = access_line(&scene.path("registry-1.log"))?;
    expect(&line, "client", &"127.0.0.1".into())?;
    expect(&line, "proxy", &Value::Null)?;
    let proxied = scene.serve("[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n")?;
    exchange(proxied.address(), request, b"")?;
    let line = access_line(&scene.path("registry-2.log"))?;
    for (field, value) in [
        ("client", "203.0.113.7".into()),
        ("proxy", "127.0.0.1".into()),
        ("user_agent", "probe/1.0".into()),
        ("repository", "team/app".into()),
        ("method", "GET".into()),
        ("path", "/v2/team/app/tags/list".into()),
        ("status", 404.into()),
        ("milliseconds", Value::Null),
    ] {
        expect(&line, field, &value)?;
    }
    for field in ["microseconds", "bytes"] {
        ensure!(line[field].is_u64(), "{field} is {}", line[field]);
    }
    Ok(())
}

fn expect(line: &Value, field: &str, value: &Value) -> Result<()> {
    ensure!(
        line[field] == *value,
        "{field} is {} in {line}",
        line[field]
    );
    Ok(())
}

/// Returns the line of the only request, which may be written after the response.
fn access_line(log: &Path) -> Result<Value> {
    for _ in 0..100 {
        let text = fs::read_to_string(log)?;
        if let Some(line) = text.lines().find(|line| line.contains("/tags/list")) {
            let mut line: Value = serde_json::from_str(line)?;
            let nested = line["fields"].take();
            return Ok(if nested.is_object() { nested } else { line });
        }
        sleep(Duration::from_millis(50));
    }
    None.context("the log has no line of the request")
}
