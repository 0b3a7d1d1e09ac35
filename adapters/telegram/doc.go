// Package telegram is the adapter for the Telegram Bot API: one bot token is one
// account.
//
// Coming in, updates are polled (getUpdates) or pushed (setWebhook). Either way an
// update is confirmed only after Inbox.Accept returned nil: the offset moves past
// it, or the webhook gets its 200. Telegram keeps what is not confirmed for 24
// hours and sends it again in order.
//
// Going out, a reply is planned as a list of messages (plan, in outbound.go). The
// plan is a pure function of the reply, so sending goes on behind Reply.Sent after
// a restart. The Bot API has no idempotency key: a call whose answer was lost is
// reported as unsure and nothing in here repeats it.
//
// Files of the hub are uploaded with their message, as a stream (upload.go). What is
// known to be too large is refused before; a picture that is no photo for the server
// goes as a document.
//
// Calls go through the transport of telegram-bot-api (MakeRequest). Its update
// loops, uploads, error texts and types are not used: they know no contexts, print
// the token, and stop at Bot API 5.5.
//
// Facts of the protocol: https://core.telegram.org/bots/api and the source of
// the official server, https://github.com/tdlib/telegram-bot-api.
package telegram
