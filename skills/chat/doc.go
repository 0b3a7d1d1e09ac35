// Package chat is the skill that talks: it gives a model the conversation so far
// and what was just said, shows the answer while it grows, and remembers both.
//
// The prompt is the operator's words and the pinned facts, then as many whole
// turns of the history as the token budget allows, newest first to stay, then the
// new message. What a message holds besides words is described in words. Failures
// of the model are handed on as they came: the class they carry decides whether
// the turn runs again.
package chat
