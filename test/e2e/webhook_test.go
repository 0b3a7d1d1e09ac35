package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	telegram "github.com/parley-hub/parley/simulators/telegram"
	"github.com/parley-hub/parley/test/hubtest"
)

// webhooks is a setup in which the platform calls the hub.
func webhooks(more map[string]string) setup {
	config := map[string]string{
		"http": `{listen: "ADDRESS", public_url: "http://ADDRESS"}`,
		"channels": `{telegram: {token: "TOKEN", api_url: "API", mode: webhook, ` + noLimits + `},` +
			` second: {platform: telegram, token: "TOKEN2", api_url: "API", mode: webhook, webhook_secret: chosen-secret, ` + noLimits + `}}`,
	}
	for name, text := range more {
		config[name] = text
	}
	return setup{config: config, sim: telegram.Options{WebhookRetryBase: 50 * time.Millisecond}}
}

func newWebhookWorld(t *testing.T, more map[string]string) *world {
	t.Helper()
	w := newWorld(t, webhooks(more))
	w.sim.AddBot(token2, bot2, "second_bot", "Second")
	w.hub.Start()
	w.hub.WaitReady()
	return w
}

// secret is what the platform was told to say to an account.
func (w *world) secret(bot int64) string {
	w.t.Helper()
	for _, c := range w.sim.Calls() {
		if strings.EqualFold(c.Method, "setWebhook") && c.Bot == bot {
			return c.Params["secret_token"]
		}
	}
	w.t.Fatalf("no webhook was set for bot %d", bot)
	return ""
}

func TestWebhookTwoAccounts(t *testing.T) {
	t.Parallel()
	w := newWebhookWorld(t, nil)
	if a, b := w.secret(bot), w.secret(bot2); len(a) < 32 || b != "chosen-secret" {
		t.Errorf("the secrets have %d letters and are %q", len(a), b)
	}
	w.told(w.ask(ann, "hello", 1), "You said: hello")
	w.speak(telegram.Utterance{Bot: bot2, From: ben, Text: "hello, second"})
	w.until("the second bot's answer", func() bool { return len(w.answersOf(bot2, ben)) == 1 })
	for _, c := range w.sim.Calls() {
		if strings.EqualFold(c.Method, "getUpdates") {
			t.Error("a bot with a webhook polls")
		}
	}
}

// posted is what the platform posts for a text of Ann's.
func posted(id int, text string) string {
	return fmt.Sprintf(`{"update_id":%d,"message":{"message_id":%d,"date":1700000000,"chat":{"id":7,"type":"private"},"from":{"id":7,"first_name":"Ann"},"text":%q}}`, id, id, text)
}

