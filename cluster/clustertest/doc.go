// Package clustertest is the contract of package cluster as test suites, one for each
// part. Every engine calls them from its own tests.
package clustertest
