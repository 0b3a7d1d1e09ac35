package whatsapp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// window is how long free text may be sent behind a person's last message.
const window = 24 * time.Hour

// number is a business phone number with its chats. Server.mu guards it.
type number struct {
	Number
	chats     map[string]*chat
	templates map[string]bool // name and language
	limit     bucket
	hook      *hook
}

// chat is what a number and a person see.
type chat struct {
	posts []*Posted
	byID  map[string]*Posted
	// heard is when the person last did something.
	heard time.Time
	limit bucket
}

// AddNumber adds a business phone number.
func (s *Server) AddNumber(n Number) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.numbers[n.ID]; old != nil {
		old.Number = n
		return
	}
	added := &number{Number: n, chats: map[string]*chat{}, templates: map[string]bool{}}
	added.hook = &hook{server: s, number: added, lanes: map[string]*lane{}}
	s.numbers[n.ID] = added
	s.order = append(s.order, added)
}

// AddPerson adds somebody, or changes their name.
func (s *Server) AddPerson(p Person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people[p.ID] = p
}

// AddTemplate approves a template without parameters.
func (s *Server) AddTemplate(numberID, name, language string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.number(numberID)
	if err != nil {
		return err
	}
	n.templates[name+"\x00"+language] = true
	return nil
}

// OpenWindow opens the 24-hour window of a chat as if the person had just written.
func (s *Server) OpenWindow(numberID, person string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.number(numberID)
	if err != nil {
		return err
	}
	n.chat(person).heard = s.opts.Now()
	return nil
}

var (
	errNoNumber  = errors.New("no such number")
	errNoPerson  = errors.New("no such person")
	errNoMessage = errors.New("no such message in the chat")
	errNoChoice  = errors.New("the message offers no such choice")
)

// number finds a number; "" is the only one there is. Server.mu is held.
func (s *Server) number(id string) (*number, error) {
	if id == "" && len(s.order) == 1 {
		return s.order[0], nil
	}
	if n := s.numbers[id]; n != nil {
		return n, nil
	}
	return nil, errNoNumber
}

func (n *number) chat(person string) *chat {
	c := n.chats[person]
	if c == nil {
		c = &chat{byID: map[string]*Posted{}}
		n.chats[person] = c
	}
	return c
}

// newID makes a wamid. Server.mu is held.
func (s *Server) newID(person string) string {
	s.serial++
	return "wamid." + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s.%016X", person, s.serial))
}

// store puts a message into its chat. Server.mu is held.
func (s *Server) store(n *number, p Posted) *Posted {
	c := n.chat(p.Person)
	kept := &p
	c.posts = append(c.posts, kept)
	c.byID[p.ID] = kept
	if len(c.posts) > s.opts.MaxMessages {
		delete(c.byID, c.posts[0].ID)
		c.posts = slices.Delete(c.posts, 0, 1)
	}
	shown := p
	s.publish(Event{Kind: EventMessage, At: p.At, Number: n.ID, Person: p.Person, MessageID: p.ID, Message: &shown})
	return kept
}

// sendMessage is POST /messages with a message.
func (s *Server) sendMessage(req *request, f *FaultHandle) (any, *apiError) {
	p, failure := req.send.post()
	if failure != nil {
		return nil, failure
	}
	p.Person = req.person()
	s.mu.Lock()
	defer s.mu.Unlock()
	n := req.number
	p.Number, p.At = n.ID, req.at
	if failure := s.permit(n, &p, req.send); failure != nil {
		return nil, failure
	}
	c := n.chat(p.Person)
	open := req.at.Sub(c.heard) <= window && !c.heard.IsZero() || p.Template != ""
	if !open && !s.opts.LateWindow {
		return nil, &apiError{status: http.StatusBadRequest, code: 131047, message: "Re-engagement message",
			details: "Message failed to send because more than 24 hours have passed since the customer last replied to this number."}
	}
	if failure := s.flood(n, c, req.at); failure != nil {
		return nil, failure
	}
	p.ID, p.Status = s.newID(p.Person), "accepted"
	kept := s.store(n, p)
	switch {
	case !open:
		s.report(n, kept, "failed", 131047)
	case f != nil && f.Fault.Kind == FaultFailLater:
		s.report(n, kept, "failed", f.Fault.Code)
	case s.opts.NoStatuses || p.Reaction != nil:
	case f != nil && f.Fault.Kind == FaultReorder:
		s.report(n, kept, "delivered", 0)
		s.report(n, kept, "sent", 0)
	default:
		s.report(n, kept, "sent", 0)
		s.report(n, kept, "delivered", 0)
	}
	return map[string]any{
		"messaging_product": "whatsapp",
		"contacts":          []any{map[string]any{"input": p.Person, "wa_id": p.Person}},
		"messages":          []any{map[string]any{"id": p.ID}},
	}, nil
}

// permit checks what of a message depends on what there is. Server.mu is held.
func (s *Server) permit(n *number, p *Posted, b *sendRequest) *apiError {
	if _, known := s.people[p.Person]; !known {
		return &apiError{status: http.StatusBadRequest, code: 131030, message: "Recipient phone number not in allowed list"}
	}
	c := n.chat(p.Person)
	if b.Context != nil {
		p.ReplyTo = b.Context.MessageID
		if c.byID[p.ReplyTo] == nil {
			return badValue("context['message_id'] names no message of the chat")
		}
	}
	if p.Reaction != nil && c.byID[p.Reaction.MessageID] == nil {
		return badValue("reaction['message_id'] names no message of the chat")
	}
	if p.Template != "" && !n.templates[p.Template+"\x00"+b.Template.Language.Code] {
		return &apiError{status: http.StatusNotFound, code: 132001, message: "Template name does not exist in the translation"}
	}
	if p.Media == nil {
		return nil
	}
	file := s.files.get(p.Media.ID, p.At)
	switch {
	case file == nil:
		return badValue("Media with id %s does not exist", p.Media.ID)
	case !fits(p.Type, file.mime):
		return badValue("%s is no %s", file.mime, p.Type)
	case p.Media.Voice && file.mime != "audio/ogg":
		return badValue("%s is no voice message", file.mime)
	}
	p.Media.MIME, p.Media.Size = file.mime, len(file.data)
	return nil
}

// fits tells whether a file of a MIME type can be sent as a kind.
func fits(kind, mime string) bool {
	switch kind {
	case "document":
		return true
	case "sticker":
		return mime == "image/webp"
	default:
		return strings.HasPrefix(mime, kind+"/")
	}
}

// markRead is POST /messages with status read.
func (s *Server) markRead(req *request) (any, *apiError) {
	b := req.send
	if b.Status != "read" {
		return nil, badValue("status must be read")
	}
	if b.TypingIndicator != nil && b.TypingIndicator.Type != "text" {
		return nil, badValue("typing_indicator['type'] must be text")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for person, c := range req.number.chats {
		p := c.byID[b.MessageID]
		if p == nil || p.ByBot {
			continue
		}
		p.Status = "read"
		kind := EventRead
		if b.TypingIndicator != nil {
			kind = EventTyping
		}
		s.publish(Event{Kind: kind, At: req.at, Number: req.number.ID, Person: person, MessageID: p.ID})
		return map[string]any{"success": true}, nil
	}
	return nil, badParameter("message_id names no message that came in")
}
