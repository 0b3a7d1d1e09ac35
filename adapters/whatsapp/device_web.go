//go:build !nowhatsmeow

package whatsapp

import "github.com/parley-hub/parley/adapters/whatsapp/web"

// webBuilt tells whether this binary can link devices.
const webBuilt = true

func newDevice(o web.Options) device { return web.New(o) }
