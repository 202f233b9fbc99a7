package methods

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// SetProperties sets some of the properties of a token's session, or of the caller's own if token is "", and returns
// all of them. OpenAM accepts only all whitelisted names at once, so the others are sent with their present values; a
// change that somebody else makes at the same moment is lost.
//
// If the server would refuse the change, SetProperties returns an error and sends nothing: for a name that is not on
// the realm's whitelist, for AM's own properties, and, on OpenAM, if the whitelist contains one of AM's own.
func SetProperties(ctx context.Context, client *rest.Client, token string, changes map[string]string) (map[string]string, error) {
	now, err := client.SessionProperties(ctx, token)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		if _, there := now[name]; !there {
			return nil, fmt.Errorf("property %s: the Session Property Whitelist of the session's realm %s: nothing was sent", name, allows(now))
		}
	}
	all := slices.Sorted(maps.Keys(changes))
	version, err := client.API(ctx)
	if err != nil {
		return nil, err
	}
	if version == "2.0" {
		maps.Copy(now, changes)
		changes, all = now, slices.Sorted(maps.Keys(now))
	}
	for _, name := range all {
		if slices.Contains(protected, name) {
			return nil, fmt.Errorf("property %s: it cannot be set, because it is AM's own%s: nothing was sent", name, onlyAll(version))
		}
	}
	return client.UpdateSessionProperties(ctx, token, changes)
}

func onlyAll(version string) string {
	if version != "2.0" {
		return ""
	}
	return ", and OpenAM accepts only all whitelisted properties at once, so remove it from the whitelist before you set the others"
}

func allows(properties map[string]string) string {
	if len(properties) == 0 {
		return "is empty"
	}
	return "names only " + strings.Join(slices.Sorted(maps.Keys(properties)), ", ")
}

// protected are AM's own properties, which nobody can set. AuthLevel and AMCtxId were measured on OpenAM 16.0.5; the
// others are in its list of protected properties.
var protected = []string{
	"AMCtxId", "AuthLevel", "AuthType", "CharSet", "clientType", "cookieSupport", "Host", "HostName", "IndexType", "Locale", "loginURL",
	"Organization", "Principal", "Principals", "Role", "Service", "sun.am.UniversalIdentifier", "UserId", "UserProfile", "UserToken",
}
