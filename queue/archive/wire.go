package archive

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/parley-hub/parley/queue"
)

// version is that of the form in which memories are stored.
const version = 1

var errVersion = errors.New("a memory in the archive has a form that this release cannot read")

type wire struct {
	V      int               `json:"v"`
	Fields map[string][]byte `json:"fields,omitempty"`
	Log    [][]byte          `json:"log,omitempty"`
}

func encode(m queue.Memory) []byte {
	data, err := json.Marshal(wire{version, m.Fields, m.Log})
	if err != nil {
		panic(fmt.Sprintf("archive: %v", err)) // bytes and strings can be marshalled
	}
	return data
}

func decode(data []byte) (queue.Memory, error) {
	var w wire
	if err := json.Unmarshal(data, &w); err != nil || w.V != version {
		return queue.Memory{}, errors.Join(errVersion, err)
	}
	if w.Fields == nil {
		w.Fields = map[string][]byte{}
	}
	return queue.Memory{Fields: w.Fields, Log: w.Log}, nil
}
