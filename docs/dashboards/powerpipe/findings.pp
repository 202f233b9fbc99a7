benchmark "findings" {
  title       = "AM sessions: findings"
  description = "The findings of amsql's reports, by the policy that amsql policy --sql defined in the database. Each control has a row for each realm; if a realm could not be listed, its row says info instead of ok."
  tags        = { service = "AM", type = "Benchmark" }
  children = [
    control.whole,
    control.quota,
    control.idle,
    control.old,
    control.administrators,
    control.disabled,
    control.deleted,
    control.several_realms,
    control.services,
    control.limits,
    control.client_side,
    control.expired,
    control.other_limits,
  ]
}

control "whole" {
  title       = "The list of sessions is complete"
  description = "AM silently truncates lists of sessions. No other control contains the missing sessions."
  severity    = "high"
  tags        = { nist_800_53_rev_5 = "au_12" }

  sql = <<-EOQ
    select
      base_url || ' ' || realm as resource,
      case when error is not null then 'error' when completeness = 'truncated' then 'alarm' else 'ok' end as status,
      case
        when error is not null then 'The realm could not be listed: ' || error
        when completeness = 'truncated' then 'The list is cut: ' || coalesce(reason, 'sessions may be missing')
        else sessions || ' sessions, listed ' || completeness
      end as reason,
      realm,
      base_url
    from amsql.am_session_scan
    order by base_url, realm;
  EOQ
}

