// Package whatsapp is WhatsApp's Cloud API in memory, for tests and for the playground.
// It speaks the public protocol to businesses and is strict about what they send;
// people, their words and the server's failures come through a Go API.
//
// # Serving
//
//	srv := whatsapp.New(whatsapp.Options{})
//	defer srv.Close()
//	srv.AddNumber(whatsapp.Number{ID: "106", Display: "15550783881", Token: "t", AppSecret: "s"})
//	srv.AddPerson(whatsapp.Person{ID: "16505551234", Name: "Ann"})
//	web := httptest.NewServer(srv) // the API's base is web.URL
//	err := srv.SetWebhook(ctx, "106", hubURL, "verify token")
//	srv.Say("106", "16505551234", "hello") // becomes a webhook call
//
// A Server is an http.Handler for /v<version>/<phone number id>, its /messages and
// /media, /v<version>/<media id>, and the downloads that media addresses lead to. Where
// a method takes a number, "" will do as long as there is only one.
//
// # Speaking
//
// Speak (with the short form Say) says text, files, places, cards and reactions; Press
// chooses a button or a row; Read reads everything; Raw queues a change that none of
// them can make. What a person does opens the 24-hour window; OpenWindow opens it without a word.
//
// # Watching
//
// Shown is what a chat shows, Calls the transcript of API calls; Events and Subscribe
// tell what happened, in order; Wait sleeps until something of it is as wanted. All of
// it is bounded (Options); the oldest is forgotten first.
//
// # Failing
//
// Inject adds a Fault to the script: rate limits, any error, a broken gateway, a
// connection cut before or after the message was stored, a delay, a message that fails
// later, statuses out of order, a notification told twice, a file that is not what was
// announced, an address of a file that leads elsewhere.
//
// # What it follows
//
// https://developers.facebook.com/docs/whatsapp/cloud-api: messages, media, webhooks,
// error codes. Webhook calls are signed over their raw bytes, in which everything beyond
// ASCII and every slash is escaped, as the public server does; they come again with
// growing pauses until they are answered 200; a person's messages come in order,
// statuses in any. Groups, flows, catalogues, calls and media by link are not simulated.
package whatsapp
