package skills

import (
	"context"
	"errors"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// Input reads what stands behind a command with a schema into Turn.Input. Wrong arguments
// are told to the person, with how it is written, and the skill is not run; it is no
// failure. A turn that has its Input already is left as it is.
func Input(m Manifest) Middleware {
	schemas := map[string]*Schema{}
	for _, c := range m.Commands {
		if len(c.Input) > 0 {
			schemas[c.Name] = c.Schema()
		}
	}
	return func(next Handler) Handler {
		if len(schemas) == 0 {
			return next
		}
		return HandlerFunc(func(ctx context.Context, t *Turn, w Writer) error {
			command, ok := t.Envelope.Command()
			schema, has := schemas[command.Name]
			if !ok || !has || t.Input != nil {
				return next.Handle(ctx, t, w)
			}
			if schema == nil {
				return fault.New(fault.Bug, "skill "+m.Name, errors.New("the schema of /"+command.Name+" was never checked"))
			}
			input, wrong := schema.Read(t.Args)
			if len(wrong) > 0 {
				w.Reply(core.Text{Text: complaint(t.Envelope.From.Language, command.Name, schema, wrong)})
				return nil
			}
			t.Input = input
			return next.Handle(ctx, t, w)
		})
	}
}

// complaint says what is wrong, how it is written, and what each argument is.
func complaint(language, command string, s *Schema, wrong []Wrong) string {
	lines := make([]string, 0, len(wrong)+len(s.arguments)+2)
	for _, w := range wrong {
		lines = append(lines, w.In(language))
	}
	lines = append(lines, "", writeLikeThis.In(language), strings.TrimSpace("/"+command+" "+s.Usage(language)))
	for _, a := range s.arguments {
		if a.About != "" {
			lines = append(lines, a.Name+" – "+a.About)
		}
	}
	return strings.Join(lines, "\n")
}
