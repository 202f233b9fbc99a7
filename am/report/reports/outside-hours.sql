-- title: Logins outside working hours
-- question: Who logged in at night or on a day off?
-- severity: medium
-- controls: NIST 800-53 AC-2(11), NIST 800-53 AC-2(12)
-- parameter from_hour integer 7: the hour when work begins
-- parameter to_hour integer 19: the hour when work ends; less than from_hour for night work
-- parameter working_days text 1,2,3,4,5: days of the week, comma-separated, from 0 (Sunday) to 6
-- parameter utc_offset_minutes integer 0: minutes by which the local time is ahead of UTC
-- finding: column
-- key: username, realm, creation_time, base_url
-- note: Only live sessions are examined. A row that begins with "not known" counts those whose creation_time is NULL: see "Since when, and from where" in docs/index.md to switch it on. Sessions of agents, AM itself and amsql are excluded.
-- remedy: Ask the user whether the login was theirs. If not, disable the account and end its sessions.
-- command: amsql logout --username NAME --realm REALM
with sign_ins as (
  select
    username,
    realm,
    creation_time,
    client_ip,
    base_url,
    cast(strftime('%H', unixepoch(creation_time) + 60 * :utc_offset_minutes, 'unixepoch') as integer) as hour,
    cast(strftime('%w', unixepoch(creation_time) + 60 * :utc_offset_minutes, 'unixepoch') as integer) as weekday
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
    ',' || :working_days || ',' like '%,' || weekday || ',%'
    and case
      when :from_hour <= :to_hour then hour >= :from_hour and hour < :to_hour
      else hour >= :from_hour or hour < :to_hour
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
  creation_time desc,
  username,
  realm;
-- dialect: postgres
with sign_ins as (
  select
    username,
    realm,
    creation_time,
    client_ip,
    base_url,
    extract(hour from (creation_time at time zone 'UTC') + :utc_offset_minutes * interval '1 minute')::int as hour,
    extract(dow from (creation_time at time zone 'UTC') + :utc_offset_minutes * interval '1 minute')::int as weekday
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
    ',' || :working_days || ',' like '%,' || weekday || ',%'
    and case
      when :from_hour <= :to_hour then hour >= :from_hour and hour < :to_hour
      else hour >= :from_hour or hour < :to_hour
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
  realm;
