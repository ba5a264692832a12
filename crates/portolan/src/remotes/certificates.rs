//! Certificates of individual hosts (containers-certs.d(5), docker's `certs.d`).
//!
//! Only the first existing folder for a host is used. In this folder, each `*.crt` is an additional
//! CA certificate to trust, and `NAME.cert` with `NAME.key` is the client certificate. Of several
//! such pairs, the first pair by name is used.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use portolan_client::{Identity, Secret, Tls};

use super::Environment;

/// Certificates in the folder of a host.
#[derive(Debug, Default)]
pub(super) struct HostCertificates {
    /// TLS settings, or `None` if the host has no folder.
    pub(super) tls: Option<Tls>,
    /// Files that cannot be used, each with the reason.
    pub(super) skipped: Vec<String>,
}

/// Reads the certificates for `host`.
pub(super) fn find(environment: &Environment, host: &str) -> HostCertificates {
    let user = environment
        .config_home
        .as_ref()
        .map(|folder| folder.join("containers/certs.d"));
    let system = ["containers/certs.d", "docker/certs.d"].map(|name| environment.system.join(name));
    let mut found = HostCertificates::default();
    for folder in user.into_iter().chain(system) {
        let folder = folder.join(host);
        match list_files(&folder) {
            Ok(files) => {
                found.tls = Some(read_tls(&files, &mut found.skipped));
                break;
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => skip(&mut found.skipped, &folder, &error),
        }
    }
    found
}

/// Reads a PEM file of certificates to trust.
///
/// # Errors
/// Returns an error if the file is unreadable or contains no valid certificate.
pub(super) fn read_ca_certificates(file: &Path) -> Result<Vec<u8>> {
    read_root(file).with_context(|| format!("failed to read certificates from {}", file.display()))
}

/// Returns the files of a folder sorted by name.
fn list_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn read_tls(files: &[PathBuf], skipped: &mut Vec<String>) -> Tls {
    let with = |extension: &'static str| {
        files
            .iter()
            .filter(move |file| file.extension().is_some_and(|other| other == extension))
    };
    let mut tls = Tls::default();
    for file in with("crt") {
        match read_root(file) {
            Ok(root) => tls.roots.push(root),
            Err(error) => skip(skipped, file, format_args!("{error:#}")),
        }
    }
    for file in with("cert") {
        match read_identity(file) {
            Ok(identity) => tls.identity = tls.identity.or(Some(identity)),
            Err(error) => skip(skipped, file, format_args!("{error:#}")),
        }
    }
    for file in with("key") {
        let certificate = file.with_extension("cert");
        if !files.contains(&certificate) {
            let reason = format!("{} is missing", certificate.display());
            skip(skipped, file, reason);
        }
    }
    tls
}

fn read_root(file: &Path) -> Result<Vec<u8>> {
    let tls = Tls {
        roots: vec![fs::read(file)?],
        ..Tls::default()
    };
    tls.check()?;
    Ok(tls.roots.concat())
}

fn read_identity(certificate: &Path) -> Result<Identity> {
    let key = certificate.with_extension("key");
    let text = match fs::read_to_string(&key) {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("{} is missing", key.display()),
        read => read.with_context(|| format!("failed to read {}", key.display()))?,
    };
    let identity = Identity {
        certificates: fs::read(certificate)?,
        key: Secret::new(text),
    };
    let tls = Tls {
        identity: Some(identity.clone()),
        ..Tls::default()
    };
    tls.check()?;
    Ok(identity)
}

