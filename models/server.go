package models

// Server is what a model server tells about itself and one of its models.
type Server struct {
	Kind Kind
	// Version is the server's own; empty if it does not tell.
	Version string
	// Models are the ids it lists, in its order.
	Models []string
	// Capabilities are those of the model that was asked about.
	Capabilities
	// Slots is how many answers it works on at a time; 0 if it does not tell.
	Slots int
}

// Overrides are what an operator knows better than the server tells; nil and 0 leave
// it to the server.
type Overrides struct {
	Chat          *bool `yaml:"chat"`
	Tools         *bool `yaml:"tools"`
	Vision        *bool `yaml:"vision"`
	Embeddings    *bool `yaml:"embeddings"`
	Transcription *bool `yaml:"transcription"`
	JSONSchema    *bool `yaml:"json_schema"`
	Continue      *bool `yaml:"continue"`
	// Context is in tokens.
	Context int `yaml:"context"`
}

// Over gives the capabilities with what is overridden in its place.
func (o Overrides) Over(c Capabilities) Capabilities {
	for _, v := range []struct {
		from *bool
		to   *bool
	}{
		{o.Chat, &c.Chat}, {o.Tools, &c.Tools}, {o.Vision, &c.Vision}, {o.Embeddings, &c.Embeddings},
		{o.Transcription, &c.Transcription}, {o.JSONSchema, &c.JSONSchema}, {o.Continue, &c.Continue},
	} {
		if v.from != nil {
			*v.to = *v.from
		}
	}
	if o.Context > 0 {
		c.Context = o.Context
	}
	return c
}

// Gauge is a number that a server may not tell. Without Known it is not 0 but unknown.
type Gauge struct {
	Value float64
	Known bool
}

// Load is what a server says about its load. It is late by nature: the pool's own
// count of answers in flight is the load, this only corrects it.
type Load struct {
	// Running and Waiting are requests.
	Running, Waiting Gauge
	// Cache is how full the KV cache is, 0 to 1.
	Cache Gauge
	// CacheQueries and CacheHits count prompt tokens since the server's start: those
	// looked up in the prefix cache, and those found.
	CacheQueries, CacheHits Gauge
	// Nonsense is true when the server told a value that cannot be: negative, no number,
	// or more than any server holds. That gauge is not Known.
	Nonsense bool
}
