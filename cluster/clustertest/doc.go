// Package clustertest holds the engines of package cluster to it, one suite for each
// part.
package clustertest
