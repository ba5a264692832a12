//! Names of session files.

use std::fmt;

use portolan_model::{Algorithm, RepositoryName};
use portolan_registry::{Caller, ClientNetwork, Context, UploadId};

use super::OwnerKey;

/// Number of hexadecimal digits of an id, and of each keyed hash of an owner.
const DIGITS: usize = 32;

/// Number of bits of the hash of the client in an id.
const CLIENT_BITS: u32 = u32::BITS;

/// Algorithms that a session can hash its content with.
pub(super) const ALGORITHMS: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Sha512];

/// Owner of an upload session: the repository that it uploads to, and the caller who opened it.
/// Only this caller can use the session, and only in this repository.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Owner {
    /// Repository that the session uploads to.
    pub repository: RepositoryName,
    /// Caller who opened the session.
    pub caller: Caller,
}

impl Owner {
    /// Creates the owner of sessions in `repository` from the caller of the request with `context`.
    pub fn new(context: &Context, repository: &RepositoryName) -> Self {
        Self {
            repository: repository.clone(),
            caller: context.caller().clone(),
        }
    }
}

/// Identity of a session: its id and the keyed hashes of its owner.
///
/// Sessions are looked up by this value, in memory and on disk. With another repository or another
/// caller, the same id yields another key, so no session is found.
///
/// The id is 96 random bits and a keyed hash of the client that opened the session. The hash is part
/// of the id because a later process needs it to count the sessions of a client, and because another
/// client may continue the session, so it cannot be part of the owner.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionKey {
    id: u128,
    repository: u128,
    caller: u128,
}

impl SessionKey {
    /// Computes the key of the session `id` of `owner`.
    pub(super) fn new(id: u128, owner: &Owner, key: &OwnerKey) -> Self {
        Self {
            id,
            repository: key.hash_repository(&owner.repository),
            caller: key.hash_caller(&owner.caller),
        }
    }

    /// Computes the key of a new session of `owner`, which `client` opens.
    pub(super) fn generate(
        random: [u8; 16],
        owner: &Owner,
        client: Option<ClientNetwork>,
        key: &OwnerKey,
    ) -> Self {
        let random = u128::from_be_bytes(random) & (u128::MAX << CLIENT_BITS);
        Self::new(random | u128::from(key.hash_client(client)), owner, key)
    }

    /// Returns the keyed hash of the client that opened the session.
    pub(super) fn client(&self) -> u32 {
        u32::try_from(self.id & u128::from(u32::MAX)).unwrap_or_default()
    }

    /// Returns the keyed hash of the repository.
    pub(super) fn repository(&self) -> u128 {
        self.repository
    }

    #[cfg(test)]
    pub(super) fn from_id(id: u128) -> Self {
        Self {
            id,
            repository: 0,
            caller: 0,
        }
    }

    /// Returns the id that clients use.
    pub fn id(&self) -> UploadId {
        UploadId::new(format!("{:032x}", self.id))
    }
}

/// Parses an id from a client. It may be any text, even a path. Returns `None` if no session can
/// have this id.
pub(super) fn parse_id(id: &UploadId) -> Option<u128> {
    parse_hexadecimal(id.as_str())
}

/// File name of a session. It contains everything that a later process needs to resume the session.
///
/// The form is `ID-ALGORITHM-REPOSITORY-CALLER`, where `REPOSITORY` and `CALLER` are hashes with
/// the [`OwnerKey`]. They are hashed because a repository's name may be as long as the longest file
/// name, and because the folder should not reveal who uploads what. They are two hashes, so that a
/// later process can count the sessions of a repository and the sessions of a caller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionName {
    /// Identity of the session.
    pub key: SessionKey,
    /// Algorithm that hashes the content as it arrives.
    pub algorithm: Algorithm,
}

impl SessionName {
    /// Parses a file name. Returns `None` if it is not the name of a session's file.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('-');
        let id = parse_hexadecimal(parts.next()?)?;
        let algorithm = parts.next()?;
        let key = SessionKey {
            id,
            repository: parse_hexadecimal(parts.next()?)?,
            caller: parse_hexadecimal(parts.next()?)?,
        };
        let known = ALGORITHMS.into_iter();
        let algorithm = known
            .into_iter()
            .find(|known| known.as_str() == algorithm)?;
        parts.next().is_none().then_some(Self { key, algorithm })
    }

    /// Returns the number of the subfolder of the file: the first digit of the id.
    pub(super) fn shard(&self) -> u8 {
        u8::try_from(self.key.id >> 124).unwrap_or_default()
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SessionKey {
            id,
            repository,
            caller,
        } = self.key;
        let algorithm = &self.algorithm;
        write!(
            formatter,
            "{id:032x}-{algorithm}-{repository:032x}-{caller:032x}"
        )
    }
}

