//go:build !nowhatsmeow

package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"github.com/parley-hub/parley/adapters/adaptertest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/parley-hub/parley/core"
)

var (
	me        = identity{types.NewJID("15550001111", types.DefaultUserServer), types.NewJID("900000000000001", types.HiddenUserServer)}
	ann       = types.NewJID("16505551234", types.DefaultUserServer)
	annHidden = types.NewJID("700000000000001", types.HiddenUserServer)
	stranger  = types.NewJID("700000000000009", types.HiddenUserServer)
	crowd     = types.NewJID("120363000000000001", types.GroupServer)
	testRead  = reader{own: me, phone: func(hidden types.JID) types.JID {
		switch hidden {
		case annHidden:
			return ann
		case me.hidden:
			return me.number
		}
		return types.EmptyJID
	}}
)

// said is an event of a message that Ann wrote in her chat with the bot.
func said(m *waE2E.Message) *events.Message {
	from := ann
	from.Device = 3
	e := &events.Message{RawMessage: m, Info: types.MessageInfo{
		MessageSource: types.MessageSource{Chat: ann, Sender: from}, ID: "3AAA", PushName: "Ann", Timestamp: time.Unix(1700000000, 0),
	}}
	return e.UnwrapRaw()
}

func inGroup(sender, alt types.JID, m *waE2E.Message) *events.Message {
	e := said(m)
	e.Info.Chat, e.Info.Sender, e.Info.SenderAlt, e.Info.IsGroup = crowd, sender, alt, true
	return e
}

func words(text string) *waE2E.Message { return &waE2E.Message{Conversation: proto.String(text)} }

func withContext(text string, c *waE2E.ContextInfo) *waE2E.Message {
	return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String(text), ContextInfo: c}}
}

func protocolMessage(p *waE2E.ProtocolMessage) *waE2E.Message {
	return &waE2E.Message{ProtocolMessage: p}
}

func edit(id, text string) *waE2E.Message {
	return &waE2E.Message{EditedMessage: &waE2E.FutureProofMessage{Message: protocolMessage(&waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: &waCommon.MessageKey{FromMe: proto.Bool(true), ID: proto.String(id)},
		EditedMessage: words(text),
	})}}
}

func reaction(key *waCommon.MessageKey, emoji string) *waE2E.Message {
	return &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{Key: key, Text: proto.String(emoji)}}
}

var sealed = []byte("0123456789abcdef0123456789abcdef")

