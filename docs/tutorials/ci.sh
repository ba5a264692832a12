#!/bin/sh
# Pushes an index as docker buildx does for one platform: an image and its attestation. All content is fixed, so
# the digests are the same on every machine.
#
# Usage: sh ci.sh TAG ARCHITECTURE [HOST:PORT]
set -eu

tag=$1
architecture=$2
host=${3:-127.0.0.1:5000}
registry="http://$host/v2/app"
. "$(dirname "$0")/push.sh"

# Pushes an image: file, platform, and type and file of its layer.
push_image() {
    printf '{%s,"config":{},"rootfs":{"type":"layers","diff_ids":["%s"]}}' "$2" "$(digest "$4")" >"$folder/config"
    push_blob "$folder/config"
    push_blob "$4"
    printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}' $OCI.manifest.v1+json \
        "$(descriptor $OCI.config.v1+json "$folder/config")" "$(descriptor "$3" "$4")" >"$1"
    push_manifest $OCI.manifest.v1+json "$1" "$(digest "$1")"
}

# An empty tar archive is a valid layer.
head -c 1024 /dev/zero >"$folder/layer"
platform="\"architecture\":\"$architecture\",\"os\":\"linux\""
push_image "$folder/image" "$platform" $OCI.layer.v1.tar "$folder/layer"

image=$(digest "$folder/image")
printf '{"_type":"https://in-toto.io/Statement/v0.1","subject":[{"name":"%s"}]}' "$image" >"$folder/statement"
unknown='"architecture":"unknown","os":"unknown"'
push_image "$folder/attestation" "$unknown" application/vnd.in-toto+json "$folder/statement"

reference="\"vnd.docker.reference.digest\":\"$image\",\"vnd.docker.reference.type\":\"attestation-manifest\""
printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s,%s]}' $OCI.index.v1+json \
    "$(descriptor $OCI.manifest.v1+json "$folder/image" ",\"platform\":{$platform}")" \
    "$(descriptor $OCI.manifest.v1+json "$folder/attestation" \
        ",\"annotations\":{$reference},\"platform\":{$unknown}")" >"$folder/index"
push_manifest $OCI.index.v1+json "$folder/index" "$tag"
echo "pushed $host/app:$tag@$(digest "$folder/index")"
