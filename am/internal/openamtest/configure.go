package openamtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// configure waits for Tomcat, posts OpenAM's installation form and waits until the administrator can log in.
func (i *instance) configure(ctx context.Context) error {
	if err := retry(ctx, startLimit, i.answers); err != nil {
		return fmt.Errorf("wait for Tomcat: %w", err)
	}
	if err := i.install(ctx); err != nil {
		return fmt.Errorf("configure OpenAM: %w", err)
	}
	if err := retry(ctx, startLimit, i.signInOnce); err != nil {
		return fmt.Errorf("log in after the configuration: %w", err)
	}
	return nil
}

// form returns the installation form: embedded stores, and the root suffix of OpenAM's own documentation.
func (i *instance) form() url.Values {
	secret := func() string { return (rand.Text() + rand.Text())[:32] }
	agent := secret() // OpenAM requires the agent's password to differ from the administrator's
	form := url.Values{}
	for name, value := range map[string]string{
		"SERVER_URL":               strings.TrimSuffix(i.url(), "/am"),
		"DEPLOYMENT_URI":           "/am",
		"BASE_DIR":                 filepath.Join(i.dir, "am"),
		"ADMIN_PWD":                Password,
		"ADMIN_CONFIRM_PWD":        Password,
		"AMLDAPUSERPASSWD":         agent,
		"AMLDAPUSERPASSWD_CONFIRM": agent,
		"AM_ENC_KEY":               secret(),
		"COOKIE_DOMAIN":            "localhost",
		"DATA_STORE":               "embedded",
		"DIRECTORY_SSL":            "SIMPLE",
		"DIRECTORY_SERVER":         "localhost",
		"DIRECTORY_PORT":           strconv.Itoa(i.ldap),
		"DIRECTORY_ADMIN_PORT":     strconv.Itoa(i.ldapAdmin),
		"DIRECTORY_JMX_PORT":       strconv.Itoa(i.ldapJMX),
		"ROOT_SUFFIX":              RootSuffix,
		"DS_DIRMGRDN":              DirectoryManager,
		"DS_DIRMGRPASSWD":          Password,
		"locale":                   "en",
		"PLATFORM_LOCALE":          "en",
		"acceptLicense":            "true",
		"AUTOSTART":                "",
	} {
		form.Set(name, value)
	}
	return form
}

func (i *instance) install(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, configureLimit)
	defer cancel()
	answer, err := i.request(ctx, http.MethodPost, "/config/configurator", strings.NewReader(i.form().Encode()))
	if err == nil && !strings.Contains(answer, "Configuration complete!") {
		err = fmt.Errorf("the configurator did not finish: %s", lastLine(answer))
	}
	return errors.Join(err, cause(ctx))
}

// answers requests a page that needs no configuration: Tomcat answers when the application is running.
func (i *instance) answers(ctx context.Context) error {
	_, err := i.request(ctx, http.MethodGet, "/isAlive.jsp", nil)
	return err
}

func (i *instance) signInOnce(ctx context.Context) error {
	admin := NewAdmin(i.url())
	if err := admin.SignIn(ctx, Username, Password); err != nil {
		return err
	}
	return admin.SignOut(ctx)
}

func (i *instance) request(ctx context.Context, method, path string, body io.Reader) (string, error) {
	r, err := http.NewRequestWithContext(ctx, method, i.url()+path, body)
	if err != nil {
		return "", err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	answer, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= http.StatusBadRequest { // the answer is an HTML page; the log says why
		err = fmt.Errorf("%s %s: %s", method, path, answer.Status)
	}
	return string(text), err
}

// retry calls try, each time for at most ten seconds, until it succeeds, the limit has passed or ctx has ended.
func retry(ctx context.Context, limit time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		once, cancelOnce := context.WithTimeout(ctx, 10*time.Second)
		err := try(once)
		cancelOnce()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, cause(ctx))
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// cause returns why ctx ended: if the server has ended, that is more informative than a broken connection.
func cause(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
