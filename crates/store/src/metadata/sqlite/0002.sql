-- Blobs whose object was found missing or damaged. broken_at is set until the object is replaced; until
-- then, the blob is not served. After that, the object key of the blob is the epoch of the blob, then
-- counter, instead of its id. Almost all blobs have no row.
CREATE TABLE damaged_blobs (
    blob_id INTEGER PRIMARY KEY REFERENCES blobs (id),
    broken_at INTEGER,
    counter INTEGER UNIQUE
) STRICT;
