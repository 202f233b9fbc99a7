//go:build demo

package am

// pluginTable is empty in the demo, because no plugin host starts it, and compiling Steampipe's SDK takes a quarter of
// a first build.
type pluginTable any
