package models_test

import (
	"testing"

	"github.com/parley-hub/parley/models"
)

func TestTimeZone(t *testing.T) {
	for name, want := range map[string]struct {
		location string
		problems int
	}{"": {"UTC", 0}, "UTC": {"UTC", 0}, "Europe/Berlin": {"Europe/Berlin", 0}, "Mars": {"UTC", 1}, "Local": {"Local", 1}} {
		c := models.Config{TimeZone: name}
		if found := c.Validate(); len(found) != want.problems || c.Location().String() != want.location {
			t.Errorf("%q: %v, %v", name, c.Location(), found)
		}
	}
}