fn skip(skipped: &mut Vec<String>, path: &Path, reason: impl std::fmt::Display) {
    skipped.push(format!("{} was not used: {reason}", path.display()));
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rcgen::{CertifiedKey, KeyPair};

    use super::*;

    struct Etc(tempfile::TempDir);

    impl Etc {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (name, text) in files {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(folder)
        }

        fn find(&self, host: &str) -> HostCertificates {
            find(&Environment::rooted_at(self.0.path()), host)
        }

        fn tls(&self, host: &str) -> Tls {
            let HostCertificates { tls, skipped } = self.find(host);
            assert_eq!(skipped, [""; 0]);
            tls.unwrap()
        }
    }

    fn certificate() -> CertifiedKey<KeyPair> {
        rcgen::generate_simple_self_signed(["r.test".into()]).unwrap()
    }

    #[test]
    fn finds_ca_and_client_certificates_by_extension() {
        let key = certificate();
        let (certificate, key) = (key.cert.pem(), key.signing_key.serialize_pem());
        let etc = Etc::new(&[
            ("etc/docker/certs.d/r:5000/a.crt", &certificate),
            ("etc/docker/certs.d/r:5000/b.crt", &certificate),
            ("etc/docker/certs.d/r:5000/me.cert", &certificate),
            ("etc/docker/certs.d/r:5000/me.key", &key),
            ("etc/docker/certs.d/r:5000/README", "no certificate"),
        ]);
        let tls = etc.tls("r:5000");
        assert_eq!(tls.roots, vec![certificate.as_bytes(); 2]);
        let identity = tls.identity.unwrap();
        assert_eq!(
            (identity.certificates.as_slice(), identity.key.reveal()),
            (certificate.as_bytes(), &*key)
        );
        assert!(!tls.skip_verification);
        assert!(etc.find("r").tls.is_none());
    }

    #[test]
    fn only_the_first_folder_is_used() {
        let folder = |name: &str| (format!("{name}/certs.d/r/ca.crt"), certificate().cert.pem());
        let all = ["home/.config/containers", "etc/containers", "etc/docker"].map(folder);
        for first in 0..all.len() {
            let files: Vec<(&str, &str)> = all[first..]
                .iter()
                .map(|(name, text)| (&**name, &**text))
                .collect();
            assert_eq!(Etc::new(&files).tls("r").roots, [all[first].1.as_bytes()]);
        }
    }

    #[test]
    fn links_are_followed() {
        let pem = certificate().cert.pem();
        let etc = Etc::new(&[("ca.pem", &pem), ("etc/containers/certs.d/r/README", "")]);
        let folder = etc.0.path().join("etc/containers/certs.d");
        symlink("../../../../ca.pem", folder.join("r/ca.crt")).unwrap();
        symlink("r", folder.join("linked")).unwrap();
        assert_eq!(etc.tls("linked").roots, [pem.as_bytes()]);
    }

    #[test]
    fn files_that_cannot_be_used_are_skipped_alone() {
        let (one, other) = (certificate(), certificate());
        let (pem, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        let other_key = other.signing_key.serialize_pem();
        let files = [
            ("der.crt", "DER", "contains no valid PEM certificate"),
            ("folder.crt/file", "", "Is a directory"),
            ("a.cert", &*pem, "r/a.key is missing"),
            ("b.key", &*key, "r/b.cert is missing"),
            ("c.cert", &*pem, "belongs to another key"),
            ("d.cert", "DER", "the client certificate is not PEM"),
        ];
        let path = |name: &str| format!("etc/containers/certs.d/r/{name}");
        let paths = files.map(|(name, text, _)| (path(name), text));
        let mut all: Vec<_> = paths.iter().map(|(name, text)| (&**name, *text)).collect();
        let usable = [
            ("c.key", &*other_key),
            ("d.key", &*key),
            ("usable.crt", &*pem),
            ("usable.cert", &*pem),
            ("usable.key", &*key),
        ]
        .map(|(name, text)| (path(name), text));
        all.extend(usable.iter().map(|(name, text)| (&**name, *text)));
        let etc = Etc::new(&all);
        symlink("nowhere", etc.0.path().join(path("link.crt"))).unwrap();

        let HostCertificates { tls, skipped } = etc.find("r");
        let tls = tls.unwrap();
        assert_eq!(tls.roots, [pem.as_bytes()]);
        assert_eq!(tls.identity.unwrap().certificates, pem.as_bytes());
        assert_eq!(skipped.len(), files.len() + 1, "{skipped:#?}");
        let link = ("link.crt", "", "No such file");
        for (name, _, reason) in files.into_iter().chain([link]) {
            let name = name.trim_end_matches("/file");
            let item = skipped.iter().find(|item| item.contains(&path(name)));
            assert!(item.unwrap().contains(reason), "{item:?}");
        }
    }

    #[test]
    fn a_file_to_trust_has_to_contain_a_certificate() {
        let etc = Etc::new(&[("ca.pem", "DER")]);
        for (name, reason) in [("ca.pem", "no valid PEM"), ("missing", "No such file")] {
            let error = read_ca_certificates(&etc.0.path().join(name)).unwrap_err();
            let text = format!("{error:#}");
            assert!(text.contains(name) && text.contains(reason), "{text}");
        }
    }
}
