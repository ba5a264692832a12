//! Ctrl-C and SIGTERM: how the toolkit ends, and what it leaves behind.

use std::fs;
use std::process::{Command, Stdio};

use portolan_model::fixtures::image;
use portolan_testkit::proxy::{BodyFault, Class, Fault, Method, Proxy, Requests, When};

use super::toolkit::{Person, Server};

#[tokio::test]
async fn an_archive_that_is_not_complete_goes_with_the_process() {
    let (server, person) = (Server::start(), Person::new());
    server.repository("app").image(&image("a"), &["v1"]).await;
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let proxy = Proxy::start(server.host().parse().unwrap()).unwrap();
        let blobs = Requests::of(Method::GET, Class::Blob);
        proxy.spoil(blobs, When::Always, Fault::Response(BodyFault::Stall(1)));
        let source = format!("{}/app:v1", proxy.address());
        let copy = person.command(&["copy", &source, "oci-archive:archives/image.tar:v1"]);
        let mut copy = { copy }
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        proxy.wait_for_stall().unwrap();
        assert!(
            fs::read_dir(person.path("archives")).unwrap().count() > 0,
            "it is being written"
        );
        Command::new("kill")
            .args([format!("-{signal}"), copy.id().to_string()])
            .status()
            .unwrap();
        assert_eq!(copy.wait().unwrap().code(), Some(status));
        assert_eq!(
            fs::read_dir(person.path("archives")).unwrap().count(),
            0,
            "{signal}"
        );
    }
}
