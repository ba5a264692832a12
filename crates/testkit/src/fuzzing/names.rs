//! Fuzz target for the names on a command line: image references and platforms. An input is one name.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use portolan_model::{ImageReference, Platform};

/// Parses an input as an image reference and as a platform.
///
/// # Panics
/// Panics if a name that is printed is not parsed as the same name.
pub fn names(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    check_round_trip::<ImageReference>(text);
    check_round_trip::<Platform>(text);
}

fn check_round_trip<T: FromStr<Err: Debug> + Display + Debug + PartialEq>(text: &str) {
    if let Ok(name) = text.parse::<T>() {
        let printed = name.to_string();
        match printed.parse::<T>() {
            Ok(again) => assert_eq!(again, name, "{printed}"),
            Err(error) => panic!("{printed} has to be parsed again: {error:?}"),
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let digest = format!("[::1]:5000/team/app:v1@sha256:{}", "0".repeat(64));
    [
        "alpine",
        "docker.io/library/alpine:3.20",
        &digest,
        "linux/arm/v7",
        "windows(10.0.20348)/amd64",
    ]
    .map(|name| name.as_bytes().to_vec())
    .into()
}
