package app

import (
	"slices"
	"strings"

	"github.com/parley-hub/parley/internal/jail"
)

// escape is one way out that a hostile skill tries.
type escape struct {
	// name is how the program knows it, by is the skill that tries; the hostile one when empty.
	name, by string
	// tries says it in words.
	tries string
	// layers are those of the jail each of which refuses it; none where the hub does.
	layers []jail.Layer
	// hub is what in the hub refuses it, on every system.
	hub string
	// sees is what the answer has, one of them.
	sees []string
	// metric counts it, with the labels.
	metric string
	// after looks from outside whether it had an effect.
	after func(*fortress)
}

// What a refusal looks like to who tries.
var (
	noFile   = []string{"no such file", "permission denied"}
	noSocket = []string{"operation not permitted", "permission denied", "network is unreachable", "not supported", "connection refused"}
	noCall   = []string{"operation not permitted", "permission denied", "no such process", "not implemented"}
	denied   = []string{"does not allow it"}
	// What people read when a turn failed.
	notAllowed = []string{"wanted something that it is not allowed to do"}
	tooMuch    = []string{"wanted to do more than it may"}
	brokeOff   = []string{"broke off"}
)

// The layers that refuse the same.
var (
	files     = []jail.Layer{jail.Mounts, jail.Landlock}
	processes = []jail.Layer{jail.Identity, jail.PIDs, jail.Seccomp}
)

// escapes are all of them, in the order of docs/skills-security.md.
var escapes = slices.Concat(network, system, inHub, flooding)

var network = []escape{
	{name: "tcp", tries: "connect by TCP to the machine itself", layers: []jail.Layer{jail.Network, jail.Seccomp, jail.Landlock}, sees: noSocket, after: (*fortress).nobodyCalled},
	{name: "udp", tries: "send a packet by UDP", layers: []jail.Layer{jail.Network, jail.Seccomp}, sees: noSocket, after: (*fortress).nobodySent},
	{name: "dns", tries: "look a name up", layers: []jail.Layer{jail.Network, jail.Seccomp}, sees: noSocket},
	{name: "socket", tries: "connect to a socket among the hub's files", layers: []jail.Layer{jail.Mounts}, sees: noFile, after: (*fortress).nobodyCalled},
	{name: "abstract", tries: "connect to a socket without a path", layers: []jail.Layer{jail.Network}, sees: noSocket, after: (*fortress).nobodyCalled},
	{name: "http-host", tries: "have the hub call a host that its manifest does not name", hub: "manifest: `hosts`", sees: denied, metric: `parley_skill_denied_total{permission="host",skill="escapes"}`},
	{name: "http-inside", tries: "have the hub call another port of the machine", hub: "manifest: `hosts`", sees: denied, after: (*fortress).nobodyAsked},
	{name: "http-private", tries: "have the hub call a name of its manifest that leads to a private address", hub: "look at the address when it is dialled", sees: denied, metric: `parley_skill_denied_total{permission="address",skill="escapes"}`},
	{name: "http-redirect", tries: "be sent by a host of its manifest to another one", hub: "look at each redirection", sees: denied, after: (*fortress).nobodyAsked},
	{name: "http-file", tries: "have the hub call `file:///etc/passwd`", hub: "http and https alone", sees: denied},
}

