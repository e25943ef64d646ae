#!/usr/bin/env bash
# Run once by the store's server when it makes its data folder: the owner of the tables, one group
# role a part with that part's rights (the migrations grant them), and one login in each group.
set -euo pipefail

# psql reads the passwords from its environment: arguments would show in the process list
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv owner STORE_OWNER_PASSWORD
\getenv portal STORE_PORTAL_PASSWORD
\getenv broker STORE_BROKER_PASSWORD
\getenv proxy STORE_PROXY_PASSWORD
set log_min_error_statement = panic;

create role daypass_owner login createrole password :'owner';

create role daypass_portal nologin;
create role daypass_broker nologin;
create role daypass_proxy nologin;
create role daypass_auditor nologin;

create role daypass_portal_login login password :'portal' in role daypass_portal;
create role daypass_broker_login login password :'broker' in role daypass_broker;
create role daypass_proxy_login login password :'proxy' in role daypass_proxy;

create database daypass owner daypass_owner;
revoke all on database daypass from public;
grant connect on database daypass to daypass_portal, daypass_broker, daypass_proxy, daypass_auditor;
SQL
