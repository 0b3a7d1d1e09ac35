package protocol

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

// wireManifest is a manifest as JSON.
type wireManifest struct {
	Name        string            `json:"name"`
	Version     string            `json:"version,omitempty"`
	Description map[string]string `json:"description,omitempty"`
	Commands    []wireCommand     `json:"commands,omitempty"`
	Tools       []wireTool        `json:"tools,omitempty"`
	Keywords    []string          `json:"keywords,omitempty"`
	Pattern     string            `json:"pattern,omitempty"`
	Every       []core.Place      `json:"every,omitempty"`
	Roles       []skills.Role     `json:"roles,omitempty"`
	Places      []core.Place      `json:"places,omitempty"`
	// Timeout is spelled as in 1m30s.
	Timeout     string          `json:"timeout,omitempty"`
	NeedsModel  bool            `json:"needs_model,omitempty"`
	Permissions wirePermissions `json:"permissions,omitzero"`
}

type wireCommand struct {
	Name      string            `json:"name"`
	Help      map[string]string `json:"help"`
	Args      string            `json:"args,omitempty"`
	Input     json.RawMessage   `json:"input,omitempty"`
	Tool      bool              `json:"tool,omitempty"`
	Dangerous bool              `json:"dangerous,omitempty"`
}

type wireTool struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Input       json.RawMessage `json:"input,omitempty"`
	Dangerous   bool            `json:"dangerous,omitempty"`
}

type wirePermissions struct {
	Channels       []core.Account `json:"channels,omitempty"`
	Hosts          []string       `json:"hosts,omitempty"`
	Secrets        []string       `json:"secrets,omitempty"`
	Models         []string       `json:"models,omitempty"`
	Tools          []string       `json:"tools,omitempty"`
	Storage        int64          `json:"storage,omitempty"`
	Memory         int64          `json:"memory,omitempty"`
	CallsPerMinute int            `json:"calls_per_minute,omitempty"`
	Elsewhere      bool           `json:"elsewhere,omitempty"`
}

// EncodeManifest writes a manifest.
func EncodeManifest(m skills.Manifest) ([]byte, error) {
	w := wireManifest{
		Name: m.Name, Version: m.Version, Description: m.Description, Keywords: m.Triggers.Keywords, Pattern: m.Triggers.Pattern,
		Every: m.Triggers.Every, Roles: m.Roles, Places: m.Places, NeedsModel: m.NeedsModel, Permissions: wirePermissions(m.Permissions),
	}
	if m.Timeout != 0 {
		w.Timeout = m.Timeout.String()
	}
	for _, c := range m.Commands {
		w.Commands = append(w.Commands, wireCommand{Name: c.Name, Help: c.Help, Args: c.Args, Input: c.Input, Tool: c.Tool, Dangerous: c.Dangerous})
	}
	for _, t := range m.Tools {
		w.Tools = append(w.Tools, wireTool{Name: t.Name, Description: t.Description, Input: t.Input, Dangerous: t.Dangerous})
	}
	return json.Marshal(w)
}

// DecodeManifest reads a manifest. What stands in it beside what this build knows is left
// out: it can only ask for more.
func DecodeManifest(data []byte) (skills.Manifest, error) {
	var w wireManifest
	if err := json.Unmarshal(data, &w); err != nil {
		return skills.Manifest{}, fmt.Errorf("the manifest cannot be read: %w", err)
	}
	m := skills.Manifest{
		Name: w.Name, Version: w.Version, Description: w.Description,
		Triggers: skills.Triggers{Keywords: w.Keywords, Pattern: w.Pattern, Every: w.Every},
		Roles:    w.Roles, Places: w.Places, NeedsModel: w.NeedsModel, Permissions: skills.Permissions(w.Permissions),
	}
	if w.Timeout != "" {
		var err error
		if m.Timeout, err = time.ParseDuration(w.Timeout); err != nil {
			return skills.Manifest{}, fmt.Errorf("the manifest cannot be read: timeout %q", w.Timeout)
		}
	}
	for _, c := range w.Commands {
		m.Commands = append(m.Commands, skills.Command{Name: c.Name, Help: c.Help, Args: c.Args, Input: c.Input, Tool: c.Tool, Dangerous: c.Dangerous})
	}
	for _, t := range w.Tools {
		m.Tools = append(m.Tools, skills.Tool{Name: t.Name, Description: t.Description, Input: t.Input, Dangerous: t.Dangerous})
	}
	return m, nil
}
