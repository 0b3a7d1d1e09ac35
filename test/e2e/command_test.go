package e2e

import (
	"testing"

	telegram "github.com/parley-hub/parley/simulators/telegram"
)

func TestCommands(t *testing.T) {
	t.Parallel()
	w := start(t, setup{config: map[string]string{"access": `{admins: ["telegram:8"]}`}})
	w.told(w.ask(ann, "/start", 1), "Hello! I am a bot.\n"+
		"Write to me as you would to a person; I answer with the help of a language model and can be wrong.\n\n"+
		"A few commands:\n/help – Show what you can do here\n/new – Forget this conversation and begin anew\n"+
		"/recap – Say what our conversation is about\n/link – Link your accounts: one conversation on every platform")
	const help = "You can use:\n/start – Say hello and see what this bot is\n/help – Show what you can do here\n" +
		"/new – Forget this conversation and begin anew\n/recap – Say what our conversation is about\n" +
		"/link [code] – Link your accounts: one conversation on every platform\n/unlink [number] – Take one of your linked accounts away\n" +
		"/accounts – Show which of your accounts are linked\n/reach_me_on [number|last|all] – Say on which account I reach you when you did not ask\n" +
		"/model [name|default] – Show which model answers here, or choose another one\n" +
		"/forget – Erase all that is kept of you here\n/whoami – Show who you are to this bot\n" +
		"/status – Show whether the bot and its models are well\n\nAnything else you write is answered too."
	w.told(w.ask(ann, "/help", 2), help)
	w.told(w.ask(ann, "/nosuchcommand", 3), help)
	who := w.ask(ann, "/whoami", 4)
	w.told(who, "Name: Ann (@ann)\nUser id: telegram:7\nReached through: telegram\nRole: user\nPlace: private chat\nPerson: "+
		field(who.Text, "Person")+"\nLanguage: en")
	matches(t, "/status", `I am up\. Version dev, running for \S+\.\nModel chat: reachable`, w.ask(ann, "/status", 5).Text)

	w.ask(ann, "my cat is Tom", 6)
	w.told(w.ask(ann, "/new", 7), "Done: I have forgotten what we said. What is next?")
	w.ask(ann, "what is my cat called?", 8)
	same(t, "what the model was told", []string{"user: what is my cat called?"}, w.model.heard())

	// Ben is an admin and speaks German.
	matches(t, "/status for an admin", `Ich laufe\. Version dev, seit \S+\.\nModell chat: erreichbar\n\nWarteschlangen:\ninbox: .*\n\nWorker:\n.*\n\nKonten:\ntelegram: in Ordnung`,
		w.ask(ben, "/status", 1).Text)
}

func TestCommandMenu(t *testing.T) {
	t.Parallel()
	w := start(t, setup{})
	english := []telegram.Command{
		{Command: "start", Description: "Say hello and see what this bot is"},
		{Command: "help", Description: "Show what you can do here"},
		{Command: "new", Description: "Forget this conversation and begin anew"},
		{Command: "recap", Description: "Say what our conversation is about"},
		{Command: "link", Description: "Link your accounts: one conversation on every platform"},
		{Command: "unlink", Description: "Take one of your linked accounts away"},
		{Command: "accounts", Description: "Show which of your accounts are linked"},
		{Command: "reach_me_on", Description: "Say on which account I reach you when you did not ask"},
		{Command: "model", Description: "Show which model answers here, or choose another one"},
		{Command: "forget", Description: "Erase all that is kept of you here"},
		{Command: "whoami", Description: "Show who you are to this bot"},
		{Command: "status", Description: "Show whether the bot and its models are well"},
	}
	w.until("the menu", func() bool { return len(w.sim.Commands(bot, "default", "en")) > 0 })
	for _, language := range []string{"", "en"} {
		same(t, "menu in "+language, english, w.sim.Commands(bot, "default", language))
	}
	if german := w.sim.Commands(bot, "default", "de"); len(german) != len(english) || german[1].Description != "Zeigen, was hier möglich ist" {
		t.Errorf("the German menu is %v", german)
	}
}
