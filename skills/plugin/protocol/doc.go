// Package protocol is what the hub and a skill that is a program of its own say to each
// other: the messages of skill.proto, and how the nouns of the hub are written in them.
//
// Envelopes and replies travel in core's own JSON, manifests, requests to models and their
// answers as the JSON of their types; golden files hold it still. What is between them, who
// says what when, is in docs/plugin-protocol.md.
package protocol

//go:generate go -C generate run . .. skill.proto

import "github.com/hashicorp/go-plugin"

// Version is the version of the protocol that this build speaks. A change that an older
// program or hub does not understand raises it.
const Version = 1

// Service names the skill among what a program serves.
const Service = "skill"

// Handshake tells a program that it was started by a hub.
var Handshake = plugin.HandshakeConfig{MagicCookieKey: "PARLEY_SKILL", MagicCookieValue: "b7c6a1f0-6d0e-4d3c-9a55-skill"}

// The bounds of one message, in bytes.
const (
	// MaxToSkill bounds what the hub sends: a turn with its history.
	MaxToSkill = 16 << 20
	// MaxToHub bounds what a program sends: a request to a model with its pictures.
	MaxToHub = 8 << 20
	// Piece is how much of a stream of bytes is sent at once.
	Piece = 256 << 10
	// MaxHistory bounds the words of the history that a program is shown; the oldest
	// turns are left out.
	MaxHistory = 1 << 20
)
