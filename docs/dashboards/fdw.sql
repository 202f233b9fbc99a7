-- The tables of the dashboards, from the foreign tables in the schema am (see docs/hosts.md#postgres-fdw). They have the names and
-- columns of the tables that amsql snapshot --to postgres://… creates. Each is a materialized view, so dashboards send no requests
-- to AM. call amsql.refresh() reads AM; if that fails, the tables are unchanged.

create schema amsql;

create materialized view amsql.am_session as select * from am.am_session with no data;
create unique index on amsql.am_session (base_url, session_handle);

create materialized view amsql.am_session_scan as select * from am.am_session_scan with no data;
create unique index on amsql.am_session_scan (base_url, realm);

create materialized view amsql.am_realm as select * from am.am_realm with no data;
create unique index on amsql.am_realm (base_url, path);

create materialized view amsql.am_session_service as select * from am.am_session_service with no data;
create unique index on amsql.am_session_service (base_url, realm);

create materialized view amsql.am_user as select * from am.am_user with no data;
create unique index on amsql.am_user (base_url, realm, username);

create materialized view amsql.am_server as select * from am.am_server with no data;
create unique index on amsql.am_server (base_url);

-- The number of sessions at each refresh, for the charts over time.
create table amsql.refreshed (
  base_url text not null,
  taken_at timestamptz not null,
  realm text not null,
  sessions bigint not null,
  completeness text not null,
  error text,
  primary key (base_url, taken_at, realm)
);

-- Each session that a refresh found, for the dashboard of sign-ins. It is identified by a digest of its handle, because anyone who
-- has the handle can end the session.
create table amsql.am_session_history (
  base_url text not null,
  realm text not null,
  username text,
  session text not null,
  first_seen timestamptz not null,
  last_seen timestamptz not null,
  creation_time timestamptz,
  client_ip text,
  service text,
  auth_level bigint,
  primary key (base_url, session)
);

create view amsql.am_concurrency as
select
  base_url,
  taken_at,
  realm,
  case when completeness <> 'truncated' then sessions end as sessions,
  sessions as at_least,
  completeness,
  error
from amsql.refreshed;

create view amsql.am_snapshot as
select
  base_url,
  taken_at,
  null::text as connection,
  sum(sessions)::bigint as sessions,
  count(*) as realms,
  count(*) filter (where completeness = 'truncated') as realms_cut,
  count(error) as realms_failed,
  null::text as missing
from amsql.refreshed
group by base_url, taken_at;

create view amsql.am_latest as select base_url, max(taken_at) as taken_at from amsql.refreshed group by base_url;

create procedure amsql.refresh()
language plpgsql
as $$
declare
  view record;
begin
  for view in select matviewname, ispopulated from pg_matviews where schemaname = 'amsql' loop
    execute format('refresh materialized view %s amsql.%I', case when view.ispopulated then 'concurrently' else '' end, view.matviewname);
  end loop;
  insert into amsql.refreshed
  select base_url, now(), realm, sessions, completeness, error from amsql.am_session_scan;
  insert into amsql.am_session_history as h
  select base_url, realm, username, encode(sha256(convert_to(session_handle, 'UTF8')), 'hex'), now(), now(), creation_time, client_ip, service, auth_level
  from amsql.am_session
  where session_handle is not null
  on conflict (base_url, session) do update
  set last_seen = excluded.last_seen, creation_time = coalesce(h.creation_time, excluded.creation_time), client_ip = coalesce(h.client_ip, excluded.client_ip);
end;
$$;

call amsql.refresh();