func TestWebhookRefuses(t *testing.T) {
	t.Parallel()
	w := newWebhookWorld(t, nil)
	w.ask(ann, "hello", 1)
	url := "http://" + w.hub.Address + "/webhooks/"
	own, other := w.secret(bot), w.secret(bot2)
	for _, c := range []struct {
		name, method, account, secret, body string
		want                                int
	}{
		{"no secret", http.MethodPost, "telegram", "", posted(901, "forged"), http.StatusUnauthorized},
		{"a wrong secret", http.MethodPost, "telegram", "guess", posted(902, "forged"), http.StatusUnauthorized},
		{"the secret of another account", http.MethodPost, "telegram", other, posted(903, "forged"), http.StatusUnauthorized},
		{"no secret and no JSON", http.MethodPost, "telegram", "", "{", http.StatusUnauthorized},
		{"reading without a secret", http.MethodGet, "telegram", "", "", http.StatusUnauthorized},
		{"reading", http.MethodGet, "telegram", own, "", http.StatusMethodNotAllowed},
		{"broken JSON", http.MethodPost, "telegram", own, `{"update_id":904,`, http.StatusBadRequest},
		{"an unknown account", http.MethodPost, "nobody", own, posted(905, "forged"), http.StatusNotFound},
		{"no account", http.MethodPost, "", own, posted(906, "forged"), http.StatusNotFound},
		{"too much", http.MethodPost, "telegram", own, `"` + strings.Repeat("x", 9<<20) + `"`, http.StatusRequestEntityTooLarge},
	} {
		if status, _ := post(t, c.method, url+c.account, c.secret, strings.NewReader(c.body)); status != c.want {
			t.Errorf("%s: %d, want %d", c.name, status, c.want)
		}
	}
	// A body that does not tell its length.
	if status, _ := post(t, http.MethodPost, url+"telegram", own, io.LimitReader(zeros{}, 100<<20)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("100 MB in chunks: %d", status)
	}
	w.refusesUnread(own)
	// The same update with the right secret, twice, is one question.
	for range 2 {
		if status, _ := post(t, http.MethodPost, url+"telegram", own, strings.NewReader(posted(907, "genuine"))); status != http.StatusOK {
			t.Errorf("a genuine update: %d", status)
		}
	}
	w.told(w.answered(ann, 2), "You said: genuine")
	w.told(w.ask(ann, "the end", 3), "You said: the end")
	if n := len(w.model.prompts()); n != 3 {
		t.Errorf("the model was asked %d times", n)
	}
	if n := w.metric("parley_stage_total", `stage="accepted"`); n != 3 {
		t.Errorf("%v updates were accepted", n)
	}
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// refusesUnread announces a body of 100 MB and sends nothing of it.
func (w *world) refusesUnread(secret string) {
	w.t.Helper()
	conn, err := net.DialTimeout("tcp", w.hub.Address, hubtest.Patience)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(hubtest.Patience)); err != nil {
		w.t.Fatal(err)
	}
	_, err = io.WriteString(conn, "POST /webhooks/telegram HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"+
		"X-Telegram-Bot-Api-Secret-Token: "+secret+"\r\nContent-Length: 104857600\r\n\r\n")
	if err != nil {
		w.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		w.t.Fatalf("nothing was sent, and nobody refused it: %v", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusRequestEntityTooLarge {
		w.t.Errorf("a body of 100 MB: %s", res.Status)
	}
}

func TestWebhookWhileTheHubIsDown(t *testing.T) {
	t.Parallel()
	w := newWebhookWorld(t, nil)
	w.ask(ann, "before", 1)
	if code := w.hub.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	w.say(0, ann, "meanwhile")
	w.eventually("a delivery fails", func() bool { return strings.Contains(w.webhookInfo(), "Connection refused") })
	w.hub.Start()
	w.told(w.answered(ann, 2), "You said: meanwhile")
	w.told(w.ask(ann, "after", 3), "You said: after")
}

// webhookInfo is what the platform tells the bot's owner.
func (w *world) webhookInfo() string {
	res, err := http.Get(w.api + "/bot" + token + "/getWebhookInfo")
	if err != nil {
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	return string(body)
}

// TestQueueFull fills the disk budget of the queue: what does not fit stays with
// the platform, and is answered once there is room.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	w := newWebhookWorld(t, map[string]string{"queue": `{max_bytes: 1MiB}`, "session": `{history_tokens: 100}`})
	secret := w.secret(bot)
	w.model.hold()
	const messages = 300
	text := strings.Repeat("x", 4000)
	for i := range messages {
		w.say(0, ann, fmt.Sprintf("%d %s", i, text))
	}
	w.eventually("a delivery is refused", func() bool { return strings.Contains(w.webhookInfo(), "webhook: 503") }) // a port may have these digits too
	status, head := post(t, http.MethodPost, "http://"+w.hub.Address+"/webhooks/telegram", secret, strings.NewReader(posted(900_000, text)))
	if status != http.StatusServiceUnavailable || head.Get("Retry-After") == "" {
		t.Errorf("an update too many: %d, Retry-After %q", status, head.Get("Retry-After"))
	}
	if n := w.metric("parley_faults_total", `stage="refused"`, `class="retryable"`); n < 2 {
		t.Errorf("%v refusals were counted", n)
	}
	w.model.release()
	w.until("everything is answered", func() bool { return len(w.answers(ann)) >= messages })
	for i, m := range w.answers(ann) {
		if want := fmt.Sprintf("You said: %d ", i); !strings.HasPrefix(m.Text, want) {
			t.Fatalf("answer %d is %.30q", i, m.Text)
		}
	}
}
