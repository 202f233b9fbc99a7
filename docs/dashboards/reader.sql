-- Creates an account for dashboards, which can only read. Give it a password or another way to log in. The account is created once
-- for all databases of a cluster: run this script in each database that it may read.
do $$
begin
  if not exists (select from pg_roles where rolname = 'amsql_reader') then
    create role amsql_reader login;
  end if;
end;
$$;
grant usage on schema amsql to amsql_reader;
grant select on all tables in schema amsql to amsql_reader;
alter default privileges in schema amsql grant select on tables to amsql_reader;
