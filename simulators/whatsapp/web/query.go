//go:build !nowhatsmeow

package web

import (
	"encoding/binary"
	"slices"
	"strings"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/types"
)

// iqError is a refused query.
type iqError struct {
	code int
	text string
}

// The errors of queries.
var (
	iqBadRequest  = &iqError{400, "bad-request"}
	iqForbidden   = &iqError{403, "forbidden"}
	iqNotFound    = &iqError{404, "item-not-found"}
	iqUnavailable = &iqError{501, "feature-not-implemented"}
)

// lowPreKeys is how few prekeys make the server ask for more.
const lowPreKeys = 5

// onQuery answers an iq. Server.mu is held.
func (s *Server) onQuery(r *request) {
	result := node{Tag: tagIQ, Attrs: fromServer(attrs{"id": r.call.ID, "type": "result"})}
	content, err := s.query(r)
	if r.refused() {
		err = &iqError{r.handle.Fault.Code, "injected"}
	}
	if err != nil {
		r.call.Code = err.code
		result.Attrs["type"] = "error"
		content = []node{{Tag: "error", Attrs: attrs{"code": err.code, "text": err.text}}}
	}
	if content != nil {
		result.Content = content
	}
	r.answer(result)
	if err == nil && r.fault() != FaultNoAnswer {
		s.afterQuery(r)
	}
}

// afterQuery does what follows an answer.
func (s *Server) afterQuery(r *request) {
	switch {
	case r.isQuery("passive", "active"):
		s.activate(r.conn)
	case r.isQuery("md", "remove-companion-device"):
		s.unlink(r.device)
	}
}

// isQuery tells whether the request is an iq of a namespace with a first child of that tag.
func (r *request) isQuery(namespace, child string) bool {
	children := r.n.GetChildren()
	return r.call.Stanza == tagIQ+" "+namespace && len(children) > 0 && children[0].Tag == child
}

// query executes an iq.
func (s *Server) query(r *request) ([]node, *iqError) {
	if r.call.ID == "" {
		r.call.Problem = "an iq without id"
		return nil, iqBadRequest
	}
	if r.refused() {
		return nil, nil
	}
	children := r.n.GetChildren()
	child := node{}
	if len(children) > 0 {
		child = children[0]
	}
	namespace := strings.TrimPrefix(r.call.Stanza, tagIQ+" ")
	switch namespace {
	case "w:p":
		return nil, nil
	case "encrypt":
		return s.keys(r, child)
	case "usync":
		return s.usync(r, child)
	case "w:g2":
		return s.groupQuery(r, child)
	case "w:m":
		return s.mediaConn(), nil
	}
	switch {
	case r.isQuery("passive", "active"), r.isQuery("passive", "passive"):
		return nil, nil
	case r.isQuery("privacy", "privacy"):
		return privacy(), nil
	case r.isQuery("privacy", "tokens"), namespace == "w:stats":
		return nil, nil
	case r.isQuery("md", "remove-companion-device"):
		if j, _ := child.Attrs["jid"].(types.JID); j != r.device.jid() {
			r.call.Problem = "a device may only remove itself"
			return nil, iqForbidden
		}
		return nil, nil
	default:
		return nil, iqUnavailable
	}
}

// keys counts, takes and gives prekeys.
func (s *Server) keys(r *request, child node) ([]node, *iqError) {
	d := r.device
	switch child.Tag {
	case "count":
		return []node{{Tag: "count", Attrs: attrs{"value": len(d.once)}}}, nil
	case "digest":
		return []node{d.digest()}, nil
	case "key":
		return s.bundles(r, child)
	case "rotate":
		signed, ok := readKey(childOf(child, "skey"), true)
		if !ok || !signed.signedBy(d.identity) {
			return nil, r.bad("a signed prekey that is not one")
		}
		d.signed = signed
		return nil, nil
	default:
		return s.takeKeys(r)
	}
}

// bad notes what is wrong with a query.
func (r *request) bad(problem string) *iqError {
	r.call.Problem = problem
	return iqBadRequest
}

