// Package link is the skill with which people make their accounts on several
// platforms one person: a code that is shown here and sent there. It needs no model.
package link

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// Name is the skill's name in the manifest.
const Name = "link"

// Links makes codes and links. What it changes for a turn it changes once, and the
// turn's rerun gets the same answer.
type Links interface {
	// Issue makes a code for the account that the turn comes from.
	Issue(ctx context.Context, t *skills.Turn) (session.Code, error)
	// Redeem makes that account, and all that are linked with it, part of the person
	// who got the code.
	Redeem(ctx context.Context, t *skills.Turn, code string) (session.Linking, error)
	// Void ends a code that others may have seen.
	Void(ctx context.Context, code string) error
}

// Doors gives the links that open a chat with the bot on its other accounts and send it
// a command there.
type Doors func(ctx context.Context, t *skills.Turn, c core.Command) []Door

// Door is one such link.
type Door struct {
	Label string
	URL   string
}

// Skill links accounts. It is safe for concurrent use.
type Skill struct {
	links Links
	doors Doors
}

// New makes the skill; doors may be nil.
func New(links Links, doors Doors) *Skill { return &Skill{links: links, doors: doors} }

// Manifest introduces the skill. It is called in groups too, to say no there.
func (s *Skill) Manifest() skills.Manifest {
	return skills.Manifest{
		Name: Name, Commands: []skills.Command{{Name: "link", Args: "[code]", Help: about}}, Permissions: skills.Permissions{Elsewhere: true},
	}
}

// Handle shows a code, or takes one.
func (s *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	code := strings.TrimSpace(t.Args)
	switch {
	case t.Envelope.In.Place != core.Private:
		return s.refuse(ctx, t, w, code)
	case code == "":
		return s.issue(ctx, t, w)
	default:
		return s.redeem(ctx, t, w, code)
	}
}

// refuse shows nothing to a group. A code that was written there is known to others.
func (s *Skill) refuse(ctx context.Context, t *skills.Turn, w skills.Writer, code string) error {
	words := onlyPrivate
	if code != "" {
		if err := s.links.Void(ctx, code); err != nil {
			return err
		}
		words = codeInGroup
	}
	w.Reply(core.Text{Text: words.In(t.Envelope.From.Language)})
	return nil
}

func (s *Skill) issue(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	language := t.Envelope.From.Language
	c, err := s.links.Issue(ctx, t)
	if err != nil {
		return err
	}
	if c.Outcome == session.TooMany {
		w.Reply(core.Text{Text: fmt.Sprintf(tooManyCodes.In(language), minutes(c.Until.Sub(t.Now)))})
		return nil
	}
	text := fmt.Sprintf(shown.In(language), minutes(c.Until.Sub(t.Now)), c.Code)
	text = joined(text, t, language)
	if s.doors != nil {
		text += opened(s.doors(ctx, t, core.Command{Name: Name, Args: c.Code}), language)
	}
	w.Reply(core.Text{Text: text + "\n\n" + secret.In(language)})
	return nil
}

// opened lists links that carry the code.
func opened(doors []Door, language string) string {
	if len(doors) == 0 {
		return ""
	}
	lines := []string{"\n\n" + orOpen.In(language)}
	for _, d := range doors {
		lines = append(lines, d.Label+": "+d.URL)
	}
	return strings.Join(lines, "\n")
}

// Invited answers somebody who followed such a link on a platform whose links carry one
// word ("/start link-CODE"); false where the turn's arguments are no such word. It asks
// first: unlike a code that is written, a link is soon followed, and whoever sent it
// could be after what was said here.
func (s *Skill) Invited(ctx context.Context, t *skills.Turn, w skills.Writer) (bool, error) {
	code, ok := strings.CutPrefix(strings.TrimSpace(t.Args), Name+"-")
	if !ok || !codeShape.MatchString(code) {
		return false, nil
	}
	if t.Envelope.In.Place != core.Private {
		return true, s.refuse(ctx, t, w, code)
	}
	language := t.Envelope.From.Language
	text := invited.In(language)
	if t.Key.Scope == session.OfPerson {
		text += " " + reads.In(language)
	}
	w.Reply(
		core.Text{Text: text + " " + ifYou.In(language)},
		core.Buttons{Rows: [][]core.Button{{{Label: yes.In(language), Data: Name + ":" + code}}}},
	)
	return true, nil
}

// codeShape is what a link may carry as a code.
var codeShape = regexp.MustCompile(`^[A-Za-z0-9]{4,16}$`)

func (s *Skill) redeem(ctx context.Context, t *skills.Turn, w skills.Writer, code string) error {
	language := t.Envelope.From.Language
	l, err := s.links.Redeem(ctx, t, code)
	if err != nil {
		return err
	}
	var text string
	switch l.Outcome {
	case session.Done:
		text = joined(fmt.Sprintf(done.In(language), l.With.Label()), t, language) + "\n\n" + list(l.Accounts, language)
		s.tell(t, w, l)
	case session.Already:
		text = already.In(language) + "\n\n" + list(l.Accounts, language)
	case session.Same:
		text = same.In(language)
	case session.TooMany:
		text = fmt.Sprintf(tooManyTries.In(language), minutes(l.Until.Sub(t.Now)))
	default:
		text = fmt.Sprintf(wrong.In(language), l.Left)
	}
	w.Reply(core.Text{Text: text})
	return nil
}

// tell says in the chat where the code was shown that it was used.
func (s *Skill) tell(t *skills.Turn, w skills.Writer, l session.Linking) {
	if l.With.Home.Place != core.Private {
		return
	}
	language := t.Envelope.From.Language
	here := session.Identity{Who: t.Envelope.From, Home: t.Envelope.In}
	text := joined(fmt.Sprintf(used.In(language), here.Label()), t, language) + "\n\n" + notYou.In(language)
	w.ReplyIn(l.With.Home, l.With.Base(), core.Text{Text: text})
}

// joined adds what a link does to the conversation, where it does that.
func joined(text string, t *skills.Turn, language string) string {
	if t.Key.Scope != session.OfPerson {
		return text
	}
	return text + " " + one.In(language)
}

func list(accounts []session.Identity, language string) string {
	lines := []string{yours.In(language)}
	for i, a := range accounts {
		lines = append(lines, fmt.Sprintf("%d. %s", i+1, a.Label()))
	}
	return strings.Join(append(lines, undo.In(language)), "\n")
}

// minutes are what is left, at least one.
func minutes(d time.Duration) int { return max(1, int((d+time.Minute-1)/time.Minute)) }