func arrivals() map[string]*events.Message {
	path, size := proto.String("/v/t62/1?ccb=1"), proto.Uint64(1000)
	hidden := said(words("by my hidden id, with the number"))
	hidden.Info.Chat, hidden.Info.Sender, hidden.Info.SenderAlt = stranger, stranger, types.NewJID("4912345678", types.DefaultUserServer)
	known := said(words("by my hidden id"))
	known.Info.Chat, known.Info.Sender = annHidden, annHidden
	unknown := said(words("nobody knows my number"))
	unknown.Info.Chat, unknown.Info.Sender = stranger, stranger
	list := said(words("to all my customers"))
	list.Info.Chat = types.NewJID("17", types.BroadcastServer)
	status := said(words("my holidays"))
	status.Info.Chat = types.StatusBroadcastJID
	channel := said(words("news"))
	channel.Info.Chat, channel.Info.Sender = types.NewJID("1", types.NewsletterServer), types.NewJID("1", types.NewsletterServer)
	return map[string]*events.Message{
		"text": said(words("hello")), "hidden with number": hidden, "hidden known": known, "hidden unknown": unknown,
		"broadcast list": list, "status": status, "channel": channel,
		"quote": said(withContext("yes", &waE2E.ContextInfo{
			StanzaID: proto.String("3EB0AA"), Participant: proto.String("15550001111@s.whatsapp.net"), QuotedMessage: words("shall I?"),
		})),
		"ephemeral": said(&waE2E.Message{EphemeralMessage: &waE2E.FutureProofMessage{Message: words("soon gone")}}),
		"image": said(&waE2E.Message{ImageMessage: &waE2E.ImageMessage{
			URL: proto.String("http://127.0.0.1:1/evil"), DirectPath: path, MediaKey: sealed, FileSHA256: sealed, FileEncSHA256: sealed, FileLength: size,
			Mimetype: proto.String("image/jpeg"), Caption: proto.String("look"), Width: proto.Uint32(3), Height: proto.Uint32(4),
		}}),
		"voice": said(&waE2E.Message{AudioMessage: &waE2E.AudioMessage{
			DirectPath: path, MediaKey: sealed, FileSHA256: sealed, FileEncSHA256: sealed, FileLength: size, PTT: proto.Bool(true), Seconds: proto.Uint32(7),
		}}),
		"document": said(&waE2E.Message{DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{
			DirectPath: path, MediaKey: sealed, FileSHA256: sealed, FileEncSHA256: sealed, FileLength: size, FileName: proto.String("a.pdf"), Caption: proto.String("read"),
		}}}}),
		"sticker":  said(&waE2E.Message{StickerMessage: &waE2E.StickerMessage{DirectPath: path, MediaKey: sealed, FileEncSHA256: sealed}}),
		"location": said(&waE2E.Message{LocationMessage: &waE2E.LocationMessage{DegreesLatitude: proto.Float64(48.2), DegreesLongitude: proto.Float64(16.4), Name: proto.String("Home")}}),
		"nowhere":  said(&waE2E.Message{LocationMessage: &waE2E.LocationMessage{DegreesLatitude: proto.Float64(480), DegreesLongitude: proto.Float64(16.4)}}),
		"contact": said(&waE2E.Message{ContactMessage: &waE2E.ContactMessage{
			DisplayName: proto.String("Ben"), Vcard: proto.String("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ben\r\nitem1.TEL;waid=4912345678:+49 123 45678\r\nEND:VCARD"),
		}}),
		"poll":             said(&waE2E.Message{PollCreationMessageV3: &waE2E.PollCreationMessage{Name: proto.String("tea?")}}),
		"poll vote":        said(&waE2E.Message{PollUpdateMessage: &waE2E.PollUpdateMessage{}}),
		"timer":            said(protocolMessage(&waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_EPHEMERAL_SETTING.Enum()})),
		"edit":             said(edit("3AA0", "hello again")),
		"delete":           said(protocolMessage(&waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum(), Key: &waCommon.MessageKey{FromMe: proto.Bool(true), ID: proto.String("3AA0")}})),
		"reaction":         said(reaction(&waCommon.MessageKey{FromMe: proto.Bool(false), ID: proto.String("3EB0AA")}, "👍")),
		"reaction removed": said(reaction(&waCommon.MessageKey{FromMe: proto.Bool(true), ID: proto.String("3AA0")}, "")),
		"key only":         said(&waE2E.Message{SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{GroupID: proto.String("x")}}),
		"empty":            said(&waE2E.Message{}),
		"group by number":  inGroup(ann, annHidden, words("hi all")),
		"group by hidden":  inGroup(annHidden, types.EmptyJID, words("hi all")),
		"group mention": inGroup(annHidden, ann, withContext("@900000000000001 and @700000000000009, help", &waE2E.ContextInfo{
			MentionedJID: []string{"900000000000001@lid", "700000000000009@lid", "nonsense"},
		})),
		"group reaction": inGroup(ann, types.EmptyJID, reaction(&waCommon.MessageKey{
			FromMe: proto.Bool(false), ID: proto.String("3EB0AA"), Participant: proto.String("900000000000001@lid"),
		}, "👍")),
		"group delete by admin": inGroup(ann, types.EmptyJID, protocolMessage(&waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_REVOKE.Enum(), Key: &waCommon.MessageKey{ID: proto.String("3AA0"), Participant: proto.String("700000000000009@lid")},
		})),
	}
}

func TestReadGolden(t *testing.T) {
	t.Parallel()
	for name, e := range arrivals() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, ok := testRead.message(e)
			if !ok {
				adaptertest.Golden(t, "testdata/read/"+strings.ReplaceAll(name, " ", "_")+".json", "nothing")
				return
			}
			adaptertest.Golden(t, "testdata/read/"+strings.ReplaceAll(name, " ", "_")+".json", m)
		})
	}
}

func TestMembership(t *testing.T) {
	t.Parallel()
	m, ok := testRead.membership(&events.GroupInfo{JID: crowd, Timestamp: time.Unix(1700000000, 0), Join: []types.JID{annHidden, me.hidden}})
	want := core.Change{Joined: []core.Sender{{ID: "16505551234"}, {ID: "15550001111"}}, Self: true}
	if !ok || m.Kind != core.KindMembership || cmp.Diff([]core.Part{want}, m.Parts) != "" {
		t.Errorf("%v, %+v", ok, m)
	}
	if _, ok := testRead.membership(&events.GroupInfo{JID: crowd}); ok {
		t.Error("a change of nobody")
	}
}

