// Package discord is Discord's API in memory, for tests and for the playground: the REST API
// (v9 and v10), the gateway and the delivery of interactions, for one application and its bot. It
// is strict about what the bot sends; people, their words and the server's failures come through a
// Go API.
//
// # Serving
//
//	srv := discord.New(discord.Options{Token: "secret", ApplicationID: "100"})
//	defer srv.Close()
//	ann := srv.AddUser("Ann")
//	dm := srv.OpenDM(ann)
//	web := httptest.NewServer(srv) // the API is at web.URL + "/api/v10"
//	srv.Say(dm, ann, "hello")
//	srv.Wait(ctx, func() bool { return len(srv.Shown(dm)) == 2 })
//
// # Speaking
//
// AddUser, AddGuild, AddChannel, AddThread and OpenDM set the scene. Speak (with the short form
// Say) says text and files; EditSaid, DeleteShown, React, Command and Press do the rest a user can.
// Commands and presses go to the endpoint of SetEndpoint, signed, or without one to the gateway.
//
// # Watching
//
// Shown is what a channel shows now, Commands the registered menu. Calls is the transcript of REST
// calls, Subscribe tells what channels showed, in order. Wait sleeps until something of it is as
// wanted. All of it is bounded (Options); the oldest is forgotten first.
//
// # Failing
//
// Inject adds a Fault to the script: each kind of 429, 5xx before and after the message was
// stored, any refusal, a connection cut before or after the call was executed, a delay, an event
// delivered twice, a socket without HELLO. Reconnect, Invalidate, CloseSockets, DropSockets and
// Mute do to gateway connections what their names say.
//
// # What it follows
//
// https://docs.discord.com/developers, in its state of 2026. Voice, compression,
// presences, embeds and webhooks other than those of interactions are not simulated. An interaction
// that its endpoint does not take is lost on the real service; here Options.RepeatInteractions can
// have it delivered again.
package discord
