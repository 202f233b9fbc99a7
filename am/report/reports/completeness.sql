-- title: Completeness of the scan
-- question: Can sessions be missing from what was scanned?
-- severity: high
-- controls: NIST 800-53 AC-10, NIST 800-53 AC-12
-- finding: column
-- key: realm, base_url
-- note: complete: the list was shorter than the cap. by_user: it was cut, and every identity known was asked. truncated: sessions are missing, or may be.
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
  completeness <> 'complete' or error is not null as finding
from
  am_session_scan
order by
  realm,
  base_url;
