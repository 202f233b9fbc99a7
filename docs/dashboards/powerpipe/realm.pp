dashboard "realm" {
  title = "AM sessions: realm"
  tags  = { service = "AM" }

  input "server" {
    title = "Server:"
    width = 4
    query = query.servers
  }

  input "realm" {
    title = "Realm:"
    width = 4
    query = query.realms_of_server
    args  = [self.input.server.value]
  }

  container {
    card {
      width = 3
      query = query.realm_sessions
      args  = [self.input.server.value, self.input.realm.value]
    }
    card {
      width = 3
      query = query.realm_users
      args  = [self.input.server.value, self.input.realm.value]
    }
    card {
      width = 3
      query = query.realm_listed
      args  = [self.input.server.value, self.input.realm.value]
    }
    card {
      width = 3
      query = query.realm_peak
      args  = [self.input.server.value, self.input.realm.value]
    }
  }

  chart {
    title = "Sessions over time"
    type  = "line"
    width = 6
    query = query.realm_over_time
    args  = [self.input.server.value, self.input.realm.value]
  }

  chart {
    title = "Users with the most sessions"
    type  = "bar"
    width = 6
    query = query.realm_top_users
    args  = [self.input.server.value, self.input.realm.value]
  }

  table {
    title = "Users"
    query = query.realm_user_table
    args  = [self.input.server.value, self.input.realm.value]

    column "User" {
      href = "${dashboard.user.url_path}?input.server={{.'Server' | @uri}}&input.user={{.'User' | @uri}}"
    }
    column "Server" {
      display = "none"
    }
  }
}

query "servers" {
  sql = <<-EOQ
    select base_url as label, base_url as value from amsql.am_latest order by base_url;
  EOQ
}

query "realms_of_server" {
  sql = <<-EOQ
    select realm as label, realm as value from amsql.am_session_scan where base_url = $1 order by realm;
  EOQ

  param "server" {}
}

query "realm_sessions" {
  sql = <<-EOQ
    select 'Sessions' as label, count(*) as value from amsql.am_session where base_url = $1 and realm = $2;
  EOQ

  param "server" {}
  param "realm" {}
}

query "realm_users" {
  sql = <<-EOQ
    select 'Users' as label, count(distinct username) as value from amsql.am_session where base_url = $1 and realm = $2;
  EOQ

  param "server" {}
  param "realm" {}
}

query "realm_listed" {
  sql = <<-EOQ
    select
      'Listed' as label,
      completeness as value,
      case completeness when 'truncated' then 'alert' when 'complete' then 'ok' else 'info' end as type
    from amsql.am_session_scan
    where base_url = $1 and realm = $2;
  EOQ

  param "server" {}
  param "realm" {}
}

query "realm_peak" {
  sql = <<-EOQ
    select 'Peak sessions' as label, max(at_least) as value from amsql.am_concurrency where base_url = $1 and realm = $2;
  EOQ

  param "server" {}
  param "realm" {}
}

query "realm_over_time" {
  sql = <<-EOQ
    select taken_at, sessions from amsql.am_concurrency where base_url = $1 and realm = $2 order by taken_at;
  EOQ

  param "server" {}
  param "realm" {}
}

query "realm_top_users" {
  sql = <<-EOQ
    select username, count(*) as sessions
    from amsql.am_session
    where base_url = $1 and realm = $2
    group by username
    order by sessions desc, username
    limit 15;
  EOQ

  param "server" {}
  param "realm" {}
}

query "realm_user_table" {
  sql = <<-EOQ
    select
      s.username as "User",
      count(*) as "Sessions",
      max(s.latest_access_time) as "Last access",
      max(s.max_session_expiration_time) as "Latest end",
      max(u.status) as "Status",
      s.base_url as "Server"
    from amsql.am_session s
      left join amsql.am_user u on u.base_url = s.base_url and u.realm = s.realm and u.username = s.username
    where s.base_url = $1 and s.realm = $2
    group by s.base_url, s.username
    order by "Sessions" desc, "User";
  EOQ

  param "server" {}
  param "realm" {}
}
