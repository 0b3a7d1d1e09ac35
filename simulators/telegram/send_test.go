package telegram_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/parley-hub/parley/simulators/telegram"
)

func TestWaysToCall(t *testing.T) {
	r := start(t, telegram.Options{})
	r.must(r.OpenPrivate(0, ann))
	base := "/bot" + token
	form := url.Values{"chat_id": {fmt.Sprint(ann)}, "text": {"form"}}.Encode()
	var parts bytes.Buffer
	mp := multipart.NewWriter(&parts)
	r.must(mp.WriteField("chat_id", fmt.Sprint(ann)))
	r.must(mp.WriteField("text", "multipart"))
	r.must(mp.Close())
	tests := []struct{ name, verb, path, kind, body, want string }{
		{"query", http.MethodGet, base + "/sendMessage?chat_id=7000000001&text=query", "", "", "query"},
		{"form", http.MethodPost, base + "/sendMessage", "application/x-www-form-urlencoded", form, "form"},
		{"multipart", http.MethodPost, base + "/sendMessage", mp.FormDataContentType(), parts.String(), "multipart"},
		{"json", http.MethodPost, base + "/sendMessage", "application/json", `{"chat_id":7000000001,"text":"json"}`, "json"},
		{"case", http.MethodPost, base + "/SENDmessage", "application/json", `{"chat_id":"7000000001","text":"case"}`, "case"},
		{"query and body", http.MethodPost, base + "/sendMessage?text=both", "application/json", `{"chat_id":7000000001}`, "both"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := r.send(t.Context(), tt.verb, tt.path, tt.kind, strings.NewReader(tt.body))
			if err != nil || !out.OK || !strings.Contains(string(out.Result), `"text":"`+tt.want+`"`) {
				t.Fatalf("%v %s", err, out.Body)
			}
		})
	}
}

func TestPathsAndMethods(t *testing.T) {
	r := start(t, telegram.Options{})
	tests := []struct {
		name, verb, path, kind, body string
		code                         int
		text                         string
	}{
		{"unknown token", http.MethodGet, "/bot1:x/getMe", "", "", 401, "Unauthorized"},
		{"unknown token of a file", http.MethodGet, "/file/bot1:x/photos/a.jpg", "", "", 401, "Unauthorized"},
		{"no method", http.MethodGet, "/bot" + token, "", "", 404, "Not Found"},
		{"deeper", http.MethodGet, "/bot" + token + "/a/b", "", "", 404, "Not Found"},
		{"elsewhere", http.MethodGet, "/", "", "", 404, "Not Found"},
		{"no control", http.MethodGet, "/control/calls", "", "", 404, "Not Found"},
		{"unknown method", http.MethodGet, "/bot" + token + "/sendTelepathy", "", "", 404, "Not Found"},
		{"no such file", http.MethodGet, "/file/bot" + token + "/photos/none.jpg", "", "", 404, "Not Found"},
		{"bad json", http.MethodPost, "/bot" + token + "/getMe", "application/json", "[", 400, "Bad Request: can't parse the request body as a JSON object"},
		{"large body", http.MethodPost, "/bot" + token + "/getMe", "application/json", strings.Repeat(" ", 5<<20), 413, "Request Entity Too Large"},
		{"other verb", http.MethodPut, "/bot" + token + "/getMe", "", "", 405, "Method Not Allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := r.send(t.Context(), tt.verb, tt.path, tt.kind, strings.NewReader(tt.body))
			if err != nil || out.Status != tt.code || out.ErrorCode != tt.code || out.Description != tt.text {
				t.Fatalf("%v %d %s", err, out.Status, out.Body)
			}
		})
	}
	if out := r.call("pinChatMessage", args{"chat_id": ann}); string(out.Result) != "true" {
		t.Fatalf("a known method without a meaning here: %s", out.Body)
	}
}

