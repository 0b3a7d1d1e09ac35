// Package fleettest is the world that package fleet asks: an API server of Kubernetes and
// a DNS server, both on the loopback, both strict about what they are asked.
package fleettest
