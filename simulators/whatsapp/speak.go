package whatsapp

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/parley-hub/parley/simulators"
)

// Utterance is something a person does in a chat. One of the contents is set.
type Utterance struct {
	Number, Person string
	Text           string
	// File is said as Kind: image, audio, video, document or sticker; Text is its caption.
	File     []byte
	Kind     string
	MIME     string
	Filename string
	Voice    bool
	Location *Location
	Contacts []Card
	Reaction *Reaction
	// ReplyTo is the message it quotes.
	ReplyTo string
}

// Say lets a person write a text. It gives the message's id.
func (s *Server) Say(numberID, person, text string) (string, error) {
	return s.Speak(Utterance{Number: numberID, Person: person, Text: text})
}

// Speak lets a person say something. It gives the message's id.
func (s *Server) Speak(u Utterance) (string, error) {
	content := map[string]any{}
	p := Posted{Text: u.Text, ReplyTo: u.ReplyTo}
	switch {
	case u.File != nil:
		f := s.files.add(u.MIME, u.Filename, u.File, time.Time{})
		p.Type, p.Media = u.Kind, &Media{ID: f.id, Name: u.Filename, MIME: f.mime, Size: len(f.data), Voice: u.Voice}
		content = map[string]any{"id": f.id, "mime_type": f.mime, "sha256": f.sum64()}
		if u.Text != "" {
			content["caption"] = u.Text
		}
		if u.Filename != "" {
			content["filename"] = u.Filename
		}
		if u.Kind == "audio" {
			content["voice"] = u.Voice
		}
	case u.Location != nil:
		p.Type, p.Location = "location", u.Location
		return s.say(u, p, u.Location)
	case u.Contacts != nil:
		p.Type, p.Contacts = "contacts", u.Contacts
		return s.say(u, p, u.Contacts)
	case u.Reaction != nil:
		p.Type, p.Reaction = "reaction", u.Reaction
		return s.say(u, p, u.Reaction)
	default:
		p.Type = "text"
		content["body"] = u.Text
	}
	return s.say(u, p, content)
}

// say stores what a person did and queues its notification.
func (s *Server) say(u Utterance, p Posted, content any) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.number(u.Number)
	if err != nil {
		return "", err
	}
	who, known := s.people[u.Person]
	if !known {
		return "", errNoPerson
	}
	c := n.chat(u.Person)
	if u.ReplyTo != "" && c.byID[u.ReplyTo] == nil {
		return "", errNoMessage
	}
	now := s.opts.Now()
	c.heard = now
	p.ID, p.Number, p.Person, p.At = s.newID(u.Person), n.ID, u.Person, now
	kept := s.store(n, p)
	message := map[string]any{
		"from": u.Person, "id": p.ID, "timestamp": strconv.FormatInt(now.Unix(), 10), "type": p.Type, p.Type: content,
	}
	if quoted := c.byID[u.ReplyTo]; quoted != nil {
		from := u.Person
		if quoted.ByBot {
			from = n.Display
		}
		message["context"] = map[string]any{"from": from, "id": quoted.ID}
	}
	n.hook.add("m/"+u.Person, u.Person, n.change(map[string]any{
		"contacts": []any{map[string]any{"profile": map[string]any{"name": who.Name}, "wa_id": who.ID}},
		"messages": []any{message},
	}), kept)
	return p.ID, nil
}

// change is one change of a webhook call.
func (n *number) change(value map[string]any) json.RawMessage {
	value["messaging_product"] = "whatsapp"
	value["metadata"] = map[string]any{"display_phone_number": n.Display, "phone_number_id": n.ID}
	return simulators.JSON(map[string]any{"field": "messages", "value": value})
}

// Press lets the person choose a button or a row of a message by its id.
func (s *Server) Press(numberID, person, message, choice string) (string, error) {
	s.mu.Lock()
	n, err := s.number(numberID)
	if err != nil {
		s.mu.Unlock()
		return "", err
	}
	p := n.chat(person).byID[message]
	s.mu.Unlock()
	if p == nil {
		return "", errNoMessage
	}
	for kind, offered := range map[string][]Choice{"button_reply": p.Buttons, "list_reply": p.Rows} {
		if i := slices.IndexFunc(offered, func(c Choice) bool { return c.ID == choice }); i >= 0 {
			u := Utterance{Number: numberID, Person: person, ReplyTo: message}
			return s.say(u, Posted{Type: "interactive", Text: offered[i].Title, ReplyTo: message}, map[string]any{"type": kind, kind: offered[i]})
		}
	}
	return "", errNoChoice
}

// Read lets the person read everything in the chat.
func (s *Server) Read(numberID, person string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.number(numberID)
	if err != nil {
		return err
	}
	for _, p := range n.chat(person).posts {
		if p.ByBot && p.Status != "read" && p.Status != "failed" && p.Reaction == nil {
			s.report(n, p, "read", 0)
		}
	}
	return nil
}

// Report sends a status of a message of the business: sent, delivered, read, or failed
// with an error code.
func (s *Server) Report(numberID, person, message, status string, code int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.number(numberID)
	if err != nil {
		return err
	}
	p := n.chat(person).byID[message]
	if p == nil || !p.ByBot {
		return errNoMessage
	}
	s.report(n, p, status, code)
	return nil
}

// report queues a status. Server.mu is held.
func (s *Server) report(n *number, p *Posted, status string, code int) {
	now := s.opts.Now()
	p.Status = status
	body := map[string]any{
		"id": p.ID, "status": status, "timestamp": strconv.FormatInt(now.Unix(), 10), "recipient_id": p.Person,
	}
	if p.Opaque != "" {
		body["biz_opaque_callback_data"] = p.Opaque
	}
	if status == "failed" {
		body["errors"] = []any{map[string]any{
			"code": code, "title": "Message failed to send", "message": "Message failed to send",
			"error_data": map[string]any{"details": fmt.Sprintf("The message failed with code %d.", code)},
			"href":       "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
		}}
	}
	s.publish(Event{Kind: EventStatus, At: now, Number: n.ID, Person: p.Person, MessageID: p.ID, Status: status})
	n.hook.add("s/"+p.ID, p.Person, n.change(map[string]any{"statuses": []any{body}}), nil)
}

// Raw queues a change as it is: {"field": …, "value": …}.
func (s *Server) Raw(numberID string, change json.RawMessage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.number(numberID)
	if err != nil {
		return err
	}
	s.serial++
	n.hook.add("r/"+strconv.FormatInt(s.serial, 10), "", change, nil)
	return nil
}

// Shown gives what a chat shows, oldest first.
func (s *Server) Shown(numberID, person string) []Posted {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.number(numberID)
	if err != nil {
		return nil
	}
	var out []Posted
	for _, p := range n.chat(person).posts {
		out = append(out, *p)
	}
	return out
}

// Heard tells when a person last did something in a chat; zero for never.
func (s *Server) Heard(numberID, person string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.number(numberID)
	if err != nil {
		return time.Time{}
	}
	return n.chat(person).heard
}
