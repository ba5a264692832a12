//! Certificates of single hosts (containers-certs.d(5), docker's `certs.d`).
//!
//! The first folder that is there for a host is the one that counts. In it, each `*.crt` is an
//! authority to trust besides the system's, and `NAME.cert` with `NAME.key` is who the client is; of
//! several such pairs the first by name.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use portolan_client::{Identity, Secret, Tls};

use super::Environment;

/// The certificates for `host`, if there is a folder for it.
///
/// # Errors
/// A file that cannot be read, a certificate without its key or a key without its certificate.
pub(super) fn find(environment: &Environment, host: &str) -> Result<Option<Tls>> {
    let user = environment
        .config_home
        .as_ref()
        .map(|folder| folder.join("containers/certs.d"));
    let system = ["containers/certs.d", "docker/certs.d"].map(|name| environment.system.join(name));
    for folder in user.into_iter().chain(system) {
        let folder = folder.join(host);
        if let Some(files) = list(&folder)? {
            return read(&files).map(Some);
        }
    }
    Ok(None)
}

/// The certificates of a file of authorities, in PEM.
///
/// # Errors
/// The file cannot be read, or has no certificate.
pub(super) fn authorities(file: &Path) -> Result<Vec<u8>> {
    let bytes =
        fs::read(file).with_context(|| format!("reading certificates from {}", file.display()))?;
    let begin = b"-----BEGIN CERTIFICATE-----";
    if !bytes.windows(begin.len()).any(|window| window == begin) {
        bail!(
            "{} has no certificate in PEM: {} is not in it",
            file.display(),
            String::from_utf8_lossy(begin)
        );
    }
    Ok(bytes)
}

/// The files of a folder by name; `None` if there is no such folder.
fn list(folder: &Path) -> Result<Option<Vec<PathBuf>>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => {
            return Err(error)
                .with_context(|| format!("looking for certificates in {}", folder.display()));
        }
    };
    let paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>();
    let mut paths =
        paths.with_context(|| format!("looking for certificates in {}", folder.display()))?;
    paths.sort();
    Ok(Some(paths))
}

fn read(files: &[PathBuf]) -> Result<Tls> {
    let with = |extension: &'static str| {
        files
            .iter()
            .filter(move |file| file.extension().is_some_and(|other| other == extension))
    };
    for (extension, partner) in [("cert", "key"), ("key", "cert")] {
        if let Some(alone) =
            with(extension).find(|file| !files.contains(&file.with_extension(partner)))
        {
            bail!(
                "{} is one half of the client's identity; put {} beside it, or take it away",
                alone.display(),
                alone.with_extension(partner).display()
            );
        }
    }
    let roots = with("crt")
        .map(|file| authorities(file))
        .collect::<Result<_>>()?;
    let identity = with("cert").next().map(|file| identity(file)).transpose()?;
    Ok(Tls {
        roots,
        identity,
        accept_any: false,
    })
}

fn identity(certificate: &Path) -> Result<Identity> {
    let key = certificate.with_extension("key");
    let text = fs::read_to_string(&key)
        .with_context(|| format!("reading a key from {}", key.display()))?;
    Ok(Identity {
        certificates: authorities(certificate)?,
        key: Secret::new(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\n";

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

        fn find(&self, host: &str) -> Result<Option<Tls>> {
            find(&Environment::below(self.0.path()), host)
        }
    }

    #[test]
    fn authorities_and_identity_are_found_by_their_extensions() {
        let etc = Etc::new(&[
            ("etc/docker/certs.d/r:5000/a.crt", CERTIFICATE),
            ("etc/docker/certs.d/r:5000/b.crt", CERTIFICATE),
            ("etc/docker/certs.d/r:5000/me.cert", CERTIFICATE),
            ("etc/docker/certs.d/r:5000/me.key", "the key"),
            ("etc/docker/certs.d/r:5000/README", "no certificate"),
        ]);
        let tls = etc.find("r:5000").unwrap().unwrap();
        assert_eq!(tls.roots, vec![CERTIFICATE.as_bytes(); 2]);
        let identity = tls.identity.unwrap();
        assert_eq!(
            (identity.certificates.as_slice(), identity.key.reveal()),
            (CERTIFICATE.as_bytes(), "the key")
        );
        assert!(!tls.accept_any);
        assert!(etc.find("r").unwrap().is_none());
    }

    #[test]
    fn the_first_folder_counts_alone() {
        let folder = |name: &str, text: &str| {
            (
                format!("{name}/certs.d/r/ca.crt"),
                format!("{CERTIFICATE}{text}"),
            )
        };
        let all = [
            folder("home/.config/containers", "user"),
            folder("etc/containers", "system"),
            folder("etc/docker", "docker"),
        ];
        for first in 0..all.len() {
            let files: Vec<(&str, &str)> = all[first..]
                .iter()
                .map(|(name, text)| (&**name, &**text))
                .collect();
            let tls = Etc::new(&files).find("r").unwrap().unwrap();
            assert_eq!(tls.roots, [all[first].1.as_bytes()]);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let refused = |name: &str, text: &str| {
            let etc = Etc::new(&[(&format!("etc/containers/certs.d/r/{name}"), text)]);
            etc.find("r").unwrap_err().to_string()
        };
        let message = refused("me.cert", CERTIFICATE);
        assert!(
            message.contains("r/me.cert is one half")
                && message.contains("put")
                && message.contains("r/me.key")
        );
        let message = refused("me.key", "the key");
        assert!(
            message.contains("r/me.key is one half") && message.contains("r/me.cert"),
            "{message}"
        );
        assert!(refused("ca.crt", "DER").contains("r/ca.crt has no certificate in PEM"));
    }
}
