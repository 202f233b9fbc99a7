-- What the reports of amsql find in the tables of the dashboards, by one policy: made by amsql policy --sql. Run it again after
-- a change of the policy or of amsql. select * from amsql.am_findings('idle') has the findings of the report idle at the time of
-- each server's last scan.

-- The time of the scan by the server's clock, which the reports take for now: pg_catalog comes after this schema where they are asked.
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
  for server in
    select l.base_url, l.taken_at + coalesce(s.clock_skew_seconds, 0) * interval '1 second' as now
    from am_latest as l left join am_server as s on s.base_url = l.base_url
  loop
    perform set_config('amsql.now', server.now::text, true);
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
  completeness = 'truncated' or error is not null as finding
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
    and coalesce(s.identity_type, 'user') = 'user'
    and s.is_current is not true
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
    and coalesce(identity_type, 'user') = 'user'
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
      when 'weak-administrators' then
        return query select 'weak-administrators', 'high', cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
with alive as (
  select
    username,
    realm,
    auth_level,
    service,
    auth_type,
    client_ip,
    creation_time,
    is_current,
    base_url
  from
    am_session
  where
    replace(',' || 'amadmin' || ',', ',' || lower(username) || ',', '') <> ',' || 'amadmin' || ','
    and not coalesce(is_expired, false)
    and coalesce(identity_type, 'user') = 'user'
)
select
  username,
  realm,
  auth_level,
  service,
  auth_type,
  client_ip,
  creation_time,
  base_url,
  not coalesce(is_current, false) as finding
from
  alive
where
  auth_level < 1
union all
select
  'not known: ' || (count(*) - count(auth_level)) || ' of ' || count(*) || ' sessions have no auth_level',
  realm,
  null,
  null,
  null,
  null,
  null,
  base_url,
  null
from
  alive
group by
  realm,
  base_url
having
  count(auth_level) < count(*)
order by
  finding desc nulls last,
  username,
  realm,
  creation_time
        ) as r) as q
        where cells->>'base_url' = server.base_url and (cells->>'finding')::boolean;
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
  and coalesce(identity_type, 'user') = 'user'
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
      when 'foreign-addresses' then
        return query select 'foreign-addresses', 'medium', cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
with alive as (
  select
    username,
    realm,
    client_ip,
    latest_access_time,
    base_url
  from
    am_session
  where
    not coalesce(is_expired, false)
    and coalesce(identity_type, 'user') = 'user'
    and is_current is not true
)
select
  username,
  realm,
  client_ip,
  count(*) as sessions,
  max(latest_access_time) as latest_access_time,
  base_url,
  true as finding
from
  alive
where
  client_ip is not null
  and not case
    when client_ip ~ '^[0-9a-fA-F:.]*[:.][0-9a-fA-F:.]*$' then client_ip::inet <<= any (string_to_array('10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,127.0.0.0/8,fc00::/7,::1/128', ',')::inet[])
    else false
  end
group by
  username,
  realm,
  client_ip,
  base_url
union all
select
  'not known: ' || (count(*) - count(client_ip)) || ' of ' || count(*) || ' sessions have no client_ip',
  realm,
  null,
  null,
  null,
  base_url,
  null
from
  alive
group by
  realm,
  base_url
having
  count(client_ip) < count(*)
order by
  finding desc nulls last,
  username,
  realm,
  client_ip
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
  and coalesce(identity_type, 'user') = 'user'
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
with ages as (
  select
    s.username,
    s.realm,
    s.creation_time,
    s.max_session_expiration_time,
    s.base_url,
    l.max_session_minutes,
    coalesce(
      extract(epoch from now() - s.creation_time) / 60,
      l.max_session_minutes - extract(epoch from s.max_session_expiration_time - now()) / 60
    ) as age
  from
    am_session as s
    left join am_session_service as l on l.realm = s.realm and l.base_url = s.base_url
  where
    not coalesce(s.is_expired, false)
    and coalesce(s.identity_type, 'user') = 'user'
    and s.is_current is not true
)
select
  username,
  realm,
  trunc(age)::int as age_minutes,
  creation_time is null as is_estimate,
  max_session_minutes,
  max_session_expiration_time,
  base_url,
  true as finding
