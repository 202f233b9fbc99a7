//go:build demo

package am

// pluginTable asks nothing of a definition: no plugin host starts the demo, and Steampipe's SDK is a quarter of what a first build
// compiles.
type pluginTable any
