//! Limit of the process on open files: connections and files share it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that connections leave for the files of the store: database, log, and blobs that
/// are read without a connection.
const RESERVED_FOR_FILES: u64 = 512;

/// Raises the soft limit on open files to the hard limit, and returns the limit in effect. `None`
/// means that there is no limit.
pub(super) fn raise_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, "failed to raise the limit on open files");
            limit.current
        }
    }
}

/// Returns the number of connections that fit into a `limit` on open files, at most `configured`.
///
/// A connection counts twice, because its request may open a file. Below a small limit, the
/// reserve is half of it.
pub(super) fn connections(configured: usize, limit: Option<u64>) -> usize {
    let Some(limit) = limit else {
        return configured;
    };
    let possible = (limit - RESERVED_FOR_FILES.min(limit / 2)) / 2;
    let connections = usize::try_from(possible).unwrap_or(usize::MAX).max(1);
    if connections >= configured {
        return configured;
    }
    tracing::warn!(
        configured,
        connections,
        open_files = limit,
        "the limit of the process on open files allows fewer connections than server.limits.connections"
    );
    connections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_files() {
        for (limit, expected) in [
            (None, 10_000),
            (Some(1 << 20), 10_000),
            (Some(1024), 256),
            (Some(256), 64),
            (Some(1), 1),
        ] {
            assert_eq!(connections(10_000, limit), expected, "{limit:?}");
        }
        assert_eq!(connections(5, Some(1024)), 5);
    }

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_limit() {
        let raised = raise_limit();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!((limit.current, raised), (limit.maximum, limit.maximum));
    }
}
