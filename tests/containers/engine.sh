#!/usr/bin/env bash
# Run a command with a Docker Engine: the one that answers already, else one of our own from Debian's packages.
# usage: engine.sh DIR COMMAND...
# Our own keeps its images in DIR, so that a second run is faster, and ends with the command; it needs root and Debian.
# The base image is made here if it is missing and cannot be pulled.
set -euo pipefail
base_image=python:3.13-slim
python_release=trixie # the Debian release whose Python is the base image's
dir=$(mkdir -p "$1" && realpath "$1")
shift
own=unix://$dir/docker.sock

engine_answers() { docker info >/dev/null 2>&1; }

# The one apt is set up with.
mirror() { apt-get indextargets 'Origin: Debian' --format '$(REPO_URI)' | sort -u | grep -v security | head -1; }

may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && grep -q '^ID=debian$' /etc/os-release; }

# What the tests use beside an engine: both Compose commands, Buildx, a registry.
install_tools() {
  local missing=()
  for pair in "$@" mmdebstrap:mmdebstrap docker-compose:docker-compose docker-registry:docker-registry; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" ca-certificates >/dev/null
  fi
  if docker compose version >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1; then return; fi
  # Debian 12 has neither plugin; Debian 13's run on it as they are.
  local apt=$dir/apt plugins=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins
  mkdir -p "$apt"/{lists,cache/archives}/partial "$apt/root" "$plugins"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) trixie main" >"$apt/sources.list"
  local options=(-o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
                 -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update -qq
  (cd "$apt" && apt-get "${options[@]}" download -qq docker-compose docker-buildx && for f in *.deb; do dpkg -x "$f" root; done)
  cp "$apt"/root/usr/libexec/docker/cli-plugins/* "$plugins/"
}

start_engine() {
  # Small networks, of which there are many: an engine that was killed leaves its own behind.
  setsid dockerd --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" --host "$own" \
    --default-address-pool base=10.213.0.0/16,size=24 >"$dir/log" 2>&1 </dev/null &
  for _ in $(seq 120); do engine_answers && return; sleep 0.5; done
  tail -5 "$dir/log" >&2
  exit 1
}

# A stand-in where no registry can be reached: Debian's own Python of the same version.
make_base_image() {
  mmdebstrap --quiet --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates \
    --customize-hook='cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/ca-certificates.crt"' \
    --customize-hook='ln -s python3 "$1/usr/bin/python"; rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED' \
    "$python_release" - "$(mirror)" |
    docker import -c 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' \
      -c 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' -c 'CMD ["python3"]' - "$base_image" >/dev/null
}

stop_engine() {
  local pid
  pid=$(cat "$dir/pid" 2>/dev/null) || return 0
  kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 120); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.5; done
  echo "the engine in $dir does not end" >&2
}

if may_install; then install_tools; fi
if ! engine_answers; then
  if ! may_install; then
    echo "no Docker Engine answers, and one can be installed here only by root on Debian: start Docker, then again" >&2
    exit 1
  fi
  install_tools dockerd:docker.io iptables:iptables
fi
if ! engine_answers; then # installing one may have started it
  export DOCKER_HOST=$own
  if ! engine_answers; then
    trap stop_engine EXIT
    start_engine
  fi
  # Only here: nobody else's engine shall hold something else under that name.
  docker image inspect "$base_image" >/dev/null 2>&1 || timeout 120 docker pull --quiet "$base_image" >/dev/null 2>&1 || make_base_image
fi
"$@"
