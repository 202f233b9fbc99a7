// Package openamtest provides a real OpenAM 16.0.5 for tests, and sets up any AM over plain REST.
//
// [Start] gets the server and a Tomcat from Maven, configures a new instance on loopback ports and returns its address;
// the command in openam/ does that for make. [Admin] creates realms, users and sessions on that server or on our
// simulator, and reads them with only net/http and encoding/json: the results of our own client are compared with
// these.
//
// [StartDirectory] starts a standalone OpenDJ in which AM could store its tokens.
//
// A test that needs the real server is named TestOpenAM… and begins with [Connect].
package openamtest