fn parse_hexadecimal(text: &str) -> Option<u128> {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    // `from_str_radix` also accepts signs, upper case and other lengths.
    let valid = text.len() == DIGITS && text.bytes().all(digit);
    valid.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use portolan_model::fixtures::repository;

    use super::*;

    fn owner(name: &str, caller: Caller) -> Owner {
        Owner {
            repository: repository(name),
            caller,
        }
    }

    #[test]
    fn a_name_is_read_as_it_was_written() {
        let key = OwnerKey::from_byte(1);
        let owner = owner("a", Caller::Anonymous);
        for algorithm in ALGORITHMS {
            let name = SessionName {
                key: SessionKey::new(0xf00 << 112, &owner, &key),
                algorithm,
            };
            let text = name.to_string();
            assert_eq!(SessionName::parse(&text), Some(name));
            assert!(text.len() <= 105, "{text}");
        }
    }

    #[test]
    fn other_names_are_not_sessions() {
        let (id, hash) = ("0".repeat(32), "a".repeat(32));
        for name in [
            String::new(),
            id.clone(),
            format!("{id}.json"),
            format!("{id}-sha256-{hash}"),
            format!("{id}-sha256-{hash}-{hash}-{hash}"),
            format!("{id}-md5-{hash}-{hash}"),
            format!("{id}-sha256-{hash}-{}", "A".repeat(32)),
            format!("{id}-sha256-{hash}-+{}", "a".repeat(31)),
            format!("{}-sha256-{hash}-{hash}", "0".repeat(31)),
        ] {
            assert_eq!(SessionName::parse(&name), None, "{name}");
        }
    }

    #[test]
    fn the_shard_is_the_first_digit() {
        let key = OwnerKey::from_byte(1);
        let name = SessionName {
            key: SessionKey::new(0xb << 124, &owner("a", Caller::Anonymous), &key),
            algorithm: Algorithm::Sha256,
        };
        assert_eq!(name.shard(), 0xb);
        assert!(name.to_string().starts_with('b'));
    }

    #[test]
    fn owners_have_keys_of_their_own() {
        let key = OwnerKey::from_byte(1);
        let named = |name: &str| Caller::Named(name.into());
        let owners = [
            owner("a", Caller::Anonymous),
            owner("b", Caller::Anonymous),
            owner("a", named("anonymous")),
            owner("a", named("")),
            owner("a", named("b")),
        ];
        for (position, one) in owners.iter().enumerate() {
            for other in &owners[position + 1..] {
                let keys = [one, other].map(|owner| SessionKey::new(7, owner, &key));
                assert_ne!(keys[0], keys[1], "{one:?} and {other:?}");
            }
            let elsewhere = SessionKey::new(7, one, &OwnerKey::from_byte(2));
            assert_ne!(SessionKey::new(7, one, &key), elsewhere);
        }
    }

    #[test]
    fn an_id_names_its_client() {
        let key = OwnerKey::from_byte(1);
        let owner = owner("a", Caller::Anonymous);
        let generate = |random: u8, address: Option<&str>| {
            let client = address.map(|text| text.parse::<IpAddr>().unwrap().into());
            SessionKey::generate([random; 16], &owner, client, &key)
        };
        let clients = [
            None,
            Some("192.0.2.1"),
            Some("192.0.2.2"),
            Some("2001:db8::1"),
        ];
        for (position, one) in clients.iter().enumerate() {
            let (first, second) = (generate(1, *one), generate(2, *one));
            assert_ne!(first.id(), second.id());
            assert_eq!(first.client(), second.client());
            for other in &clients[position + 1..] {
                assert_ne!(first.client(), generate(1, *other).client());
            }
        }
        assert_eq!(
            generate(1, Some("2001:db8::1")).client(),
            generate(1, Some("2001:db8::2")).client()
        );
    }

    #[test]
    fn paths_and_other_ids_are_rejected() {
        for id in ["", "../../../etc/passwd", "0123456789abcdef", "key"] {
            assert_eq!(parse_id(&UploadId::new(id)), None);
        }
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(
            parse_id(&UploadId::new(id)),
            Some(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef)
        );
    }
}
