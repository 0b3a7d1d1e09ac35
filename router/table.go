package router

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// Where is a kind of place as rules name it: a thread is told from its group.
type Where string

// The places of rules.
const (
	InPrivate Where = "private"
	InGroup   Where = "group"
	InThread  Where = "thread"
)

// WhereIs names a conversation's place.
func WhereIs(c core.Conversation) Where {
	switch {
	case c.Place == core.Private:
		return InPrivate
	case c.Thread != "":
		return InThread
	default:
		return InGroup
	}
}

// Condition is what a rule asks of an envelope. Empty fields ask nothing; the
// others must all hold.
type Condition struct {
	Channels  []core.Account
	Places    []Where
	Roles     []skills.Role
	Commands  []string
	Keywords  []string
	Pattern   *regexp.Regexp
	Languages []string
	// Addressed nil means that the bot must be meant; false matches what was said
	// past the bot.
	Addressed *bool
}

// Target is where a rule sends an envelope: exactly one of Ignore, or a skill (the
// default one when only Model is named).
type Target struct {
	Skill  string
	Model  string
	Ignore bool
}

// Rule sends what meets its condition to its target.
type Rule struct {
	Name string
	When Condition
	To   Target
}

// Policy for people and places, in the configuration's words.
type Policy string

// The policies.
const (
	Open      Policy = "open"
	Listed    Policy = "listed"
	Closed    Policy = "closed"
	Addressed Policy = "addressed"
	All       Policy = "all"
	Off       Policy = "off"
)

// Access says who may use the bot where.
type Access struct {
	// DM is Open, Listed or Closed; Groups is Addressed, All or Off.
	DM     Policy
	Groups Policy
	// Allow lists the people for Listed; Admins hold the role and are always allowed.
	Allow  []Member
	Admins []Member
}

// Member is a person as the configuration names one.
type Member struct {
	Realm core.Realm
	User  core.UserID
}

// Route is what the table decided.
type Route struct {
	// Rule names what decided: a configured rule, or a built-in one in brackets.
	Rule  string
	Skill string
	// Model is the pool the rule names; empty for none.
	Model  string
	Ignore bool
	// Refused tells that the person may not use the bot and should be told so.
	Refused bool
	Role    skills.Role
	// Score is how close the message came to the examples of the skill that was chosen by
	// them; 0 where something else decided.
	Score float64
	// Unweighed tells that skills' examples might have decided, and nothing was weighed.
	Unweighed bool
	// Took is how long the weighing took; the table leaves it 0.
	Took time.Duration
	// Args is what stands behind the command, or everything said without one.
	Args string
	// Asked is the question that the envelope answers; nil for none.
	Asked *session.Asked
	// Cancelled tells that the person ended the question that waited for them.
	Cancelled bool
}

// Told is the rule as people and the records are told it: with the score, where one decided.
func (r Route) Told() string {
	if r.Score == 0 {
		return r.Rule
	}
	return fmt.Sprintf("%s %.2f", r.Rule, r.Score)
}

// Step is one rule of an explanation: what it was, whether it decided, and why not.
type Step struct {
	Rule    string
	Matched bool
	Because string
}

// TableOptions make a table.
type TableOptions struct {
	Rules  []Rule
	Access Access
	// Commands gives the skill of each slash command.
	Commands map[string]string
	// Skills holds the names of all skills; a button's data begins with one.
	Skills []string
	// Triggers are what calls skills without a command, in the order of the skills.
	Triggers []Trigger
	// Default answers what no rule claimed; Fallback answers unknown commands.
	Default  string
	Fallback string
}

// Table routes envelopes. It is immutable.
type Table struct{ o TableOptions }

// NewTable makes a table. The error lists every rule whose target does not exist.
func NewTable(o TableOptions) (*Table, error) {
	var wrong []string
	for _, r := range o.Rules {
		if r.To.Skill != "" && !slices.Contains(o.Skills, r.To.Skill) {
			wrong = append(wrong, fmt.Sprintf("route %q: there is no skill %q (there are: %s)",
				r.Name, r.To.Skill, strings.Join(o.Skills, ", ")))
		}
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("routes: %s", strings.Join(wrong, "; "))
	}
	return &Table{o}, nil
}

