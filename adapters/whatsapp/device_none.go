//go:build nowhatsmeow

package whatsapp

import "github.com/parley-hub/parley/adapters/whatsapp/web"

// webBuilt tells whether this binary can link devices.
const webBuilt = false

// newDevice is never called: a configuration with mode web is not valid here.
func newDevice(web.Options) device { return nil }
