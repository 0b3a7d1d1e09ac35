package slack_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/slack"
	"github.com/parley-hub/parley/core/secret"
)

// Without a signing secret nobody is Slack, also not who signs with nothing.
func TestWebhookWithoutSecretIsShut(t *testing.T) {
	config := slack.Factory().Defaults().(*slack.Config)
	config.Mode, config.BotToken, config.AppToken = slack.ModeSocket, secret.New(botToken), secret.New(appToken)
	a, err := slack.Factory().New(adapters.Settings{Account: "sl", Config: config, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	body, at := `{"type":"event_callback"}`, fmt.Sprint(time.Now().Unix())
	sign := hmac.New(sha256.New, nil)
	fmt.Fprintf(sign, "v0:%s:%s", at, body)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("X-Slack-Request-Timestamp", at)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(sign.Sum(nil)))
	w := httptest.NewRecorder()
	a.(adapters.Webhooker).Webhook(nil).ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("status %d", w.Code)
	}
}
