// Package whatsapp is the adapter for WhatsApp. One account is one number, reached in
// one of two modes: the official Cloud API of a business number (mode "cloud"), or a
// device linked to an ordinary account (mode "web"), which WhatsApp does not offer.
//
// # What stands where
//
// A reply is planned as a list of messages (plan, in outbound.go; markup.go and
// buttons.go), a pure function of the reply, so that sending goes on behind Reply.Sent
// after a restart. The plan is of neither mode; a dialect tells it what differs.
//
//   - Mode cloud: files that begin with cloud_, inbound.go and payload.go for what its
//     webhook brings, outcomes.go for the statuses of what was sent. Cloud is its adapter.
//   - Mode web: files that begin with web_. Web is its adapter. The protocol is in package
//     web below, which knows no envelopes and no replies. device_web.go is the one file
//     that links it; with the build tag nowhatsmeow it is left out, and mode web is a
//     problem of the configuration.
//
// A person is known by their phone number in both modes, and so is one person.
//
// # The Cloud API
//
// Coming in, Meta calls the webhook with batches of changes. A call is believed only
// when its signature fits its raw bytes, and answered 200 only when every envelope of
// it is stored; a batch that is half stored comes again and its duplicates are
// recognised by id.
//
// Going out, each message carries the reply's id and its place as
// biz_opaque_callback_data. The API tells it back with each status of the message: a send
// whose answer was lost is looked up there (Reconcile) before it is repeated. A status
// comes to any node; what may be needed of it is in Settings.Memory before Meta is told
// that it was taken.
//
// A file of the hub is uploaded first and named by its id in the message; an upload
// leaves nothing in the chat, so one that failed is simply repeated.
//
// There are no edits, no deletes and no groups in what this mode offers, so answers
// are sent when they are finished; meanwhile the person sees "typing".
//
// Facts of the protocol: https://developers.facebook.com/docs/whatsapp/cloud-api.
//
// # A linked device
//
// Coming in, a message is acknowledged when its envelope is stored. When the inbox
// refuses one, Run ends with that fault; after the next login the message and all behind
// it come again.
//
// Going out, a message's id is derived from the reply and its place. Sent again it is the
// same message to those who get it, which is why Reconcile says "not found" so readily.
// Somebody whose phone could not read a message asks for it again: it comes from memory,
// or is made anew from the recorded reply (Settings.Sent).
//
// A growing answer is shown by a few edits. Phones take no edits after fifteen minutes,
// so a draft of unknown age is taken back and its final is a message of its own. Choices
// are numbered lines: an answer with a number or a label is a press, to the message that
// offers them or, in a chat of two, right behind it. What the next node has to know of
// drafts and choices is in Settings.Memory.
package whatsapp
