//go:build race && !nowhatsmeow

package web_test

const raced = true
