// Package whatsapp is the adapter for WhatsApp. One account is one business phone
// number, reached through the official Cloud API (mode "cloud").
//
// Coming in, Meta calls the webhook with batches of changes. A call is believed only
// when its signature fits its raw bytes, and answered 200 only when every envelope of
// it is stored; a batch that is half stored comes again and its duplicates are
// recognised by id.
//
// Going out, a reply is planned as a list of messages (plan, in outbound.go), a pure
// function of the reply, so sending goes on behind Reply.Sent after a restart. Each
// message carries the reply's id and its place as biz_opaque_callback_data. The API
// tells it back with each status of the message: a send whose answer was lost is
// looked up there (Reconcile) before it is repeated. What is known of statuses lives
// in memory, so a status that may still be needed is not acknowledged to Meta yet and
// comes again after a restart.
//
// A file of the hub is uploaded first and named by its id in the message; an upload
// leaves nothing in the chat, so one that failed is simply repeated.
//
// There are no edits, no deletes and no groups in what this mode offers, so answers
// are sent when they are finished; meanwhile the person sees "typing".
//
// Facts of the protocol: https://developers.facebook.com/docs/whatsapp/cloud-api.
package whatsapp
