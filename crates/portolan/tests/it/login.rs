//! `portolan login` and the use of the stored credentials.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Output, Stdio};
use std::{fs, thread};

use super::text;
use super::toolkit::User;

/// Starts an empty registry with one user: `me`, with the password `secret`.
pub(crate) fn start_registry() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Ignore errors of clients that close the connection early.
            let _ = answer(&stream);
        }
    });
    address
}

fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    let head = BufReader::new(stream)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty());
    let known = head.fold(false, |known, line| {
        known | line.eq_ignore_ascii_case("authorization: Basic bWU6c2VjcmV0")
    });
    let (status, challenge, body) = if known {
        ("200 OK", "", "{\"repositories\":[\"app\"]}")
    } else {
        (
            "401 Unauthorized",
            "WWW-Authenticate: Basic realm=\"here\"\r\n",
            "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"who are you\"}]}",
        )
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{challenge}Warning: 299 - \"this registry moves\"\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

fn login(person: &User, host: &str, password: &str) -> Output {
    let mut command = person.command(&["login", host, "-u", "me", "--password-stdin"]);
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn stores_accepted_credentials_until_logout() {
    let (host, person) = (start_registry().to_string(), User::new());
    let stderr = person.run_failing(&["repos", &host], 4);
    assert!(
        stderr.contains(&format!("portolan login {host}")) && stderr.contains("who are you"),
        "{stderr}"
    );

    let output = login(&person, &host, "secret");
    let stderr = text(&output.stderr);
    assert!(
        output.status.success() && stderr.contains(".docker/config.json"),
        "{stderr}"
    );
    assert!(
        fs::read_to_string(person.path(".docker/config.json"))
            .unwrap()
            .contains(&host)
    );
    let output = person.run(&["repos", &host]);
    assert_eq!(text(&output.stdout), "app\n");
    let stderr = text(&output.stderr);
    assert_eq!(
        stderr,
        format!("warning: {host}: this registry moves\n"),
        "a repeated warning is printed once"
    );

    person.run_ok(&["logout", &host]);
    person.run_failing(&["repos", &host], 4);
    person.run_failing(&["logout", &host], 3);
}

#[test]
fn does_not_store_rejected_credentials() {
    let (host, person) = (start_registry().to_string(), User::new());
    let output = login(&person, &host, "wrong");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(
        stderr.ends_with("\nhelp: check the username and the password\n"),
        "{stderr}"
    );
    assert!(!person.path(".docker/config.json").exists());
    person.run_failing(&["login", &host, "--password-stdin"], 2);
    let stderr = person.run_failing(&["login", &host], 2);
    assert!(stderr.contains("--password-stdin"), "{stderr}");
}
