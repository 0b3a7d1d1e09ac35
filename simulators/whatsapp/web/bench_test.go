//go:build !nowhatsmeow

package web_test

import (
	"fmt"
	"testing"

	"github.com/parley-hub/parley/simulators/whatsapp/web"
)

// BenchmarkThrough lets 200 people write to a real client, which acks each message.
func BenchmarkThrough(b *testing.B) {
	r, _ := benchRig(b)
	b.ResetTimer()
	for i := range b.N {
		if _, err := r.Say("", fmt.Sprint(4912300000+i%200), "hello"); err != nil {
			b.Fatal(err)
		}
	}
	r.wait("the acks", func() bool { return r.Pending("") == 0 })
}

// BenchmarkSay is the server's own share: a message encrypted and queued.
func BenchmarkSay(b *testing.B) {
	r, c := benchRig(b)
	c.Disconnect()
	b.ResetTimer()
	for i := range b.N {
		if _, err := r.Say("", fmt.Sprint(4912300000+i%200), "hello"); err != nil {
			b.Fatal(err)
		}
	}
}

func benchRig(b *testing.B) (*rig, *client) {
	b.Helper()
	r := start(b, web.Options{MaxPending: 1 << 30})
	for i := range 200 {
		phone := fmt.Sprint(4912300000 + i)
		r.AddPerson(web.Person{Phone: phone, Name: phone})
	}
	c := r.pair(bot)
	return r, c
}
