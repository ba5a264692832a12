//! The exit statuses: one command for each.

use std::process::{Command, Stdio};

use portolan_testkit::Process;
use portolan_testkit::proxy::{
    BodyFault, Fault, Method, Proxy, RequestClass, RequestFilter, Trigger,
};

use super::assert_lines;
use crate::binary;
use crate::login::start_registry;
use crate::snapshots::{Session, closed_address};

/// The status of a copy that a signal interrupts.
fn interrupted(session: &Session, signal: &str) -> Option<i32> {
    let proxy = Proxy::start(session.server.host().parse().unwrap()).unwrap();
    let blobs = RequestFilter::for_class(Method::GET, RequestClass::Blob);
    proxy.inject(blobs, Trigger::Always, Fault::Response(BodyFault::Stall(1)));
    let line = format!("copy {}/plain:v1 oci:folder:v1", proxy.address());
    let mut copy = session.command(&line);
    let copy = copy.stdout(Stdio::null()).stderr(Stdio::null());
    let mut copy = copy.spawn().unwrap();
    proxy.wait_for_stall().unwrap();
    let signal = format!("-{signal}");
    let mut kill = Command::new("kill");
    kill.args([signal, copy.id().to_string()]);
    assert!(kill.status().unwrap().success());
    copy.wait().unwrap().code()
}

/// The statuses in the table of docs/cli.md.
fn documented_statuses() -> Vec<u8> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, table) = page
        .split_once("| status | meaning |\n| --- | --- |\n")
        .unwrap();
    let rows = table.lines().take_while(|line| line.starts_with("| "));
    rows.map(|row| row.split(' ').nth(1).unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn exit_statuses() {
    let session = Session::start().await;
    let _server = Process::serve(binary(), &session.person.path("data"), &[]).unwrap();
    let (denying, closed) = (start_registry().to_string(), closed_address());
    let mut lines = Vec::new();
    for line in [
        "tags list HOST/team/app",
        "lint HOST/sparse/app:v1",
        "lint --for gcr HOST/team/app:v1",
        "lint --policy oci-only HOST/team/app:v1",
        "inspect",
        "serve --listen 0.0.0.0:0",
        "inspect HOST/team/app:v9",
        "inspect oci:missing:v1",
        "repos DENYING",
        "repos CLOSED",
        "copy HOST/team/app:arm HOST/oci/app:arm",
        "delete --manifest HOST/team/app:amd64",
        "tags set HOST/team/app:v1 latest",
        "delete --manifest HOST/team/app:v1",
        "index add HOST/team/app:amd64 HOST/team/app:arm64",
        "serve --listen 127.0.0.1:0 --data data",
    ] {
        let command = line.replace("DENYING", &denying).replace("CLOSED", &closed);
        let status = session.run(&command).status.code();
        lines.push(format!("{}: portolan {line}", status.unwrap()));
    }
    for signal in ["INT", "TERM"] {
        let status = interrupted(&session, signal).unwrap();
        lines.push(format!("{status}: portolan copy, and SIG{signal}"));
    }
    for status in documented_statuses() {
        let is_tried = lines
            .iter()
            .any(|line| line.starts_with(&format!("{status}: ")));
        assert!(
            is_tried,
            "no command ends with the documented status {status}"
        );
    }
    assert_lines("exit-statuses", lines);
}
