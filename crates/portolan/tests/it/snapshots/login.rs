//! `portolan login` and `logout`.

use super::{command, compare, render, run_with_input};
use crate::login::start_registry;
use crate::toolkit::User;

#[test]
fn login_and_logout() {
    let (host, person) = (start_registry().to_string(), User::new());
    for (snapshot, line, input) in [
        ("login/nobody", "repos HOST", ""),
        (
            "login/wrong-password",
            "login HOST -u me --password-stdin",
            "wrong\n",
        ),
        ("login/no-terminal", "login HOST", ""),
        (
            "login/no-username",
            "login HOST --password-stdin",
            "secret\n",
        ),
        (
            "login/empty-password",
            "login HOST -u me --password-stdin",
            "",
        ),
        ("login/no-host", "login", ""),
        (
            "login/stored",
            "login HOST -u me --password-stdin",
            "secret\n",
        ),
        ("login/used", "repos HOST", ""),
        ("logout/removed", "logout HOST", ""),
        ("logout/nothing-stored", "logout HOST", ""),
        ("logout/no-host", "logout", ""),
    ] {
        let output = run_with_input(command(&person, &line.replace("HOST", &host)), input);
        let rendered = render(line, &output)
            .replace(&host, "HOST")
            .replace(person.home().to_str().unwrap(), "HOME");
        compare(snapshot, &rendered);
    }
}
