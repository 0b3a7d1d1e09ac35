package openaiapi

import (
	"net/http"
	"slices"
	"strconv"
)

// listModels answers GET /models: the pools that the key may use.
func (c *call) listModels() error {
	b := []byte(`{"object":"list","data":[`)
	for i, id := range c.ids() {
		if i > 0 {
			b = append(b, ',')
		}
		b = c.appendModel(b, id)
	}
	c.answer(http.StatusOK, append(b, "]}"...))
	return nil
}

// showModel answers GET /models/{id}.
func (c *call) showModel(id string) error {
	ids := c.ids()
	if !slices.Contains(ids, id) {
		return noModel(id, ids)
	}
	c.answer(http.StatusOK, c.appendModel(nil, id))
	return nil
}

func (c *call) appendModel(b []byte, id string) []byte {
	b = appendQuoted(append(b, `{"id":`...), id)
	b = strconv.AppendInt(append(b, `,"object":"model","created":`...), c.api.started.Unix(), 10)
	return append(b, `,"owned_by":"parley"}`...)
}
