//go:build nowhatsmeow

package playground

// linkedMakers are empty: this binary cannot link devices.
var linkedMakers []func() (phone, error)
