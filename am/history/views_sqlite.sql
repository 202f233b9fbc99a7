-- Each session in each snapshot, with the time until which this is the latest information about it. The sessions at a given time
-- are the rows with taken_at <= time and (valid_until is null or valid_until > time).
create view am_session_seen as
select
  s.server as base_url,
  s.taken_at,
  nullif(min(
    coalesce(lead(s.taken_at) over (partition by s.server, s.session order by s.taken_at), '9999'),
    coalesce((
      select min(c.taken_at)
      from merged_session_scan c
      where c.server = s.server and c.realm = s.realm and c.taken_at > s.taken_at and c.completeness <> 'truncated'
    ), '9999'),
    coalesce(s.max_session_expiration_time, '9999')
  ), '9999') as valid_until,
  s.realm,
  s.username,
  s.session,
  s.latest_access_time,
  s.max_idle_expiration_time,
  s.max_session_expiration_time
from session s;
