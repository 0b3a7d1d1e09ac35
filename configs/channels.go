package configs

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The keys of a channel that are not its platform's.
const (
	// platformKey names a channel's platform where that is not the channel's own name.
	platformKey = "platform"
	// scopeKey says whose memory its private chats are.
	scopeKey = "scope"
)

var accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// decodeChannel reads a channel: the keys platform and scope here, the rest by the
// defaults of that platform.
func (l *loader) decodeChannel(e entry, v reflect.Value) {
	if !accountName.MatchString(e.name) {
		l.problem(e.path, "is no name for a channel; use 1 to 32 of a-z, 0-9, _ and -, with a letter or digit first")
	}
	n := follow(e.value)
	var keys []entry
	if !isNull(n) {
		if keys = l.entries(e.path, n); keys == nil && len(n.Content) > 0 {
			return
		}
	}
	channel := Channel{Platform: e.name}
	at := e.path
	for _, k := range keys {
		switch {
		case isNull(follow(k.value)):
		case k.name == platformKey:
			at = k.path
			l.decode(k.path, k.value, reflect.ValueOf(&channel.Platform).Elem())
		case k.name == scopeKey:
			l.decode(k.path, k.value, reflect.ValueOf(&channel.Scope).Elem())
		}
	}
	factory, ok := l.factories[channel.Platform]
	if !ok {
		l.invalid(at, l.unknownPlatform(at == e.path, channel.Platform))
		return
	}
	channel.Config = factory.Defaults()
	section := reflect.ValueOf(channel.Config)
	if section.Kind() != reflect.Pointer || section.Elem().Kind() != reflect.Struct {
		l.problem(e.path, fmt.Sprintf("cannot be configured: its type is %T", channel.Config))
		return
	}
	fields := l.sectionOf(channel.Platform)
	for _, k := range keys {
		f, known := fields[k.name]
		switch {
		case k.name == platformKey, k.name == scopeKey:
		case !known:
			l.problem(k.path, unknownKey(k.name, fields))
		default:
			l.decode(k.path, k.value, section.Elem().FieldByIndex(f.Index))
		}
	}
	v.Set(reflect.ValueOf(channel))
}

// unknownPlatform lists the known ones. Only a channel's name is repeated, since it
// stands in the path anyway.
func (l *loader) unknownPlatform(byName bool, name string) string {
	known := slices.Sorted(maps.Keys(l.factories))
	list := strings.Join(known, ", ")
	if byName {
		return fmt.Sprintf("unknown platform%s; give it a key platform with one of: %s", didYouMean(name, known), list)
	}
	return fmt.Sprintf("unknown platform%s; known are: %s", didYouMean(name, known), list)
}

// MarshalYAML gives the channel as the file spells it.
func (c Channel) MarshalYAML() (any, error) {
	var section yaml.Node
	if c.Config != nil {
		if err := section.Encode(c.Config); err != nil {
			return nil, err
		}
	}
	out := yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{
		{Kind: yaml.ScalarNode, Tag: "!!str", Value: platformKey},
		{Kind: yaml.ScalarNode, Tag: "!!str", Value: c.Platform},
	}}
	if c.Scope != "" {
		out.Content = append(out.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: scopeKey},
			&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: string(c.Scope)})
	}
	out.Content = append(out.Content, section.Content...)
	return &out, nil
}
