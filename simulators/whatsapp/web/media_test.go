//go:build !nowhatsmeow

package web_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/parley-hub/parley/simulators/whatsapp/web"
)

// picture uploads a file and makes its message.
func (c *client) picture(data []byte) *waE2E.ImageMessage {
	c.r.t.Helper()
	up, err := c.Upload(c.r.ctx(), data, whatsmeow.MediaImage)
	c.r.must(err)
	return &waE2E.ImageMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256,
		FileSHA256: up.FileSHA256, FileLength: &up.FileLength, Mimetype: proto.String("image/png"), Caption: proto.String("look"),
	}
}

func TestFilesOut(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	data := bytes.Repeat([]byte("picture"), 1000)
	m := c.picture(data)
	for _, to := range []string{ann, ann, room} {
		jid := person(to)
		if to == room {
			jid = groupJID(to)
		}
		_, err := c.SendMessage(r.ctx(), jid, &waE2E.Message{ImageMessage: m})
		r.must(err)
	}
	for _, chat := range []string{ann, room} {
		p := r.Shown("", chat)[0]
		if p.Type != "image" || p.Text != "look" || p.Media.Problem != "" || !bytes.Equal(p.Media.Data, data) || p.Media.MIME != "image/png" {
			t.Errorf("%+v %+v", p, p.Media)
		}
	}
	wrong := proto.CloneOf(m)
	wrong.FileSHA256 = make([]byte, 32)
	gone := proto.CloneOf(m)
	gone.DirectPath = proto.String("/v/gone")
	for _, m := range []*waE2E.ImageMessage{wrong, gone} {
		_, err := c.SendMessage(r.ctx(), person(bob), &waE2E.Message{ImageMessage: m})
		r.must(err)
	}
	for _, p := range r.Shown("", bob) {
		if p.Media.Problem == "" || p.Media.Data != nil {
			t.Errorf("%+v", p.Media)
		}
	}
	r.noProblems()
}

func TestFilesIn(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	kinds := []string{"image", "video", "audio", "voice", "document", "sticker"}
	for _, kind := range kinds {
		_, err := r.Speak(web.Utterance{Person: ann, Text: "caption", Media: &web.Attachment{
			Kind: kind, MIME: "application/x-" + kind, Name: "file.bin", Data: []byte("data of " + kind),
		}})
		r.must(err)
	}
	for i, m := range c.heard(len(kinds)) {
		data, err := c.DownloadAny(r.ctx(), m.Message) //nolint:staticcheck // the shortest way over all kinds
		if err != nil || string(data) != "data of "+kinds[i] {
			t.Errorf("%s: %q, %v", kinds[i], data, err)
		}
	}
	if m := c.heard(5)[4].Message.GetDocumentMessage(); m.GetFileName() != "file.bin" || m.GetCaption() != "caption" {
		t.Errorf("%+v", m)
	}
	for _, u := range []web.Utterance{
		{Person: ann, Location: &web.Location{Latitude: 52.5, Longitude: 13.4, Name: "Berlin"}},
		{Person: ann, Contact: &web.Contact{Name: "Bob", VCard: "BEGIN:VCARD\nEND:VCARD"}},
	} {
		_, err := r.Speak(u)
		r.must(err)
	}
	got := c.heard(len(kinds) + 2)[len(kinds):]
	if l := got[0].Message.GetLocationMessage(); l.GetDegreesLatitude() != 52.5 || l.GetName() != "Berlin" {
		t.Errorf("%+v", l)
	}
	if m := got[1].Message.GetContactMessage(); m.GetDisplayName() != "Bob" {
		t.Errorf("%+v", m)
	}
	_, err := c.SendMessage(r.ctx(), person(ann), &waE2E.Message{LocationMessage: &waE2E.LocationMessage{
		DegreesLatitude: proto.Float64(1.5), DegreesLongitude: proto.Float64(2.5),
	}})
	r.must(err)
	if p := r.Shown("", ann); p[len(p)-1].Location == nil || p[len(p)-1].Location.Longitude != 2.5 {
		t.Errorf("%+v", p[len(p)-1])
	}
	r.noProblems()
}

// A sender chooses the address of a file: a client that believes it asks whom the sender wants.
func TestAddressOfTheSender(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	_, err := r.Speak(web.Utterance{Person: ann, Media: &web.Attachment{
		Kind: "image", MIME: "image/png", Data: []byte("x"), URL: "https://169.254.169.254/latest/meta-data",
	}})
	r.must(err)
	m := c.heard(1)[0].Message.GetImageMessage()
	if m.GetURL() != "https://169.254.169.254/latest/meta-data" || m.GetDirectPath() == "" {
		t.Errorf("%+v", m)
	}
}

func TestUploadIsChecked(t *testing.T) {
	r := start(t, web.Options{MaxUpload: 1000})
	c := r.pair(bot)
	if _, err := c.Upload(r.ctx(), make([]byte, 2000), whatsmeow.MediaImage); err == nil {
		t.Error("a file that is too large was taken")
	}
	c.picture([]byte("fits"))
	post := func(path string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(r.ctx(), http.MethodPost, r.url.String()+path, strings.NewReader("data"))
		r.must(err)
		resp, err := http.DefaultClient.Do(req)
		r.must(err)
		_, _ = io.Copy(io.Discard, resp.Body)
		r.must(resp.Body.Close())
		return resp.StatusCode
	}
	defer http.DefaultClient.CloseIdleConnections()
	const hash = "Om6weQ85rIfJTzhWsVWuNvmZ2m7P1Z4nlTeEQH8pZBo=" // not of "data"
	for path, want := range map[string]int{
		"/mms/image/" + hash + "?auth=simulated-upload-token&token=" + hash: http.StatusBadRequest,
		"/mms/image/" + hash + "?auth=wrong&token=" + hash:                  http.StatusUnauthorized,
		"/mms/image/" + hash + "?auth=simulated-upload-token&token=x":       http.StatusBadRequest,
		"/mms/spell/" + hash + "?auth=simulated-upload-token&token=" + hash: http.StatusBadRequest,
		"/elsewhere": http.StatusNotFound,
	} {
		if got := post(path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
}
