// Package clustertest proves that an engine keeps the contract of package cluster, each
// part by a function of its own.
package clustertest