// takeKeys takes an upload of prekeys.
func (s *Server) takeKeys(r *request) ([]node, *iqError) {
	d, n := r.device, r.n
	id, _ := childOf(*n, "identity").Content.([]byte)
	kind, _ := childOf(*n, "type").Content.([]byte)
	registration, _ := childOf(*n, "registration").Content.([]byte)
	signed, ok := readKey(childOf(*n, "skey"), true)
	list := childOf(*n, "list")
	switch {
	case n.Attrs["type"] != "set":
		return nil, iqUnavailable
	case len(kind) != 1 || kind[0] != ecc.DjbType || len(registration) != 4:
		return nil, r.bad("prekeys without type or registration")
	case string(id) != string(d.identity[:]):
		return nil, r.bad("prekeys with another identity than at pairing")
	case !ok || !signed.signedBy(d.identity):
		return nil, r.bad("the signature of the signed prekey is wrong")
	case len(list.GetChildren()) == 0:
		return nil, r.bad("no prekeys")
	}
	var keys []publicKey
	for _, child := range list.GetChildren() {
		key, ok := readKey(child, false)
		if !ok {
			return nil, r.bad("a prekey that is not one")
		}
		if slices.ContainsFunc(d.once, func(k publicKey) bool { return k.id == key.id && k.key != key.key }) {
			return nil, r.bad("two prekeys with one id")
		}
		keys = append(keys, key)
	}
	d.registration, d.signed, d.told = uint32(bigEndian(registration)), signed, false
	d.once = slices.DeleteFunc(d.once, func(k publicKey) bool {
		return slices.ContainsFunc(keys, func(o publicKey) bool { return o.id == k.id })
	})
	d.once = append(d.once, keys...)
	return nil, nil
}

// readKey reads a prekey.
func readKey(n node, signed bool) (k publicKey, ok bool) {
	id, _ := childOf(n, "id").Content.([]byte)
	value, _ := childOf(n, "value").Content.([]byte)
	if len(id) != 3 || len(value) != 32 {
		return k, false
	}
	k.id, k.key = uint32(bigEndian(id)), [32]byte(value)
	if signed {
		signature, _ := childOf(n, "signature").Content.([]byte)
		if len(signature) != 64 {
			return k, false
		}
		k.signature = [64]byte(signature)
	}
	return k, true
}

// writeKey writes a prekey.
func writeKey(tag string, k publicKey) node {
	content := []node{
		{Tag: "id", Content: binary.BigEndian.AppendUint32(nil, k.id)[1:]},
		{Tag: "value", Content: k.key[:]},
	}
	if tag == "skey" {
		content = append(content, node{Tag: "signature", Content: k.signature[:]})
	}
	return node{Tag: tag, Content: content}
}

// nodes writes a bundle.
func (b bundle) nodes() []node {
	out := []node{
		{Tag: "registration", Content: binary.BigEndian.AppendUint32(nil, b.registration)},
		{Tag: "type", Content: []byte{ecc.DjbType}},
		{Tag: "identity", Content: b.identity[:]},
		writeKey("skey", b.signed),
	}
	if b.once != nil {
		out = append(out, writeKey("key", *b.once))
	}
	return out
}

// digest is what the server has of a device's keys.
func (d *device) digest() node {
	var ids []node
	for _, k := range d.once {
		ids = append(ids, node{Tag: "id", Content: binary.BigEndian.AppendUint32(nil, k.id)[1:]})
	}
	b := bundle{registration: d.registration, identity: d.identity, signed: d.signed}
	return node{Tag: "digest", Content: append(b.nodes(), node{Tag: "list", Content: ids})}
}

// bundles gives the keys of devices.
func (s *Server) bundles(r *request, child node) ([]node, *iqError) {
	var list []node
	for _, user := range child.GetChildren() {
		j, ok := user.Attrs["jid"].(types.JID)
		if user.Tag != "user" || !ok {
			return nil, r.bad("keys of nobody")
		}
		out := node{Tag: "user", Attrs: attrs{"jid": j, "t": s.opts.Now().Unix()}}
		b, found := s.bundleOf(j)
		if found && r.fault() != FaultEmpty {
			out.Content = b.nodes()
		} else {
			out.Content = []node{{Tag: "error", Attrs: attrs{"code": iqNotFound.code, "text": iqNotFound.text}}}
		}
		list = append(list, out)
	}
	if list == nil {
		return nil, r.bad("keys of nobody")
	}
	return []node{{Tag: "list", Content: list}}, nil
}

