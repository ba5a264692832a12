-- Times are milliseconds since 1970. Deleting leaves a tombstone (deleted_at), whose references
-- still hold the content until collection.

CREATE TABLE repositories (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE blobs (
    digest TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    object_key TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a repository may serve.
CREATE TABLE repository_blobs (
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    digest TEXT NOT NULL REFERENCES blobs (digest),
    linked_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (repository_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_blobs_digest ON repository_blobs (digest);

-- Shared by all repositories that hold the manifest.
CREATE TABLE manifest_contents (
    digest TEXT NOT NULL PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE manifests (
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    digest TEXT NOT NULL REFERENCES manifest_contents (digest),
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    artifact_type TEXT,
    subject TEXT,
    annotations TEXT,
    pushed_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (repository_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifests_digest ON manifests (digest);
CREATE INDEX manifests_subject ON manifests (repository_id, subject, digest) WHERE subject IS NOT NULL;

-- Every digest that a manifest names. child_manifest and child_blob repeat it where the repository
-- holds it so, and are what keeps it alive. withdrawn_at is set where the child was deleted by force:
-- a blob under that digest is then no longer served as a manifest.
CREATE TABLE manifest_references (
    repository_id INTEGER NOT NULL,
    parent TEXT NOT NULL,
    position INTEGER NOT NULL,
    pointer TEXT NOT NULL,
    kind TEXT NOT NULL,
    child TEXT NOT NULL,
    size INTEGER,
    media_type TEXT,
    child_manifest TEXT,
    child_blob TEXT,
    withdrawn_at INTEGER,
    PRIMARY KEY (repository_id, parent, position),
    FOREIGN KEY (repository_id, parent) REFERENCES manifests (repository_id, digest),
    FOREIGN KEY (repository_id, child_manifest) REFERENCES manifests (repository_id, digest),
    FOREIGN KEY (repository_id, child_blob) REFERENCES repository_blobs (repository_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_references_child ON manifest_references (repository_id, child);
CREATE INDEX manifest_references_child_manifest ON manifest_references (repository_id, child_manifest);
CREATE INDEX manifest_references_child_blob ON manifest_references (repository_id, child_blob);

CREATE TABLE tags (
    repository_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (repository_id, name),
    FOREIGN KEY (repository_id, digest) REFERENCES manifests (repository_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_digest ON tags (repository_id, digest);

-- Each change of a tag; digest_after is NULL where it was deleted.
CREATE TABLE tag_history (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    name TEXT NOT NULL,
    digest_before TEXT,
    digest_after TEXT,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL
) STRICT;
CREATE INDEX tag_history_name ON tag_history (repository_id, name, id);

-- Keys under which an object may lie that no blob refers to: reserved ones, from before the object
-- is put there until a blob takes the key, and those of content that is gone.
CREATE TABLE doomed_objects (
    object_key TEXT NOT NULL PRIMARY KEY,
    doomed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Without statistics SQLite takes the first column of a primary key for as good as a whole index, and
-- looks through a repository for each blob that is linked. These are made up, and never gathered, so
-- that the plans are the same in each registry. A test holds them.
ANALYZE;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('manifests', 'manifests', '100000 1000 1'),
    ('manifests', 'manifests_digest', '100000 2'),
    ('manifests', 'manifests_subject', '100000 1000 2 1'),
    ('manifest_references', 'manifest_references', '1000000 10000 10 1'),
    ('manifest_references', 'manifest_references_child', '1000000 10000 10'),
    ('manifest_references', 'manifest_references_child_manifest', '1000000 10000 100'),
    ('manifest_references', 'manifest_references_child_blob', '1000000 10000 100');
ANALYZE sqlite_schema;
