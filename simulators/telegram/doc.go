// Package telegram is a Telegram Bot API server in memory, for tests and for the playground. It
// speaks the public protocol to bots and is strict about what they send; people, their words and
// the server's failures come through a Go API, or through the same API as JSON over HTTP.
//
// # Serving
//
//	srv := telegram.New(telegram.Options{})
//	defer srv.Close()
//	srv.AddBot("100:secret", 100, "parley_bot", "Parley")
//	srv.AddUser(telegram.User{ID: 7, FirstName: "Ann"})
//	web := httptest.NewServer(srv) // the bot's API base is web.URL
//	srv.Say(7, "/start")           // becomes an update
//	srv.Wait(ctx, func() bool { return len(srv.Shown(0, 7)) == 2 })
//
// A Server is an http.Handler for /bot<token>/<method>, /file/bot<token>/<path> and, with
// Options.Control, /control/. Everything is named by id. Private chats belong to a bot: where a
// method takes a bot and a chat, bot zero will do as long as it is clear which bot is meant, and
// groups ignore it. Message ids count from one in every chat, so an id alone never names a message.
//
// # Speaking
//
// AddUser, AddGroup, AddSupergroup, AddTopic and OpenPrivate set the scene. Speak (with the short
// forms Say and SayIn) says text, files, places and contacts; SpeakAlbum, EditSaid, DeleteShown,
// React and Press do the rest a user can; Block, Deactivate, Join, Leave, SetMember and Upgrade
// change who can talk to whom; RawUpdate queues what none of them can say.
//
// # Watching
//
// Shown is what a chat shows now, Drafts the drafts in it, Commands the registered menus, Answer
// the answer to a button press. Calls is the transcript of Bot API calls, Events and Subscribe tell
// what chats showed, in order. Wait sleeps until something of it is as wanted. All of it is
// bounded (Options); the oldest is forgotten first.
//
// # Failing
//
// Inject adds a Fault to the script: 429, 502, any error, a connection cut before or after the call
// was executed, a delay, an update delivered twice. Redeliver repeats confirmed updates.
// Options.Limits switch on flood control.
//
// # The control API
//
// POST takes a JSON object with the arguments of the Go method and gives its result, or 400 with
// {"error": …}. Files are base64; a fault's delay is in nanoseconds.
//
//	POST   /control/bots         {token, id, username, name}
//	POST   /control/users        {id, first_name, last_name, username, language_code}
//	POST   /control/groups       {id, title, supergroup, forum, members: [id]}
//	POST   /control/topics       {chat, name} -> {thread}
//	POST   /control/private      {bot, user}
//	POST   /control/block        {bot, user, on}
//	POST   /control/deactivate   {user}
//	POST   /control/privacy      {bot, on}
//	POST   /control/members      {chat, by, user, status}
//	POST   /control/upgrade      {chat, to}
//	POST   /control/speak        Utterance -> Message
//	POST   /control/album        Utterance with files: [Media] -> [Message]
//	POST   /control/edit         {bot, chat, message, text, entities} -> Message
//	POST   /control/delete       {bot, chat, message}
//	POST   /control/react        {bot, chat, message, from, emojis}
//	POST   /control/press        {bot, chat, message, from, data} -> {callback_query_id}
//	POST   /control/raw          {bot, kind, payload}
//	POST   /control/redeliver    {bot, count} -> {count}
//	POST   /control/faults       Fault -> {id}
//	GET    /control/faults/{id}  -> {id, hits}
//	DELETE /control/faults/{id}
//	POST   /control/faults/{id}/release
//	GET    /control/chats        -> [OpenChat]
//	GET    /control/shown        ?bot=&chat= -> [Posted]
//	GET    /control/drafts       ?bot=&chat= -> [Draft]
//	GET    /control/calls        -> [Call]
//	GET    /control/events       ?after=SEQ&timeout=SECONDS -> [Event], waiting for the first
//	GET    /control/commands     ?bot=&scope=&language= -> [Command]
//	GET    /control/queue        ?bot= -> {pending, polling}
//	GET    /control/answer       ?bot=&id= -> {answered, answer}
//	GET    /control/file         ?id= -> the bytes behind a file_id
//
// # What it follows
//
// Wording and order of checks follow the official server (tdlib/telegram-bot-api) and the public
// reference at https://core.telegram.org/bots/api. Inline mode, payments, business accounts,
// channels, replies across chats and the legacy Markdown mode are not simulated; methods that exist
// but do nothing here answer true. It fetches nothing: media given by address is refused.
package telegram
