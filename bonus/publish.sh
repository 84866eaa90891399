#!/usr/bin/env bash
# Build both images for both architectures, with SBOM and provenance, and push them to Docker Hub.
# usage: [DOCKERHUB_USER=you] [PLATFORMS=linux/amd64,linux/arm64] [BUILDER=name] [ATTESTATIONS=none] publish.sh
# BUILDER: a Buildx builder that can do this; without it one of the kind docker-container is made and kept.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=${DOCKERHUB_USER:-meriemtest}/myrepository
builder=${BUILDER:-projet_digit}
platforms=${PLATFORMS:-linux/amd64,linux/arm64}
options=(--builder "$builder" --platform "$platforms" --push
         --label "org.opencontainers.image.revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)")
[ "${ATTESTATIONS:-all}" = none ] || options+=(--sbom=true --provenance=mode=max)

if ! docker buildx inspect "$builder" >/dev/null 2>&1; then
  docker buildx create --name "$builder" --driver docker-container >/dev/null
fi
available=$(docker buildx inspect --bootstrap "$builder" | sed -n 's/^ *Platforms: *//p')
for platform in ${platforms//,/ }; do
  if [[ $available != *"$platform"* ]]; then
    echo "this machine cannot build for $platform (only: $available); on Linux an emulator is installed by:" >&2
    echo "  docker run --privileged --rm tonistiigi/binfmt --install ${platform#*/}" >&2
    exit 1
  fi
done
docker buildx build "${options[@]}" --tag "$repository:algo_container" algo_container
docker buildx build "${options[@]}" --tag "$repository:ui_container-without-model" ui_container
docker buildx build "${options[@]}" --tag "$repository:ui_container" --file bonus/Dockerfile \
  --build-arg "UI_IMAGE=$repository:ui_container-without-model" shared/pretrained