control "quota" {
  title       = "Nobody has more sessions than the quota"
  description = "The quota of a realm applies only if quotas are switched on, and not to existing sessions."
  severity    = "high"
  tags        = { nist_800_53_rev_5 = "ac_10" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(f.report) > 0 then 'alarm'
        when c.completeness = 'truncated' then 'info'
        else 'ok'
      end as status,
      count(f.report) || ' users have more sessions than the quota' || coalesce(': ' || left(string_agg(distinct f.username, ', ' order by f.username), 200), '')
        || case when c.completeness = 'truncated' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      left join amsql.am_findings('over-quota') f on f.base_url = c.base_url and f.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}

control "idle" {
  title       = "No session is idle for long"
  description = "Sessions that have been idle for longer than the policy allows."
  severity    = "medium"
  tags        = { nist_800_53_rev_5 = "ac_11" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(f.report) > 0 then 'alarm'
        when c.completeness = 'truncated' then 'info'
        else 'ok'
      end as status,
      count(f.report) || ' sessions are idle for longer than the policy allows' || coalesce(': ' || left(string_agg(distinct f.username, ', ' order by f.username), 200), '')
        || case when c.completeness = 'truncated' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      left join amsql.am_findings('idle') f on f.base_url = c.base_url and f.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}

control "old" {
  title       = "No session is old"
  description = "If AM does not report when a session began, its age is estimated from its end and the realm's maximum session time."
  severity    = "medium"
  tags        = { nist_800_53_rev_5 = "ac_12" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(f.report) > 0 then 'alarm'
        when c.completeness = 'truncated' then 'info'
        else 'ok'
      end as status,
      count(f.report) || ' sessions are older than the policy allows' || coalesce(': ' || left(string_agg(distinct f.username, ', ' order by f.username), 200), '')
        || case when c.completeness = 'truncated' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      left join amsql.am_findings('old') f on f.base_url = c.base_url and f.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}

control "administrators" {
  title       = "No administrator is logged in"
  description = "Sessions of the policy's administrators, except amsql's own session."
  severity    = "medium"
  tags        = { nist_800_53_rev_5 = "ac_6" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(f.report) > 0 then 'alarm'
        when c.completeness = 'truncated' then 'info'
        else 'ok'
      end as status,
      count(f.report) || ' sessions are of administrators' || coalesce(': ' || left(string_agg(distinct f.username, ', ' order by f.username), 200), '')
        || case when c.completeness = 'truncated' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      left join amsql.am_findings('administrators') f on f.base_url = c.base_url and f.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}

control "disabled" {
  title       = "No disabled user has a session"
  description = "A disabled user keeps existing sessions."
  severity    = "high"
  tags        = { nist_800_53_rev_5 = "ac_2_3" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when not exists (select from amsql.am_user u where u.base_url = c.base_url and u.realm = c.realm) then 'info'
        when count(f.report) > 0 then 'alarm'
        when c.completeness = 'truncated' then 'info'
        else 'ok'
      end as status,
      count(f.report) || ' sessions are of disabled users' || coalesce(': ' || left(string_agg(distinct f.username, ', ' order by f.username), 200), '')
        || case
          when not exists (select from amsql.am_user u where u.base_url = c.base_url and u.realm = c.realm) then '; the directory is not known' when c.completeness = 'truncated' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      left join amsql.am_findings('disabled-users') f on f.base_url = c.base_url and f.realm = c.realm and f.finding ->> 'account' = 'disabled'
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}

control "deleted" {
  title       = "No deleted user has a session"
  description = "A deleted user keeps existing sessions. If no user of a realm is known, its row is info."
  severity    = "high"
  tags        = { nist_800_53_rev_5 = "ac_2_3" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when not exists (select from amsql.am_user u where u.base_url = c.base_url and u.realm = c.realm) then 'info'
        when count(f.report) > 0 then 'alarm'
        when c.completeness = 'truncated' then 'info'
        else 'ok'
      end as status,
      count(f.report) || ' sessions are of users in no directory' || coalesce(': ' || left(string_agg(distinct f.username, ', ' order by f.username), 200), '')
        || case
          when not exists (select from amsql.am_user u where u.base_url = c.base_url and u.realm = c.realm) then '; the directory is not known' when c.completeness = 'truncated' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      left join amsql.am_findings('disabled-users') f on f.base_url = c.base_url and f.realm = c.realm and f.finding ->> 'account' = 'deleted'
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}

control "several_realms" {
  title       = "Nobody is logged in to several realms"
  description = "The same name in two realms may belong to two people."
  severity    = "low"
  tags        = { nist_800_53_rev_5 = "ac_10" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(f.report) > 0 then 'alarm'
        when c.completeness = 'truncated' then 'info'
        else 'ok'
      end as status,
      count(f.report) || ' users have sessions in other realms, too' || coalesce(': ' || left(string_agg(distinct f.username, ', ' order by f.username), 200), '')
        || case when c.completeness = 'truncated' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      left join amsql.am_findings('several-realms') f on f.base_url = c.base_url and c.realm = any (string_to_array(f.finding ->> 'realm_list', ', '))
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}

control "services" {
  title       = "No service account has a session"
  description = "Accounts whose names match the policy's pattern, except amsql's own session."
  severity    = "medium"
  tags        = { nist_800_53_rev_5 = "ac_2" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(f.report) > 0 then 'alarm'
        when c.completeness = 'truncated' then 'info'
        else 'ok'
      end as status,
      count(f.report) || ' sessions are of service accounts' || coalesce(': ' || left(string_agg(distinct f.username, ', ' order by f.username), 200), '')
        || case when c.completeness = 'truncated' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      left join amsql.am_findings('service-accounts') f on f.base_url = c.base_url and f.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}

control "limits" {
  title       = "The limits of realms are within the policy"
  description = "Limits that are weaker than the policy allows."
  severity    = "medium"
  tags        = { nist_800_53_rev_5 = "ac_12" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(f.report) > 0 then 'alarm'
        when c.completeness = 'truncated' then 'info'
        else 'ok'
      end as status,
      count(f.report) || ' limits are wider than the policy' || coalesce(': ' || left(string_agg(distinct f.username, ', ' order by f.username), 200), '')
        || case when c.completeness = 'truncated' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from (select distinct base_url, realm, 'complete' as completeness from amsql.am_session_service) c
      left join amsql.am_findings('lax-realms') f on f.base_url = c.base_url and f.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}

control "client_side" {
  title       = "Sessions are server-side"
  description = "Client-side sessions are not in any list, so no other control covers them, and they can outlive a logout."
  severity    = "medium"
  tags        = { nist_800_53_rev_5 = "ac_12" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(f.report) > 0 then 'alarm'
        when c.completeness = 'truncated' then 'info'
        else 'ok'
      end as status,
      count(f.report) || ' realms use client-side sessions' || coalesce(': ' || left(string_agg(distinct f.username, ', ' order by f.username), 200), '')
        || case when c.completeness = 'truncated' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from (select distinct base_url, realm, 'complete' as completeness from amsql.am_session_service) c
      left join amsql.am_findings('client-side-sessions') f on f.base_url = c.base_url and f.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}

control "expired" {
  title       = "No session is listed after its end"
  description = "AM removes such sessions within about a minute. If there are more, it does not keep up, or clocks differ."
  severity    = "low"
  tags        = { nist_800_53_rev_5 = "ac_12" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(f.report) > 0 then 'alarm'
        when c.completeness = 'truncated' then 'info'
        else 'ok'
      end as status,
      count(f.report) || ' sessions have ended and are still listed' || coalesce(': ' || left(string_agg(distinct f.username, ', ' order by f.username), 200), '')
        || case when c.completeness = 'truncated' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      left join amsql.am_findings('expired-listed') f on f.base_url = c.base_url and f.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}

control "other_limits" {
  title       = "Sessions have the limits of their realm"
  description = "Changed limits apply to new sessions. A session with weaker limits than its realm is older than the change, or its user has separate limits."
  severity    = "low"
  tags        = { nist_800_53_rev_5 = "ac_12" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(f.report) > 0 then 'alarm'
        when c.completeness = 'truncated' then 'info'
        else 'ok'
      end as status,
      count(f.report) || ' sessions have other limits' || coalesce(': ' || left(string_agg(distinct f.username, ', ' order by f.username), 200), '')
        || case when c.completeness = 'truncated' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      left join amsql.am_findings('differing-limits') f on f.base_url = c.base_url and f.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}
