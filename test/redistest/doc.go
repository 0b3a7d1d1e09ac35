// Package redistest runs real Redis for tests: servers, Clusters, masters under
// Sentinel, and a proxy that cuts connections. Each ends with its test.
package redistest
