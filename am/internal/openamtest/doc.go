// Package openamtest gives tests a real OpenAM 16.0.5, and sets up any AM over plain REST.
//
// [Start] takes the server and a Tomcat from Maven, configures a fresh instance on loopback ports and hands back its address;
// the command in openam/ does so for make. [Admin] creates realms, users and sessions on that server or on our simulator, and
// asks what is there with nothing but net/http and encoding/json: the truth that our own client is held against.
//
// [StartDirectory] starts an OpenDJ beside it, such as AM can keep its tokens in.
//
// A test that needs the real server is named TestOpenAM… and begins with [Connect].
package openamtest