// bundleOf takes the keys of a phone or of a linked device. Server.mu is held.
func (s *Server) bundleOf(j types.JID) (bundle, bool) {
	a := s.account(j)
	if a == nil {
		return bundle{}, false
	}
	if j.Device == 0 {
		b, err := a.phone.bundle()
		return b, err == nil
	}
	d := a.devices[j.Device]
	if d == nil {
		return bundle{}, false
	}
	defer s.preKeysLow(d)
	return d.take(), true
}

// preKeysLow asks a device for more prekeys when few are left. Server.mu is held.
func (s *Server) preKeysLow(d *device) {
	if len(d.once) >= lowPreKeys || d.told {
		return
	}
	d.told = true
	s.queue(d, "", node{Tag: tagNotification,
		Attrs:   fromServer(attrs{"id": s.serverID(), "type": "encrypt", "t": s.opts.Now().Unix()}),
		Content: []node{{Tag: "count", Attrs: attrs{"value": len(d.once)}}}})
}

// usync tells about users: their devices, hidden ids, and whether they are there.
func (s *Server) usync(r *request, child node) ([]node, *iqError) {
	query, ok := child.GetOptionalChildByTag("query")
	list, listed := child.GetOptionalChildByTag("list")
	if child.Tag != "usync" || !ok || !listed || len(list.GetChildren()) == 0 {
		return nil, r.bad("a usync without query or list")
	}
	var result, users []node
	for _, protocol := range query.GetChildren() {
		result = append(result, node{Tag: protocol.Tag})
	}
	for _, user := range list.GetChildren() {
		if found := s.user(r, user, query.GetChildren()); found.Tag != "" {
			users = append(users, found)
		}
	}
	out := node{Tag: "usync", Attrs: attrs{}, Content: []node{{Tag: "result", Content: result}, {Tag: "list", Content: users}}}
	for _, name := range []string{"sid", "index", "last", "mode", "context"} {
		out.Attrs[name] = child.Attrs[name]
	}
	return []node{out}, nil
}

// user answers for one user of a usync.
func (s *Server) user(r *request, user node, protocols []node) node {
	j, ok := user.Attrs["jid"].(types.JID)
	if contact, _ := childOf(user, "contact").Content.([]byte); !ok && contact != nil {
		number, _, _ := strings.Cut(strings.TrimPrefix(string(contact), "+"), "@")
		j, ok = types.NewJID(number, types.DefaultUserServer), true
	}
	if !ok {
		r.call.Problem = "a usync for nobody"
		return node{}
	}
	j.Device = 0
	a := s.account(j)
	out := node{Tag: "user", Attrs: attrs{"jid": j}}
	var content []node
	for _, protocol := range protocols {
		switch protocol.Tag {
		case "contact":
			content = append(content, node{Tag: "contact", Attrs: attrs{"type": map[bool]string{true: "in", false: "out"}[a != nil]}})
		case "lid":
			if a != nil && j.Server != types.HiddenUserServer {
				content = append(content, node{Tag: "lid", Attrs: attrs{"val": a.hidden()}})
			}
		case "devices":
			content = append(content, s.deviceList(r, a))
		}
	}
	out.Content = content
	return out
}

// deviceList lists the devices of an account. The one that asks is left out: otherwise it
// would encrypt for itself.
func (s *Server) deviceList(r *request, a *account) node {
	var list []node
	if a != nil && r.fault() != FaultEmpty {
		list = []node{{Tag: "device", Attrs: attrs{"id": 0}}}
		for _, d := range a.sorted() {
			if d != r.device {
				list = append(list, node{Tag: "device", Attrs: attrs{"id": int(d.id), "key-index": int(d.id)}})
			}
		}
	}
	return node{Tag: "devices", Content: []node{{Tag: "device-list", Content: list}}}
}

// sorted gives the linked devices in the order they were linked.
func (a *account) sorted() []*device {
	out := make([]*device, 0, len(a.devices))
	for _, d := range a.devices {
		out = append(out, d)
	}
	slices.SortFunc(out, func(x, y *device) int { return int(x.id) - int(y.id) })
	return out
}

// privacy are the settings of an account that hides nothing.
func privacy() []node {
	var out []node
	for _, name := range []string{"groupadd", "last", "status", "profile", "readreceipts", "calladd", "online"} {
		out = append(out, node{Tag: "category", Attrs: attrs{"name": name, "value": "all"}})
	}
	return []node{{Tag: "privacy", Content: out}}
}
