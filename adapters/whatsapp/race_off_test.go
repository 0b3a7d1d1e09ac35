//go:build !race && !nowhatsmeow

package whatsapp_test

const raced = false
