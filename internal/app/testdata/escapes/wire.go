package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills/plugin/protocol"
)

var errNothing = errors.New("nothing there")

// neighbourly is what an honest skill does, for the others to be after.
var neighbourly = map[string]func(*talk) error{
	"hello": func(x *talk) error { x.say("hello " + x.rest); return errSaid },
	"live": func(x *talk) error {
		if err := os.WriteFile("treasure", []byte("secret"), 0o666); err != nil {
			return err
		}
		if _, err := x.store(&protocol.StorageRequest{Verb: protocol.StorageRequest_SET, Name: "treasure", Value: []byte("gold")}); err != nil {
			return err
		}
		kept, err := x.keep()
		if err != nil {
			return err
		}
		dir, err := os.Getwd()
		x.say(strings.Join([]string{"I live:", os.Args[0], dir, string(kept.Blob)}, " "))
		return errors.Join(err, errSaid)
	},
	"mine": func(x *talk) error {
		if _, err := x.store(&protocol.StorageRequest{Verb: protocol.StorageRequest_SET, Person: true, Name: "mine", Value: []byte("Bob's")}); err != nil {
			return err
		}
		x.remember = &protocol.Remember{Add: []*protocol.Past{{Id: "bobs-turn", Said: []*protocol.Line{{Text: "where is it?"}}, Answer: "treasure"}}}
		x.say("kept")
		return errSaid
	},
	"still": func(x *talk) error {
		a, err := x.store(&protocol.StorageRequest{Person: true, Name: "mine"})
		var answers []string
		for _, p := range x.turn.GetSession().GetHistory() {
			answers = append(answers, p.GetAnswer())
		}
		x.say(fmt.Sprintf("%s %q", a.GetData(), answers))
		return errors.Join(err, errSaid)
	},
	"treasure": func(x *talk) error {
		a, err := x.store(&protocol.StorageRequest{Name: "treasure"})
		x.say(string(a.GetData()))
		return errors.Join(err, errSaid)
	},
	"pin": func(x *talk) error { return errors.Join(x.ask("your PIN?"), errSaid) },
	"answered": func(x *talk) error {
		x.say(x.turn.GetPerson() + " answered " + string(x.turn.GetAsked().GetState()))
		return errSaid
	},
	// hold has something open until somebody tried to read from it.
	"hold": func(x *talk) error {
		if err := x.get("http://" + server + "/"); err != nil {
			return err
		}
		holding <- struct{}{}
		<-released
		x.say("held")
		return errSaid
	},
}

var holding, released = make(chan struct{}), make(chan struct{})

// onTheWire is what the hub is asked for.
var onTheWire = map[string]func(*talk) error{
	"http-host":         func(x *talk) error { return x.get("http://elsewhere.example.org/") },
	"http-inside":       func(x *talk) error { return x.get("http://" + x.world.Inside + "/") },
	"http-private":      func(x *talk) error { return x.get("http://localhost/") },
	"http-redirect":     func(x *talk) error { return x.get("http://" + server + "/away") },
	"http-file":         func(x *talk) error { return x.get("file:///etc/passwd") },
	"secret-of-another": func(x *talk) error { return x.secret("key") },
	"secret-unnamed": func(x *talk) error {
		var last error
		for _, name := range []string{"hidden", "../neighbour/key", "neighbour.key", "neighbour/key", ""} {
			if last = x.secret(name); last == nil {
				return nil
			}
		}
		return last
	},
	"storage-of-another": func(x *talk) error {
		n := 0
		for _, name := range []string{"treasure", "neighbour/treasure", "../neighbour/treasure", "neighbour\x00treasure", "neighbour:treasure", "%", "*"} {
			if a, err := x.store(&protocol.StorageRequest{Name: name}); err == nil && a.GetYes() {
				n++
			}
		}
		a, err := x.store(&protocol.StorageRequest{Verb: protocol.StorageRequest_NAMES})
		return found(n+len(a.GetNames()), err)
	},
	"storage-of-a-person": func(x *talk) error {
		n := 0
		for _, name := range []string{"mine", x.world.Person + "/mine", "../" + x.world.Person + "/mine"} {
			for _, person := range []bool{true, false} {
				if a, err := x.store(&protocol.StorageRequest{Person: person, Name: name}); err == nil && a.GetYes() {
					n++
				}
			}
		}
		a, err := x.store(&protocol.StorageRequest{Verb: protocol.StorageRequest_NAMES, Person: true})
		return found(n+len(a.GetNames()), err)
	},
	"quota": func(x *talk) error {
		_, err := x.store(&protocol.StorageRequest{Verb: protocol.StorageRequest_SET, Name: "large", Value: make([]byte, 1<<19)})
		return err
	},
	"model": func(x *talk) error {
		if _, err := x.call(&protocol.Call{Is: &protocol.Call_Chat{Chat: &protocol.ChatRequest{Pool: "none", Request: []byte(`{}`)}}}); err != nil {
			return err
		}
		_, err := x.call(&protocol.Call{Is: &protocol.Call_Next{Next: x.last}})
		return err
	},
	"tell": func(x *talk) error {
		p, err := protocol.EncodeParts([]core.Part{core.Text{Text: "GOT OUT"}})
		if err != nil {
			return err
		}
		_, err = x.call(&protocol.Call{Is: &protocol.Call_Tell{Tell: p}})
		return err
	},
	"reply-elsewhere": (*talk).elsewhere,
	"session": func(x *talk) error {
		x.remember = &protocol.Remember{Forget: true, Add: []*protocol.Past{{Id: x.world.Turn, Answer: "GOT OUT"}}}
		x.say("forged")
		return errSaid
	},
	"question": func(x *talk) error { return errors.Join(x.ask("GOT OUT?"), errSaid) },
	"stream": func(x *talk) error {
		<-holding
		defer func() { released <- struct{}{} }()
		var last error
		for id := range uint64(20) {
			if _, last = x.call(&protocol.Call{Is: &protocol.Call_Next{Next: id}}); last == nil {
				return nil
			}
		}
		return last
	},
	"button": func(x *talk) error {
		return x.reply(core.Text{Text: "win!"}, core.Buttons{Rows: [][]core.Button{{{Label: "Win", Data: "forget:yes"}}}})
	},
	"file-read": func(x *talk) error { return x.open(core.Media{Kind: core.Document, Blob: x.world.Blob}) },
	"file-send": func(x *talk) error { return x.reply(core.Media{Kind: core.Document, Blob: x.world.Blob}) },
	"file-fetch": func(x *talk) error {
		return x.open(core.Media{Kind: core.Document, File: core.FileRef("http://" + x.world.Inside + "/")})
	},
	"files": func(x *talk) error {
		for n := range 100 {
			if _, err := x.keep(); err != nil {
				return fmt.Errorf("%d files: %w", n, err)
			}
		}
		return nil
	},
}
