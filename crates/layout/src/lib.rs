//! OCI layouts and archives on disk, as registries.
