// Package arch holds the picture of the house: which package may import which
// others of this module. Its test walks the real imports and fails where they
// leave the picture. Floors alone would not do: siblings are strangers too.
package arch

import "slices"

// Module is this module's path.
const Module = "github.com/parley-hub/parley"

// A Room is a package pattern ("adapters/*" is every package one below, "x/..."
// the package and all below) and the patterns that it may import.
type Room struct {
	Pattern string
	May     []string
	Why     string
}

// House lists the rooms from the ground up. The first pattern that matches a
// package holds for it; a package that matches none is an error.
func House() []Room { return slices.Concat(foundation(), upstairs()) }

// on is a room's floor: the ground, and more.
func on(more ...string) []string {
	return append([]string{"core", "core/fault", "core/secret"}, more...)
}

// foundation are the ground and the contracts and engines on it.
func foundation() []Room {
	return []Room{
		{"core", nil, "the nouns know nobody"},
		{"core/*", nil, "failure, secrecy and the tests' log know nobody"},

		{"queue", on(), "the contract speaks of core's keys only"},
		{"queue/*", on("queue", "queue/*", "internal/redisconn", "internal/datadir"), "an engine knows its contract"},
		{"cluster", on(), "what several nodes share knows nobody who shares it"},
		{"cluster/*", on("cluster", "cluster/*", "internal/redisconn"), "an engine knows its contract"},
		{"session", on(), "queue, session, models and records are strangers to each other"},
		{"session/*", on("session"), "a test kit knows the contract"},
		{"models", on(), "queue, session, models and records are strangers to each other"},
		{"models/*", on("models", "models/*"), "a worker's protocol knows the models contract"},
		{"internal/postgres", on(), "how a server is reached knows nothing of what is stored there"},
		{"records", on("internal/postgres"), "queue, session, models and records are strangers to each other"},
		{"records/*", on("records"), "the suite knows the contract"},

		{"storage", on(), "what skills keep knows neither skills nor who reads it"},
		{"storage/*", on("storage", "storage/*", "internal/redisconn"), "an engine knows its contract"},

		{"blobs", on(), "bytes know nobody who reads them"},
		{"blobs/*", on("blobs", "blobs/*"), "an engine knows its contract"},
	}
}

// upstairs are platforms, skills, the brain, and the shell around all.
func upstairs() []Room {
	return []Room{
		{"adapters", on("queue", "blobs"), "adapters and router meet in two mailboxes and nowhere else"},
		{"adapters/document", on(), "text is text, whatever platform shows it"},
		{"adapters/transport", on("blobs"), "HTTP is HTTP, whoever is called"},
		{"adapters/recent", nil, "a map is a map"},
		{"adapters/adaptertest", on("core/logtest", "adapters", "queue", "blobs"), "the suite knows the contract"},
		{"adapters/whatsapp", on("adapters", "adapters/document", "adapters/recent", "adapters/transport", "blobs", "adapters/whatsapp/web"), "the adapter of both modes, and the linked device under it"},
		{"adapters/whatsapp/web", on("adapters/transport", "internal/postgres"), "a linked device in plain terms knows no contract"},
		{"adapters/*", on("adapters", "adapters/document", "adapters/recent", "adapters/transport", "blobs"), "a platform knows the contract, never another platform"},

		{"skills", on("session", "models"), "skills see sessions and models, not how they are stored or where they run"},
		{"skills/skilltest", on("skills", "session", "models"), "the suite knows the contract"},
		{"skills/plugin/protocol", on("skills", "session", "models"), "what hub and programs say to each other knows neither's life"},
		{"skills/folder", nil, "looks at a folder know no kind of skill"},
		{"skills/program", nil, "a process that ends whole knows nobody who starts it"},
		{"skills/plugin", on("skills", "session", "models", "skills/plugin/protocol", "skills/folder", "skills/program"), "who runs programs knows the contract and the protocol"},
		{"skills/plugin/plugintest", on("skills", "skills/plugin"), "a test kit starts programs as the hub does"},
		{"skills/sdk", on("skills", "session", "models", "skills/plugin/protocol"), "what a program links is the contract and the protocol, no part of the hub"},
		{"skills/mcp", on("skills", "session", "models", "skills/program"), "a skill whose tools a server has"},
		{"skills/prompts", on("skills", "session", "models", "skills/folder"), "a skill of instructions"},
		{"skills/examples/*", on("skills", "skills/sdk", "session", "models"), "an example imports what any author would"},
		{"skills/*", on("skills", "session", "models"), "a skill answers; it neither routes nor sends"},

		{"router", on("queue", "session", "skills"), "the brain knows no platform"},

		{"configs", on("queue", "session", "models", "records", "adapters", "skills", "router"), "configuration knows the contracts' types"},
		{"internal/httpserver", on(), "the server mounts handlers and knows no room"},
		{"internal/world", on("storage", "session", "models", "skills"), "what a skill reaches is held against its manifest, whoever runs the skill"},
		{"internal/tools", on("skills"), "who runs a skill for a model knows what skills are, not which"},
		{"internal/openaiapi", on("models"), "other programs reach the pools, and nothing else of the hub"},
		{"internal/mcpserver", on("skills"), "other programs call skills as models do, and reach nothing else of the hub"},
		{"internal/console", on(), "the pages read through interfaces of their own"},
		{"internal/telemetry", on("queue"), "telemetry sees events and depths, not rooms"},
		{"internal/datadir", on(), "a lock knows nothing of what it locks"},
		{"internal/redisconn", on(), "a connection knows nothing of what is kept in Redis"},
		{"internal/jail", []string{"core/fault"}, "walls know nothing of who is behind them"},
		{"internal/arch", nil, "the picture knows nobody"},

		{"simulators", nil, "what the simulators share knows no protocol and nothing of the hub"},
		{"simulators/nodetest", nil, "clients from npm know no simulator"},
		{"simulators/*", on("simulators", "simulators/nodetest"), "a simulator speaks its platform's protocol and knows nothing of the hub"},
		{"simulators/whatsapp/web", on("simulators", "simulators/nodetest"), "a phone is another server than the Cloud API"},

		{
			"internal/playground", on("configs", "models", "adapters", "adapters/*", "simulators", "simulators/*", "simulators/whatsapp/web", "internal/console"),
			"the world around the hub: it sees platforms and pages, never the rooms between them",
		},
		{"internal/app", []string{"..."}, "assembly knows everything and decides nothing"},
		{"cmd/*", []string{"internal/app", "internal/jail", "configs"}, "flags, signals, exit codes; and the launcher of jailed programs"},
		{"test/...", []string{"..."}, "whole-hub tests may use every part"},
	}
}
