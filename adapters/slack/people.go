package slack

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/parley-hub/parley/adapters/recent"
	"github.com/parley-hub/parley/core/fault"
)

// Slack tells ids. What people are called is asked for once in a while, and an envelope
// never waits long for it: without a name in time it goes on without, and the next one
// of the same person tries again.

const (
	// namesTimeout bounds the look-ups for one delivery: Slack waits three seconds for
	// an ack.
	namesTimeout = 700 * time.Millisecond
	// namesKept is how long a name is believed.
	namesKept = 6 * time.Hour
	// namesPause is how long nobody is looked up after a look-up failed, and noNames how
	// long when the app may look up nobody.
	namesPause = time.Minute
	noNames    = time.Hour
	// maxNamed bounds the people who are looked up for one delivery.
	maxNamed = 6
)

// person is what people are called.
type person struct {
	name, handle string
	// language is a BCP 47 tag.
	language string
	at       time.Time
}

// directory remembers persons by their ids.
type directory struct {
	recent.Map[string, person]

	pausing sync.Mutex
	until   time.Time
}

func (d *directory) paused(now time.Time) bool {
	d.pausing.Lock()
	defer d.pausing.Unlock()
	return now.Before(d.until)
}

func (d *directory) pause(until time.Time) {
	d.pausing.Lock()
	defer d.pausing.Unlock()
	d.until = until
}

var mentioned = regexp.MustCompile(`<@([UW][A-Z0-9]{1,39})(?:\|[^>]*)?>`)

// people are those a delivery comes from or names.
func (in incoming) people() []string {
	var ids []string
	switch {
	case in.Command != nil:
		ids = append(ids, in.Command.UserID)
	case in.Interaction != nil:
		ids = append(ids, in.Interaction.User.ID)
	case in.Event != nil && in.Event.Event != nil:
		e := in.Event.Event
		ids = append(ids, string(e.User))
		for _, m := range []*event{e, e.Message} {
			if m == nil || m.BotID != "" {
				continue
			}
			ids = append(ids, string(m.User))
			for _, found := range mentioned.FindAllStringSubmatch(m.Text, maxNamed) {
				ids = append(ids, found[1])
			}
		}
	}
	var out []string
	for _, id := range ids {
		if userShape.MatchString(id) && !slices.Contains(out, id) && len(out) < maxNamed {
			out = append(out, id)
		}
	}
	return out
}

// named gives what is known of the people of a delivery.
func (a *Adapter) named(ctx context.Context, in incoming) map[string]person {
	ctx, cancel := context.WithTimeout(ctx, namesTimeout)
	defer cancel()
	self := a.whoami().self
	out := map[string]person{}
	for _, id := range in.people() {
		p, known := a.people.Get(id)
		now := a.now()
		if id != self && (!known || now.Sub(p.at) > namesKept) && !a.people.paused(now) {
			if newer, err := a.lookUp(ctx, id); err == nil {
				p, known = newer, true
				a.people.Set(id, p)
			} else {
				a.pauseNames(ctx, err)
			}
		}
		if known {
			out[id] = p
		}
	}
	return out
}

// lookUp asks what somebody is called; it needs the scope users:read. Who is unknown to
// Slack has no name.
func (a *Adapter) lookUp(ctx context.Context, id string) (person, error) {
	var answer struct {
		User struct {
			Name     string `json:"name"`
			RealName string `json:"real_name"`
			Locale   string `json:"locale"`
			Profile  struct {
				DisplayName string `json:"display_name"`
				RealName    string `json:"real_name"`
			} `json:"profile"`
		} `json:"user"`
	}
	err := a.api.ask(ctx, "users.info", url.Values{"user": {id}, "include_locale": {"true"}}, &answer)
	switch code := refused(err); {
	case code == "user_not_found" || code == "user_not_visible":
		return person{at: a.now()}, nil
	case err != nil:
		return person{}, err
	}
	u := answer.User
	p := person{handle: u.Name, language: u.Locale, at: a.now()}
	for _, name := range []string{u.Profile.DisplayName, u.Profile.RealName, u.RealName, u.Name} {
		if p.name == "" {
			p.name = name
		}
	}
	return p, nil
}

// pauseNames lets Slack have rest from look-ups.
func (a *Adapter) pauseNames(ctx context.Context, err error) {
	wait := namesPause
	switch fault.ClassOf(err) {
	case fault.RateLimited:
		wait = fault.Wait(err)
	case fault.NeedsHuman, fault.Permanent:
		wait = noNames
		a.log.Info().Err(err).Msg("people are shown by their ids: the app may not look up their names")
	case fault.Retryable, fault.Bug:
		if ctx.Err() == nil {
			a.log.Debug().Err(err).Msg("a name could not be looked up")
		}
	}
	a.people.pause(a.now().Add(wait))
}