var system = []escape{
	{name: "passwd", tries: "read `/etc/passwd`", layers: files, sees: noFile},
	{name: "data", tries: "read the hub's data", layers: files, sees: noFile},
	{name: "config", tries: "read the hub's configuration", layers: files, sees: noFile},
	{name: "binary", tries: "read another skill's program", layers: files, sees: noFile},
	{name: "neighbour", tries: "read another skill's files", layers: append([]jail.Layer{jail.Identity}, files...), sees: noFile},
	{name: "link", tries: "read a file of the hub's by a link in its own folder", layers: files, sees: noFile},
	{name: "write", tries: "write to a file outside its folder that all may write", layers: files, sees: noFile, after: (*fortress).nothingWritten},
	{name: "environ", tries: "read `/proc/HUB/environ`", layers: append([]jail.Layer{jail.Identity}, files...), sees: noFile},
	{name: "memory-of-the-hub", tries: "open `/proc/HUB/mem`", layers: append([]jail.Layer{jail.Identity}, files...), sees: noFile},
	{name: "trace", tries: "trace the hub", layers: processes, sees: noCall},
	{name: "signal", tries: "send the hub a signal", layers: processes, sees: noCall, after: (*fortress).noSignal},
	{name: "environment", tries: "find a secret of the hub's environment in its own", layers: []jail.Layer{jail.Environment}, sees: []string{"nothing there"}},
	{name: "descriptor", tries: "read a file that the hub left open", layers: []jail.Layer{jail.Descriptors}, sees: []string{"bad file descriptor", "nothing there", "illegal seek"}},
	{name: "setuid", tries: "make a program that runs as its owner", layers: []jail.Layer{jail.Seccomp}, sees: noCall},
	{name: "become", tries: "become another user", layers: []jail.Layer{jail.NoNewPrivs, jail.Seccomp}, sees: append([]string{"invalid argument"}, noCall...)},
	{name: "namespace", tries: "make a namespace", layers: []jail.Layer{jail.NoNewPrivs, jail.Seccomp}, sees: noCall},
	{name: "user-namespace", tries: "start a child in a user namespace", layers: []jail.Layer{jail.Seccomp}, sees: noCall},
	{name: "mount", tries: "mount something", layers: []jail.Layer{jail.NoNewPrivs, jail.Seccomp}, sees: noCall},
	{name: "outlive", tries: "outlive the hub", layers: []jail.Layer{jail.Seccomp}, sees: noCall},
	{name: "limit", tries: "raise its own limits", layers: []jail.Layer{jail.NoNewPrivs, jail.Seccomp}, sees: noCall},
}

var inHub = []escape{
	{name: "secret-of-another", tries: "read a secret of another skill, by asking for it in its own manifest", hub: "secrets stand under the skill's name", sees: []string{"skills.secrets.escapes.key"}},
	{name: "secret-unnamed", tries: "read secrets that its manifest does not name, by five names", hub: "manifest: `secrets`", sees: denied, metric: `parley_skill_denied_total{permission="secret",skill="escapes"}`},
	{name: "storage-of-another", tries: "read what another skill keeps, by seven names", hub: "whose storage it is is filled in there", sees: []string{"nothing there"}, after: (*fortress).treasureIsThere},
	{name: "storage-of-a-person", tries: "read what it keeps for somebody else, in a turn of another person", hub: "whose turn it is is filled in there", sees: []string{"nothing there"}, after: (*fortress).bobsIsThere},
	{name: "quota", tries: "keep more than its quota", hub: "manifest: `storage`", sees: []string{"the skill's storage is full"}, metric: `parley_skill_denied_total{permission="storage",skill="escapes"}`},
	{name: "model", tries: "ask a pool of models that its manifest does not name", hub: "manifest: `models`", sees: denied, metric: `parley_skill_denied_total{permission="model",skill="escapes"}`},
	{name: "tell", tries: "tell people something in their other chats", hub: "manifest: `elsewhere`", sees: denied, metric: `parley_skill_denied_total{permission="elsewhere",skill="escapes"}`, after: (*fortress).bobHeardNothing},
	{name: "reply-elsewhere", tries: "answer in another chat", hub: "manifest: `elsewhere`", sees: notAllowed, after: (*fortress).bobHeardNothing},
	{name: "reply-elsewhere", by: "sender", tries: "answer in a chat of somebody else, where its manifest lets it speak elsewhere", hub: "other chats are those of the person who speaks", sees: notAllowed, metric: `parley_skill_denied_total{permission="elsewhere",skill="sender"}`, after: (*fortress).bobHeardNothing},
	{name: "session", tries: "forget and forge what somebody else said, by the number of their turn", hub: "a turn has one session, which nothing on the wire names", sees: []string{"forged"}, after: (*fortress).bobsIsThere},
	{name: "question", tries: "catch the answer to another skill's question to somebody else", hub: "a question waits for the person of its turn", sees: []string{"GOT OUT?"}, after: (*fortress).bobAnswersHisOwn},
	{name: "stream", tries: "read on from what another turn has open, by its number", hub: "numbers are a turn's own", sees: []string{"nothing is open under this number"}},
	{name: "button", tries: "show a button that another skill obeys", hub: "a button's data begins with the skill's name", sees: notAllowed, metric: `parley_skill_denied_total{permission="button",skill="escapes"}`},
	{name: "file-read", tries: "read a file of another turn, by its name", hub: "files are those of the turn", sees: denied, metric: `parley_skill_denied_total{permission="file",skill="escapes"}`},
	{name: "file-send", tries: "send a file of another turn", hub: "files are those of the turn", sees: notAllowed},
	{name: "file-fetch", tries: "have the platform's adapter fetch a file from an address of its own", hub: "files are those of the turn", sees: denied, after: (*fortress).nobodyAsked},
	{name: "files", tries: "keep a hundred files in one turn", hub: "32 files, 64 MiB and one a turn", sees: []string{"more files than a turn may keep"}},
}

