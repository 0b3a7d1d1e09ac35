// Package chat is the skill that talks: it gives a model the conversation so far
// and what was just said, shows the answer while it grows, and remembers both.
//
// The prompt is the operator's words and the pinned facts, then as many whole
// turns of the history as the token budget allows, newest first to stay, then the
// new message. What a message holds besides words is described in words, and pictures
// are shown to models that see. Failures of the model are handed on as they came: the
// class they carry decides whether the turn runs again.
//
// On the way to an answer the model may call what Turn.Tools has, within ToolOptions. What
// it calls and what comes of it is kept of the person before anything follows, so that a
// run after a crash goes on there; a call whose result was kept is not made again. A
// dangerous call waits for the person's yes.
//
// Other skills talk like this in their own name, with instructions of their own
// (Options.Skill).
package chat
