package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"rsc.io/qr"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// ErrNotPairing is returned for an account that is not configured, or of a kind that is
// not linked by a code.
var ErrNotPairing = errors.New("no account to pair")

// Pair links an account: it prints one code after the other until the account's phone
// has scanned one. With text it prints what the codes hold instead of drawing them. The
// hub may be running on the same data; it finds the account linked within a minute.
func Pair(ctx context.Context, out io.Writer, cfg *configs.Config, account string, text bool) error {
	pairer, err := pairerOf(cfg, core.Account(account))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return fault.New(fault.NeedsHuman, "pair", err)
	}
	var unsaid error
	say := func(format string, args ...any) {
		if _, err := fmt.Fprintf(out, format, args...); err != nil {
			unsaid = err
		}
	}
	codes := 0
	err = pairer.Pair(ctx, func(c adapters.PairingCode) {
		codes++
		switch {
		case text:
			say("%s\n", c.Text)
		case codes == 1:
			say("In the app on the account's phone choose Linked devices, Link a device, and scan:\n\n%s\nValid for %v.\n", drawn(c.Text), c.For)
		default:
			say("\nThe code before expired. Scan this one:\n\n%s\nValid for %v.\n", drawn(c.Text), c.For)
		}
	})
	switch {
	case errors.Is(err, adapters.ErrPaired):
		say("%s is linked already. To link it anew, log the device out on the phone first.\n", account)
		return unsaid
	case ctx.Err() != nil:
		return fmt.Errorf("%s is not linked: interrupted", account)
	case err != nil:
		return err
	}
	say("%s is linked. A hub that is running takes it up within a minute.\n", account)
	return unsaid
}

// pairerOf makes the adapter of an account, alone.
func pairerOf(cfg *configs.Config, account core.Account) (adapters.Pairer, error) {
	newAdapter := func(name core.Account) (adapters.Adapter, error) {
		channel := cfg.Channels[name]
		for _, f := range Factories() {
			if f.Platform() == channel.Platform {
				return f.New(adapters.Settings{
					Account: name, Config: channel.Config, PublicURL: webhookURL(cfg, name), StateDir: cfg.DataDir,
					Database: cfg.Postgres.URL, Log: zerolog.Nop(),
				})
			}
		}
		return nil, ErrNotPairing
	}
	if _, ok := cfg.Channels[account]; ok {
		adapter, err := newAdapter(account)
		if err != nil {
			return nil, err
		}
		if pairer, ok := adapter.(adapters.Pairer); ok {
			return pairer, nil
		}
	}
	var others []string
	for name := range cfg.Channels {
		if adapter, err := newAdapter(name); err == nil {
			if _, ok := adapter.(adapters.Pairer); ok {
				others = append(others, string(name))
			}
		}
	}
	slices.Sort(others)
	reason := fmt.Sprintf("account %q is not configured", account)
	if channel, ok := cfg.Channels[account]; ok {
		reason = fmt.Sprintf("account %q (%s) is not linked by a code; it needs none", account, channel.Platform)
	}
	if len(others) > 0 {
		reason += "; these are: " + strings.Join(others, ", ")
	}
	return nil, fmt.Errorf("%w: %s", ErrNotPairing, reason)
}

// quiet is the width of the margin that a QR code needs.
const quiet = 2

// drawn draws a QR code with two modules in each character, light ones in the colour of
// letters: as it must be on a dark screen, and phones read it on a light one too.
func drawn(text string) string {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "(the code cannot be drawn: " + err.Error() + "; try --text)\n"
	}
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		for x := -quiet; x < code.Size+quiet; x++ {
			upper, lower := code.Black(x, y), code.Black(x, y+1) || y+1 >= code.Size+quiet
			switch {
			case upper && lower:
				b.WriteByte(' ')
			case upper:
				b.WriteRune('▄')
			case lower:
				b.WriteRune('▀')
			default:
				b.WriteRune('█')
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