func TestSendRefusals(t *testing.T) {
	r := start(t, telegram.Options{})
	r.must(r.OpenPrivate(0, ann))
	r.AddUser(telegram.User{ID: 7000000009, FirstName: "Stranger"})
	button := func(b map[string]any) args {
		return args{"chat_id": ann, "text": "x", "reply_markup": map[string]any{"inline_keyboard": [][]any{{b}}}}
	}
	long := strings.Repeat("é", 4097)
	tests := []struct {
		name   string
		method string
		args   args
		code   int
		text   string
	}{
		{"no chat", "sendMessage", args{"text": "x"}, 400, "Bad Request: chat_id is empty"},
		{"unknown chat", "sendMessage", args{"chat_id": -99, "text": "x"}, 400, "Bad Request: chat not found"},
		{"unknown name", "sendMessage", args{"chat_id": "@nobody", "text": "x"}, 400, "Bad Request: chat not found"},
		{"stranger", "sendMessage", args{"chat_id": 7000000009, "text": "x"}, 400, "Bad Request: chat not found"},
		{"known from a group only", "sendMessage", args{"chat_id": bob, "text": "x"}, 403, "Forbidden: bot can't initiate conversation with a user"},
		{"no text", "sendMessage", args{"chat_id": ann}, 400, "Bad Request: message text is empty"},
		{"blank text", "sendMessage", args{"chat_id": ann, "text": " \n\t"}, 400, "Bad Request: text must be non-empty"},
		{"blank markup", "sendMessage", args{"chat_id": ann, "text": "<b></b>", "parse_mode": "HTML"}, 400, "Bad Request: text must be non-empty"},
		{"long text", "sendMessage", args{"chat_id": ann, "text": long}, 400, "Bad Request: message is too long"},
		{"long surrogates", "sendMessage", args{"chat_id": ann, "text": strings.Repeat("😀", 2049)}, 400, "Bad Request: message is too long"},
		{"reply to nothing", "sendMessage", args{"chat_id": ann, "text": "x", "reply_to_message_id": 99}, 400, "Bad Request: message to be replied not found"},
		{"reply parameters to nothing", "sendMessage", args{"chat_id": ann, "text": "x", "reply_parameters": map[string]any{"message_id": 99}}, 400, "Bad Request: message to be replied not found"},
		{"no topic", "sendMessage", args{"chat_id": forum, "text": "x", "message_thread_id": 77}, 400, "Bad Request: message thread not found"},
		{"callback data length", "sendMessage", button(map[string]any{"text": "a", "callback_data": strings.Repeat("x", 65)}), 400, "Bad Request: BUTTON_DATA_INVALID"},
		{"callback data empty", "sendMessage", button(map[string]any{"text": "a", "callback_data": ""}), 400, "Bad Request: BUTTON_DATA_INVALID"},
		{"button without action", "sendMessage", button(map[string]any{"text": "a"}), 400, "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"},
		{"button without text", "sendMessage", button(map[string]any{"callback_data": "a"}), 400, `Bad Request: can't parse inline keyboard button: Can't find field "text"`},
		{"markup", "sendMessage", args{"chat_id": ann, "text": "x", "reply_markup": "{"}, 400, "Bad Request: can't parse reply keyboard markup JSON object"},
		{"markup rows", "sendMessage", args{"chat_id": ann, "text": "x", "reply_markup": map[string]any{"inline_keyboard": []any{1}}}, 400, `Bad Request: field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays`},
		{"chat action", "sendChatAction", args{"chat_id": ann, "action": "dancing"}, 400, "Bad Request: wrong parameter action in request"},
		{"draft id", "sendMessageDraft", args{"chat_id": ann, "draft_id": 0, "text": "x"}, 400, "Bad Request: draft_id must be non-zero"},
		{"draft length", "sendMessageDraft", args{"chat_id": ann, "draft_id": 1, "text": long}, 400, "Bad Request: message is too long"},
		{"draft in a group", "sendMessageDraft", args{"chat_id": group, "draft_id": 1, "text": "x"}, 400, "Bad Request: message drafts can be sent to private chats only"},
		{"photo", "sendPhoto", args{"chat_id": ann}, 400, "Bad Request: there is no photo in the request"},
		{"photo by address", "sendPhoto", args{"chat_id": ann, "photo": "https://x.org/a.png"}, 400, "Bad Request: failed to get HTTP URL content"},
		{"photo by id", "sendPhoto", args{"chat_id": ann, "photo": "nope"}, 400, "Bad Request: wrong file identifier/HTTP URL specified"},
		{"album", "sendMediaGroup", args{"chat_id": ann, "media": []any{}}, 400, "Bad Request: there are no messages to send"},
		{"location", "sendLocation", args{"chat_id": ann, "latitude": 1.5}, 400, "Bad Request: longitude is empty"},
		{"callback", "answerCallbackQuery", args{"callback_query_id": "1"}, 400, "Bad Request: query is too old and response timeout expired or query ID is invalid"},
		{"reaction target", "setMessageReaction", args{"chat_id": ann, "message_id": 9}, 400, "Bad Request: message to react not found"},
		{"reaction", "setMessageReaction", args{"chat_id": ann, "message_id": 9, "reaction": []any{map[string]any{"type": "emoji", "emoji": "🦖"}}}, 400, "Bad Request: REACTION_INVALID"},
		{"file id", "getFile", args{"file_id": "nope"}, 400, "Bad Request: invalid file_id"},
		{"command name", "setMyCommands", args{"commands": []any{map[string]any{"command": "Start", "description": "x"}}}, 400, "Bad Request: BOT_COMMAND_INVALID"},
		{"command description", "setMyCommands", args{"commands": []any{map[string]any{"command": "start", "description": ""}}}, 400, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { r.refused(tt.method, tt.args, tt.code, tt.text) })
	}
	if shown := r.Shown(0, ann); len(shown) != 0 {
		t.Fatalf("a refused call left %+v", shown)
	}
}

