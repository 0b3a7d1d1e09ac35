package slack_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/simulators/slack"
)

// ticket asks where a file of so many bytes goes.
func (r *rig) ticket(name, length string) (address, id string) {
	r.t.Helper()
	out := r.call("files.getUploadURLExternal", "filename", name, "length", length)
	if !out.OK {
		r.t.Fatal(out.Error)
	}
	return out.UploadURL, out.FileID
}

// send brings bytes to an address without any token.
func (r *rig) send(method, address, contentType string, data []byte) (status int, words string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, address, bytes.NewReader(data))
	r.must(err)
	req.Header.Set("Content-Type", contentType)
	resp, err := r.http.Do(req)
	r.must(err)
	answer, err := io.ReadAll(resp.Body)
	r.must(errors.Join(err, resp.Body.Close()))
	return resp.StatusCode, string(answer)
}

func (r *rig) complete(id string, params ...string) reply {
	r.t.Helper()
	return r.call("files.completeUploadExternal", append([]string{"files", `[{"id":"` + id + `","title":"t"}]`}, params...)...)
}

const octets = "application/octet-stream"

func TestUploadIsStrict(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := start(t, slack.Options{Now: func() time.Time { return now }, MaxFileBytes: 100})
	for _, tc := range []struct{ name, length, want string }{
		{"", "3", "missing_argument"}, {"a", "", "missing_argument"}, {"a", "0", "missing_argument"},
		{"a", "x", "invalid_arguments"}, {"a", "-1", "invalid_arguments"}, {"a", "101", "file_upload_size_restricted"},
	} {
		if out := r.call("files.getUploadURLExternal", "filename", tc.name, "length", tc.length); out.Error != tc.want {
			t.Errorf("%+v: %q", tc, out.Error)
		}
	}
	address, id := r.ticket("a.txt", "3")
	if out := r.complete(id); out.Error != "file_not_found" {
		t.Errorf("completed without bytes: %q", out.Error)
	}
	for name, got := range map[string]func() (int, string){
		"another method": func() (int, string) { return r.send(http.MethodPut, address, octets, []byte("abc")) },
		"another size":   func() (int, string) { return r.send(http.MethodPost, address, octets, []byte("abcd")) },
		"no such ticket": func() (int, string) { return r.send(http.MethodPost, address+"x", octets, []byte("abc")) },
	} {
		if status, words := got(); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, status, words)
		}
	}
	if status, words := r.send(http.MethodPost, address, octets, []byte("abc")); status != http.StatusOK || words != "OK - 3" {
		t.Errorf("%d %s", status, words)
	}
	if status, _ := r.send(http.MethodPost, address, octets, []byte("abc")); status == http.StatusOK {
		t.Error("the address was used twice")
	}
	for i, want := range []string{"", "file_not_found"} {
		if out := r.complete(id); out.Error != want {
			t.Errorf("completed %d times: %q, want %q", i+1, out.Error, want)
		}
	}
	address, _ = r.ticket("late.txt", "3")
	now = now.Add(time.Hour)
	if status, _ := r.send(http.MethodPost, address, octets, []byte("abc")); status == http.StatusOK {
		t.Error("the address lives for ever")
	}
	for _, files := range []string{"", "[]", "x"} {
		if out := r.call("files.completeUploadExternal", "files", files); out.Error != "invalid_arguments" {
			t.Errorf("files %q: %q", files, out.Error)
		}
	}
}

// TestFilesAreSeenWhereTheyAreShared: not before, and not elsewhere.
func TestFilesAreSeenWhereTheyAreShared(t *testing.T) {
	r := start(t, slack.Options{})
	r.AddUser("U3CY", "cy")
	upload := func(name, content string) (id, page string) {
		address, id := r.ticket(name, "3")
		if status, _ := r.send(http.MethodPost, address, octets, []byte(content)); status != http.StatusOK {
			t.Fatal(status)
		}
		if out := r.complete(id); !out.OK {
			t.Fatal(out.Error)
		}
		return id, r.call("files.info", "file", id).File.Permalink
	}
	seen := func(user, id string) bool {
		_, data, err := r.Download(user, id)
		return err == nil && string(data) == "abc"
	}
	id, page := upload("a.png", "abc")
	if seen(ann, id) || !seen(self, id) {
		t.Error("a private file is seen by somebody, or not by its owner")
	}
	r.post("a link without a preview "+page, "unfurl_media", "false")
	r.post("another file " + page + "x")
	if seen(ann, id) {
		t.Error("shared by a link that shows nothing")
	}
	ts := r.post("look: <" + page + "|a.png>").TS
	shown := r.Shown(general)
	if last := shown[len(shown)-1]; len(last.Files) != 1 || last.Files[0].MIME != "image/png" || !seen(ann, id) || seen("U3CY", id) {
		t.Errorf("shown %+v", last)
	}
	other, _ := upload("b.txt", "abc")
	for ids, want := range map[string]string{`["F404"]`: "file_not_found", "x": "invalid_arguments", `["` + other + `"]`: ""} {
		if out := r.call("chat.update", "channel", general, "ts", ts, "text", "changed", "file_ids", ids); out.Error != want {
			t.Errorf("file_ids %s: %q, want %q", ids, out.Error, want)
		}
	}
	if !seen(ben, other) {
		t.Error("not shared by the update")
	}
	foreign, err := r.SayFile("C0EMPTY", ann, "mine", slack.Upload{Name: "c.ogg", Bytes: []byte("abc"), Subtype: "slack_audio"})
	r.must(err)
	if out := r.call("files.info", "file", foreign.Files[0].ID); out.Error != "file_not_found" || foreign.Subtype != "file_share" {
		t.Errorf("a file of a channel that the app is not in: %q, %+v", out.Error, foreign)
	}
}

// TestUploadIntoAChannel: as a form, with words and in a thread.
func TestUploadIntoAChannel(t *testing.T) {
	r := start(t, slack.Options{})
	root := r.say("root")
	address, id := r.ticket("a.pdf", "3")
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", "a.pdf")
	r.must(err)
	_, err = io.Copy(part, strings.NewReader("abc"))
	r.must(errors.Join(err, w.Close()))
	h := r.Inject(slack.Fault{Kind: slack.FaultServerError, Method: slack.MethodUpload})
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusOK} {
		if status, _ := r.send(http.MethodPost, address, w.FormDataContentType(), form.Bytes()); status != want {
			t.Fatalf("%d, want %d", status, want)
		}
	}
	if h.Hits() != 1 {
		t.Error("the fault met nothing")
	}
	for channel, want := range map[string]string{"C404": "channel_not_found", "C0EMPTY": "not_in_channel"} {
		if out := r.complete(id, "channel_id", channel); out.Error != want {
			t.Errorf("%s: %q, want %q", channel, out.Error, want)
		}
	}
	if out := r.complete(id, "channel_id", general, "thread_ts", "1.1"); out.Error != "thread_not_found" {
		t.Errorf("thread: %q", out.Error)
	}
	if out := r.complete(id, "channel_id", general, "thread_ts", root.TS, "initial_comment", "read"); !out.OK {
		t.Fatal(out.Error)
	}
	shown := r.Shown(general)
	if last := shown[len(shown)-1]; last.Text != "read" || last.ThreadTS != root.TS || len(last.Files) != 1 || last.Metadata != nil {
		t.Errorf("shown %+v", last)
	}
	if raw, err := json.Marshal(r.Calls()); err != nil || strings.Contains(string(raw), "abc") {
		t.Errorf("the transcript holds the bytes, %v", err)
	}
}
