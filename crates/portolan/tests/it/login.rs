//! `portolan login` and what comes of it.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Output, Stdio};
use std::{fs, thread};

use super::text;
use super::toolkit::Person;

/// A registry without anything in it, which knows one person: `me`, whose password is `secret`.
fn registry() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A client that goes away has what it wanted.
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

fn login(person: &Person, host: &str, password: &str) -> Output {
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
fn what_is_believed_is_kept_and_used_until_it_is_forgotten() {
    let (host, person) = (registry().to_string(), Person::new());
    let said = person.fails(&["repos", &host], 4);
    assert!(
        said.contains(&format!("portolan login {host}")) && said.contains("who are you"),
        "{said}"
    );

    let output = login(&person, &host, "secret");
    let said = text(&output.stderr);
    assert!(
        output.status.success() && said.contains(".docker/config.json"),
        "{said}"
    );
    assert!(
        fs::read_to_string(person.path(".docker/config.json"))
            .unwrap()
            .contains(&host)
    );
    let output = person.run(&["repos", &host]);
    assert_eq!(text(&output.stdout), "app\n");
    let said = text(&output.stderr);
    assert_eq!(
        said,
        format!("{host} warns: this registry moves\n"),
        "once, however often it is sent"
    );

    person.prints(&["logout", &host]);
    person.fails(&["repos", &host], 4);
    person.fails(&["logout", &host], 3);
}

#[test]
fn what_is_not_believed_is_not_kept() {
    let (host, person) = (registry().to_string(), Person::new());
    let output = login(&person, &host, "wrong");
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    assert!(!person.path(".docker/config.json").exists());
    person.fails(&["login", &host, "--password-stdin"], 2);
    let said = person.fails(&["login", &host], 2);
    assert!(said.contains("--password-stdin"), "{said}");
}
