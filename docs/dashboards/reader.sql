-- An account for dashboards: it can read, and nothing else. Give it a password, or a login by another way.
create role amsql_reader login;
grant usage on schema amsql to amsql_reader;
grant select on all tables in schema amsql to amsql_reader;
alter default privileges in schema amsql grant select on tables to amsql_reader;
