package telegram_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/telegram"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
)

var posted = result(`{"message_id":99,"date":1700000000}`)

func TestSend(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.on("sendMessage", posted)
	to := private
	to.Thread = "5"
	r := core.Reply{ID: "e.0", Final: true, To: to, InReplyTo: "11", Parts: words("**hi** <x> " + strings.Repeat("word ", 1000))}
	receipt, err := s.adapter().Send(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if receipt.Message != "99" || !receipt.More || !receipt.At.Equal(time.Unix(1700000000, 0)) || receipt.At.Location() != time.UTC {
		t.Errorf("receipt %+v", receipt)
	}
	form := s.await("sendMessage", 1).form
	for key, want := range map[string]string{
		"chat_id": "7", "message_thread_id": "5", "parse_mode": "HTML", "link_preview_options": `{"is_disabled":true}`,
		"reply_parameters": `{"allow_sending_without_reply":true,"message_id":11}`,
	} {
		if form[key] != want {
			t.Errorf("%s is %q, want %q", key, form[key], want)
		}
	}
	if !strings.HasPrefix(form["text"], "<b>hi</b> &lt;x&gt; word") {
		t.Errorf("text %q", form["text"][:40])
	}

	r.Sent = []core.MessageID{receipt.Message}
	if receipt, err = s.adapter().Send(t.Context(), r); err != nil || receipt.More {
		t.Errorf("second piece: %+v, %v", receipt, err)
	}
	if form := s.await("sendMessage", 2).form; form["reply_parameters"] != "" {
		t.Error("the second piece quotes too")
	}
	r.Sent = append(r.Sent, "100")
	if _, err = s.adapter().Send(t.Context(), r); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("third piece of two: %v", err)
	}
}

func TestSendFailures(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		class  fault.Class
		wait   time.Duration
		unsure bool
	}{
		"blocked":           {refuse(403, "Forbidden: bot was blocked by the user"), fault.Permanent, 0, false},
		"deactivated":       {refuse(403, "Forbidden: user is deactivated"), fault.Permanent, 0, false},
		"chat not found":    {refuse(400, "Bad Request: chat not found"), fault.Permanent, 0, false},
		"too long":          {refuse(400, "Bad Request: message is too long"), fault.Permanent, 0, false},
		"flood":             {refuse(429, "Too Many Requests: retry after 33", `{"retry_after":33}`), fault.RateLimited, 33 * time.Second, false},
		"flood of a proxy":  {page(429), fault.RateLimited, time.Second, false},
		"revoked":           {refuse(401, "Unauthorized"), fault.NeedsHuman, 0, false},
		"internal":          {refuse(500, "Internal Server Error"), fault.Retryable, 0, false},
		"bad gateway":       {page(502), fault.Retryable, 0, false},
		"redirect":          {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, fault.Retryable, 0, false},
		"connection lost":   {drop, fault.Retryable, 0, true},
		"half an answer":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, `{"ok":true,"res`) }, fault.Retryable, 0, true},
		"answer is a page":  {page(200), fault.Retryable, 0, true},
		"no message in it":  {result(`true`), fault.Retryable, 0, true},
		"message without a": {result(`{}`), fault.Retryable, 0, true},
		"token echoed":      {refuse(400, "Bad Request: "+token), fault.Permanent, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.on("sendMessage", tc.answer)
			_, err := s.adapter().Send(t.Context(), core.Reply{ID: "e.0", To: private, Parts: words("hi")})
			if fault.ClassOf(err) != tc.class || fault.Wait(err) != tc.wait || fault.IsUnsure(err) != tc.unsure {
				t.Errorf("class %s, wait %v, unsure %v: %v", fault.ClassOf(err), fault.Wait(err), fault.IsUnsure(err), err)
			}
			noToken(t, err)
			if n := len(s.of("sendMessage")); n != 1 {
				t.Errorf("%d calls", n)
			}
		})
	}
}

func noToken(t *testing.T, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, token) || strings.Contains(text, "AAtoken") {
			t.Errorf("the token is in %q", text)
		}
	}
}

func TestSendCancelled(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.on("sendMessage", hang)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		s.await("sendMessage", 1)
		cancel()
	}()
	_, err := s.adapter().Send(ctx, core.Reply{ID: "e.0", To: private, Parts: words("hi")})
	if fault.ClassOf(err) != fault.Retryable || !fault.IsUnsure(err) || !errors.Is(err, context.Canceled) {
		t.Errorf("class %s, unsure %v: %v", fault.ClassOf(err), fault.IsUnsure(err), err)
	}
	noToken(t, err)

	_, err = s.adapter().Send(ctx, core.Reply{ID: "e.0", To: private, Parts: words("hi")})
	if fault.IsUnsure(err) || fault.ClassOf(err) != fault.Retryable {
		t.Errorf("cancelled before it began: unsure %v: %v", fault.IsUnsure(err), err)
	}
	noToken(t, err)
}

