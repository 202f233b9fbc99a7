-- title: Completeness of the scan
-- question: Are sessions missing from the scan?
-- severity: high
-- controls: NIST 800-53 AC-10, NIST 800-53 AC-12
-- finding: column
-- key: realm, base_url
-- note: complete: the list was shorter than the cap. by_user: the list was truncated, and every known identity was looked up; this is not a finding. truncated: sessions are or may be missing.
-- remedy: Raise AM's cap above the number of sessions (Configure > Global Services > Session > Maximum Number of Search Results), or let amsql read the token store (token_store_url), and run the reports again. If a realm failed, its error is shown.
-- command: amsql doctor
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
  base_url;
