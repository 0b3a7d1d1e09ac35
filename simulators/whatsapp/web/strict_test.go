//go:build !nowhatsmeow

package web_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/parley-hub/parley/simulators/whatsapp/web"
)

// raw sends a stanza that the client would not make.
func (c *client) raw(tag string, attrs waBinary.Attrs, content any) {
	c.r.t.Helper()
	c.r.must(c.DangerousInternals().SendNode( //nolint:staticcheck // it is deprecated to warn of what this test wants
		c.r.ctx(), waBinary.Node{Tag: tag, Attrs: attrs, Content: content}))
}

// What breaks the protocol is refused, recorded, and changes nothing; the connection stays.
func TestViolations(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	enc := func(kind, v string, data []byte) waBinary.Node {
		return waBinary.Node{Tag: "enc", Attrs: waBinary.Attrs{"v": v, "type": kind}, Content: data}
	}
	to := func(j types.JID, encs ...waBinary.Node) []waBinary.Node {
		return []waBinary.Node{{Tag: "participants", Content: []waBinary.Node{{Tag: "to", Attrs: waBinary.Attrs{"jid": j}, Content: encs}}}}
	}
	fine := enc("msg", "2", []byte("x"))
	own := person(bot)
	own.Device = 1
	for name, tt := range map[string]struct {
		tag     string
		attrs   waBinary.Attrs
		content any
	}{
		"does not know":                  {"spell", waBinary.Attrs{"id": "1"}, nil},
		"without id":                     {"message", waBinary.Attrs{"to": person(ann), "type": "text"}, to(person(ann), fine)},
		"of type \"shout\"":              {"message", waBinary.Attrs{"id": "1", "to": person(ann), "type": "shout"}, to(person(ann), fine)},
		"somebody who does not exist":    {"message", waBinary.Attrs{"id": "1", "to": person("1"), "type": "text"}, to(person(ann), fine)},
		"a group that does not exist":    {"message", waBinary.Attrs{"id": "1", "to": groupJID("1"), "type": "text"}, to(person(ann), fine)},
		"who is not in the chat":         {"message", waBinary.Attrs{"id": "1", "to": person(ann), "type": "text"}, to(person(bob), fine)},
		"for the device itself":          {"message", waBinary.Attrs{"id": "1", "to": person(ann), "type": "text"}, to(own, fine)},
		"not of version 2":               {"message", waBinary.Attrs{"id": "1", "to": person(ann), "type": "text"}, to(person(ann), enc("msg", "1", []byte("x")))},
		"ciphertext of type":             {"message", waBinary.Attrs{"id": "1", "to": person(ann), "type": "text"}, to(person(ann), enc("skmsg", "2", []byte("x")))},
		"one ciphertext each":            {"message", waBinary.Attrs{"id": "1", "to": person(ann), "type": "text"}, to(person(ann), fine, fine)},
		"an empty ciphertext":            {"message", waBinary.Attrs{"id": "1", "to": person(ann), "type": "text"}, to(person(ann), enc("msg", "2", nil))},
		"no device-identity":             {"message", waBinary.Attrs{"id": "1", "to": person(ann), "type": "text"}, to(person(ann), enc("pkmsg", "2", []byte("x")))},
		"without ciphertexts":            {"message", waBinary.Attrs{"id": "1", "to": person(ann), "type": "text"}, nil},
		"without a ciphertext for it":    {"message", waBinary.Attrs{"id": "1", "to": groupJID(room), "type": "text"}, to(person(ann), fine)},
		"receipt without id":             {"receipt", waBinary.Attrs{"to": person(ann)}, nil},
		"ack without id":                 {"ack", waBinary.Attrs{"id": "1", "to": person(ann)}, nil},
		"neither composing nor paused":   {"chatstate", waBinary.Attrs{"to": person(ann)}, []waBinary.Node{{Tag: "singing"}}},
		"a presence of type \"dancing\"": {"presence", waBinary.Attrs{"type": "dancing"}, nil},
		"prekeys without type":           {"iq", waBinary.Attrs{"id": "q1", "type": "set", "xmlns": "encrypt", "to": types.ServerJID}, []waBinary.Node{{Tag: "list"}}},
		"keys of nobody":                 {"iq", waBinary.Attrs{"id": "q2", "type": "get", "xmlns": "encrypt", "to": types.ServerJID}, []waBinary.Node{{Tag: "key"}}},
		"usync without query":            {"iq", waBinary.Attrs{"id": "q3", "type": "get", "xmlns": "usync", "to": types.ServerJID}, nil},
	} {
		c.raw(tt.tag, tt.attrs, tt.content)
		r.wait(name, func() bool {
			for _, call := range r.Calls() {
				if call.Code != 0 && strings.Contains(call.Problem, name) {
					return true
				}
			}
			return false
		})
	}
	if got := r.Shown("", ann); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	c.say(person(ann), "still here")
}