// Route decides. It is total: there is always a skill, or a reason to ignore. Where the
// route says that it is Unweighed, another one may come of the message's Meaning.
func (t *Table) Route(e core.Envelope, s *session.Session, m Meaning) Route {
	return t.decide(e, s, m, func(Step) {})
}

// Explain decides as Route does and tells each step it took.
func (t *Table) Explain(e core.Envelope, s *session.Session, m Meaning) (Route, []Step) {
	var steps []Step
	r := t.decide(e, s, m, func(st Step) { steps = append(steps, st) })
	return r, steps
}

func (t *Table) decide(e core.Envelope, s *session.Session, m Meaning, tell func(Step)) Route {
	base := Route{Role: t.role(e.From), Args: e.Text()}
	command, isCommand := e.Command()
	if isCommand {
		base.Args = command.Args
	}
	asked := func(e core.Envelope, base Route) (Route, Step) { return t.asked(e, s, base) }
	checks := []func(core.Envelope, Route) (Route, Step){t.event, t.access, asked}
	for _, r := range t.o.Rules {
		checks = append(checks, func(e core.Envelope, base Route) (Route, Step) { return t.rule(r, e, base) })
	}
	action := func(e core.Envelope, base Route) (Route, Step) { return t.action(e, s, base) }
	meant := func(e core.Envelope, base Route) (Route, Step) { return t.intent(e, m, base) }
	checks = append(checks, t.triggered, meant, t.every, t.bystander, t.command, action)
	for _, check := range checks {
		route, step := check(e, base)
		base.Unweighed = route.Unweighed
		step.Rule = route.Rule
		tell(step)
		if step.Matched {
			return route
		}
	}
	base.Rule, base.Skill = "(default)", t.o.Default
	tell(Step{Rule: base.Rule, Matched: true, Because: "no rule claimed it"})
	return base
}

// event ignores what is not for answering.
func (t *Table) event(e core.Envelope, r Route) (Route, Step) {
	r.Rule = "(event)"
	switch e.Kind {
	case core.KindMessage, core.KindAction:
		return r, Step{Because: "somebody said or pressed something"}
	case core.KindEdit:
		r.Ignore = true
		return r, Step{Matched: true, Because: "an edit of a message that was answered already"}
	default:
		r.Ignore = true
		return r, Step{Matched: true, Because: "a " + string(e.Kind) + " event asks for no answer"}
	}
}

func (t *Table) access(e core.Envelope, r Route) (Route, Step) {
	r.Rule = "(access)"
	if r.Role == skills.Admin {
		return r, Step{Because: "an admin may"}
	}
	listed := contains(t.o.Access.Allow, e.From)
	switch {
	case e.From.Bot:
		r.Ignore = true
		return r, Step{Matched: true, Because: "said by a bot"}
	case e.In.Place != core.Private && t.o.Access.Groups == Off:
		r.Ignore = true
		return r, Step{Matched: true, Because: "access.groups is off"}
	case e.In.Place == core.Private && t.o.Access.DM == Closed:
		r.Refused = true
		return r, Step{Matched: true, Because: "access.dm is closed"}
	case e.In.Place == core.Private && t.o.Access.DM == Listed && !listed:
		r.Refused = true
		return r, Step{Matched: true, Because: "access.dm is listed and access.allow does not name this person"}
	}
	return r, Step{Because: "this person may"}
}

func (t *Table) addressed(e core.Envelope) bool {
	return e.Addressed || e.Kind == core.KindAction || t.o.Access.Groups == All
}

func (t *Table) rule(rule Rule, e core.Envelope, r Route) (Route, Step) {
	out := Route{
		Rule: rule.Name, Skill: rule.To.Skill, Model: rule.To.Model, Ignore: rule.To.Ignore, Role: r.Role, Args: r.Args,
	}
	if out.Skill == "" && !out.Ignore {
		out.Skill = t.o.Default
	}
	if why := rule.When.misses(e, r.Role, t.addressed(e)); why != "" {
		return out, Step{Because: why}
	}
	return out, Step{Matched: true, Because: "all its conditions hold"}
}

