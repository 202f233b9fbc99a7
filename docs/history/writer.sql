-- An account that adds snapshots and can neither change, remove nor read what is kept. The schema must be there: its owner's
-- first snapshot makes it. Give the account a password, or a login by another way.
create role amsql_writer login;
grant usage on schema amsql to amsql_writer;
grant select on amsql.schema_version, amsql.snapshot to amsql_writer;
grant insert on amsql.snapshot, amsql.session, amsql.session_scan, amsql.realm, amsql.session_service, amsql.identity, amsql.deployment to amsql_writer;
grant execute on function amsql.am_make_day(date) to amsql_writer;
