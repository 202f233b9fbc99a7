-- title: More sessions than the quota
-- question: Which users have more concurrent sessions in a realm than it allows?
-- severity: high
-- controls: NIST 800-53 AC-10
-- parameter quota integer 0: sessions that a user may have; 0 means each realm's own quota_limit
-- finding: rows
-- key: username, realm, base_url
-- note: AM enforces quota_limit only if quotas are switched on. Ended sessions that are still listed do not count, and neither does amsql's own.
-- remedy: End the sessions of the user, who can log in again. AM enforces the quota if session quotas are switched on (Configure > Global Services > Session > Session Quotas).
-- command: amsql logout --username NAME --realm REALM
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
  case when :quota > 0 then :quota else l.quota_limit end as quota,
  h.base_url
from
  held as h
  join am_session_service as l on l.realm = h.realm and l.base_url = h.base_url
where
  h.sessions > case when :quota > 0 then :quota else l.quota_limit end
order by
  h.sessions desc,
  h.username,
  h.realm,
  h.base_url;