func TestSendToNobody(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	a := newAdapter(t, gone.URL)
	_, err := a.Send(t.Context(), core.Reply{ID: "e.0", To: private, Parts: words("hi")})
	if fault.ClassOf(err) != fault.Retryable || fault.IsUnsure(err) {
		t.Errorf("class %s, unsure %v: %v", fault.ClassOf(err), fault.IsUnsure(err), err)
	}
	noToken(t, err)
	if _, err = a.Fetch(t.Context(), "1:uf", 10); fault.ClassOf(err) != fault.Retryable {
		t.Errorf("fetch: %v", err)
	}
	noToken(t, err)
	err = a.Run(t.Context(), newInbox())
	if fault.ClassOf(err) != fault.Retryable {
		t.Errorf("run: %v", err)
	}
	noToken(t, err)
}

func TestSendWithoutMarkupWhenItIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.on("sendMessage", refuse(400, "Bad Request: can't parse entities: Unsupported start tag at byte offset 3"), posted)
	if _, err := s.adapter().Send(t.Context(), core.Reply{To: private, Parts: words("**a** <b> [c](https://x.org)")}); err != nil {
		t.Fatal(err)
	}
	form := s.await("sendMessage", 2).form
	if form["parse_mode"] != "" || form["text"] != "a <b> c (https://x.org)" {
		t.Errorf("second call %v", form)
	}
}

func TestSendFollowsAMovedGroup(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.on("sendMessage", refuse(400, "Bad Request: group chat was upgraded to a supergroup chat", `{"migrate_to_chat_id":-1005}`), posted)
	to := core.Conversation{Account: "tg", Place: core.Group, Chat: "-5"}
	receipt, err := s.adapter().Send(t.Context(), core.Reply{To: to, InReplyTo: "3", Parts: words("hi")})
	want := to
	want.Chat = "-1005"
	if err != nil || receipt.MovedTo == nil || *receipt.MovedTo != want || receipt.Message != "99" {
		t.Fatalf("receipt %+v, %v", receipt, err)
	}
	if form := s.await("sendMessage", 2).form; form["chat_id"] != "-1005" || form["reply_parameters"] != "" {
		t.Errorf("second call %v", form)
	}
}

