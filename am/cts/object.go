package cts

import (
	"fmt"

	"github.com/dustin/go-humanize/english"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// objectAttribute contains the complete session as JSON, including its token.
const objectAttribute = "coreTokenObject"

// object contains the values that are kept from a session's object. The rest is skipped while it is decoded.
//
// Sources: OpenAM 16.0.5 measured; PingAM 8.1, CTS token types.
type object struct {
	SessionType string `json:"sessionType"`
	Properties  *struct {
		AuthInstant string `json:"authInstant"`
		AuthLevel   string `json:"AuthLevel"`
		AuthType    string `json:"AuthType"`
		Service     string `json:"Service"`
		Host        string `json:"Host"`
		TrackingID  string `json:"AMCtxId"`
	} `json:"sessionProperties"`
}

// setSignIn reads an object. It does not return the decoder's errors, because they could quote the token.
func (d *decoder) setSignIn(e *entry, value string) error {
	var o object
	err := json.Unmarshal([]byte(value), &o, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if err != nil || o.Properties == nil {
		d.unreadable++
		return nil //nolint:nilerr // an error would keep the session out of the list, and quote its token
	}
	p := o.Properties
	e.SignIn = rest.SignInOf(map[string]any{
		"authInstant": p.AuthInstant, "AuthLevel": p.AuthLevel, "AuthType": p.AuthType, "Service": p.Service, "Host": p.Host, "AMCtxId": p.TrackingID,
	})
	e.SessionType = o.SessionType
	return nil
}

func (d *decoder) notice() string {
	return fmt.Sprintf("the objects of %s in the token store cannot be read: auth_level, auth_type, service, client_ip, tracking_id and session_type are NULL there. "+
		"AM encrypts or compresses them (com.sun.identity.session.repository.enableEncryption, enableCompression, enableAttributeCompression)",
		english.Plural(d.unreadable, "session", ""))
}
