#!/bin/sh
# Runs once, when the database is made: Grafana may read, and nothing else.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$GRAFANA_DATABASE_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
create user grafana with password :'password';
grant connect on database labctl to grafana;
grant usage on schema public to grafana;
grant select on all tables in schema public to grafana;
alter default privileges in schema public grant select on tables to grafana;
SQL
