-- What the reports of amsql find in the tables of the dashboards, by one policy: made by amsql policy --sql. Run it again after
-- a change of the policy or of amsql. select * from amsql.am_findings('idle') has the findings of the report idle at the time of
-- each server's last scan.

-- The time of the scan, which the reports take for now: pg_catalog comes after this schema where they are asked.
create or replace function amsql.now() returns timestamptz stable language sql as $now$
  select current_setting('amsql.now')::timestamptz;
$now$;

create or replace function amsql.am_findings(which text)
returns table (report text, severity text, base_url text, realm text, username text, finding jsonb)
language plpgsql
set search_path = amsql, pg_catalog, pg_temp
as $findings$
#variable_conflict use_column
declare
  server record;
begin
  for server in select l.base_url, l.taken_at from am_latest as l loop
    perform set_config('amsql.now', server.taken_at::text, true);
    case which
      when 'completeness' then
        return query select 'completeness', 'high', cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
select
  realm,
  sessions,
  list_cap,
  list_cap_known,
  completeness,
  identities,
  reason,
  error,
  base_url,
  completeness <> 'whole' or error is not null as finding
from
  am_session_scan
order by
  realm,
  base_url
        ) as r) as q
        where cells->>'base_url' = server.base_url and (cells->>'finding')::boolean;
      when 'disabled-users' then
        return query select 'disabled-users', 'high', cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
with users as materialized (
  select lower(username) as name, realm, is_active, base_url from am_user
),
found as materialized (
  select
    s.username,
    s.realm,
    case when u.name is null then 'deleted' else 'disabled' end as account,
    s.latest_access_time,
    s.max_session_expiration_time,
    s.base_url
  from
    am_session as s
    left join users as u on u.name = lower(s.username) and u.realm = s.realm and u.base_url = s.base_url
  where
    (u.name is null or not u.is_active)
    and s.username is not null
    and not coalesce(s.is_expired, false)
)
select
  *
from
  found
where
  replace(',' || 'amadmin,dsameuser' || ',', ',' || lower(username) || ',', '') = ',' || 'amadmin,dsameuser' || ','
order by
  username,
  realm,
  max_session_expiration_time
        ) as r) as q
        where cells->>'base_url' = server.base_url;
      when 'over-quota' then
        return query select 'over-quota', 'high', cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
with held as materialized (
  select
    min(username) as username,
    realm,
    base_url,
    count(*) as sessions
  from
    am_session
  where
    username is not null
    and not coalesce(is_expired, false)
    and is_current is not true
  group by
    lower(username),
    realm,
    base_url
)
select
  h.username,
  h.realm,
  h.sessions,
  case when 0 > 0 then 0 else l.quota_limit end as quota,
  h.base_url
from
  held as h
  join am_session_service as l on l.realm = h.realm and l.base_url = h.base_url
where
  h.sessions > case when 0 > 0 then 0 else l.quota_limit end
order by
  h.sessions desc,
  h.username,
  h.realm,
  h.base_url
        ) as r) as q
        where cells->>'base_url' = server.base_url;
      when 'administrators' then
        return query select 'administrators', 'medium', cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
select
  username,
  realm,
  latest_access_time,
  max_session_expiration_time,
  is_current,
  base_url,
  not coalesce(is_current, false) as finding
from
  am_session
where
  replace(',' || 'amadmin' || ',', ',' || lower(username) || ',', '') <> ',' || 'amadmin' || ','
  and not coalesce(is_expired, false)
order by
  username,
  realm,
  max_session_expiration_time
        ) as r) as q
        where cells->>'base_url' = server.base_url and (cells->>'finding')::boolean;
      when 'client-side-sessions' then
        return query select 'client-side-sessions', 'medium', cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
select
  realm,
  client_side_sessions,
  base_url,
  coalesce(client_side_sessions, false) as finding
from
  am_session_service
order by
  realm,
  base_url
        ) as r) as q
        where cells->>'base_url' = server.base_url and (cells->>'finding')::boolean;
      when 'idle' then
        return query select 'idle', 'medium', cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
select
  username,
  realm,
  latest_access_time,
  floor(extract(epoch from now() - latest_access_time) / 60)::int as minutes_idle,
  max_idle_expiration_time,
  max_session_expiration_time,
  base_url
from
  am_session
where
  latest_access_time < now() - 15 * interval '1 minute'
  and not coalesce(is_expired, false)
  and coalesce(username, '') <> 'dsameuser'
  and is_current is not true
