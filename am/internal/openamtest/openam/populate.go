package main

import (
	"context"
	"fmt"

	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
)

const userPassword = "changeit"

// population contains who is logged in on a server that up starts, and how often. The odd names are those that break
// naive clients.
var population = []struct {
	realm string
	users map[string]int
}{
	{"/alpha", map[string]int{"bjensen": 3, "scarter": 1, "o'brien": 1, `with "quote"`: 1, `back\slash`: 1, "café": 2}},
	{"/bravo", map[string]int{"bjensen": 1, "two words": 1, "a,b=c": 1, "日本": 1}},
	{"/alpha/nested", map[string]int{"scarter": 2, "café": 1}},
}

// populate creates the population. Its sessions have OpenAM's default limits: 30 minutes idle, two hours in total.
func populate(ctx context.Context, s *openamtest.Server) error {
	admin := openamtest.NewAdmin(s.URL)
	if err := admin.SignIn(ctx, s.Username, s.Password); err != nil {
		return err
	}
	for _, p := range population {
		if err := admin.CreateRealm(ctx, p.realm); err != nil {
			return err
		}
		var logins []string
		for user, sessions := range p.users {
			if err := admin.CreateUser(ctx, p.realm, user, userPassword); err != nil {
				return fmt.Errorf("create %q: %w", user, err)
			}
			for range sessions {
				logins = append(logins, user)
			}
		}
		if _, err := admin.LoginMany(ctx, p.realm, userPassword, logins...); err != nil {
			return err
		}
	}
	return admin.SignOut(ctx)
}