func TestWriteGolden(t *testing.T) {
	t.Parallel()
	theirs := &Quote{Key: Key{ID: "3AAA", Sender: "16505551234"}, Text: "what they said"}
	file := File{Kind: core.Document, Caption: "c", Name: "a.pdf", MIME: "application/pdf", Path: "/p?x", Key: sealed, Sum: sealed, SealedSum: sealed, Size: 9}
	kinds := map[string]Outgoing{
		"text": {Text: "hello"}, "quote": {Text: "hello", Quote: theirs},
		"quote of own":    {Text: "hello", Quote: &Quote{Key: Key{ID: "3EB0", Own: true}}},
		"quote of hidden": {Text: "hello", Quote: &Quote{Key: Key{ID: "3AAA", Sender: "7@lid"}}},
		"location":        {Location: &core.Location{Latitude: 1, Longitude: 2, Title: "t", Address: "a"}},
		"contact":         {Contact: &core.Contact{Name: "A; B", Phone: "+49 1", User: "491234567"}},
		"revoke":          {Revokes: "3EB0AA"},
	}
	for _, kind := range []core.MediaKind{core.Image, core.Video, core.Audio, core.Voice, core.Sticker, core.Document} {
		f := file
		f.Kind = kind
		kinds["file "+string(kind)] = Outgoing{File: &f}
	}
	for name, o := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := protojson.Marshal(write(o, ann, me))
			if err != nil {
				t.Fatal(err)
			}
			adaptertest.Golden(t, "testdata/write/"+strings.ReplaceAll(name, " ", "_")+".json", json.RawMessage(data))
		})
	}
	edited := write(Outgoing{Text: "new", Edits: "3EB0AA"}, ann, me).GetEditedMessage().GetMessage().GetProtocolMessage()
	if edited.GetKey().GetID() != "3EB0AA" || !edited.GetKey().GetFromMe() || edited.GetEditedMessage().GetConversation() != "new" {
		t.Errorf("edit: %v", edited)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[Address]string{
		"16505551234": "16505551234@s.whatsapp.net", "7@lid": "7@lid", "1203-1600000000@g.us": "1203-1600000000@g.us",
		"": "", "1": "", "0": "", "a@g.us": "", "1@s.whatsapp.net": "", "status@broadcast": "", "16505551234:3": "",
	} {
		jid, err := jidOf(text)
		if (err == nil) != (want != "") || err == nil && jid.String() != want {
			t.Errorf("%q is %s, %v; want %q", text, jid, err, want)
		}
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	id := NewID("a", "bc")
	if id != NewID("a", "bc") || id == NewID("ab", "c") || !ownIDShape.MatchString(id) {
		t.Errorf("id %s", id)
	}
	if m, ok := Edited(EditID(id, 0)); !ok || m != id {
		t.Errorf("the final edit of %s is of %s", id, m)
	}
	if _, ok := Edited(EditID(id, 1)); ok || EditID(id, 1) == EditID(id, 2) || EditID(id, 1) == id {
		t.Error("an edit on the way is taken for the final one, or for another")
	}
	if _, ok := Edited("AC01FF"); ok {
		t.Error("somebody else's id is an edit")
	}
}

func TestFileRefs(t *testing.T) {
	t.Parallel()
	f := File{Kind: core.Image, Path: "/p", Key: sealed, Sum: sealed, SealedSum: sealed, Size: 5, MIME: "image/png", Width: 1}
	got, err := ParseFile(f.Ref())
	if diff := cmp.Diff(f, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, ref := range []core.FileRef{"", "123", "web.", "web.!", "web.e30", File{Path: "no/slash"}.Ref()} {
		if _, err := ParseFile(ref); !errors.Is(err, ErrForeignFile) {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add(string(File{Kind: core.Image, Path: "/p", Key: sealed}.Ref()))
	f.Add("web.e30")
	f.Fuzz(func(t *testing.T, ref string) {
		file, err := ParseFile(core.FileRef(ref))
		if err != nil {
			return
		}
		again, err := ParseFile(file.Ref())
		if diff := cmp.Diff(file, again); err != nil || diff != "" {
			t.Errorf("%v: %s", err, diff)
		}
	})
}

func FuzzRead(f *testing.F) {
	for _, e := range arrivals() {
		data, err := proto.Marshal(e.RawMessage)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var m waE2E.Message
		if proto.Unmarshal(data, &m) != nil {
			return
		}
		for _, e := range []*events.Message{said(&m), inGroup(annHidden, types.EmptyJID, &m)} {
			got, ok := testRead.message(e)
			if ok && (len(got.Parts) == 0 && got.Kind != core.KindDelete || got.Sender == "" || got.Chat == "") {
				t.Errorf("incomplete: %+v", got)
			}
			revoked(e)
		}
	})
}

// What whatsmeow says may hold numbers, keys and codes; none of it may be read.
func TestLogHidesWhatIsSecret(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := quiet{zerolog.New(&b)}.Sub("Recv")
	const key = "dGhpcyBpcyBhIGtleSBvZiAzMiBieXRlcy4uLi4uLi4="
	log.Debugf("Emitting QR code %s", "2@secret")
	log.Warnf("Error decrypting message %s from %s: %v", "3AAA", "16505551234@s.whatsapp.net", errors.New("no session with 16505551234.1:2 using "+key))
	log.Errorf("Unknown stream error: %s", `<stream:error code="1"/>`)
	log.Infof("Paired %s with %d %+v", ann, 812, map[string]string{"a": key})
	got := b.String()
	for _, secret := range []string{"16505551234", key, "secret", "stream:error code"} {
		if strings.Contains(got, secret) {
			t.Errorf("the log holds %q: %s", secret, got)
		}
	}
	if !strings.Contains(got, "Error decrypting message") || !strings.Contains(got, "812") {
		t.Errorf("the log says nothing: %s", got)
	}
}