order by
  latest_access_time,
  username,
  realm,
  max_session_expiration_time
        ) as r) as q
        where cells->>'base_url' = server.base_url;
      when 'lax-realms' then
        return query select 'lax-realms', 'medium', cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
select
  realm,
  source,
  max_session_minutes,
  max_idle_minutes,
  quota_limit,
  base_url,
  coalesce(max_session_minutes > 720, false)
    or coalesce(max_idle_minutes > 15, false)
    or coalesce(quota_limit > 5, false) as finding
from
  am_session_service
order by
  realm,
  base_url
        ) as r) as q
        where cells->>'base_url' = server.base_url and (cells->>'finding')::boolean;
      when 'old' then
        return query select 'old', 'medium', cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
select
  s.username,
  s.realm,
  (l.max_session_minutes - trunc(extract(epoch from s.max_session_expiration_time - now()) / 60))::int as age_minutes_estimate,
  l.max_session_minutes,
  s.max_session_expiration_time,
  s.base_url
from
  am_session as s
  join am_session_service as l on l.realm = s.realm and l.base_url = s.base_url
where
  l.max_session_minutes - extract(epoch from s.max_session_expiration_time - now()) / 60 > 720
  and not coalesce(s.is_expired, false)
  and coalesce(s.username, '') <> 'dsameuser'
  and s.is_current is not true
order by
  age_minutes_estimate desc,
  s.username,
  s.realm,
  s.max_session_expiration_time
        ) as r) as q
        where cells->>'base_url' = server.base_url;
      when 'service-accounts' then
        return query select 'service-accounts', 'medium', cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
select
  username,
  realm,
  latest_access_time,
  max_session_expiration_time,
  base_url
from
  am_session
where
  lower(username) like 'svc%'
  and not coalesce(is_expired, false)
  and is_current is not true
order by
  username,
  realm,
  max_session_expiration_time
        ) as r) as q
        where cells->>'base_url' = server.base_url;
      when 'differing-limits' then
        return query select 'differing-limits', 'low', cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
select
  s.username,
  s.realm,
  trunc(extract(epoch from s.max_idle_expiration_time - s.latest_access_time) / 60)::int as idle_minutes_allowed,
  l.max_idle_minutes,
  trunc(extract(epoch from s.max_session_expiration_time - now()) / 60)::int as minutes_left,
  l.max_session_minutes,
  s.max_session_expiration_time,
  s.base_url
from
  am_session as s
  join am_session_service as l on l.realm = s.realm and l.base_url = s.base_url
where
  (
    extract(epoch from s.max_idle_expiration_time - s.latest_access_time) / 60 > l.max_idle_minutes + 1
    or extract(epoch from s.max_session_expiration_time - now()) / 60 > l.max_session_minutes + 1
  )
  and not coalesce(s.is_expired, false)
  and coalesce(s.username, '') <> 'dsameuser'
  and s.is_current is not true
order by
  s.username,
  s.realm,
  s.max_session_expiration_time
        ) as r) as q
        where cells->>'base_url' = server.base_url;
      when 'expired-listed' then
        return query select 'expired-listed', 'low', cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
select
  username,
  realm,
  max_idle_expiration_time,
  max_session_expiration_time,
  base_url,
  max_idle_expiration_time < now() - 2 * interval '1 minute'
    or max_session_expiration_time < now() - 2 * interval '1 minute' as finding
from
  am_session
where
  is_expired
order by
  username,
  realm,
  max_session_expiration_time
        ) as r) as q
        where cells->>'base_url' = server.base_url and (cells->>'finding')::boolean;
      when 'several-realms' then
        return query select 'several-realms', 'low', cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
select
  username,
  count(*) as realms,
  sum(sessions) as sessions,
  string_agg(realm, ', ' order by realm) as realm_list,
  base_url
from
  (
    select
      lower(username) as username,
      realm,
      base_url,
      count(*) as sessions
    from
      am_session
    where
      username is not null
      and not coalesce(is_expired, false)
      and is_current is not true
    group by
      lower(username),
      realm,
      base_url
  ) as of_realm
group by
  username,
  base_url
having
  count(*) > 1
order by
  realms desc,
  username,
  base_url
        ) as r) as q
        where cells->>'base_url' = server.base_url;
      else
        raise exception 'no report of the name % has findings', which;
    end case;
  end loop;
end;
$findings$;
