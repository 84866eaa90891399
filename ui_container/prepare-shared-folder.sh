#!/bin/sh
# Hand to the containers' user what the engine or root has made in the shared folder; what belongs to a person stays.
# Runs once before the two programs, as root without any right but that of changing owners.
# usage: PUID=user PGID=group prepare-shared-folder.sh FOLDER
set -eu
cd "$1"
owner=$(stat -c %u .)

say() {
  echo "shared folder: $1" >&2
}

# The second word says who this root is outside: on a rootless engine it is the person who runs it.
if ! grep -q '^ *0 *0 ' /proc/self/uid_map; then
  [ "$PUID" = 0 ] || say "this engine is rootless: write PUID=0 and PGID=0 into the file .env beside docker-compose.yml, and start again"
elif [ "$owner" != 0 ] && [ "$owner" != "$PUID" ]; then
  say "it belongs to user $owner, but the programs run as user $PUID: write PUID=$owner and PGID=$(stat -c %g .) into the file .env beside docker-compose.yml, and start again"
elif [ "$PUID" != 0 ] && ! find . -xdev -user 0 -exec chown -h "$PUID:$PGID" {} + 2>/dev/null; then
  say "user $PUID could not be made the owner of all of it; what cannot be written will be said where it is"
fi
