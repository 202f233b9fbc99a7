dashboard "user" {
  title = "AM sessions: user"
  tags  = { service = "AM" }

  input "server" {
    title = "Server:"
    width = 4
    query = query.servers
  }

  input "user" {
    title = "User:"
    width = 4
    query = query.users_of_server
    args  = [self.input.server.value]
  }

  container {
    card {
      width = 3
      query = query.user_sessions
      args  = [self.input.server.value, self.input.user.value]
    }
    card {
      width = 3
      query = query.user_realms
      args  = [self.input.server.value, self.input.user.value]
    }
    card {
      width = 3
      query = query.user_status
      args  = [self.input.server.value, self.input.user.value]
    }
    card {
      width = 3
      query = query.user_last_access
      args  = [self.input.server.value, self.input.user.value]
    }
  }

  chart {
    title = "Sessions by realm"
    type  = "column"
    width = 6
    query = query.user_by_realm
    args  = [self.input.server.value, self.input.user.value]
  }

  table {
    title = "Sessions"
    query = query.user_session_table
    args  = [self.input.server.value, self.input.user.value]
  }
}

query "users_of_server" {
  sql = <<-EOQ
    select distinct username as label, username as value from amsql.am_session where base_url = $1 and username is not null order by username;
  EOQ

  param "server" {}
}

query "user_sessions" {
  sql = <<-EOQ
    select 'Sessions' as label, count(*) as value from amsql.am_session where base_url = $1 and username = $2;
  EOQ

  param "server" {}
  param "user" {}
}

query "user_realms" {
  sql = <<-EOQ
    select 'Realms' as label, count(distinct realm) as value from amsql.am_session where base_url = $1 and username = $2;
  EOQ

  param "server" {}
  param "user" {}
}

query "user_status" {
  sql = <<-EOQ
    select
      'Status' as label,
      coalesce(string_agg(distinct status, ', '), 'not in a directory') as value,
      case when coalesce(bool_and(is_active), false) then 'ok' else 'alert' end as type
    from amsql.am_user
    where base_url = $1 and username = $2;
  EOQ

  param "server" {}
  param "user" {}
}

query "user_last_access" {
  sql = <<-EOQ
    select 'Last access' as label, to_char(max(latest_access_time), 'YYYY-MM-DD HH24:MI') as value
    from amsql.am_session
    where base_url = $1 and username = $2;
  EOQ

  param "server" {}
  param "user" {}
}

query "user_by_realm" {
  sql = <<-EOQ
    select realm, count(*) as sessions from amsql.am_session where base_url = $1 and username = $2 group by realm order by realm;
  EOQ

  param "server" {}
  param "user" {}
}

query "user_session_table" {
  sql = <<-EOQ
    select
      realm as "Realm",
      latest_access_time as "Last access",
      max_idle_expiration_time as "Ends if idle",
      max_session_expiration_time as "Ends",
      is_expired as "Expired"
    from amsql.am_session
    where base_url = $1 and username = $2
    order by latest_access_time desc;
  EOQ

  param "server" {}
  param "user" {}
}