func TestLengthCountsAfterParsing(t *testing.T) {
	r := start(t, telegram.Options{})
	r.must(r.OpenPrivate(0, ann))
	text := "<b>" + strings.Repeat("&amp;", 4096) + "</b>"
	m := ok[telegram.Message](r, "sendMessage", args{"chat_id": ann, "text": text, "parse_mode": "HTML"})
	if len(m.Text) != 4096 {
		t.Fatalf("%d units", len(m.Text))
	}
	cleaned := ok[telegram.Message](r, "sendMessage", args{"chat_id": ann, "text": "a\r\nb\tc\u202e"})
	if cleaned.Text != "a\nb c" {
		t.Fatalf("got %q", cleaned.Text)
	}
}

func TestRepliesAndQuotes(t *testing.T) {
	r := start(t, telegram.Options{})
	m := r.say("the question")
	sent := ok[telegram.Message](r, "sendMessage", args{"chat_id": ann, "text": "a", "reply_parameters": map[string]any{"message_id": m.MessageID, "quote": "question"}})
	if sent.ReplyToMessage.MessageID != m.MessageID || sent.Quote == nil || sent.Quote.Position != 4 {
		t.Fatalf("got %+v", sent)
	}
	r.refused("sendMessage", args{"chat_id": ann, "text": "a", "reply_parameters": map[string]any{"message_id": m.MessageID, "quote": "nothing"}}, 400, "Bad Request: QUOTE_TEXT_INVALID")
	for _, a := range []args{
		{"reply_to_message_id": 99, "allow_sending_without_reply": true},
		{"reply_parameters": map[string]any{"message_id": 99, "allow_sending_without_reply": true}},
	} {
		a["chat_id"], a["text"] = ann, "anyway"
		if m := ok[telegram.Message](r, "sendMessage", a); m.ReplyToMessage != nil {
			t.Fatalf("got %+v", m)
		}
	}
	said, err := r.Speak(telegram.Utterance{From: ann, Text: "b", ReplyTo: sent.MessageID, Quote: "a"})
	if err != nil || said.ReplyToMessage.ReplyToMessage != nil || said.Quote.Text != "a" {
		t.Fatalf("got %+v %v", said, err)
	}
}

