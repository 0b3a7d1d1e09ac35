// Package clustertest holds engines to the contract of package cluster: one suite for each
// of its parts.
package clustertest
