package history

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// Except for keys, each of Amazon's identities is a role, whose credentials come from the token service.
func TestTheIdentityOfAmazonIsThatOfItsTools(t *testing.T) {
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		must(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	profiles := file("config", "[profile audit]\nregion = eu-west-3\nrole_arn = arn:aws:iam::1:role/audit\nsource_profile = base\n"+
		"[profile process]\ncredential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"ofProcess\", \"SecretAccessKey\": \"a secret\"}'\n")
	keys := file("credentials", "[base]\naws_access_key_id = base\naws_secret_access_key = a secret\n")
	for name, test := range map[string]struct {
		env          map[string]string
		asks         string // request to the token service
		key, session string
		region       string
	}{
		"keys": {env: map[string]string{"AWS_ACCESS_KEY_ID": "mine", "AWS_SECRET_ACCESS_KEY": "a secret", "AWS_REGION": "eu-central-1"}, key: "mine", region: "eu-central-1"},
		"a role of a profile": {
			env: map[string]string{"AWS_PROFILE": "audit"}, asks: "AssumeRole", key: "ofRole", session: "a session", region: "eu-west-3",
		},
		"a pod": {
			env:  map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::1:role/pod", "AWS_WEB_IDENTITY_TOKEN_FILE": file("token", "a token"), "AWS_REGION": "eu-west-3"},
			asks: "AssumeRoleWithWebIdentity", key: "ofRole", session: "a session", region: "eu-west-3",
		},
		"a process": {env: map[string]string{"AWS_PROFILE": "process"}, key: "ofProcess"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := ""
			service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.FormValue("Action")
				_, _ = w.Write([]byte("<" + asked + "Response><" + asked + "Result><Credentials><AccessKeyId>ofRole</AccessKeyId><SecretAccessKey>a secret</SecretAccessKey>" +
					"<SessionToken>a session</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></" + asked + "Result></" + asked + "Response>"))
			}))
			defer service.Close()
			for name, value := range map[string]string{
				"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_REGION": "", "AWS_CONFIG_FILE": profiles, "AWS_SHARED_CREDENTIALS_FILE": keys,
				"AWS_ENDPOINT_URL_STS": service.URL,
			} {
				t.Setenv(name, value)
			}
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			identity, region, err := awsIdentity(t.Context())
			must(t, err)
			got, err := identity.Retrieve()
			must(t, err)
			if got.AccessKeyID != test.key || got.SessionToken != test.session || region != test.region || asked != test.asks {
				t.Errorf("key %q, session %q, region %q, asked %q; want %+v", got.AccessKeyID, got.SessionToken, region, asked, test)
			}
		})
	}
}

func TestAmazonsToolsWriteNothingOfTheirOwn(t *testing.T) {
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer metadata.Close()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.URL, "AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
	errs, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	must(t, err)
	defer func(stderr *os.File) { os.Stderr = stderr }(os.Stderr)
	os.Stderr = errs
	if _, _, err := awsIdentity(t.Context()); err == nil || !strings.Contains(err.Error(), "no credentials found: set AWS_ACCESS_KEY_ID") {
		t.Errorf("%v", err)
	}
	must(t, errs.Close())
	if text, err := os.ReadFile(errs.Name()); err != nil || len(text) > 0 {
		t.Errorf("standard error has %q, %v", text, err)
	}
}

// entra is Microsoft's token endpoint, and an empty container for clients with its token.
func entra(t *testing.T) *httptest.Server {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.Contains(r.URL.Path, "/discovery/instance"):
			_, _ = w.Write([]byte(`{"tenant_discovery_endpoint": "https://login.microsoftonline.com/t/v2.0/.well-known/openid-configuration", "metadata": []}`))
		case strings.HasSuffix(r.URL.Path, "openid-configuration"):
			_, _ = w.Write([]byte(`{"token_endpoint": "https://login.microsoftonline.com/t/token", "authorization_endpoint": "https://login.microsoftonline.com/t/authorize", "issuer": "https://login.microsoftonline.com/t/v2.0"}`))
		case strings.HasSuffix(r.URL.Path, "/token") && r.FormValue("client_assertion") == "of the pod":
			_, _ = w.Write([]byte(`{"access_token": "of Entra", "expires_in": 3600, "token_type": "Bearer"}`))
		case r.Header.Get("Authorization") == "Bearer of Entra" && strings.HasPrefix(r.URL.Path, "/audit"):
			w.Header().Set("Content-Type", "application/xml")
			_, _ = w.Write([]byte(`<EnumerationResults ContainerName="audit"><Blobs/></EnumerationResults>`))
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// to sends all requests to one server.
type to struct{ server *httptest.Server }

func (t to) Do(r *http.Request) (*http.Response, error) {
	address, err := url.Parse(t.server.URL)
	if err != nil {
		return nil, err
	}
	r.URL.Host = address.Host
	return t.server.Client().Transport.RoundTrip(r)
}

func TestAWorkloadIdentityReachesAzure(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(token, []byte("of the pod"), 0o600))
	for name, value := range map[string]string{
		"AZURE_STORAGE_ACCOUNT": "example", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "amsql", "AZURE_FEDERATED_TOKEN_FILE": token,
	} {
		t.Setenv(name, value)
	}
	client, err := azureContainer("audit", azcore.ClientOptions{Transport: to{entra(t)}})
	must(t, err)
	objects, err := (&azureBucket{client}).list(t.Context(), "", true)
	if err != nil || len(objects) != 0 {
		t.Errorf("listed %v: %v", objects, err)
	}
}

func TestAnIdentityThatAzureRefusesIsAnErrorInALine(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(token, []byte("of another pod"), 0o600))
	for name, value := range map[string]string{
		"AZURE_STORAGE_ACCOUNT": "example", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "amsql", "AZURE_FEDERATED_TOKEN_FILE": token,
		"AZURE_TOKEN_CREDENTIALS": "WorkloadIdentityCredential",
	} {
		t.Setenv(name, value)
	}
	client, err := azureContainer("audit", azcore.ClientOptions{Transport: to{entra(t)}})
	must(t, err)
	_, err = (&azureBucket{client}).list(context.WithoutCancel(t.Context()), "", true)
	if err == nil || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "of another pod") || !strings.Contains(err.Error(), "WorkloadIdentityCredential") {
		t.Errorf("error %v", err)
	}
}