func TestSendRefusesForeignIDs(t *testing.T) {
	t.Parallel()
	a := newServer(t).adapter()
	for _, r := range []core.Reply{
		{To: core.Conversation{Chat: "C123"}, Parts: words("hi")},
		{To: core.Conversation{Chat: "7", Thread: "T1"}, Parts: words("hi")},
		{To: private, InReplyTo: "m1", Parts: words("hi")},
		{To: private},
		{To: private, Parts: words(" \n ")},
	} {
		if _, err := a.Send(t.Context(), r); fault.ClassOf(err) != fault.Permanent {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestEdit(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.on("editMessageText", posted,
		refuse(400, "Bad Request: message is not modified: specified new message content and reply markup are exactly the same"),
		refuse(400, "Bad Request: message to edit not found"))
	a := s.adapter()
	r := core.Reply{Final: true, To: private, Parts: words(strings.Repeat("word ", 1000))}
	for i := range 2 {
		receipt, err := a.Edit(t.Context(), "99", r)
		if err != nil || receipt.Message != "99" || !receipt.More || receipt.At.IsZero() {
			t.Errorf("edit %d: %+v, %v", i+1, receipt, err)
		}
	}
	if form := s.await("editMessageText", 1).form; form["message_id"] != "99" || form["chat_id"] != "7" {
		t.Errorf("call %v", form)
	}
	if _, err := a.Edit(t.Context(), "99", r); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("gone: %v", err)
	}
	s.on("editMessageText", posted)
	r.Final = false
	if receipt, err := a.Edit(t.Context(), "99", r); err != nil || receipt.More {
		t.Errorf("long draft: %+v, %v", receipt, err)
	}
	if form := s.await("editMessageText", 4).form; !strings.HasSuffix(form["text"], "word…") {
		t.Errorf("a long draft ends in %q", form["text"][4000:])
	}
	r.Final, r.Parts = true, []core.Part{core.Location{}}
	if _, err := a.Edit(t.Context(), "99", r); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("not a text: %v", err)
	}
}

func TestDraft(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.on("sendMessageDraft", result("true"), result("true"), refuse(404, "Not Found: method not found"))
	s.on("sendChatAction", result("true"))
	a := s.adapter()
	r := core.Reply{ID: "e.0", To: private, Parts: words("**half an")}
	for range 2 {
		if err := a.Draft(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	first, second := s.await("sendMessageDraft", 1).form, s.await("sendMessageDraft", 2).form
	if first["draft_id"] == "" || first["draft_id"] == "0" || first["draft_id"] != second["draft_id"] || first["text"] != "**half an" {
		t.Errorf("drafts %v, %v", first, second)
	}
	if err := a.Draft(t.Context(), core.Reply{ID: "e.0", To: private}); err != nil {
		t.Errorf("draft without parts: %v", err)
	}
	if form := s.await("sendChatAction", 1).form; form["action"] != "typing" || form["chat_id"] != "7" {
		t.Errorf("typing %v", form)
	}
	for range 2 { // the second time without asking
		if err := a.Draft(t.Context(), r); fault.ClassOf(err) != fault.Permanent {
			t.Errorf("unknown method: %v", err)
		}
	}
	if n := len(s.of("sendMessageDraft")); n != 3 {
		t.Errorf("%d calls, want 3", n)
	}
	group := r
	group.To.Place = core.Group
	if err := a.Draft(t.Context(), group); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("draft in a group: %v", err)
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("x", 1000)
	serve := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, content) }
	flow := func(w http.ResponseWriter, _ *http.Request) { // a length that is not announced
		for range 10 {
			_, _ = io.WriteString(w, content)
			_ = http.NewResponseController(w).Flush()
		}
	}
	for name, tc := range map[string]struct {
		info, file  http.HandlerFunc
		open, whole fault.Class
	}{
		"good":             {result(`{"file_id":"f","file_size":1000,"file_path":"photos/a b.jpg"}`), serve, 0, 0},
		"too large":        {result(`{"file_id":"f","file_size":1001,"file_path":"photos/a b.jpg"}`), serve, fault.Permanent, 0},
		"larger than said": {result(`{"file_id":"f","file_size":9,"file_path":"photos/a b.jpg"}`), flow, 0, fault.Permanent},
		"over 20 MB":       {refuse(400, "Bad Request: file is too big"), serve, fault.Permanent, 0},
		"gone":             {result(`{"file_path":"photos/a b.jpg"}`), page(404), fault.Permanent, 0},
		"out of order":     {result(`{"file_path":"photos/a b.jpg"}`), page(502), fault.Retryable, 0},
		"no path":          {result(`{}`), serve, fault.Retryable, 0},
		"sly path":         {result(`{"file_path":"../../etc"}`), serve, fault.Permanent, 0},
		"cut off": {result(`{"file_path":"photos/a b.jpg"}`), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, 0, fault.Retryable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.on("getFile", tc.info)
			s.on("file photos/a b.jpg", tc.file)
			body, err := s.adapter().Fetch(t.Context(), "1:uf", 1000)
			noToken(t, err)
			if fault.ClassOf(err) != tc.open {
				t.Fatalf("class %s: %v", fault.ClassOf(err), err)
			}
			if err != nil {
				return
			}
			data, err := io.ReadAll(body)
			noToken(t, err)
			if fault.ClassOf(err) != tc.whole || (err == nil && string(data) != content) || len(data) > 1000 {
				t.Errorf("%d bytes, class %s: %v", len(data), fault.ClassOf(err), err)
			}
			if err := body.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := newServer(t).adapter().Fetch(t.Context(), "nonsense", 10); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("foreign file: %v", err)
	}
}

func TestSetCommands(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.on("setMyCommands", result("true"))
	err := s.adapter().SetCommands(t.Context(), []adapters.MenuCommand{
		{Name: "help", Help: map[string]string{"en": "Show help", "de": "Hilfe zeigen"}},
		{Name: "no-menu", Help: map[string]string{"en": "Telegram cannot show this name"}},
		{Name: "long", Help: map[string]string{"en": strings.Repeat("x", 300)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var languages []string
	for _, c := range s.of("setMyCommands") {
		languages = append(languages, c.form["language_code"])
		if strings.Contains(c.form["commands"], "no-menu") || len(c.form["commands"]) > 400 {
			t.Errorf("commands %s", c.form["commands"])
		}
	}
	if !slices.Equal(languages, []string{"", "de", "en"}) {
		t.Errorf("languages %q", languages)
	}
	if c := s.of("setMyCommands")[1]; !strings.Contains(c.form["commands"], "Hilfe zeigen") {
		t.Errorf("german %s", c.form["commands"])
	}
}

func TestConfigProblems(t *testing.T) {
	t.Parallel()
	c := &telegram.Config{Token: secret.New("with space"), APIURL: "ftp://x", Mode: "push", WebhookSecret: secret.New("ä")}
	c.Limits.Group = adapters.Rate{Count: 1}
	var keys []string
	for _, p := range c.Validate() {
		keys = append(keys, p.Key)
		if strings.Contains(p.Text, "with space") || strings.Contains(p.Text, "ä") {
			t.Errorf("a secret in %q", p.Text)
		}
	}
	if !slices.Equal(keys, []string{"token", "mode", "api_url", "webhook_secret", "limits.group"}) {
		t.Errorf("problems with %q", keys)
	}
	if problems := telegram.Factory().Defaults().Validate(); len(problems) != 1 || problems[0].Key != "token" {
		t.Errorf("problems of the defaults: %v", problems)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	c, _ := telegram.Factory().Defaults().(*telegram.Config)
	c.Token, c.Mode = secret.New(token), telegram.ModeWebhook
	if _, err := telegram.Factory().New(adapters.Settings{Account: "tg", Config: c}); err == nil || !strings.Contains(err.Error(), "public address") {
		t.Errorf("webhook without an address: %v", err)
	}
	if _, err := telegram.Factory().New(adapters.Settings{Account: "tg"}); fault.ClassOf(err) != fault.Bug {
		t.Errorf("no configuration: %v", err)
	}
}
