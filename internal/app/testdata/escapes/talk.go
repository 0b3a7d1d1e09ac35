package main

import (
	"encoding/json"
	"fmt"

	"google.golang.org/grpc"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills/plugin/protocol"
)

// talk is one turn, as it goes over the wire.
type talk struct {
	stream   grpc.BidiStreamingServer[protocol.ToSkill, protocol.ToHub]
	turn     *protocol.Turn
	world    world
	rest     string
	last     uint64
	remember *protocol.Remember
	fault    *protocol.Fault
}

func (x *talk) send(m *protocol.ToHub) error { return x.stream.Send(m) }

// say adds a reply; one that cannot be sent is not missed.
func (x *talk) say(text string) { _ = x.reply(core.Text{Text: text}) }

func (x *talk) reply(parts ...core.Part) error {
	p, err := protocol.EncodeParts(parts)
	if err != nil {
		return err
	}
	return x.send(&protocol.ToHub{Is: &protocol.ToHub_Reply{Reply: p}})
}

// call asks the hub for something and waits for the answer.
func (x *talk) call(c *protocol.Call) (*protocol.Answer, error) {
	x.last++
	c.Id = x.last
	if err := x.send(&protocol.ToHub{Is: &protocol.ToHub_Call{Call: c}}); err != nil {
		return nil, err
	}
	for {
		m, err := x.stream.Recv()
		if err != nil {
			return nil, err
		}
		if a := m.GetAnswer(); a != nil && a.GetId() == c.GetId() {
			return a, a.GetFault().Err()
		}
	}
}

func (x *talk) get(url string) error {
	_, err := x.call(&protocol.Call{Is: &protocol.Call_Http{Http: &protocol.HTTPRequest{Method: "GET", Url: url}}})
	return err
}

func (x *talk) secret(name string) error {
	_, err := x.call(&protocol.Call{Is: &protocol.Call_Secret{Secret: name}})
	return err
}

func (x *talk) store(r *protocol.StorageRequest) (*protocol.Answer, error) {
	return x.call(&protocol.Call{Is: &protocol.Call_Storage{Storage: r}})
}

func (x *talk) open(m core.Media) error {
	data, err := protocol.EncodeMedia(m)
	if err != nil {
		return err
	}
	_, err = x.call(&protocol.Call{Is: &protocol.Call_Open{Open: data}})
	return err
}

// keep keeps a file of one byte.
func (x *talk) keep() (core.Media, error) {
	data, err := protocol.EncodeMedia(core.Media{Kind: core.Document, Name: "treasure.txt"})
	if err != nil {
		return core.Media{}, err
	}
	if _, err := x.call(&protocol.Call{Is: &protocol.Call_Keep{Keep: data}}); err != nil {
		return core.Media{}, err
	}
	a, err := x.call(&protocol.Call{Is: &protocol.Call_Put{Put: &protocol.Put{Id: x.last, Data: []byte("x"), Done: true}}})
	if err != nil {
		return core.Media{}, err
	}
	return protocol.DecodeMedia(a.GetData())
}

// elsewhere says something in somebody else's chat.
func (x *talk) elsewhere() error {
	to := core.Conversation{Account: core.Account(x.world.Account), Place: core.Private, Chat: core.ChatID(x.world.Chat)}
	e, err := protocol.EncodeElsewhere(to, core.PersonID(x.world.Person), []core.Part{core.Text{Text: "GOT OUT"}})
	if err != nil {
		return err
	}
	return x.send(&protocol.ToHub{Is: &protocol.ToHub_Elsewhere{Elsewhere: e}})
}

func (x *talk) ask(text string) error {
	p, err := protocol.EncodeParts([]core.Part{core.Text{Text: text}})
	if err != nil {
		return err
	}
	state, err := json.Marshal(text)
	if err != nil {
		return err
	}
	return x.send(&protocol.ToHub{Is: &protocol.ToHub_Ask{Ask: &protocol.Ask{Parts: p.GetParts(), State: state, Wait: 1e12}}})
}

// found is the error of having got n of something that should be out of reach; an error
// that says so for none.
func found(n int, err error) error {
	if err == nil && n == 0 {
		return errNothing
	}
	if n > 0 {
		return nil
	}
	return fmt.Errorf("%w", err)
}
