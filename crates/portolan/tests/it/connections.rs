//! TLS and plain HTTP for a registry on a loopback address, and configuration items that cannot be
//! used.

use std::fs;

use portolan_testkit::Process;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tempfile::TempDir;

use super::login::start_registry;
use super::toolkit::User;
use super::{binary, text};

/// Registry with TLS and a self-signed CA certificate, which is in `ca.pem` of a user's home
/// folder.
struct Encrypted {
    process: Process,
    user: User,
    _folder: TempDir,
}

impl Encrypted {
    fn start() -> Self {
        let (folder, user) = (tempfile::tempdir().unwrap(), User::new());
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(["127.0.0.1".into()]).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = parameters.self_signed(&key).unwrap().pem();
        let [certificate, key_file, config] =
            ["tls.crt", "tls.key", "portolan.toml"].map(|name| folder.path().join(name));
        fs::write(&certificate, &pem).unwrap();
        fs::write(user.path("ca.pem"), &pem).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        let text = format!(
            "telemetry.log = 'warn'\n[server.tls]\ncertificate = '{}'\nkey = '{}'\n",
            certificate.display(),
            key_file.display()
        );
        fs::write(&config, text).unwrap();
        let arguments = ["--config", config.to_str().unwrap()];
        let process = Process::serve(binary(), &folder.path().join("data"), &arguments).unwrap();
        Self {
            process,
            user,
            _folder: folder,
        }
    }

    fn host(&self) -> String {
        self.process.address().to_string()
    }
}

#[test]
fn tls_on_a_loopback_host() {
    let registry = Encrypted::start();
    let (user, host) = (&registry.user, registry.host());
    let stderr = user.run_failing(&["repos", &host], 5);
    assert!(
        stderr.contains("UnknownIssuer") && !stderr.contains("--plain-http"),
        "{stderr}"
    );
    user.run_ok(&["repos", &host, "--ca", "ca.pem"]);
    user.run_ok(&["repos", &host, "--insecure"]);
    user.run_ok(&[
        "repos",
        &format!("https://{host}"),
        "--insecure",
        "--plain-http",
    ]);
    let stderr = user.run_failing(&["repos", &format!("http://{host}")], 5);
    assert!(
        stderr.contains(&format!("write `https://{host}`")),
        "{stderr}"
    );

    let folder = user.path(&format!(".config/containers/certs.d/{host}"));
    fs::create_dir_all(&folder).unwrap();
    fs::rename(user.path("ca.pem"), folder.join("ca.crt")).unwrap();
    fs::write(folder.join("half.cert"), "").unwrap();
    let output = user.run(&["repos", &host]);
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(
        stderr.starts_with("warning: ") && stderr.contains("half.key is missing"),
        "{stderr}"
    );
}

#[test]
fn insecure_in_registries_conf_applies_to_loopback_hosts() {
    let registry = Encrypted::start();
    let (user, host) = (&registry.user, registry.host());
    let text = format!("[[registry]]\nlocation = '{host}'\ninsecure = true\n");
    fs::write(user.path("registries.conf"), text).unwrap();
    user.run_ok(&["repos", &host]);
}

#[test]
fn plain_http_on_a_loopback_host() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::serve(binary(), folder.path(), &[]).unwrap();
    let (user, host) = (Encrypted::start().user, process.address().to_string());
    user.run_ok(&["repos", &host]);
    user.run_ok(&["repos", &host, "--insecure"]);
    let stderr = user.run_failing(&["repos", &host, "--ca", "ca.pem"], 5);
    assert!(
        stderr.contains(&format!("write `http://{host}`")),
        "{stderr}"
    );
    user.run_ok(&["repos", &format!("http://{host}"), "--ca", "ca.pem"]);
}

#[test]
fn a_helper_that_is_not_installed_is_named_when_access_is_denied() {
    let (public, private, user) = (
        tempfile::tempdir().unwrap(),
        start_registry().to_string(),
        User::new(),
    );
    fs::create_dir(user.path(".docker")).unwrap();
    fs::write(
        user.path(".docker/config.json"),
        r#"{"credsStore": "missing"}"#,
    )
    .unwrap();
    let process = Process::serve(binary(), public.path(), &[]).unwrap();
    user.run_ok(&["repos", &process.address().to_string()]);

    let stderr = user.run_failing(&["repos", &private], 4);
    let reason = "config.json: the credential helper \"missing\" was not used: docker-credential-missing was not found in PATH";
    let lines: Vec<&str> = stderr
        .lines()
        .filter(|line| line.contains(reason))
        .collect();
    assert_eq!(lines.len(), 2, "{stderr}");
    assert!(lines[0].starts_with("warning: ") && lines[1].starts_with("error: "));
}
