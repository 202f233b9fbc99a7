-- title: Completeness of the scan
-- question: Can sessions be missing from what was scanned?
-- severity: high
-- controls: NIST 800-53 AC-10, NIST 800-53 AC-12
-- finding: column
-- key: realm, base_url
-- note: complete: the list was shorter than the cap. by_user: it was cut, and every identity known was asked, which is no finding. truncated: sessions are missing, or may be.
-- remedy: Raise AM's cap above the number of sessions (Configure > Global Services > Session > Maximum Number of Search Results), or let amsql read the token store (token_store_url), and run the reports again. A realm that failed has its error.
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
