-- title: Users with the most sessions
-- question: Which users have the most concurrent sessions?
-- severity: info
-- controls: NIST 800-53 AC-10
-- parameter top_users integer 15: number of users
-- finding: none
-- key: username, base_url
-- chart: bars
with held as materialized (
  select
    username,
    realm,
    base_url,
    count(*) as sessions
  from
    am_session
  where
    username is not null
  group by
    username,
    realm,
    base_url
)
select
  min(username) as username,
  sum(sessions) as sessions,
  count(distinct realm) as realms,
  base_url
from
  held
group by
  lower(username),
  base_url
order by
  sessions desc,
  username,
  base_url
limit :top_users;
