#!/bin/sh
# Builds the images where no registry of images is reached: with buildah, on bases that mmdebstrap makes of Debian's packages.
# Needs root, and Debian's packages mmdebstrap and buildah.
#
#   docker/build.sh VERSION [options of `buildah build` ...]
#
# Options say what a machine has of its own: --secret id=pip,src=pip.conf (where pip finds packages), --volume DIR:DIR:ro
# (a folder that pip.conf names), --build-arg TORCH_INDEX=URL, --network host, --runtime runc. In the environment:
#   IMAGES   some of app, worker-cpu, worker-cuda, and stores, for tests/images; else app and worker-cpu
#   SUITE    the release of Debian; else bookworm
#   BASE     an image to build on instead of one that is made here
set -eu
cd "$(dirname "$0")/.."
version=${1:?usage: docker/build.sh VERSION [options of buildah build ...]}
shift
suite=${SUITE:-bookworm}
archive=$(mktemp --suffix=.tar)
trap 'rm -f "$archive"' EXIT

# debian NAME PACKAGES: an image of Debian and these packages is there.
debian() {
    if buildah inspect --type image "$1" > /dev/null 2>&1; then return; fi
    mmdebstrap --quiet --variant=minbase --include="$2" "$suite" "$archive"
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$archive" /
    buildah config --cmd sh "$container"
    buildah commit --quiet --rm "$container" "$1"
}

for image in ${IMAGES:-app worker-cpu}; do
    base=${BASE:-localhost/showdown-base:$suite} packages=ca-certificates,python3,python3-venv
    context=. file=docker/Dockerfile target=${image%%-*} tag=showdown-$target:$version
    case $image in
        app) ;;
        worker-cpu | worker-cuda) tag=$tag-${image#worker-} ;;
        stores)
            base=localhost/showdown-stores-base:$suite packages=postgresql,redis-server
            context=tests/images/stores file=$context/Dockerfile
            ;;
        *)
            echo "docker/build.sh: there is no image $image; IMAGES names some of app, worker-cpu, worker-cuda, stores" >&2
            exit 2
            ;;
    esac
    [ "$base" = "${BASE:-}" ] || debian "$base" "$packages"
    buildah build --layers --build-arg BASE="$base" --target "$target" --tag "$tag" --file "$file" "$@" "$context"
done
