package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parley-hub/parley/core/fault"
)

const (
	// maxForm bounds a form in bytes; the longest text fits, percent-encoded.
	maxForm = 64 << 10
	// maxText bounds what is said, in characters.
	maxText = 4096
)

// say takes what somebody wrote.
func (c *Console) say(w http.ResponseWriter, r *http.Request) {
	form, chat, ok := c.form(w, r)
	if !ok {
		return
	}
	text := strings.ReplaceAll(form.Get("text"), "\r\n", "\n")
	s := playgroundState{chat: chat.ID, as: form.Get("as"), typed: text}
	switch {
	case strings.TrimSpace(text) == "":
		c.refuse(w, r, http.StatusUnprocessableEntity, s, "Write something first.")
		return
	case utf8.RuneCountInString(text) > maxText:
		c.refuse(w, r, http.StatusUnprocessableEntity, s, "That is too long: 4096 characters at most.")
		return
	}
	if err := c.o.Playground.Say(r.Context(), chat.ID, s.as, text); err != nil {
		c.failed(w, r, s, err)
		return
	}
	c.done(w, r, s)
}

// press takes the press of a button.
func (c *Console) press(w http.ResponseWriter, r *http.Request) {
	form, chat, ok := c.form(w, r)
	if !ok {
		return
	}
	s := playgroundState{chat: chat.ID, as: form.Get("as")}
	if err := c.o.Playground.Press(r.Context(), chat.ID, form.Get("bubble"), s.as, form.Get("data")); err != nil {
		c.failed(w, r, s, err)
		return
	}
	c.done(w, r, s)
}

// form reads the form and finds its chat and speaker; when it cannot it answers
// the request itself. Values in the query stand before those in the body.
func (c *Console) form(w http.ResponseWriter, r *http.Request) (url.Values, Chat, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			c.refuse(w, r, http.StatusRequestEntityTooLarge, playgroundState{}, "That is too long.")
		} else {
			c.refuse(w, r, http.StatusBadRequest, playgroundState{}, "This form cannot be read.")
		}
		return nil, Chat{}, false
	}
	form := r.PostForm
	for _, key := range []string{"chat", "bubble", "data"} {
		if v := r.URL.Query().Get(key); v != "" {
			form.Set(key, v)
		}
	}
	chats := c.o.Playground.Chats()
	i := slices.IndexFunc(chats, func(ch Chat) bool { return ch.ID == form.Get("chat") })
	if i < 0 {
		c.refuse(w, r, http.StatusNotFound, playgroundState{}, "There is no such chat.")
		return nil, Chat{}, false
	}
	if !slices.ContainsFunc(chats[i].Speakers, func(p Person) bool { return p.ID == form.Get("as") }) {
		c.refuse(w, r, http.StatusUnprocessableEntity, playgroundState{chat: chats[i].ID}, "Nobody of that name writes here.")
		return nil, Chat{}, false
	}
	return form, chats[i], true
}

// byScript tells whether console.js sent the form and wants no page.
func byScript(r *http.Request) bool { return r.Header.Get("Accept") == "text/plain" }

func (c *Console) done(w http.ResponseWriter, r *http.Request, s playgroundState) {
	if byScript(r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, "/?as="+url.QueryEscape(s.as)+"#chat-"+url.PathEscape(s.chat), http.StatusSeeOther)
}

func (c *Console) failed(w http.ResponseWriter, r *http.Request, s playgroundState, err error) {
	ref := fault.Ref(err)
	if ref == "" {
		ref = fault.NewRef()
	}
	c.o.Log.Error().Err(err).Str("ref", ref).Msg("playground refused")
	words := fault.Public(err)
	if words == "" {
		words = "That did not work."
	}
	status := http.StatusInternalServerError
	if fault.ClassOf(err) == fault.Retryable || fault.ClassOf(err) == fault.RateLimited {
		status = http.StatusServiceUnavailable
	}
	c.refuse(w, r, status, s, words+" Reference "+ref+".")
}

func (c *Console) refuse(w http.ResponseWriter, r *http.Request, status int, s playgroundState, words string) {
	if byScript(r) {
		http.Error(w, words, status)
		return
	}
	s.notice = words
	c.showPlayground(w, status, s)
}
