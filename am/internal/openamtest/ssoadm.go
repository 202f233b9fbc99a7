package openamtest

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

var tag = regexp.MustCompile(`<[^>]*>`)

// Ssoadm runs a subcommand of OpenAM's command line ssoadm in the server, through its page ssoadm.jsp, and returns the
// output. It enables the page, which stays enabled.
func (a *Admin) Ssoadm(ctx context.Context, subcommand string, options url.Values) (string, error) {
	if err := a.allowSsoadm(ctx); err != nil {
		return "", err
	}
	address := a.URL + "/ssoadm.jsp?submit=&cmd=" + url.QueryEscape(subcommand)
	call, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(options.Encode()))
	if err != nil {
		return "", err
	}
	call.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	call.AddCookie(&http.Cookie{Name: a.CookieName, Value: a.Token})
	answer, err := a.http.Do(call)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	text := strings.Join(strings.Fields(html.UnescapeString(tag.ReplaceAllString(string(page), " "))), " ")
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s: %s", address, answer.Status, text)
	}
	return text, nil
}

// allowSsoadm sets the property on the first server, which is the only one here.
func (a *Admin) allowSsoadm(ctx context.Context) error {
	const path = "global-config/servers/01/properties/advanced"
	properties := map[string]any{}
	if err := a.admin(ctx, configAPI, request{method: http.MethodGet, path: path}, &properties); err != nil {
		return err
	}
	properties["ssoadm.disabled"] = "false"
	delete(properties, "_id")
	// Without If-Match, OpenAM tries to create the properties and refuses.
	return a.admin(ctx, configAPI, request{method: http.MethodPut, path: path, body: properties, header: map[string]string{"If-Match": "*"}}, nil)
}
