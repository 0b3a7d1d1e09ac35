//go:build nowhatsmeow

package whatsapp

import (
	"strings"
	"testing"
)

func TestModeWebIsAProblemWithoutIt(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.Mode = ModeWeb
	problems := c.Validate()
	if len(problems) != 1 || problems[0].Key != "mode" || !strings.Contains(problems[0].Text, "built without WhatsApp-web") {
		t.Errorf("%v", problems)
	}
}