from
  ages
where
  age > 720
union all
select
  'not known: ' || (count(*) - count(age)) || ' of ' || count(*) || ' sessions have no creation_time, and the realm no longest session time',
  realm,
  null,
  null,
  null,
  null,
  base_url,
  null
from
  ages
group by
  realm,
  base_url
having
  count(age) < count(*)
order by
  finding desc nulls last,
  age_minutes desc nulls last,
  username,
  realm,
  max_session_expiration_time
        ) as r) as q
        where cells->>'base_url' = server.base_url and (cells->>'finding')::boolean;
      when 'outside-hours' then
        return query select 'outside-hours', 'medium', cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
with sign_ins as (
  select
    username,
    realm,
    creation_time,
    client_ip,
    base_url,
    extract(hour from (creation_time at time zone 'UTC') + 0 * interval '1 minute')::int as hour,
    extract(dow from (creation_time at time zone 'UTC') + 0 * interval '1 minute')::int as weekday
  from
    am_session
  where
    not coalesce(is_expired, false)
    and coalesce(identity_type, 'user') = 'user'
    and is_current is not true
)
select
  username,
  realm,
  creation_time,
  weekday,
  hour,
  client_ip,
  base_url,
  true as finding
from
  sign_ins
where
  creation_time is not null
  and not (
    ',' || '1,2,3,4,5' || ',' like '%,' || weekday || ',%'
    and case
      when 7 <= 19 then hour >= 7 and hour < 19
      else hour >= 7 or hour < 19
    end
  )
union all
select
  'not known: ' || (count(*) - count(creation_time)) || ' of ' || count(*) || ' sessions have no creation_time',
  realm,
  null,
  null,
  null,
  null,
  base_url,
  null
from
  sign_ins
group by
  realm,
  base_url
having
  count(creation_time) < count(*)
order by
  finding desc nulls last,
  creation_time desc nulls last,
  username,
  realm
        ) as r) as q
        where cells->>'base_url' = server.base_url and (cells->>'finding')::boolean;
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
  and coalesce(identity_type, 'user') = 'user'
  and is_current is not true
order by
  username,
  realm,
  max_session_expiration_time
        ) as r) as q
        where cells->>'base_url' = server.base_url;
      when 'several-addresses' then
        return query select 'several-addresses', 'medium', cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
with alive as (
  select
    lower(username) as username,
    realm,
    client_ip,
    base_url
  from
    am_session
  where
    not coalesce(is_expired, false)
    and coalesce(identity_type, 'user') = 'user'
    and is_current is not true
),
places as (
  select
    username,
    realm,
    client_ip,
    base_url,
    count(*) as sessions
  from
    alive
  where
    username is not null
    and client_ip is not null
  group by
    username,
    realm,
    client_ip,
    base_url
)
select
  username,
  realm,
  count(*) as addresses,
  sum(sessions) as sessions,
  string_agg(client_ip, ', ' order by client_ip) as address_list,
  base_url,
  true as finding
from
  places
group by
  username,
  realm,
  base_url
having
  count(*) > 1
union all
select
  'not known: ' || (count(*) - count(client_ip)) || ' of ' || count(*) || ' sessions have no client_ip',
  realm,
  null,
  null,
  null,
  base_url,
  null
from
  alive
group by
  realm,
  base_url
having
  count(client_ip) < count(*)
order by
  finding desc nulls last,
  username,
  realm
        ) as r) as q
        where cells->>'base_url' = server.base_url and (cells->>'finding')::boolean;
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
  and coalesce(s.identity_type, 'user') = 'user'
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
  coalesce(max_idle_expiration_time < now() - 2 * interval '1 minute', false)
    or coalesce(max_session_expiration_time < now() - 2 * interval '1 minute', false) as finding
from
  am_session
where
  is_expired
  and is_current is not true
  and coalesce(identity_type, 'user') <> 'system'
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
      and coalesce(identity_type, 'user') = 'user'
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
