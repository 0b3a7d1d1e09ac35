// Package console is the hub's web page: the playground and the overview.
//
// The playground is a set of phones, one for each platform, on which one person plays
// several: they write as each of them, in private and in groups, send pictures and voice
// notes, press buttons, and see what the bot makes of it in the platform's own look. They
// make platforms fail and restart the hub, and see that nothing is lost. Below the phones
// stands the path of each message, step by step with its timings. The overview shows a
// hub with real accounts: their health, the webhook addresses to paste, the queues and
// the model workers.
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
//	GET  /files/<phone>/<id>  a file of a phone
//	POST /say          phone, place, as, text, reply, file or sample: somebody writes
//	POST /press        bubble, data: somebody presses a button
//	POST /react        bubble, emoji: somebody reacts
//	POST /fail         fault: the phone's platform fails
//	POST /pair         phone: somebody has the hub linked to an account by a code
//	POST /scan         phone: its phone scans the code
//	POST /trouble      fault: the hub itself is troubled
//
// Everything shown is escaped by html/template. Forms and files are bounded in size; the
// type of a file is found by its bytes, and only pictures and sounds are shown. That a
// request comes from the page itself is checked by whoever mounts the handler.
//
// What is shown is read through the interfaces in this package, which speak in
// plain types; internal/app fills them.
package console
