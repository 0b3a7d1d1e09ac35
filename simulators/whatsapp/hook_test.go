package whatsapp_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/parley-hub/parley/simulators/whatsapp"
)

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

func newRequest(t *testing.T, body []byte) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/v25.0/1/messages", bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func TestTheWebhookMustKnowTheVerifyToken(t *testing.T) {
	r, h := start(t, whatsapp.Options{}), hook(t)
	if err := r.SetWebhook(t.Context(), "", h.server.URL, "another"); err == nil {
		t.Error("a webhook that refuses was set")
	}
}

// What is not taken comes again: each person's words in order, nobody waits for others.
func TestDeliveryComesAgain(t *testing.T) {
	for _, batch := range []int{1, 10} {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			r, h := start(t, whatsapp.Options{HookBatch: batch}), hook(t)
			calls := 0
			h.answer = func([]byte) int {
				calls++
				if calls%3 != 0 {
					return http.StatusInternalServerError
				}
				return http.StatusOK
			}
			var want []string
			for i := range 10 {
				want = append(want, fmt.Sprint(i))
				for _, person := range []string{ann, bob} {
					if _, err := r.Say("", person, fmt.Sprint(i)); err != nil {
						t.Fatal(err)
					}
				}
			}
			r.must(r.SetWebhook(t.Context(), "", h.server.URL, verify))
			r.wait(func() bool { return r.Pending("") == 0 })
			for _, person := range []string{ann, bob} {
				if got := h.texts(person); !slices.Equal(got, want) {
					t.Errorf("%s: %v", person, got)
				}
			}
		})
	}
}

func TestBatches(t *testing.T) {
	r, h := start(t, whatsapp.Options{HookBatch: 50}), hook(t)
	for i := range 100 {
		person := fmt.Sprintf("1650000%04d", i)
		r.AddPerson(whatsapp.Person{ID: person})
		if _, err := r.Say("", person, "x"); err != nil {
			t.Fatal(err)
		}
	}
	r.must(r.SetWebhook(t.Context(), "", h.server.URL, verify))
	r.wait(func() bool { return r.Pending("") == 0 })
	if len(h.told()) != 100 || len(h.bodies) != 2 {
		t.Errorf("%d changes in %d calls", len(h.told()), len(h.bodies))
	}
}

func TestDuplicatesAndReordering(t *testing.T) {
	r, h := start(t, whatsapp.Options{}), hook(t)
	r.must(r.SetWebhook(t.Context(), "", h.server.URL, verify))
	r.Inject(whatsapp.Fault{Kind: whatsapp.FaultDuplicate, Person: ann})
	if _, err := r.Say("", ann, "twice"); err != nil {
		t.Fatal(err)
	}
	r.Inject(whatsapp.Fault{Kind: whatsapp.FaultReorder})
	r.post(text(bob, "x"))
	r.wait(func() bool { return r.Pending("") == 0 })
	if got := h.texts(ann); !slices.Equal(got, []string{"twice", "twice"}) {
		t.Errorf("said %v", got)
	}
	if got := h.statuses(); !slices.Equal(got, []string{"delivered", "sent"}) {
		t.Errorf("statuses %v", got)
	}
}

// Bodies are ASCII with slashes escaped, as the public server writes them.
func TestBodiesAreEscaped(t *testing.T) {
	body := whatsapp.Body(json.RawMessage(`{"a":"é/😀"}`))
	if !bytes.Contains(body, []byte(`{"a":"\u00e9\/\ud83d\ude00"}`)) {
		t.Errorf("%s", body)
	}
}

func TestPeopleDoWhatTheyCan(t *testing.T) {
	r, h := start(t, whatsapp.Options{}), hook(t)
	r.must(r.SetWebhook(t.Context(), "", h.server.URL, verify))
	a := r.post(`{"messaging_product":"whatsapp","to":"` + ann + `","type":"interactive","interactive":{"type":"button","body":{"text":"?"},"action":{"buttons":[{"type":"reply","reply":{"id":"y","title":"Yes"}}]}}}`)
	if a.status != 200 {
		t.Fatalf("%s", a.raw)
	}
	id := a.Messages[0].ID
	for name, do := range map[string]func() (string, error){
		"interactive": func() (string, error) { return r.Press("", ann, id, "y") },
		"reaction": func() (string, error) {
			return r.Speak(whatsapp.Utterance{Person: ann, Reaction: &whatsapp.Reaction{MessageID: id, Emoji: "👍"}})
		},
		"location": func() (string, error) {
			return r.Speak(whatsapp.Utterance{Person: ann, Location: &whatsapp.Location{Latitude: 1}})
		},
		"contacts": func() (string, error) {
			return r.Speak(whatsapp.Utterance{Person: ann, Contacts: []whatsapp.Card{{Name: whatsapp.CardName{FormattedName: "Ada"}}}})
		},
		"audio": func() (string, error) {
			return r.Speak(whatsapp.Utterance{Person: ann, Kind: "audio", MIME: "audio/ogg", File: []byte("x"), Voice: true})
		},
		"text": func() (string, error) { return r.Speak(whatsapp.Utterance{Person: ann, Text: "x", ReplyTo: id}) },
	} {
		said, err := do()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r.wait(func() bool { return r.Pending("") == 0 })
		all := h.told()
		m := all[slices.IndexFunc(all, func(c told) bool { return len(c.Value.Messages) == 1 && c.Value.Messages[0].ID == said })].Value.Messages[0]
		quotes := name == "text" || name == "interactive"
		if m.Type != name || quotes != (m.Context.ID == id && m.Context.From == display) {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if _, err := r.Press("", ann, id, "n"); err == nil {
		t.Error("pressed what is not there")
	}
	if _, err := r.Press("", bob, id, "y"); err == nil {
		t.Error("pressed in another chat")
	}
	if _, err := r.Say("", "49", "x"); err == nil {
		t.Error("a stranger spoke")
	}
	if _, err := r.Say("7", ann, "x"); err == nil {
		t.Error("spoke to no number")
	}
}

// A person's message is delivered once the webhook took it, and read when the business says so.
func TestMessagesOfPeopleHaveAStatus(t *testing.T) {
	r, h := start(t, whatsapp.Options{FirstID: 1000}), hook(t)
	id, err := r.Speak(whatsapp.Utterance{Person: ann, Kind: "image", MIME: "image/png", File: []byte("x")})
	r.must(err)
	said := func() whatsapp.Posted { return r.Shown("", ann)[0] }
	if got := said().Status; got != "" {
		t.Errorf("before the webhook is there: %q", got)
	}
	if got, ok := r.FileBytes(said().Media.ID); !ok || string(got) != "x" {
		t.Errorf("its file: %q, %t", got, ok)
	}
	if _, ok := r.FileBytes("7"); ok {
		t.Error("a file that nobody sent")
	}
	r.must(r.SetWebhook(t.Context(), "", h.server.URL, verify))
	r.wait(func() bool { return said().Status == "delivered" })

	other := start(t, whatsapp.Options{})
	if again, err := other.Say("", ann, "x"); err != nil || again == id {
		t.Errorf("a server that begins behind another id gave %q, %v", again, err)
	}
}
