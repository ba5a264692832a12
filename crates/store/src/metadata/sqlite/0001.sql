-- Times are milliseconds since 1970. Digests are binary: one byte for the algorithm, then the hash.
-- AUTOINCREMENT: an id is never given twice, so whatever was remembered by id cannot mean other rows.
-- Deleting leaves a tombstone (deleted_at), whose edges still hold the content.

-- has_content is 1 while the repository has a live manifest or blob. Rows are never deleted.
CREATE TABLE repositories (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    has_content INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX repositories_listed ON repositories (name) WHERE has_content = 1;

-- Rows are never deleted.
CREATE TABLE media_types (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- The first halves of object keys, one for each process. A key whose epoch is closed cannot become a
-- blob's any more. Other tables refer to an epoch by id, which only this database knows: statements
-- name an epoch by its random bytes, so an older copy of the database cannot confuse two of them.
-- Rows are never deleted, because blobs refer to them.
CREATE TABLE key_epochs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch BLOB NOT NULL UNIQUE,
    holder TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER
) STRICT;

-- Keys under which objects may exist: those of the epoch with the counters from 256 * id on, 256 of
-- them. A row goes when each of its keys belongs to a blob or was moved to unreferenced_objects.
CREATE TABLE key_ranges (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch_id INTEGER NOT NULL REFERENCES key_epochs (id)
) STRICT;

-- Keys that no blob has and whose objects wait to be deleted. claimed_by is the id of the epoch of the
-- process that deletes the object; that epoch may be gone.
CREATE TABLE unreferenced_objects (
    epoch_id INTEGER NOT NULL REFERENCES key_epochs (id),
    counter INTEGER NOT NULL,
    unreferenced_at INTEGER NOT NULL,
    claimed_by INTEGER,
    PRIMARY KEY (epoch_id, counter)
) STRICT, WITHOUT ROWID;

-- The object key of a blob is the 8 bytes of its epoch, then its id: the counter comes from a range,
-- so an id is never given twice.
CREATE TABLE blobs (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    epoch_id INTEGER NOT NULL REFERENCES key_epochs (id)
) STRICT;

-- The blobs that a repository serves. manifest_deleted_at is set while a blob that an index names
-- among its manifests is not served as a manifest, because it was deleted as one.
CREATE TABLE repository_blobs (
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    blob_id INTEGER NOT NULL REFERENCES blobs (id),
    linked_at INTEGER NOT NULL,
    deleted_at INTEGER,
    manifest_deleted_at INTEGER,
    PRIMARY KEY (blob_id, repository_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_blobs_live ON repository_blobs (repository_id) WHERE deleted_at IS NULL;

-- Shared by all repositories that have the manifest.
CREATE TABLE manifest_contents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE manifests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    content_id INTEGER NOT NULL REFERENCES manifest_contents (id),
    media_type_id INTEGER NOT NULL REFERENCES media_types (id),
    pushed_at INTEGER NOT NULL,
    deleted_at INTEGER,
    UNIQUE (content_id, repository_id)
) STRICT;
CREATE INDEX manifests_live ON manifests (repository_id) WHERE deleted_at IS NULL;

-- Each manifest that has a subject, as a list of referrers shows it. deleted is 1 for a tombstone.
CREATE TABLE referrers (
    manifest_id INTEGER PRIMARY KEY REFERENCES manifests (id),
    repository_id INTEGER NOT NULL,
    subject BLOB NOT NULL,
    digest BLOB NOT NULL,
    artifact_type_id INTEGER REFERENCES media_types (id),
    annotations TEXT,
    deleted INTEGER NOT NULL
) STRICT;
CREATE INDEX referrers_subject ON referrers (repository_id, subject, deleted, digest);
CREATE INDEX referrers_type ON referrers (repository_id, subject, artifact_type_id, digest) WHERE deleted = 0;

-- The distinct digests that a manifest names. A stored child is a foreign key, as a manifest, as a
-- blob or as both; the digest of an absent one is stored instead. parent_deleted is 1 for a tombstone.
-- media_type_id is the type with which a child in `manifests` is served while it is held as a blob.
CREATE TABLE manifest_references (
    parent_id INTEGER NOT NULL REFERENCES manifests (id),
    position INTEGER NOT NULL,
    repository_id INTEGER NOT NULL,
    parent_deleted INTEGER NOT NULL,
    child_manifest_id INTEGER REFERENCES manifests (id),
    child_blob_id INTEGER,
    absent_digest BLOB,
    media_type_id INTEGER REFERENCES media_types (id),
    PRIMARY KEY (parent_id, position),
    FOREIGN KEY (child_blob_id, repository_id) REFERENCES repository_blobs (blob_id, repository_id),
    CHECK ((absent_digest IS NULL) = (child_manifest_id IS NOT NULL OR child_blob_id IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_references_manifest ON manifest_references (child_manifest_id, parent_deleted)
    WHERE child_manifest_id IS NOT NULL;
CREATE INDEX manifest_references_blob ON manifest_references (child_blob_id, repository_id, parent_deleted)
    WHERE child_blob_id IS NOT NULL;
CREATE INDEX manifest_references_absent ON manifest_references (repository_id, absent_digest, parent_deleted)
    WHERE absent_digest IS NOT NULL;
CREATE INDEX manifest_references_typed ON manifest_references (child_blob_id, repository_id, parent_deleted)
    WHERE media_type_id IS NOT NULL;

-- The time of a tag's last change is in its history.
CREATE TABLE tags (
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    name TEXT NOT NULL,
    manifest_id INTEGER NOT NULL REFERENCES manifests (id),
    PRIMARY KEY (repository_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_manifest ON tags (manifest_id, name);

-- Each change of a tag. digest_after is NULL if the tag was deleted. changed_by is NULL for a caller
-- without a name. cause: 1 push, 2 delete.
CREATE TABLE tag_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    name TEXT NOT NULL,
    digest_before BLOB,
    digest_after BLOB,
    changed_at INTEGER NOT NULL,
    changed_by TEXT,
    cause INTEGER NOT NULL
) STRICT;
CREATE INDEX tag_history_name ON tag_history (repository_id, name);
