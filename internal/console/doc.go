// Package console is the hub's web page: the playground and the overview.
//
// The playground lets one person play several: they write as each of them, in
// private chats and in a group, and see what the bot makes of it while it does.
// Below the chats stands the path of each message, step by step with its timings.
// The overview shows a hub with real accounts: their health, the webhook
// addresses to paste, the queues and the model workers.
//
// Pages are rendered here and need nothing from elsewhere: no build step, no
// foreign asset, no inline script. Reading and sending work without JavaScript;
// with it the page is live over server-sent events (GET /events), whose payload
// are the same fragments the page is made of.
//
//	GET  /             the playground, or the overview when there is none
//	GET  /overview     the overview
//	GET  /events       server-sent events
//	GET  /static/...   style sheet and script
//	POST /say          chat, as, text: somebody writes
//	POST /press        chat, bubble, data (query), as (form): somebody presses a button
//
// Everything shown is escaped by html/template. Forms are bounded in size. That a
// request comes from the page itself is checked by whoever mounts the handler.
//
// What is shown is read through the interfaces in this package, which speak in
// plain types; internal/app fills them.
package console
