//go:build !nowhatsmeow

// Package web is WhatsApp in memory as linked devices see it, for tests and for the
// playground. It speaks the multi-device protocol to real clients (whatsmeow, Baileys) and is
// strict about what they send; phones, their words and the server's failures come through a Go API.
//
// # Serving
//
//	srv := web.New(web.Options{})
//	defer srv.Close()
//	srv.AddNumber(web.Number{Phone: "4915551000", Name: "Parley"}) // whose phone links the bot
//	srv.AddPerson(web.Person{Phone: "16505551234", Name: "Ann"})
//	listener := httptest.NewServer(srv)
//	whatsmeow.WACertPubKey = web.RootKey() // once in the process, before anything connects
//	err := srv.Scan(ctx, "4915551000", code) // the code that the client shows
//	srv.Say("4915551000", "16505551234", "hello")
//
// A Server is an http.Handler for the websocket at /ws/chat and for files under /mms/ and /v/.
// Clients dial wss://web.whatsapp.com/ws/chat and https on Options.MediaHost: their transport
// has to send both here, over plain HTTP. Where a method takes a number, "" will do as long as
// there is only one. What a server knows lives as long as it does: a device may come and go,
// and be another process when it comes back.
//
// # Speaking
//
// Speak (with the short form Say) says texts, files, places, cards, edits, deletions and
// reactions in chats and groups; Read and Type are what phones tell besides. A message is
// encrypted once, for the devices that are linked then, and comes until it is acked.
//
// # Watching
//
// Shown is what a chat shows on the phone of the other side, decrypted, and each id once;
// Calls is the transcript of what clients sent, with what was wrong in Problem; Events and
// Subscribe tell what happened, in order; Wait sleeps until something of it is as wanted. All
// of it is bounded (Options); the oldest is forgotten first.
//
// # Failing
//
// Inject adds a Fault to the script. Disconnect, Silence, StreamError, Replace, Logout, Ban and
// Outdated are the ends of connections without a script.
//
// # What it follows
//
// Noise XX with certificates under RootKey, pairing by QR code with both signatures, Signal
// sessions with phones (addressed by hidden id), sender keys in groups, retry receipts in both
// directions, the offline queue. Stanzas that break the protocol are refused with error 479 and
// queries that the server does not know with 501; both are in Calls. What a real server does
// beyond that is unknown, so the codes of refusals by the server itself are the public ones only
// as far as clients know them. Pairing by a code in digits, history, app state, newsletters,
// calls, status, polls and disappearing messages are not simulated.
package web
