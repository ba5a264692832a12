#!/bin/sh
# Pushes the images of the tutorial to a registry: an OCI index with eleven children, the third of which is an
# old Docker image, at memcached:1.6-alpine, and three of its children at memcached:amd64, memcached:arm64 and
# memcached:arm. All content is fixed, so the digests are the same on every machine.
#
# Usage: sh mixed-index.sh [HOST:PORT]
set -eu

host=${1:-127.0.0.1:5000}
registry="http://$host/v2/memcached"
. "$(dirname "$0")/push.sh"

DOCKER=application/vnd.docker

children=""

# Pushes an image and adds it to the index: format, architecture, variant, build date, and an optional tag.
add_image() {
    case $1 in
    oci)
        manifest=$OCI.manifest.v1+json
        config=$OCI.config.v1+json
        layer=$OCI.layer.v1.tar
        ;;
    docker)
        manifest=$DOCKER.distribution.manifest.v2+json
        config=$DOCKER.container.image.v1+json
        layer=$DOCKER.image.rootfs.diff.tar
        ;;
    esac
    platform="\"architecture\":\"$2\",\"os\":\"linux\"${3:+,\"variant\":\"$3\"}"
    printf '{%s,"created":"%s","config":{},"rootfs":{"type":"layers","diff_ids":["%s"]}}' \
        "$platform" "$4" "$(digest "$folder/layer")" >"$folder/config"
    push_blob "$folder/config"
    printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}' "$manifest" \
        "$(descriptor "$config" "$folder/config")" "$(descriptor "$layer" "$folder/layer")" >"$folder/image"
    push_manifest "$manifest" "$folder/image" "${5:-$(digest "$folder/image")}"
    children="$children${children:+,}$(descriptor "$manifest" "$folder/image" ",\"platform\":{$platform}")"
}

# An empty tar archive is a valid layer.
head -c 1024 /dev/zero >"$folder/layer"
push_blob "$folder/layer"

new=2023-12-05T02:16:33Z
old=2022-05-24T01:10:32Z
add_image oci amd64 "" $new amd64
add_image oci arm v6 $new
add_image docker arm v7 $old arm
add_image oci arm64 v8 $new arm64
add_image oci 386 "" $new
add_image oci arm v5 $new
add_image oci loong64 "" $new
add_image oci mips64le "" $new
add_image oci ppc64le "" $new
add_image oci riscv64 "" $new
add_image oci s390x "" $new

printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s]}' $OCI.index.v1+json "$children" >"$folder/index"
push_manifest $OCI.index.v1+json "$folder/index" 1.6-alpine
echo "pushed $host/memcached:1.6-alpine@$(digest "$folder/index")"
