#!/bin/sh
# Entry of both images: makes the two URLs that core/common/settings.py reads of secret files, then becomes the command.
# So a password stands in no image, no compose file and no `docker inspect`; only in the memory of our own processes.
set -eu
secrets=${SECRETS:-/run/secrets}

# The file's content as part of a URL: a password may hold any character.
password() {
    if [ ! -r "$secrets/$1" ]; then
        echo "showdown: the secret $secrets/$1 cannot be read by user $(id -u); see docs/deploy.md" >&2
        return 1
    fi
    python -c 'import sys, urllib.parse as u; print(u.quote(open(sys.argv[1]).read().strip(), safe=""))' "$secrets/$1"
}

if [ -z "${SHOWDOWN_DATABASE_URL:-}" ]; then
    word=$(password postgres_password)
    export SHOWDOWN_DATABASE_URL="postgresql+psycopg://showdown:$word@${POSTGRES_AT:-postgres:5432}/showdown"
fi
if [ -z "${SHOWDOWN_BROKER_URL:-}" ]; then
    word=$(password redis_password)
    export SHOWDOWN_BROKER_URL="redis://:$word@${REDIS_AT:-redis:6379}/0"
fi
unset word

# A secret whose name is in capitals is an environment variable: HF_TOKEN, or the key that a judge's api_key_env names.
for file in "$secrets"/[[:upper:]]*; do
    [ -f "$file" ] || continue
    value=$(cat "$file")
    export "$(basename "$file")=$value"
done
unset value

exec "$@"