var flooding = []escape{
	{name: "megabytes", tries: "answer with nine megabytes", hub: "8 MiB a message, 1 MiB of answers a turn", sees: tooMuch, metric: `parley_plugin_events_total{event="flooded",plugin="escapes"}`},
	{name: "answers", tries: "answer a thousand times in one turn", hub: "100 answers a turn", sees: tooMuch},
	{name: "drafts", tries: "show drafts without end", hub: "20,000 drafts a turn", sees: tooMuch},
	{name: "log", tries: "log without end", hub: "200 lines are kept, 10,000 end the turn", sees: tooMuch},
	{name: "words", tries: "fail with a megabyte of words for the person, and a wait of a century", hub: "1 KiB of words", sees: []string{"refused: p"}, after: (*fortress).fewWords},
	{name: "stderr", tries: "write to its standard error without end", hub: "4 KiB are kept, and told only where a start fails", sees: []string{"64 MiB were taken"}, after: (*fortress).nobodyLogged},
	{name: "fork-bomb", tries: "start children without end", layers: []jail.Layer{jail.Seccomp, jail.Processes}, sees: noCall},
	{name: "descriptors", tries: "open files without end", layers: []jail.Layer{jail.Limits}, sees: []string{"too many open files"}},
	{name: "large-file", tries: "write a file without end", layers: []jail.Layer{jail.Limits}, sees: []string{"file too large"}},
	{name: "memory", by: "hog", tries: "use memory without end", layers: []jail.Layer{jail.Memory}, sees: brokeOff, metric: `parley_plugin_events_total{event="crashed",plugin="hog"}`},
	{name: "threads", by: "threads", tries: "start threads without end", layers: []jail.Layer{jail.Processes}, sees: brokeOff, metric: `parley_plugin_events_total{event="crashed",plugin="threads"}`},
	{name: "many-files", by: "filler", tries: "fill the disk with files", hub: "its folder is measured each second, and it is killed", sees: brokeOff, metric: `parley_plugin_events_total{event="overfull",plugin="filler"}`},
	{name: "spin", by: "spin", tries: "go on after its deadline", hub: "5 s after it was told to stop it is killed", sees: []string{"took too long"}, metric: `parley_plugin_events_total{event="hung",plugin="spin"}`},
}

// who tries it.
func (e escape) who() string {
	if e.by == "" {
		return "escapes"
	}
	return e.by
}

// on says what refuses it where such layers hold.
func (e escape) on(holds func(jail.Layer) bool) string {
	if e.hub != "" {
		return "the hub: " + e.hub
	}
	var by []string
	for _, l := range e.layers {
		if holds(l) {
			by = append(by, string(l))
		}
	}
	if len(by) == 0 {
		return "**nothing**"
	}
	return strings.Join(by, ", ")
}
