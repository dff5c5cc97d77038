#!/bin/sh
# Runs once, when PostgreSQL creates the database: see "Roles" in docs/database.md.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  --set app="$APP_DATABASE_PASSWORD" --set owner="$OWNER_DATABASE_PASSWORD" <<'SQL'
CREATE ROLE app LOGIN PASSWORD :'app';
CREATE ROLE owner LOGIN PASSWORD :'owner';
GRANT CREATE ON SCHEMA public TO owner;
GRANT CREATE ON DATABASE app TO owner;
SQL
