// Package discord is the adapter for Discord: one bot application is one account.
//
// # Coming in
//
// Mode gateway keeps a websocket to Discord's gateway. The connection is dialled
// through discordgo, its loop is this package's own: discordgo advances its
// sequence before anybody stored the event, reconnects by itself on every close
// code and waits without an end for a HELLO that does not come. Here the sequence
// that heartbeats and RESUME tell is the last one that was stored with everything
// before it. When Inbox.Accept fails, Run closes the connection with a code that
// keeps the session and returns the fault; the next Run resumes, and Discord sends
// again what was not stored. When the session itself is lost (op 9, codes 4007 and
// 4009) what was said meanwhile is read over REST, per channel, from the last
// stored message on. Edits, deletes and reactions of such a gap are lost; Discord
// has no way to ask for them.
//
// That is paced, obeys a 429 where it stands, and reaches as far as the 200 channels
// that were written in last. Interactions of a gap are lost too, and what was said in
// channels the bot never saw.
//
// With session_file the session and those places survive the process. Without it a
// restart begins a new session, and what people say between is not seen.
//
// With shards there are several such connections, each for a part of the servers, and the
// first for private chats. Each is a single of its own (adapters.Description), so that
// several nodes share them; where a node holds one for the hub, session and sequence
// are kept with what it holds, and whoever holds it next resumes there.
//
// Mode interactions serves Discord's calls (slash commands and buttons) with an
// http.Handler: Ed25519 signature and age are checked on the raw body before it is
// parsed. An interaction is answered "deferred" after Inbox.Accept returned nil;
// Discord gives three seconds for that and delivers an interaction only once, so a
// person sees a failure when the inbox refuses. The tokens of deferred answers are in
// Settings.Memory for the quarter of an hour that Discord takes them: after a crash, or from
// another node, the answer still takes the place of its "thinking". A token that is not there, or that
// Discord does not know because our "deferred" never reached it, makes the answer an
// ordinary message.
//
// # Going out
//
// A reply is planned as a list of messages (plan, in outbound.go), a pure function
// of the reply. Every message carries a nonce derived from the reply and the place
// in it, with enforce_nonce: sent again within some minutes it is the same message.
// That is why Reconcile says "not found" so readily: to send again is harmless. Only
// answers to interactions carry none; those are looked up in the history by the
// interaction they answer. Files of the hub are posted with their message as a stream
// (upload.go), past discordgo, which holds a body in memory.
//
// Calls go through discordgo's REST transport with a rate limiter of its own for each
// call, so that none waits for another in there: waits belong to adapters.Limiter.
//
// Facts of the protocol: https://docs.discord.com/developers (resources/message,
// events/gateway, interactions, topics/rate-limits).
package discord
