//go:build !linux

package main

// onTheKernel is empty: what is tried there needs a layer that no other system has.
var onTheKernel = map[string]func(world) error{}