func TestSpokenMedia(t *testing.T) {
	r := start(t, telegram.Options{})
	for _, kind := range []string{"photo", "voice", "audio", "video", "video_note", "animation", "document", "sticker"} {
		_, err := r.Speak(telegram.Utterance{From: ann, Text: "/see " + kind, Media: &telegram.Media{Kind: kind, Name: "f.bin", Bytes: []byte(kind), Duration: 3}})
		r.must(err)
	}
	_, err := r.Speak(telegram.Utterance{From: ann, Location: &telegram.Location{Latitude: 1, Longitude: 2}})
	r.must(err)
	_, err = r.Speak(telegram.Utterance{From: ann, Contact: &telegram.Contact{PhoneNumber: "1", FirstName: "X"}})
	r.must(err)
	out := r.call("getUpdates", nil)
	var got []struct {
		Message map[string]json.RawMessage `json:"message"`
	}
	r.must(json.Unmarshal(out.Result, &got))
	for i, field := range []string{"photo", "voice", "audio", "video", "video_note", "animation", "document", "sticker", "location", "contact"} {
		if got[i].Message[field] == nil {
			t.Errorf("no %s in %v", field, got[i])
		}
	}
	album, err := r.SpeakAlbum(telegram.Utterance{From: ann, Text: "cap"}, telegram.Media{Kind: "photo", Bytes: []byte("1")}, telegram.Media{Kind: "photo", Bytes: []byte("2")})
	if err != nil || album[0].MediaGroupID == "" || album[0].MediaGroupID != album[1].MediaGroupID || album[0].Caption != "cap" || album[1].Caption != "" {
		t.Fatalf("album %+v %v", album, err)
	}
	big, err := r.Speak(telegram.Utterance{From: ann, Media: &telegram.Media{Kind: "document", Size: 20<<20 + 1}})
	r.must(err)
	r.refused("getFile", args{"file_id": big.Document.FileID}, 400, "Bad Request: file is too big")
	r.refused("sendPhoto", args{"chat_id": ann, "photo": big.Document.FileID}, 400, "Bad Request: can't use file of type Document as Photo")
	if data, ok := r.FileBytes(album[1].Photo[0].FileID); !ok || string(data) != "2" {
		t.Fatalf("bytes %q", data)
	}
}

func TestFilesAreBounded(t *testing.T) {
	r := start(t, telegram.Options{MaxFileBytes: 10})
	first, err := r.Speak(telegram.Utterance{From: ann, Media: &telegram.Media{Kind: "document", Bytes: []byte("12345678")}})
	r.must(err)
	_, err = r.Speak(telegram.Utterance{From: ann, Media: &telegram.Media{Kind: "document", Bytes: []byte("12345678")}})
	r.must(err)
	if _, kept := r.FileBytes(first.Document.FileID); kept {
		t.Fatal("the oldest file is still there")
	}
}

func TestDraftsAndTyping(t *testing.T) {
	r := start(t, telegram.Options{})
	r.must(r.OpenPrivate(0, ann))
	ok[bool](r, "sendMessageDraft", args{"chat_id": ann, "draft_id": 5, "text": ""})
	ok[bool](r, "sendMessageDraft", args{"chat_id": ann, "draft_id": 5, "text": "<i>so</i> far", "parse_mode": "HTML"})
	ok[bool](r, "sendChatAction", args{"chat_id": ann, "action": "typing"})
	if d := r.Drafts(0, ann); len(d) != 1 || d[0].Text != "so far" || len(d[0].Entities) != 1 {
		t.Fatalf("drafts %+v", d)
	}
	ok[telegram.Message](r, "sendMessage", args{"chat_id": ann, "text": "so far so good"})
	if d := r.Drafts(0, ann); len(d) != 0 {
		t.Fatalf("drafts after the message %+v", d)
	}
	ok[bool](r, "sendMessageDraft", args{"chat_id": ann, "draft_id": 6, "text": "x"})
	r.clock.Add(30e9)
	if d := r.Drafts(0, ann); len(d) != 0 {
		t.Fatalf("drafts after 30 s %+v", d)
	}
	var kinds []telegram.EventKind
	for _, e := range r.Events(0) {
		kinds = append(kinds, e.Kind)
	}
	if fmt.Sprint(kinds) != "[draft draft typing message draft]" {
		t.Fatalf("events %v", kinds)
	}
}

func TestCommands(t *testing.T) {
	r := start(t, telegram.Options{})
	list := []telegram.Command{{Command: "start", Description: "Begin"}}
	ok[bool](r, "setMyCommands", args{"commands": list, "language_code": "de"})
	ok[bool](r, "setMyCommands", args{"commands": list, "scope": map[string]any{"type": "chat", "chat_id": group}})
	if got := ok[[]telegram.Command](r, "getMyCommands", nil); len(got) != 0 {
		t.Fatalf("default %v", got)
	}
	if got := ok[[]telegram.Command](r, "getMyCommands", args{"language_code": "de"}); len(got) != 1 {
		t.Fatalf("de %v", got)
	}
	if got := r.Commands(0, "chat:-5001", ""); len(got) != 1 {
		t.Fatalf("chat %v", got)
	}
	ok[bool](r, "deleteMyCommands", args{"language_code": "de"})
	if got := r.Commands(0, "", "de"); len(got) != 0 {
		t.Fatalf("deleted %v", got)
	}
}
