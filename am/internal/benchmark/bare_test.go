package benchmark

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// bare is the minimal program: it uses net/http and encoding/json, and does nothing with the rows.
type bare struct {
	server
	http  *http.Client
	token string
}

// answer is the answer to a session query.
type answer struct {
	Result []struct {
		Username                 string `json:"username"`
		UniversalID              string `json:"universalId"`
		Realm                    string `json:"realm"`
		SessionHandle            string `json:"sessionHandle"`
		LatestAccessTime         string `json:"latestAccessTime"`
		MaxIdleExpirationTime    string `json:"maxIdleExpirationTime"`
		MaxSessionExpirationTime string `json:"maxSessionExpirationTime"`
	} `json:"result"`
}

func newBare(b *testing.B, s server) *bare {
	b.Helper()
	p := &bare{server: s, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	token, err := p.login(b.Context(), "", s.user, s.password)
	if err != nil || token == "" {
		b.Fatalf("the sign-in gives %q, %v", token, err)
	}
	p.token = token
	b.Cleanup(p.http.CloseIdleConnections)
	return p
}

// login signs in to a realm below the root, or to the root itself.
func (p *bare) login(ctx context.Context, realm, user, password string) (token string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/json/realms/root"+realm+"/authenticate", strings.NewReader("{}"))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept-API-Version", "protocol=1.0,resource=2.0")
	request.Header.Set("X-OpenAM-Username", user)
	request.Header.Set("X-OpenAM-Password", password)
	var reply struct {
		TokenID string `json:"tokenId"`
	}
	err = p.do(request, &reply)
	return reply.TokenID, err
}

// get requests JSON below the realm /alpha.
func (p *bare) get(ctx context.Context, resource, version string, parameters url.Values, reply any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/json/realms/root/realms/alpha/"+resource+"?"+parameters.Encode(), nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept-API-Version", "protocol=1.0,resource="+version)
	request.Header.Set("iPlanetDirectoryPro", p.token)
	return p.do(request, reply)
}

func (p *bare) do(request *http.Request, reply any) error {
	response, err := p.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s: %s: %s", request.URL, response.Status, text)
	}
	if err := json.NewDecoder(response.Body).Decode(reply); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body) // so that the connection can be used again
	return err
}

func (p *bare) sessions(ctx context.Context, filter string, fields ...string) (int, error) {
	parameters := url.Values{"_queryFilter": {filter}}
	if fields != nil {
		parameters.Set("_fields", strings.Join(fields, ","))
	}
	var list answer
	err := p.get(ctx, "sessions", "2.0", parameters, &list)
	return len(list.Result), err
}

// names returns the names of a thousand identities, the most that AM lists.
func (p *bare) names(ctx context.Context) ([]string, error) {
	var list struct {
		Result []struct {
			Username string `json:"username"`
		} `json:"result"`
	}
	err := p.get(ctx, "users", "3.0", url.Values{"_queryFilter": {"true"}, "_fields": {"username"}}, &list)
	var names []string
	for _, user := range list.Result {
		names = append(names, user.Username)
	}
	return names, err
}
