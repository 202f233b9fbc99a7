package rest

import (
	"context"
	"errors"
	"net/http"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// AgentNames returns the names of a realm's agents that have profiles, including its OAuth 2.0 clients, folded by
// [crest.Fold]. The sessions of an agent can outlive its profile. Needs an administrator of the realm.
//
// OpenAM answers 500 if one of the profiles is incomplete, but only after it has checked the account's rights. Its
// older list does not read the profiles, but is empty if the account lacks the right.
//
// Sources: PingAM 8.1, Entity reference, Agents; OpenAM 16.0.5 measured.
func (c *Client) AgentNames(ctx context.Context, realm string) (map[string]bool, error) {
	names, err := c.agentNames(ctx, realm, "/realm-config/agents", "1.0")
	if !hasStatus(err, http.StatusInternalServerError) {
		return names, err
	}
	if older, failed := c.agentNames(ctx, realm, "/agents", "2.0"); failed == nil && len(older) > 0 {
		return older, nil
	}
	return nil, err
}

func (c *Client) agentNames(ctx context.Context, realm, path, version string) (names map[string]bool, err error) {
	answer, err := c.exchange(ctx, call{
		what: "the list of agents of realm " + realmName(realm), method: http.MethodGet, path: realmPath(realm) + path, version: version, safe: true,
		query: append(param("_queryFilter", "true"), param("_fields", "_id")...),
	})
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	names = map[string]bool{}
	cookie := streamResult(answer, func(row *struct {
		ID string `json:"_id"`
	}, failure error,
	) bool {
		if err = failure; err == nil {
			names[crest.Fold(row.ID)] = true
		}
		return err == nil
	})
	if err == nil && cookie != "" {
		err = answer.broken(errors.New("it is one of several pages"))
	}
	return names, err
}