// bystander ignores what people say to each other in a group.
func (t *Table) bystander(e core.Envelope, r Route) (Route, Step) {
	r.Rule = "(bystander)"
	if t.addressed(e) {
		return r, Step{Because: "the bot is meant"}
	}
	r.Ignore = true
	return r, Step{Matched: true, Because: "the bot is not meant and access.groups is addressed"}
}

func (t *Table) command(e core.Envelope, r Route) (Route, Step) {
	r.Rule = "(command)"
	c, ok := e.Command()
	if !ok {
		return r, Step{Because: "no command"}
	}
	if skill, ok := t.o.Commands[c.Name]; ok {
		r.Skill = skill
		return r, Step{Matched: true, Because: "/" + c.Name + " is a command of the skill " + skill}
	}
	if e.In.Place != core.Private {
		r.Ignore = true
		return r, Step{Matched: true, Because: "/" + c.Name + " is no command of this bot, in a group it may be another's"}
	}
	r.Skill = t.o.Fallback
	return r, Step{Matched: true, Because: "/" + c.Name + " is no command of this bot"}
}

// action sends a button's press to the skill whose name its data begins with; it answers
// the question of that skill, where one waits.
func (t *Table) action(e core.Envelope, s *session.Session, r Route) (Route, Step) {
	r.Rule = "(button)"
	if e.Kind != core.KindAction {
		return r, Step{Because: "no button"}
	}
	for _, p := range e.Parts {
		if a, ok := p.(core.Action); ok {
			name, rest, _ := strings.Cut(a.Data, ":")
			if slices.Contains(t.o.Skills, name) {
				r.Skill, r.Args = name, rest
				if q, ok, _ := t.question(e, s); ok && q.Skill == name {
					r.Asked = &q
				}
				return r, Step{Matched: true, Because: "the button belongs to the skill " + name}
			}
		}
	}
	r.Ignore = true
	return r, Step{Matched: true, Because: "the button belongs to no skill"}
}

func (t *Table) role(from core.Sender) skills.Role {
	if contains(t.o.Access.Admins, from) {
		return skills.Admin
	}
	return skills.User
}

func contains(list []Member, s core.Sender) bool {
	return slices.Contains(list, Member{Realm: s.Realm, User: s.ID})
}

// misses says which condition does not hold; "" when all do.
func (c Condition) misses(e core.Envelope, role skills.Role, addressed bool) string {
	command, _ := e.Command()
	text := e.Text()
	want := c.Addressed == nil || *c.Addressed
	switch {
	case want && !addressed:
		return "the bot is not meant"
	case c.Addressed != nil && !*c.Addressed && addressed:
		return "the bot is meant"
	case len(c.Channels) > 0 && !slices.Contains(c.Channels, e.In.Account):
		return "another channel"
	case len(c.Places) > 0 && !slices.Contains(c.Places, WhereIs(e.In)):
		return "another kind of place"
	case len(c.Roles) > 0 && !slices.Contains(c.Roles, role):
		return "another role"
	case len(c.Commands) > 0 && !slices.Contains(c.Commands, command.Name):
		return "another command, or none"
	case len(c.Languages) > 0 && !slices.ContainsFunc(c.Languages, func(l string) bool { return speaks(e.From.Language, l) }):
		return "another language"
	case len(c.Keywords) > 0 && !slices.ContainsFunc(c.Keywords, func(k string) bool { return hasWord(text, k) }):
		return "no keyword in it"
	case c.Pattern != nil && !c.Pattern.MatchString(text):
		return "the pattern does not match"
	}
	return ""
}

// speaks tells whether a language tag is of the asked language: "de-AT" is "de".
func speaks(tag, language string) bool {
	tag, language = strings.ToLower(tag), strings.ToLower(language)
	return tag == language || strings.HasPrefix(tag, language+"-")
}

// hasWord tells whether the keyword stands in the text as words of their own,
// without regard to case.
func hasWord(text, keyword string) bool {
	text, keyword = strings.ToLower(text), strings.ToLower(strings.TrimSpace(keyword))
	if keyword == "" {
		return false
	}
	for from := 0; ; {
		i := strings.Index(text[from:], keyword)
		if i < 0 {
			return false
		}
		start := from + i
		end := start + len(keyword)
		before, _ := utf8.DecodeLastRuneInString(text[:start])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if !wordRune(before) && !wordRune(after) {
			return true
		}
		from = start + 1
	}
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }
