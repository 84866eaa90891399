#!/bin/sh
# Hand to the containers' user what the engine or root has made in the shared folder; what belongs to a person stays.
# Runs once before the two programs, as root without any right but that of changing owners. It never fails: whatever is
# wrong here, the page can answer all the same.
# usage: PUID=user PGID=group prepare-shared-folder.sh FOLDER
set -eu
owner=$(stat -c %u "$1")
group=$(stat -c %g "$1")
# The number outside of the one that is 0 in here. Not 0: the engine is rootless, or gives containers users of their own.
outside=$(awk '$1 == 0 { print $2 }' /proc/self/uid_map)

say() {
  echo "shared folder: $1" >&2
}

if [ "$outside" != 0 ] && [ "$owner" = 0 ] && [ "$PUID" != 0 ]; then
  say "this engine is rootless: write PUID=0 and PGID=0 into the file .env beside docker-compose.yml, and start again"
elif [ "$outside" != 0 ] && [ "$owner" != 0 ] && [ "$owner" != "$PUID" ]; then
  say "this engine runs containers as other users of the machine (userns-remap): make user $((outside + PUID)) the owner of shared/, and start again"
elif [ "$owner" != 0 ] && [ "$owner" != "$PUID" ]; then
  say "it belongs to user $owner, but the programs run as user $PUID: write PUID=$owner and PGID=$group into the file .env beside docker-compose.yml, and start again"
elif [ "$PUID" != 0 ] && [ -x "$1" ] && ! find "$1" -xdev -user 0 -exec chown -h "$PUID:$PGID" {} + 2>/dev/null; then
  say "user $PUID could not be made the owner of all of it; what cannot be written will be said where it is"
fi
