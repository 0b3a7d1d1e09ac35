// Package slack is one Slack workspace with one app in it, as a server in memory, for
// tests and for the playground. It speaks the Web API, the Events API, Socket Mode,
// slash commands and interactive payloads, and is strict about what it gets; people,
// their words and the server's failures come through a Go API, or through the same API
// as JSON over HTTP.
//
// # Serving
//
//	srv := slack.New(slack.Options{})
//	defer srv.Close()
//	web := httptest.NewServer(srv) // the app's API is web.URL + "/api/"
//	srv.AddUser("U0ANN", "ann")
//	dm, _ := srv.OpenDM("U0ANN")
//	srv.SetRequestURL(hook.URL)    // or the app connects by Socket Mode
//	srv.Say(dm, "U0ANN", "hello")  // becomes an event
//	srv.Wait(ctx, func() bool { return len(srv.Shown(dm)) == 2 })
//
// A Server is an http.Handler for /api/<method>, /upload/, /files/, /response/, /socket and, with
// Options.Control, /control/.
//
// # Delivering
//
// What happens is told to the app by a websocket when one is open, else by a signed call
// of the request URL; with neither it waits. What is not acknowledged is sent again, by
// the schedule of the public platform unless Options.RetryDelays says otherwise, and then
// dropped and counted. Inside a channel deliveries follow each other, so that tests can
// speak of order; Options.Unordered sends each by itself, as the public platform does.
//
// # Scopes
//
// The app has the scopes of the manifest in docs/slack.md, unless App says otherwise. An
// event comes and a call is made only with its scope, and the answer to every call says
// which the token has. Subscriptions are not simulated: the app has all of them.
//
// # Watching
//
// Shown is what a channel shows now, Calls the transcript of Web API calls, Events and
// Subscribe tell what channels showed, in order. Wait sleeps until something of it is as
// wanted. All of it is bounded (Options); the oldest is forgotten first.
//
// # Failing
//
// Inject adds a Fault to the script: 429, 5xx before or after the call was executed, any
// error code, a connection cut before or after, a delay, a delivery made twice, out of
// order, or whose ack is lost. Disconnect and Storm end websockets.
//
// # The control API
//
// POST takes a JSON object and gives a JSON result, or 400 with {"error": …}.
//
//	POST   /control/users                {id, name}
//	POST   /control/channels             {id, name, kind, members: [id]}; no kind is public
//	POST   /control/dm                   {user} -> {channel}
//	POST   /control/speak                Utterance -> Posted
//	POST   /control/edit                 {channel, ts, text}
//	POST   /control/delete               {channel, ts}
//	POST   /control/react                {channel, ts, user, name, removed}
//	POST   /control/press                {channel, ts, user, action_id}
//	POST   /control/join                 {channel, user}
//	POST   /control/leave                {channel, user}
//	POST   /control/invite               {channel, ts}
//	POST   /control/slash                {channel, user, command, text}
//	POST   /control/request_url          {url}
//	POST   /control/faults               Fault -> {id}
//	GET    /control/faults/{id}          -> {id, hits}
//	DELETE /control/faults/{id}
//	POST   /control/faults/{id}/release
//	POST   /control/disconnect           {reason}
//	POST   /control/storm                {count}
//	GET    /control/shown                ?channel= -> [Posted]
//	GET    /control/file                 ?user=&file= -> {file, bytes}, as that person sees it
//	GET    /control/calls                -> [Call]
//	GET    /control/stats                -> Stats
//	GET    /control/events               ?after=SEQ&timeout=SECONDS -> [Event], waiting for the first
//
// # What it follows
//
// https://docs.slack.dev/reference/methods, https://docs.slack.dev/apis/events-api and
// https://docs.slack.dev/apis/events-api/using-socket-mode. Enterprise organizations,
// user tokens and modals are not simulated; methods that exist but do nothing here answer
// ok.
package slack
