// Package slack is the adapter for one Slack app in one workspace: one bot token is
// one account.
//
// Coming in, Slack either calls the hub (Events API, slash commands and interactive
// payloads over HTTP, all signed) or the hub opens a websocket (Socket Mode). Either
// way an event is acknowledged only after Inbox.Accept returned nil. Slack repeats
// what is not acknowledged three times (at once, after a minute, after five) and
// promises no order between events.
//
// In a channel the answer to a question stands in the question's thread. So a question
// belongs to the thread it opens, and what follows there is the same conversation.
//
// Going out, a reply is planned as a list of messages (plan, in outbound.go), a pure
// function of the reply. chat.postMessage has no idempotency key, so each message
// carries the reply's id and the piece's number as message metadata: Reconcile looks
// for it in the history when an outcome is unknown.
//
// In a thread a draft is one of Slack's streams (stream.go), elsewhere a message that is
// edited. A file goes up before the message that shows it (upload.go). Where the bot may
// not post, a command or a button is answered by the address that came with it
// (response.go). Where that is, who asked and in which threads the bot has its say is in
// Settings.Memory: the answer may leave from another node than the question came to.
//
// Payloads are decoded here and not by slack-go: its types refuse a whole event for
// one block they cannot read. The library signs, connects, and makes the calls.
//
// Facts of the protocol: https://docs.slack.dev/apis/events-api,
// https://docs.slack.dev/apis/events-api/using-socket-mode and
// https://docs.slack.dev/reference/methods.
package slack
