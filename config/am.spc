connection "am" {
  plugin = "amsql/am"

  # Address of the deployment, including AM's context path (…/am, …/openam).
  # Can also be set with the AM_URL environment variable.
  # base_url = "https://am.example.com/am"

  # The host name that AM is installed under, if base_url has another name or an IP address. AM rejects requests for a host name
  # that it does not know (400, FQDN … is not valid). Requests go to base_url and name this host.
  # Can also be set with the AM_HOST environment variable.
  # host = "am.example.com"

  # CREDENTIALS: one of four kinds. A secret can be given as is, as "env:NAME" (an environment variable) or as "file:/path"
  # (a file that contains nothing else, and is read again when AM no longer accepts the secret). Prefer the latter two,
  # because hosts may write this text to their logs.

  # 1. An account that may list sessions: amAdmin or a delegated administrator.
  # Can also be set with the AM_USERNAME and AM_PASSWORD environment variables.
  # username = "amadmin"
  # password = "file:/run/secrets/am-password"

  # If signing in needs a one-time password: the secret that codes are generated from (RFC 6238, in base32, as AM shows it next
  # to its QR code; 6 digits, 30 seconds, SHA-1), or the code itself. AM accepts each code once: leave 30 seconds between sign-ins.
  # Can also be set with the AM_TOTP_SECRET and AM_OTP environment variables.
  # totp_secret = "file:/run/secrets/am-totp"
  # otp         = "env:MY_AM_CODE"

  # The realm of the account; the root realm by default.
  # login_realm = "/"

  # The tree or chain that signs the account in; the default of the realm if not set. It must accept the name and password in
  # headers (in a tree, a Zero Page Login Collector node) or ask for them.
  # login_service = "adminconsoleservice"

  # 2. The token of an existing session. amsql does not end that session.
  # Can also be set with the AM_SSO_TOKEN environment variable.
  # sso_token = "env:MY_AM_SESSION"

  # 3. An OAuth 2.0 access token with the scope fr:am:*. Can also be set with the AM_ACCESS_TOKEN environment variable.
  # access_token = "file:/run/secrets/am-access-token"

  # 4. A service account of PingOne Advanced Identity Cloud, with the scope fr:am:* (and fr:idm:* to list identities).
  # Can also be set with the AM_SERVICE_ACCOUNT_ID and AM_SERVICE_ACCOUNT_JWK environment variables.
  # service_account_id  = "449d7e27-7889-47af-a736-83b6bbf97ec5"
  # service_account_jwk = "file:/run/secrets/service-account.jwk"

  # Name of AM's session cookie; read from the server by default. amsql sends the token in a header of that name, or as the
  # cookie if a proxy drops the header, as nginx does when the name contains an underscore.
  # Can also be set with the AM_COOKIE_NAME environment variable.
  # cookie_name = "iPlanetDirectoryPro"

  # SCOPE AND COMPLETENESS

  # Realms to list when a query does not name a realm; by default all realms that the server lists.
  # Can also be set with the AM_REALMS environment variable, as a comma-separated list.
  # realms = ["/alpha", "/bravo"]

  # Maximum number of sessions that AM returns in a list. By default it is read from the server (global session service,
  # search.maxSessionListSize) if the account may read it. If it may not, and this is not set, amsql looks up each identity of
  # a realm that has 20 sessions or more. Setting it also tells amsql that the token store has no lower limit.
  # list_cap = 120

  # Maximum number of identities in a list of OpenAM or AM; Advanced Identity Cloud lists all. By default amsql finds it out by
  # comparing a list of 50 or more with two parts of it. Setting it saves two requests per list.
  # user_list_cap = 1000

  # What to do when sessions may be missing because AM truncated a list: "error", "warn" (a notice), or "strict" (an error even
  # if every known identity was looked up by name and no answer was truncated).
  # on_truncation = "error"

  # What to do when one of several realms cannot be listed: "error" or "warn".
  # on_realm_error = "error"

  # TOKEN STORE: the directory in which AM stores its sessions. With it, am_session returns all sessions at once, regardless of
  # the list cap, even when AM does not answer. amsql only reads it. See docs/token-store.md. Each argument can also be set with
  # the environment variable in parentheses, if the connection has no base_url or has a token store.

  # Its address: ldaps://, or ldap:// for StartTLS. Several addresses, separated by commas, are tried in order
  # (AM_TOKEN_STORE_URL).
  # token_store_url = "ldaps://ds1.example.com:1636, ldaps://ds2.example.com:1636"

  # The entry above the sessions; found through the server's naming contexts by default (AM_TOKEN_STORE_BASE_DN).
  # token_store_base_dn = "ou=famrecords,ou=openam-session,ou=tokens"

  # A read-only account and its password (AM_TOKEN_STORE_BIND_DN, AM_TOKEN_STORE_PASSWORD).
  # token_store_bind_dn  = "uid=amsql-reader,ou=admins,ou=famrecords,ou=openam-session,ou=tokens"
  # token_store_password = "file:/run/secrets/token-store-password"

  # Or a client certificate and its key, as PEM files, to sign in with (SASL EXTERNAL, without token_store_bind_dn).
  # token_store_client_cert_file = "/etc/ssl/amsql-ldap.pem"
  # token_store_client_key_file  = "/etc/ssl/amsql-ldap.key"

  # Certificate authorities to trust in addition to the system's, as a PEM file (AM_TOKEN_STORE_CA_FILE), or the SHA-256
  # fingerprint of the one certificate to accept, such as an embedded store's, which names no host (AM_TOKEN_STORE_FINGERPRINT).
  # token_store_ca_file     = "/etc/ssl/company-ca.pem"
  # token_store_fingerprint = "5C:1B:9F:1A:0D:3E:5B:61:8D:0C:5A:9B:A4:0F:DD:7A:2E:36:4F:90:C1:7B:4D:8E:22:5D:43:6A:F8:E1:70:B9"

  # Also read the session objects, for auth_level, auth_type, service, client_ip, tracking_id and session_type. They contain the
  # tokens of all sessions: anyone with an account that may read them can impersonate every user (AM_TOKEN_STORE_OBJECTS).
  # token_store_objects = false

  # CONNECTION

  # Resource version of the sessions endpoint (5.1, 5.0, 4.0, 3.1, 3.0, 2.1, 2.0, 1.2). By default amsql uses the newest version
  # up to 4.0 that the server has. With 4.0 and later, session properties use 3.1, and logoutByUser always uses 5.1.
  # Can also be set with the AM_API environment variable.
  # api = "4.0"

  # Maximum number of concurrent requests; amsql uses fewer if the server does not keep up.
  # max_concurrency = 16

  # Maximum number of requests per second; unlimited by default.
  # rate_limit = 50

  # How many times to repeat a request that changes nothing when the server is overloaded or cannot be reached.
  # max_retries = 3

  # How long the server may stay silent before amsql gives up.
  # timeout = "60s"

  # An HTTP proxy; the one in the environment (HTTPS_PROXY) by default.
  # proxy = "http://proxy.example.com:3128"

  # Certificate authorities to trust in addition to the system's, and the certificate and key of this client, as PEM files.
  # ca_file          = "/etc/ssl/company-ca.pem"
  # client_cert_file = "/etc/ssl/amsql.pem"
  # client_key_file  = "/etc/ssl/amsql.key"

  # Accept any certificate: for tests only.
  # insecure_skip_verify = false
}
