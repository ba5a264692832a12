-- Manifests whose references are written or marked in pages, from next_position on, because they are too
-- many for one transaction: those of a live manifest are stored, those of a tombstone get parent_deleted.
-- A repository with such a row deletes no content that could be referenced, until the row is gone.
CREATE TABLE unfinished_manifests (
    manifest_id BIGINT PRIMARY KEY REFERENCES manifests (id),
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    next_position BIGINT NOT NULL
);
CREATE INDEX unfinished_manifests_repository ON unfinished_manifests (repository_id);
