# Functions of the scripts in this folder, which set "registry" to the URL of a repository.

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

OCI=application/vnd.oci.image

digest() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi |
        sed 's/ .*//; s/^/sha256:/'
}

# Prints a descriptor: media type, file, and further fields.
descriptor() {
    printf '{"mediaType":"%s","digest":"%s","size":%d%s}' "$1" "$(digest "$2")" "$(wc -c <"$2")" "${3-}"
}

push_blob() {
    curl -sSf -o /dev/null -X POST -H 'Content-Type: application/octet-stream' --data-binary "@$1" \
        "$registry/blobs/uploads/?digest=$(digest "$1")"
}

# Pushes a manifest: media type, file, and tag or digest.
push_manifest() {
    curl -sSf -o /dev/null -X PUT -H "Content-Type: $1" --data-binary "@$2" "$registry/manifests/$3"
}
