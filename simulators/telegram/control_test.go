package telegram_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-hub/parley/simulators/telegram"
)

// control calls the control API the way another process does. Its answers are plain JSON.
func (r *rig) control(verb, path string, in any, out any) {
	r.t.Helper()
	body, err := json.Marshal(in)
	r.must(err)
	req, err := http.NewRequestWithContext(r.t.Context(), verb, r.url+"/control/"+path, bytes.NewReader(body))
	r.must(err)
	resp, err := r.http.Do(req)
	r.must(err)
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %d", path, resp.StatusCode)
	}
	if out != nil {
		r.must(json.NewDecoder(resp.Body).Decode(out))
	}
}

func TestControl(t *testing.T) {
	r := start(t, telegram.Options{Control: true})
	r.control("POST", "users", telegram.User{ID: 55, FirstName: "Eve"}, nil)
	r.control("POST", "bots", map[string]any{"token": "300:c", "id": 300, "username": "c_bot", "name": "C"}, nil)
	r.control("POST", "groups", map[string]any{"id": -77, "title": "G", "members": []int64{55, 300}}, nil)
	r.control("POST", "groups", map[string]any{"id": -10077, "title": "F", "forum": true, "members": []int64{55, 300}}, nil)
	var topic struct{ Thread int64 }
	r.control("POST", "topics", map[string]any{"chat": -10077, "name": "T"}, &topic)
	var said telegram.Message
	r.control("POST", "speak", telegram.Utterance{Bot: 300, From: 55, Media: &telegram.Media{Kind: "document", Name: "a.txt", Bytes: []byte("abc")}}, &said)
	r.control("POST", "speak", telegram.Utterance{Chat: -10077, From: 55, Thread: topic.Thread, Text: "in a topic"}, &said)
	if said.MessageThreadID != topic.Thread || topic.Thread == 0 {
		t.Fatalf("said %+v", said)
	}
	var album []telegram.Message
	r.control("POST", "album", map[string]any{"chat": -77, "from": 55, "text": "cap", "files": []telegram.Media{{Kind: "photo", Bytes: []byte("1")}, {Kind: "photo", Bytes: []byte("2")}}}, &album)
	if len(album) != 2 {
		t.Fatalf("album %+v", album)
	}
	r.control("POST", "edit", map[string]any{"chat": -10077, "message": said.MessageID, "text": "edited"}, &said)
	r.control("POST", "react", map[string]any{"chat": -10077, "message": said.MessageID, "from": 55, "emojis": []string{"👍"}}, nil)
	r.control("POST", "raw", map[string]any{"bot": 300, "kind": "mystery", "payload": map[string]int{"a": 1}}, nil)
	r.control("POST", "block", map[string]any{"bot": 300, "user": 55, "on": true}, nil)
	r.control("POST", "block", map[string]any{"bot": 300, "user": 55, "on": false}, nil)
	var queue struct{ Pending int }
	r.control("GET", "queue?bot=300", nil, &queue)
	if queue.Pending != 9 { // topic, document, topic text, two of the album, edit, mystery, two of the block
		t.Fatalf("%d pending", queue.Pending)
	}
}

func TestControlFaultsAndViews(t *testing.T) {
	r := start(t, telegram.Options{Control: true})
	var fault struct {
		ID   int64
		Hits int
	}
	r.control("POST", "faults", telegram.Fault{Kind: telegram.FaultTooManyRequests, Method: "sendMessage"}, &fault)
	keys := map[string]any{"inline_keyboard": [][]any{{map[string]any{"text": "a", "callback_data": "a"}}}}
	r.must(r.OpenPrivate(botID, ann))
	send := args{"chat_id": ann, "text": "x", "reply_markup": keys}
	r.refused("sendMessage", send, 429, "Too Many Requests: retry after 1")
	r.control("GET", "faults/"+itoa(fault.ID), nil, &fault)
	if fault.Hits != 1 {
		t.Fatalf("fault %+v", fault)
	}
	m := ok[telegram.Message](r, "sendMessage", send)
	var pressed telegram.Answer
	r.control("POST", "press", map[string]any{"bot": botID, "chat": ann, "message": m.MessageID, "from": ann, "data": "a"}, &pressed)
	ok[bool](r, "answerCallbackQuery", args{"callback_query_id": pressed.QueryID, "text": "ok"})
	var answer struct {
		Answered bool
		Answer   telegram.Answer
	}
	r.control("GET", "answer?bot=100&id="+pressed.QueryID, nil, &answer)
	if !answer.Answered || answer.Answer.Text != "ok" {
		t.Fatalf("answer %+v", answer)
	}
	var shown []telegram.Posted
	r.control("GET", "shown?bot=100&chat="+itoa(ann), nil, &shown)
	if len(shown) != 1 || shown[0].Buttons()[0][0].CallbackData != "a" {
		t.Fatalf("shown %+v", shown)
	}
	var events []telegram.Event
	r.control("GET", "events?after=0&timeout=5", nil, &events)
	if len(events) == 0 || events[0].Seq != 1 {
		t.Fatalf("events %+v", events)
	}
	var calls []telegram.Call
	r.control("GET", "calls", nil, &calls)
	if len(calls) != 3 || calls[0].Code != 429 {
		t.Fatalf("calls %+v", calls)
	}
	var chats []telegram.OpenChat
	r.control("GET", "chats", nil, &chats)
	if len(chats) != 3 {
		t.Fatalf("chats %+v", chats)
	}
}

func TestControlRefusals(t *testing.T) {
	r := start(t, telegram.Options{Control: true})
	for path, body := range map[string]string{
		"speak":  `{"from":1,"text":"x"}`,
		"users":  `{}`,
		"bots":   `{"token":"x"}`,
		"press":  `{"nonsense":1}`,
		"topics": `{"chat":-5001,"name":"no forum"}`,
	} {
		out, err := r.send(t.Context(), http.MethodPost, "/control/"+path, "", strings.NewReader(body))
		if err != nil || out.Status != http.StatusBadRequest || !strings.Contains(out.Body, `"error"`) {
			t.Errorf("%s: %v %d %s", path, err, out.Status, out.Body)
		}
	}
}
