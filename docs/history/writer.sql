-- Creates an account that can add snapshots but not read, change or remove any. The schema must exist: its owner's first snapshot
-- creates it. Give the account a password or another way to log in.
create role amsql_writer login;
grant usage on schema amsql to amsql_writer;
grant select on amsql.schema_version, amsql.snapshot to amsql_writer;
grant insert on amsql.snapshot, amsql.session, amsql.session_scan, amsql.realm, amsql.session_service, amsql.identity, amsql.deployment to amsql_writer;
grant execute on function amsql.am_make_day(date) to amsql_writer;
