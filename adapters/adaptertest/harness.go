package adaptertest

import (
	"net/http"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
)

// Harness is what the suite needs to know of an adapter.
type Harness struct {
	// New starts a fresh platform with one account on it and makes the account's
	// adapter, which logs to log. Both end with t.
	New func(t *testing.T, log zerolog.Logger) (adapters.Adapter, Platform)
	// Webhook is true when messages come in by webhook; the platform is a
	// WebhookPlatform then.
	Webhook bool
	// OneNode is true when the platform lets the account be served from one node at a time;
	// otherwise the platform is a Twin.
	OneNode bool
	// Untold is true when the platform does not tell how long a rate limit lasts.
	Untold bool
	// Secrets may be read in no error and no log. At least one.
	Secrets []string
}

// Platform is a platform as the suite plays on it. All chats are private and each
// has one person in it.
type Platform interface {
	// Chat gives the index-th chat, from 0, as the adapter names it.
	Chat(index int) core.Conversation
	// Say lets the chat's person write a text.
	Say(chat core.ChatID, text string)
	// SayTwice is Say, but the platform delivers that message two times.
	SayTwice(chat core.ChatID, text string)
	// Shown gives the texts of the bot's messages that stand in the chat, oldest
	// first, as a person reads them.
	Shown(chat core.ChatID) []string
	// Delete takes away a message of the bot.
	Delete(chat core.ChatID, message core.MessageID)
	// Fail makes the next call that sends a message fail, and only that one.
	Fail(f Failure)
}

// WebhookPlatform is a platform that calls the adapter.
type WebhookPlatform interface {
	Platform
	// Serve is told the handler to call; nothing is delivered before. What it does
	// not answer with a 2xx the platform delivers again, in order.
	Serve(h http.Handler)
	// Body is the body of a call that brings a text into the chat.
	Body(chat core.ChatID, text string) []byte
	// Request makes a call with this body, signed as the platform does.
	Request(body []byte) *http.Request
	// Forge makes a call with this body as somebody would who does not know the secret.
	Forge(body []byte) *http.Request
}

// Failure is how a call goes wrong.
type Failure struct {
	How How
	// Wait is what a RateLimit tells, in whole seconds.
	Wait time.Duration
}

// How a call goes wrong.
type How uint8

const (
	// RateLimit means that the platform refuses and tells how long to wait.
	RateLimit How = iota + 1
	// LoseAnswer means that the platform takes the message, and its answer never comes.
	LoseAnswer
	// Hang means that the platform takes the request and does not answer until the caller
	// gives up.
	Hang
	// Outage means that the platform says that it is out of order and takes nothing.
	Outage
	// Revoked means that the platform does not know the account's token.
	Revoked
	// Refuse means that the platform will never take this message.
	Refuse
)

// patience is how long the suite waits for something that must happen.
const patience = 20 * time.Second

// tooLong is more than any platform sends in one call of a webhook.
const tooLong = 32 << 20
