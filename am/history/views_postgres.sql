-- Each session in each snapshot, with the time until which this is the latest information about it.
create view am_session_seen as
select
  s.server as base_url,
  s.taken_at,
  least(
    lead(s.taken_at) over (partition by s.server, s.session order by s.taken_at),
    (
      select min(c.taken_at)
      from merged_session_scan c
      where c.server = s.server and c.realm = s.realm and c.taken_at > s.taken_at and c.completeness <> 'truncated'
    ),
    s.max_session_expiration_time
  ) as valid_until,
  s.realm,
  s.username,
  s.session,
  s.latest_access_time,
  s.max_idle_expiration_time,
  s.max_session_expiration_time
from session s;

-- The sessions at a given time: the rows of am_session_seen that are valid at that time. Only the snapshots since the last proof
-- are read.
create function am_session_at(moment timestamptz)
returns table (
  base_url text,
  taken_at timestamptz,
  realm text,
  username text,
  session text,
  latest_access_time timestamptz,
  max_idle_expiration_time timestamptz,
  max_session_expiration_time timestamptz
)
language sql stable
begin atomic
  select distinct on (s.server, s.session)
    s.server,
    s.taken_at,
    s.realm,
    s.username,
    s.session,
    s.latest_access_time,
    s.max_idle_expiration_time,
    s.max_session_expiration_time
  from session s
    left join (
      select c.server, c.realm, max(c.taken_at) as proven
      from merged_session_scan c
      where c.taken_at <= moment and c.completeness <> 'truncated'
      group by c.server, c.realm
    ) p on p.server = s.server and p.realm = s.realm
  where s.taken_at <= moment
    and (p.proven is null or s.taken_at >= p.proven)
    and (s.max_session_expiration_time is null or s.max_session_expiration_time > moment)
  order by s.server, s.session, s.taken_at desc;
end;

-- Creates the partitions of a day with the rights of the tables' owner, so that an account that only adds snapshots can call it.
-- Each table is created first and then attached, which does not wait for readers and writers of the other partitions.
create or replace function am_make_day(day date)
returns void
language plpgsql
security definer
set search_path = amsql, pg_temp
as $$
declare
  parent text;
  partition text;
begin
  perform pg_advisory_xact_lock(1634562929);
  for parent in select relname from pg_class where relkind = 'p' and relnamespace = 'amsql'::regnamespace loop
    partition := parent || '_' || to_char(day, 'YYYYMMDD');
    if not exists (select from pg_tables where schemaname = 'amsql' and tablename = partition) then
      execute format('create table %I (like %I including all)', partition, parent);
      execute format('alter table %I attach partition %I for values from (%L) to (%L)',
        parent, partition, day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
    end if;
  end loop;
end;
$$;

revoke execute on function am_make_day(date) from public;