// Queries that nobody knows are told so.
func TestUnknownQuery(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	_, err := c.GetBusinessProfile(r.ctx(), person(ann))
	if iq := (*whatsmeow.IQError)(nil); !errors.As(err, &iq) || iq.Code != 501 {
		t.Errorf("%v", err)
	}
	if _, err = c.GetGroupInfo(r.ctx(), groupJID("1")); err == nil {
		t.Error("a group that does not exist")
	}
	groups, err := c.GetJoinedGroups(r.ctx())
	if err != nil || len(groups) != 2 {
		t.Errorf("%+v %v", groups, err)
	}
	there, err := c.IsOnWhatsApp(r.ctx(), []string{"+" + ann, "+1"})
	if err != nil || len(there) != 2 || !there[0].IsIn || there[1].IsIn {
		t.Errorf("%+v %v", there, err)
	}
	info, err := c.GetUserInfo(r.ctx(), []types.JID{person(ann)})
	if err != nil || info[person(ann)].LID.User != annLID {
		t.Errorf("%+v %v", info, err)
	}
	if p := c.GetPrivacySettings(r.ctx()); p.ReadReceipts != types.PrivacySettingAll {
		t.Errorf("%+v", p)
	}
}

func TestScanIsChecked(t *testing.T) {
	r := start(t, web.Options{})
	ctx, cancel := context.WithCancel(r.ctx())
	defer cancel()
	c := r.newClient(t.TempDir() + "/store.db")
	codes, err := c.GetQRChannel(ctx)
	r.must(err)
	r.must(c.Connect())
	code := (<-codes).Code
	parts := strings.Split(code, ",")
	for _, wrong := range []string{
		"", "x", strings.Join([]string{"2@x", parts[1], parts[2], parts[3]}, ","),
		strings.Join([]string{parts[0], parts[2], parts[1], parts[3]}, ","),
		strings.Join([]string{parts[0], parts[1], parts[2], "eA=="}, ","),
	} {
		if err := r.Scan(ctx, "", wrong); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
	if err := r.Scan(ctx, ann, code); err == nil {
		t.Error("somebody linked a device who may not")
	}
	// A wrong secret makes the client refuse.
	if err := r.Scan(ctx, "", strings.Join([]string{parts[0], parts[1], parts[2], parts[1]}, ",")); err == nil {
		t.Error("a wrong secret was taken")
	}
	if r.Devices("") != 0 {
		t.Error("a device is linked")
	}
}

// A client that trusts another root does not connect, and one with another key is refused.
func TestTrust(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	c.Disconnect()
	whatsmeow.WACertPubKey[0] ^= 1
	err := c.Connect()
	whatsmeow.WACertPubKey = web.RootKey()
	if err == nil {
		t.Error("connected to a server with another root")
	}
	pair, err := ecc.GenerateKeyPair()
	r.must(err)
	public, private := pair.PublicKey().PublicKey(), pair.PrivateKey().Serialize()
	c.Store.NoiseKey.Pub, c.Store.NoiseKey.Priv = &public, &private
	r.must(c.Connect())
	r.wait("the refusal", func() bool {
		calls := r.Calls()
		last := calls[len(calls)-1]
		return last.Stanza == "login" && last.Code == 401
	})
}

// A client with another table of tokens, or without any sense, is cut off, and why is told.
func TestWrongOpening(t *testing.T) {
	r := start(t, web.Options{})
	for opening, want := range map[string]string{
		"WA\x06\x02":                     "does not begin with",
		"GET / HTTP/1.1":                 "does not begin with",
		"WA\x06\x03\xff\xff\xff":         "larger",
		"WA\x06\x03\x00\x00\x00":         "empty",
		"WA\x06\x03\x00\x00\x02\x0a\x00": "client hello",
	} {
		ws, resp, err := websocket.DefaultDialer.DialContext(r.ctx(), "ws://"+r.url.Host+"/ws/chat", nil)
		r.must(err)
		r.must(resp.Body.Close())
		r.must(ws.WriteMessage(websocket.BinaryMessage, []byte(opening)))
		if _, _, err := ws.ReadMessage(); err == nil {
			t.Errorf("%q was answered", opening)
		}
		r.must(ws.Close())
		calls := r.Calls()
		if last := calls[len(calls)-1]; last.Stanza != "handshake" || !strings.Contains(last.Problem, want) {
			t.Errorf("%q: %+v", opening, last)
		}
	}
}
