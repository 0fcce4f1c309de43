#!/bin/sh
# Each file in the secrets' folder becomes an environment variable of its name, for Patrol alone: so credentials stand
# neither in the compose file nor in what `docker inspect` shows. Then Patrol takes this process's place and its signals.
set -eu
for secret in "${PATROL_SECRETS:-/run/secrets}"/*; do
  if [ -f "$secret" ]; then
    value=$(cat "$secret")
    export "${secret##*/}=$value"
  fi
done
unset secret value
exec patrol "$@"
