#!/usr/bin/env bash
# Run the project's containers on a Debian or Ubuntu machine: install what is missing, build what has changed, start.
# What is there already is left alone, so this may be run again and again, and without a network.
# usage: provision.sh PROJECT_FOLDER
set -euo pipefail
cd "$1"
address=http://127.0.0.1:5000
answer_timeout_s=${ANSWER_TIMEOUT_S:-600} # the first start on a slow machine takes minutes
images=(projet_digit/shared_folder projet_digit/ui_container projet_digit/algo_container)
stamp=/var/lib/projet_digit/built
export DEBIAN_FRONTEND=noninteractive BIND_ADDRESS=0.0.0.0 # the machine's own network is not reachable from outside
export PORT=5000 PUID PGID
PUID=$(stat -c %u shared) PGID=$(stat -c %g shared)

compose() {
  if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

install_docker() {
  if command -v dockerd >/dev/null && { docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null; }; then
    return
  fi
  echo "Installing Docker"
  local get=(apt-get -qq -o DPkg::Lock::Timeout=300) # a new machine may be busy updating itself
  "${get[@]}" update
  # Ubuntu's names, else Debian's.
  "${get[@]}" install -y docker.io docker-buildx docker-compose-v2 >/dev/null 2>&1 ||
    "${get[@]}" install -y docker.io docker-compose >/dev/null
}

# Docker starts the containers again after a reboot; by then their folder must be there.
wait_for_folder_at_boot() {
  local drop_in=/etc/systemd/system/docker.service.d/synced-folder.conf
  [ ! -e "$drop_in" ] || return 0
  mkdir -p "$(dirname "$drop_in")"
  printf '[Unit]\nWants=remote-fs.target\nAfter=remote-fs.target\n' >"$drop_in"
  systemctl daemon-reload
}

build_what_changed() {
  local sources
  sources=$(find ui_container algo_container -type f ! -path '*/tests/*' ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum | sha256sum)
  if docker image inspect "${images[@]}" >/dev/null 2>&1 && { [ ! -e "$stamp" ] || [ "$sources" = "$(cat "$stamp")" ]; }; then
    echo "The images are there"
  else
    echo "Building the images: some minutes the first time"
    compose build
  fi
  mkdir -p "$(dirname "$stamp")"
  echo "$sources" >"$stamp"
}

start() {
  compose up -d
  # A container that was started before its folder was mounted looks at an empty one.
  if ! docker exec "$(compose ps -q ui_container)" test -e /projet_digit/shared/README.md; then
    compose up -d --force-recreate
  fi
}

wait_until_it_answers() {
  local started=$SECONDS
  until curl --silent --fail --max-time 5 --output /dev/null "$address/readyz"; do
    if [ $((SECONDS - started)) -gt "$answer_timeout_s" ]; then
      echo "The page does not answer at $address after $answer_timeout_s s. What its container says:" >&2
      compose ps >&2
      compose logs --tail 20 ui_container >&2
      exit 1
    fi
    sleep 1
  done
}

install_docker
wait_for_folder_at_boot
systemctl enable --quiet --now docker
build_what_changed
start
wait_until_it_answers
