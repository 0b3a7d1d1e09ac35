//go:build !nowhatsmeow

package app_test

// linksWeb is true for a binary that holds WhatsApp-web.
const linksWeb = true
