package openaiapi

import (
	"encoding/json"
	"regexp"
	"slices"

	"github.com/parley-hub/parley/models"
)

// toolName is what functions and schemas may be called.
var toolName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

const toolNameText = "must be 1 to 64 of a-z, A-Z, 0-9, _ and -"

// typed calls member for what is in an object below the name of its type, which must be
// want.
func typed(v value, want string, member func(name string, v value) error) error {
	if v.missing() {
		return wrongType("an object")
	}
	kind, found := "", false
	err := v.object(func(name string, v value) (err error) {
		switch name {
		case "type":
			kind, err = v.text()
		case want:
			found = !v.missing()
			err = v.object(member)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case kind != want && kind != "":
		return inside("type", unsupported("%q is", kind))
	case !found:
		return inside(want, wrong(codeMissing, "is required"))
	}
	return nil
}

func (r *chatRequest) readTools(v value) error {
	r.Tools = nil
	return v.list(func(i int, v value) error {
		if i == maxTools {
			return wrong(codeValue, "is one too many: at most %d tools", maxTools)
		}
		var t models.Tool
		err := typed(v, "function", func(name string, v value) (err error) {
			switch name {
			case "name":
				t.Name, err = v.text()
			case "description":
				t.Description, err = v.text()
			case "parameters":
				t.Parameters, err = readSchema(v)
			}
			return err
		})
		switch {
		case err != nil:
			return err
		case !toolName.MatchString(t.Name):
			return inside("function", inside("name", wrong(codeValue, toolNameText)))
		case slices.ContainsFunc(r.Tools, func(other models.Tool) bool { return other.Name == t.Name }):
			return inside("function", inside("name", wrong(codeValue, "names another tool already")))
		}
		r.Tools = append(r.Tools, t)
		return nil
	})
}

// readSchema takes an object as it is; nil where there is none.
func readSchema(v value) (json.RawMessage, error) {
	switch {
	case v.missing():
		return nil, nil
	case v[0] != '{':
		return nil, wrongType("an object")
	}
	return json.RawMessage(v), nil
}

func readToolChoice(v value) (models.ToolChoice, error) {
	if v.missing() || v[0] == '"' {
		word, err := v.text()
		switch {
		case err != nil:
			return "", err
		case word == "", word == "auto":
			return models.ToolAuto, nil
		case word == "none", word == "required":
			return models.ToolChoice(word), nil
		}
		return "", wrong(codeValue, "must be auto, none, required or a function")
	}
	var choice string
	err := typed(v, "function", func(name string, v value) (err error) {
		if name == "name" {
			choice, err = v.text()
		}
		return err
	})
	if err == nil && choice == "" {
		err = inside("function", inside("name", wrong(codeMissing, "is required")))
	}
	return models.ToolChoice(choice), err
}

// checkTools looks at what only makes sense together.
func (r *chatRequest) checkTools() error {
	switch choice := r.ToolChoice; {
	case choice == models.ToolAuto, choice == models.ToolNone:
		return nil
	case len(r.Tools) == 0:
		return inside("tool_choice", wrong(codeValue, "needs tools"))
	case choice != models.ToolRequired && !slices.ContainsFunc(r.Tools, func(t models.Tool) bool { return t.Name == string(choice) }):
		return inside("tool_choice", wrong(codeValue, "names no tool of this request"))
	}
	return nil
}

// readCalls reads the calls of an assistant's message that comes back with its results.
func readCalls(v value) (calls []models.ToolCall, err error) {
	err = v.list(func(i int, v value) error {
		if i == maxTools {
			return wrong(codeValue, "is one too many: at most %d calls", maxTools)
		}
		var c models.ToolCall
		err := v.object(func(name string, v value) (err error) {
			if name == "id" {
				c.ID, err = v.text()
			}
			return err
		})
		if err != nil {
			return err
		}
		err = typed(v, "function", func(name string, v value) (err error) {
			switch name {
			case "name":
				c.Name, err = v.text()
			case "arguments":
				c.Arguments, err = readArguments(v)
			}
			return err
		})
		switch {
		case err != nil:
			return err
		case c.ID == "":
			return inside("id", wrong(codeMissing, "is required"))
		case c.Name == "":
			return inside("function", inside("name", wrong(codeMissing, "is required")))
		}
		if c.Arguments == nil {
			c.Arguments = json.RawMessage("{}")
		}
		calls = append(calls, c)
		return nil
	})
	return calls, err
}

// readArguments reads JSON in a string. For a tool without arguments some models write
// nothing.
func readArguments(v value) (json.RawMessage, error) {
	text, err := v.text()
	if err != nil || text == "" {
		return nil, err
	}
	inner, err := parse([]byte(text))
	if err != nil || inner.missing() || inner[0] != '{' {
		return nil, wrong(codeValue, "must be a JSON object in a string")
	}
	return json.RawMessage(inner), nil
}

// checkCalls sees to it that each tool's message answers a call of the assistant's before
// it: templates of models fail on others, some with a 500.
func (r *chatRequest) checkCalls() error {
	var open []models.ToolCall
	for i, m := range r.Messages {
		switch m.Role {
		case models.ToolResult:
			if !slices.ContainsFunc(open, func(c models.ToolCall) bool { return c.ID == m.CallID }) {
				return inside("messages", insideAt(i, inside("tool_call_id", wrong(codeValue, "answers no call of the assistant's message before it"))))
			}
		default:
			open = m.Calls
		}
	}
	return nil
}

// readFormat reads what the answer must be; nil is text.
func readFormat(v value) (*models.Format, error) {
	if v.missing() {
		return nil, nil
	}
	var kind string
	if err := v.object(func(name string, v value) (err error) {
		if name == "type" {
			kind, err = v.text()
		}
		return err
	}); err != nil {
		return nil, err
	}
	switch kind {
	case "text":
		return nil, nil
	case "json_object":
		return &models.Format{}, nil
	case "json_schema":
		return readSchemaFormat(v)
	}
	return nil, inside("type", wrong(codeValue, "must be text, json_object or json_schema"))
}

func readSchemaFormat(v value) (*models.Format, error) {
	var f models.Format
	err := typed(v, "json_schema", func(name string, v value) (err error) {
		switch name {
		case "name":
			f.Name, err = v.text()
		case "schema":
			f.Schema, err = readSchema(v)
		case "strict":
			f.Strict, err = v.boolean()
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !toolName.MatchString(f.Name):
		return nil, inside("json_schema", inside("name", wrong(codeValue, toolNameText)))
	case len(f.Schema) == 0:
		return nil, inside("json_schema", inside("schema", wrong(codeMissing, "is required")))
	}
	return &f, nil
}
