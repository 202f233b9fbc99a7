package history

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/amsql/steampipe-plugin-am/am/connection"
)

// passwordFile matches a URL with a password that is in a file; the path need not be escaped.
var passwordFile = regexp.MustCompile(`^(postgres(?:ql)?://[^:/?#@]*:file:)([^@]*/[^@]*)(@.*)$`)

// errURL is the error for a URL that cannot be parsed. It quotes nothing: without knowing where the parts end, any of
// them may be the password.
var errURL = errors.New("invalid URL of PostgreSQL: in a user's name or password, write the characters : / ? # [ ] @ % and blanks as %3A %2F %3F %23 %5B %5D %40 %25 and %20, " +
	"or omit the password and set PGPASSWORD or PGPASSFILE")

// parsePostgres parses a URL, and reads the password from where the URL says. Errors show nothing of the URL: if a
// password contains special characters, a parser takes parts of it for hosts, ports, databases or settings, and its
// error quotes them.
func parsePostgres(text string) (*pgconn.Config, error) {
	if found := passwordFile.FindStringSubmatch(text); found != nil {
		text = found[1] + url.PathEscape(found[2]) + found[3]
	}
	if !clear(text) {
		return nil, errURL
	}
	config, err := pgconn.ParseConfig(text)
	if err != nil && strings.Contains(text, "password=") {
		return nil, errURL
	}
	if err != nil {
		return nil, err // does not show the password
	}
	if config.Password, err = connection.Secret(config.Password); err != nil {
		return nil, fmt.Errorf("the password of the URL: %w", err)
	}
	return config, nil
}

// clear reports whether a URL can be parsed in only one way: it is valid by RFC 3986, with one @ before the host and
// none after it.
func clear(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	return u.Fragment == "" && !strings.Contains(text, "#") && strings.Count(text, "@") <= 1 && (u.User != nil) == strings.Contains(text, "@")
}
