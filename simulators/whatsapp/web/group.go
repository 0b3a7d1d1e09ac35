//go:build !nowhatsmeow

package web

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/types"
)

// group is a group chat. Server.mu guards it.
type group struct {
	Group
	members []*account
	created time.Time
}

func (g *group) jid() types.JID            { return types.NewJID(g.ID, types.GroupServer) }
func (g *group) has(a *account) bool       { return slices.Contains(g.members, a) }
func (g *group) addressing() string        { return map[bool]string{true: "lid", false: "pn"}[g.LID] }
func (g *group) place() place              { return place{group: g, byLID: g.LID} }
func (g *group) name(a *account) types.JID { return g.place().of(a) }

// AddGroup adds a group chat. Members whom nobody added become people with their number for
// a name. It replaces one with that id.
func (s *Server) AddGroup(g Group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	added := &group{Group: g, created: s.opts.Now()}
	for _, number := range g.Members {
		a := s.accounts[number]
		if a == nil {
			a = s.add(number, "", number)
		}
		added.members = append(added.members, a)
	}
	s.groups[g.ID] = added
}

// groupQuery tells about groups. Server.mu is held.
func (s *Server) groupQuery(r *request, child node) ([]node, *iqError) {
	to, _ := r.n.Attrs["to"].(types.JID)
	switch {
	case r.n.Attrs["type"] != "get":
		return nil, iqUnavailable
	case child.Tag == "query":
		g := s.groups[to.User]
		if g == nil || to.Server != types.GroupServer {
			return nil, iqNotFound
		}
		if !g.has(r.device.owner) {
			return nil, iqForbidden
		}
		return []node{g.node()}, nil
	case child.Tag == "participating":
		var list []node
		for _, g := range s.groups {
			if g.has(r.device.owner) {
				list = append(list, g.node())
			}
		}
		return []node{{Tag: "groups", Content: list}}, nil
	default:
		return nil, iqUnavailable
	}
}

// node describes a group.
func (g *group) node() node {
	members := make([]node, 0, len(g.members))
	for i, a := range g.members {
		m := attrs{"jid": g.name(a)}
		if g.LID {
			m["phone_number"] = a.jid()
		} else {
			m["lid"] = a.hidden()
		}
		if i == 0 {
			m["type"] = "superadmin"
		}
		members = append(members, node{Tag: "participant", Attrs: m})
	}
	out := attrs{
		"id": g.ID, "subject": g.Name, "creation": g.created.Unix(), "s_t": g.created.Unix(),
		"size": len(g.members), "addressing_mode": g.addressing(),
	}
	if len(g.members) > 0 {
		out["creator"], out["s_o"] = g.name(g.members[0]), g.name(g.members[0])
	}
	return node{Tag: "group", Attrs: out, Content: members}
}

// audience are the accounts that a device's message there is for, its own among them.
func (p place) audience(from *account) []*account {
	if p.group != nil {
		return p.group.members
	}
	if p.other == from {
		return []*account{from}
	}
	return []*account{p.other, from}
}

// addressed are the devices that a device's message there is to be encrypted for.
func (p place) addressed(d *device) map[types.JID]bool {
	out := map[types.JID]bool{}
	for _, a := range p.audience(d.owner) {
		j := p.of(a)
		out[j] = true
		for _, other := range a.devices {
			if other != d {
				j.Device = other.id
				out[j] = true
			}
		}
	}
	return out
}

// participantHash is how client and server compare whom they think a message is for.
func participantHash(devices map[types.JID]bool) string {
	names := make([]string, 0, len(devices))
	for j := range devices {
		names = append(names, j.ADString())
	}
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(names, "")))
	return "2:" + base64.RawStdEncoding.EncodeToString(sum[:6])
}
