-- An account for dashboards: it can read, and nothing else. Give it a password, or a login by another way. A cluster has it once, for
-- all of its databases: run this in each of them.
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
