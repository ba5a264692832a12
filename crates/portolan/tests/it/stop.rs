//! Ctrl-C and SIGTERM: exit statuses of the toolkit, and removal of its temporary files.

use std::fs;
use std::process::{Command, Stdio};

use portolan_model::fixtures::image;
use portolan_testkit::proxy::{
    BodyFault, Fault, Method, Proxy, RequestClass, RequestFilter, Trigger,
};

use super::toolkit::{Server, User};

#[tokio::test]
async fn a_signal_removes_an_incomplete_archive() {
    let (server, person) = (Server::start(), User::new());
    server
        .repository("app")
        .push_image(&image("a"), &["v1"])
        .await;
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let proxy = Proxy::start(server.host().parse().unwrap()).unwrap();
        let blobs = RequestFilter::for_class(Method::GET, RequestClass::Blob);
        proxy.inject(blobs, Trigger::Always, Fault::Response(BodyFault::Stall(1)));
        let source = format!("{}/app:v1", proxy.address());
        let copy = person.command(&["copy", &source, "oci-archive:archives/image.tar:v1"]);
        let mut copy = { copy }
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        proxy.wait_for_stall().unwrap();
        assert!(
            person.path("archives").is_dir(),
            "the content is being collected, in a file without a name"
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
