// Package handover tests that what must be single goes from one node to another: real
// adapters against their simulators, real leases on a real Redis, two nodes in one process.
package handover
